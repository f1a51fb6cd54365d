package command_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/libs/command"
)

func TestCheckGoesThroughAllStepsAndCountsWhatFailed(t *testing.T) {
	t.Parallel()
	step := func(name string, err error) command.Step {
		return command.Step{Name: name, Do: func(_ context.Context, url string) (string, error) { return "seen at " + url, err }}
	}
	all := []command.Step{step("keys", nil), step("search", errors.New("nobody answers")), step("picture", nil)}
	out, err := run(t, command.Check(func() ([]command.Step, error) { return all, nil }), "check", "--url", "http://here")
	if err == nil || !strings.Contains(err.Error(), "1 of 3") {
		t.Errorf("one of three failed, and the command says %v", err)
	}
	for _, line := range []string{"ok      keys: seen at http://here", "FAILED  search: nobody answers", "ok      picture: seen at http://here"} {
		if !strings.Contains(out, line) {
			t.Errorf("%q is not in\n%s", line, out)
		}
	}
	if _, err := run(t, command.Check(func() ([]command.Step, error) { return all[:1], nil }), "check"); err != nil {
		t.Errorf("all is well, and the command says %v", err)
	}
	if _, err := run(t, command.Check(func() ([]command.Step, error) { return nil, errors.New("bad settings") }), "check"); err == nil {
		t.Error("bad settings go unnoticed")
	}
}
