package credential_test

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/credential"
)

func breachFile(t testing.TB, content []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "stolen.txt")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestBreachedFindsWhatIsInTheFileAndHardlyAnythingElse(t *testing.T) {
	t.Parallel()
	var list bytes.Buffer
	const n = 20_000
	for i := range n {
		sum := sha1.Sum(fmt.Appendf(nil, "stolen horse no %d", i))
		switch i % 3 {
		case 0:
			fmt.Fprintf(&list, "%X:%d\r\n", sum, i) // as Have I Been Pwned writes it
		case 1:
			fmt.Fprintf(&list, "%x:1\n", sum)
		default:
			fmt.Fprintf(&list, "%X\n", sum)
		}
	}
	b, err := credential.LoadBreached(breachFile(t, list.Bytes()))
	if err != nil || b.Len() != n {
		t.Fatalf("%d were read: %v", b.Len(), err)
	}
	wrong := 0
	for i := range n {
		if !b.Has(fmt.Sprintf("stolen horse no %d", i)) {
			t.Fatalf("number %d is not found", i)
		}
		if b.Has(fmt.Sprintf("nobody's horse no %d", i)) {
			wrong++
		}
	}
	if wrong > n/1000 {
		t.Errorf("%d of %d good passwords are taken for stolen ones", wrong, n)
	}
	policy := credential.Policy{MinLength: 15, Breached: b}
	if err := policy.Check("/password", "stolen horse no 77"); !errors.Is(err, credential.ErrWeak) || fault.Of(err).Fields()[0].Code != "breached" {
		t.Errorf("Check = %v", err)
	}
	if err := policy.Check("/password", "four clear marbles in a jar"); err != nil {
		t.Errorf("Check = %v", err)
	}
}

func TestLoadBreachedNamesTheLineThatIsWrong(t *testing.T) {
	t.Parallel()
	good := strings.Repeat("AB", 20)
	for content, want := range map[string]string{
		good + "\nnothing\n":              "line 2",
		good[:39] + "\n":                  "line 1",
		good + "0\n":                      "line 1",
		good + ":1\n" + good + "\n{}:1\n": "line 3",
		strings.Repeat("A", 1<<17):        "line 1",
	} {
		if _, err := credential.LoadBreached(breachFile(t, []byte(content))); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v, want %s", content, err, want)
		}
	}
	if b, err := credential.LoadBreached(""); b.Len() != 0 || b.Has("x") || err != nil {
		t.Errorf("no file is %v, %v", b, err)
	}
	if _, err := credential.LoadBreached("/nowhere/at/all"); err == nil {
		t.Error("a file that is not there is no error")
	}
}

// ASVS 6.2.4 asks for three thousand at least. Each of them is refused once it is stretched to the length that is asked for.
func TestTheMostStolenPasswordsAreRefused(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("common.txt")
	if err != nil {
		t.Fatal(err)
	}
	alone := credential.Policy{MinLength: credential.DefaultMinLength}
	beside := alone.Beside(true)
	n := 0
	for line := range strings.Lines(string(raw)) {
		word := strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			continue
		}
		n++
		if len(word) >= 8 {
			if err := beside.Check("/password", word); !errors.Is(err, credential.ErrWeak) {
				t.Errorf("%q is good enough beside a second factor: %v", word, err)
			}
		}
		if len(word) >= 4 {
			long := strings.Repeat(word, 15/len(word)+1)
			if err := alone.Check("/password", long); !errors.Is(err, credential.ErrWeak) {
				t.Errorf("%q is good enough: %v", long, err)
			}
		}
	}
	if n < 3000 {
		t.Errorf("there are %d", n)
	}
}

func TestAPasswordBesideASecondFactorMayBeShorter(t *testing.T) {
	t.Parallel()
	policy := credential.Policy{MinLength: 15}
	for password, alone := range map[string]bool{"nQ7vX2pL9rT4wZ6": true, "nQ7vX2pL": false} {
		if policy.Alone(password) != alone || (policy.Check("/p", password) == nil) != alone {
			t.Errorf("%q alone: %t, %v", password, policy.Alone(password), policy.Check("/p", password))
		}
		if err := policy.Beside(true).Check("/p", password); err != nil {
			t.Errorf("%q beside a second factor: %v", password, err)
		}
	}
	if err := policy.Beside(true).Check("/p", "nQ7vX2p"); err == nil {
		t.Error("seven characters are good enough")
	}
	if got := (credential.Policy{MinLength: 8}).Beside(true).MinLength; got != 8 {
		t.Errorf("beside a second factor %d are asked for", got)
	}
}

// The bound of memory, measured: ten times more callers than fit take no more than those that fit.
func TestAFloodOfHashesTakesNoMoreMemory(t *testing.T) { //nolint:paralleltest // it watches the memory of the process
	const parallel, waiting, callers = 2, 4, 60
	h := credential.NewHasher(credential.DefaultParams, parallel, waiting)
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	var wait sync.WaitGroup
	var mu sync.Mutex
	done, busy := 0, 0
	start := make(chan struct{})
	for range callers {
		wait.Go(func() {
			<-start
			_, err := h.Hash(t.Context(), "four clear marbles in a jar")
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, credential.ErrBusy) {
				busy++
			} else if err == nil {
				done++
			}
		})
	}
	ended := make(chan struct{})
	go func() { wait.Wait(); close(ended) }()
	close(start)
	peak := uint64(0)
	for over := false; !over; {
		select {
		case <-ended:
			over = true
		case <-time.After(2 * time.Millisecond):
		}
		runtime.ReadMemStats(&now)
		peak = max(peak, now.HeapInuse)
	}
	if done+busy != callers || done < parallel || busy == 0 {
		t.Errorf("%d hashes, %d turned away", done, busy)
	}
	const hash = 19 << 20
	taken := int64(peak) - int64(before.HeapInuse)
	t.Logf("%d callers at once, %d hashes: %d MiB more in use at the peak", callers, done, taken>>20)
	// What hashes in use and those that the collector has not freed yet take; without the bound it would be sixty.
	if taken > 12*hash {
		t.Errorf("the heap grew by %d MiB", taken>>20)
	}
}

func BenchmarkLoadBreached(b *testing.B) {
	var list bytes.Buffer
	for i := range 1_000_000 {
		fmt.Fprintf(&list, "%X:%d\r\n", sha1.Sum(fmt.Appendf(nil, "%d", i)), i)
	}
	file := breachFile(b, list.Bytes())
	for b.Loop() {
		if _, err := credential.LoadBreached(file); err != nil {
			b.Fatal(err)
		}
	}
}
