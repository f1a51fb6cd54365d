package fault_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

var errTaken = fault.Define(fault.Conflict, "plot_taken", "The plot is taken")

func TestRefiningLeavesTheDefinitionAlone(t *testing.T) {
	t.Parallel()
	cause := errors.New("row 7")
	base := errTaken.At(fault.Field{Parameter: "a", Code: "x"}).With("one", 1)
	refined := base.Detailf("plot %d", 4).At(fault.Field{Pointer: "/b", Code: "y"}).With("two", 2).After(time.Minute).Because(cause)

	if errTaken.Detail() != "" || errTaken.Fields() != nil || errTaken.Extensions() != nil || errTaken.RetryAfter() != 0 || errTaken.Unwrap() != nil {
		t.Errorf("the definition changed: %+v", errTaken)
	}
	if len(base.Fields()) != 1 || len(base.Extensions()) != 1 {
		t.Errorf("the base changed: %v %v", base.Fields(), base.Extensions())
	}
	if refined.Kind() != fault.Conflict || refined.Code() != "plot_taken" || refined.Title() != "The plot is taken" || refined.Detail() != "plot 4" || refined.RetryAfter() != time.Minute {
		t.Errorf("refined: %v", refined)
	}
	if diff := cmp.Diff([]fault.Field{{Parameter: "a", Code: "x"}, {Pointer: "/b", Code: "y"}}, refined.Fields()); diff != "" {
		t.Errorf("fields (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"one": 1, "two": 2}, refined.Extensions()); diff != "" {
		t.Errorf("extensions (-want +got)\n%s", diff)
	}
	// Two refinements of one base must not write into each other.
	left, right := base.At(fault.Field{Code: "left"}), base.At(fault.Field{Code: "right"})
	if left.Fields()[1].Code != "left" || right.Fields()[1].Code != "right" {
		t.Errorf("shared fields: %v %v", left.Fields(), right.Fields())
	}
}

func TestErrorsIsComparesCodes(t *testing.T) {
	t.Parallel()
	cause := errors.New("row 7")
	err := fmt.Errorf("reserve: %w", errTaken.Detailf("now").Because(cause))
	if !errors.Is(err, errTaken) || !errors.Is(err, cause) {
		t.Error("it is not what it was made of")
	}
	if other := fault.Define(fault.Conflict, "other", "Other"); errors.Is(err, other) {
		t.Error("it is another one of the same kind")
	}
}

func TestErrorIsForLogs(t *testing.T) {
	t.Parallel()
	err := errTaken.At(fault.Field{Parameter: "plot", Code: "taken"}, fault.Field{Pointer: "/at", Code: "past"}, fault.Field{Code: "odd"}).
		Because(errors.New("row 7"))
	if got, want := err.Error(), "plot_taken: The plot is taken [plot taken; #/at past; # odd]: row 7"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := errTaken.Detailf("100%% %s", "full").Error(), "plot_taken: 100% full"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestOf(t *testing.T) {
	t.Parallel()
	secret := errors.New("dial postgres://user:hunter2@db")
	for name, tt := range map[string]struct {
		err  error
		kind fault.Kind
		code string
	}{
		"a fault":            {errTaken, fault.Conflict, "plot_taken"},
		"a wrapped fault":    {fmt.Errorf("reserve: %w", errTaken), fault.Conflict, "plot_taken"},
		"a fault among some": {errors.Join(secret, errTaken), fault.Conflict, "plot_taken"},
		"a deadline":         {fmt.Errorf("query: %w", context.DeadlineExceeded), fault.Timeout, "timeout"},
		"a cancellation":     {fmt.Errorf("query: %w", context.Canceled), fault.Unavailable, "canceled"},
		"anything else":      {secret, fault.Internal, "internal"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := fault.Of(tt.err)
			if f.Kind() != tt.kind || f.Code() != tt.code {
				t.Errorf("kind %v, code %s", f.Kind(), f.Code())
			}
			if strings.Contains(f.Title()+f.Detail(), "hunter2") {
				t.Errorf("the public side tells the cause: %s %s", f.Title(), f.Detail())
			}
			if tt.code == "internal" && !errors.Is(f, secret) {
				t.Error("the cause is lost")
			}
		})
	}
	if fault.Of(nil) != nil {
		t.Error("there is a fault where there is none")
	}
}

func TestKindsHaveNames(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, kind := range fault.Kinds() {
		name := kind.String()
		if name == "" || strings.HasPrefix(name, "kind(") || seen[name] {
			t.Errorf("kind %d is called %q", kind, name)
		}
		seen[name] = true
	}
	if len(seen) != int(fault.Timeout) {
		t.Errorf("%d kinds, want %d", len(seen), fault.Timeout)
	}
	if fault.Kind(0).String() != "kind(0)" || fault.Kind(200).String() != "kind(200)" {
		t.Error("a kind that is none has a name")
	}
}

func TestDefineWantsAll(t *testing.T) {
	t.Parallel()
	for name, define := range map[string]func(){
		"no kind":      func() { _ = fault.Define(0, "c", "t") },
		"unknown kind": func() { _ = fault.Define(200, "c", "t") },
		"no code":      func() { _ = fault.Define(fault.Invalid, "", "t") },
		"no title":     func() { _ = fault.Define(fault.Invalid, "c", "") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("accepted")
				}
			}()
			define()
		})
	}
}
