package command

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSimulateRunsForAsLongAsItIsToldAndReports(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--count", "3", "--password", "secret"},
		{"--scene", scene(t, `{"stations":[{"identity":"a","password":"p","plugs":[{"power_kw":50,"dc":true}]}]}`)},
	} {
		var out bytes.Buffer
		c := New()
		c.SetOut(&out)
		c.SetErr(&out)
		c.SetArgs(append(args, "--url", "ws://127.0.0.1:1/ocpp", "--for", "200ms", "--report", "50ms", "--spread", "1ms"))
		if err := c.ExecuteContext(t.Context()); err != nil {
			t.Errorf("%v: %v", args, err)
		}
		if !strings.Contains(out.String(), "0 connected") {
			t.Errorf("%v: %s", args, &out)
		}
	}
}

func TestSimulateSaysWhatItLacks(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"neither --scene nor --count": {},
		"no such file":                {"--scene", "nowhere.json"},
		"invalid character":           {"--scene", scene(t, `hello`)},
		"there twice":                 {"--scene", scene(t, `{"stations":[{"identity":"a"},{"identity":"a"}]}`)},
		"nowhere to go":               {"--count", "1", "--api", "http://127.0.0.1:1", "--for", "10s"},
	} {
		c := New()
		c.SetOut(&bytes.Buffer{})
		c.SetErr(&bytes.Buffer{})
		c.SetArgs(args)
		if err := c.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %s", args, err, want)
		}
	}
}

func scene(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "scene.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
