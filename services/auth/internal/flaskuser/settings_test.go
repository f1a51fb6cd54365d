package flaskuser_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/flaskuser"
)

func TestEverySettingHasACounterpartOrAReason(t *testing.T) {
	t.Parallel()
	all := flaskuser.Settings()
	if len(all) != 80 {
		t.Errorf("there are %d settings", len(all))
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, ours, there := strings.Cut(string(readme), "<!-- settings -->")
	if !there {
		t.Fatal("the README has no table of settings")
	}
	seen := map[string]bool{}
	for _, s := range all {
		if seen[s.Name] || s.Why == "" || !strings.HasPrefix(s.Name, "USER_") {
			t.Errorf("%+v", s)
		}
		seen[s.Name] = true
		if s.Ours == "" && !strings.HasPrefix(s.Why, "dropped") && !strings.HasPrefix(s.Why, "fixed") {
			t.Errorf("%s has neither a counterpart nor a reason: %s", s.Name, s.Why)
		}
		// What is in capitals is a setting of ours and stands in the README's table.
		if s.Ours != "" && strings.ToUpper(s.Ours) == s.Ours && !strings.Contains(ours, "| `"+s.Ours+"` |") {
			t.Errorf("%s became %s, which is no setting", s.Name, s.Ours)
		}
	}
}

func TestReadSettingsTakesPythonEnvironmentAndJSON(t *testing.T) {
	t.Parallel()
	for form, content := range map[string]string{
		"python": "import os\nSECRET_KEY = 'x'\nUSER_APP_NAME = \"Plots\"   \n  USER_ENABLE_USERNAME = False\n# USER_LOGIN_URL = '/x'\nUSER_WRONG=1\n",
		"env":    "SECRET_KEY=x\nUSER_APP_NAME=\"Plots\"\nexport USER_ENABLE_USERNAME=False\nUSER_WRONG=1\n",
		"json":   `{"SECRET_KEY": "x", "USER_APP_NAME": "Plots", "USER_ENABLE_USERNAME": False_, "USER_WRONG": 1}`,
	} {
		content = strings.ReplaceAll(content, "False_", "false")
		found, err := flaskuser.ReadSettings(strings.NewReader(content))
		if err != nil {
			t.Errorf("%s: %v", form, err)
			continue
		}
		var got []string
		for _, f := range found {
			line := f.Name + "=" + strings.ToLower(f.Value) + " " + f.Ours
			if f.Unknown {
				line += "unknown"
			}
			got = append(got, line)
		}
		want := []string{`USER_APP_NAME="plots" APP_NAME`, "USER_ENABLE_USERNAME=false username of POST /v1/auth/register", "USER_WRONG=1 unknown"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", form, diff)
		}
	}
	for _, junk := range []string{"{", `{"a": `, "hello", strings.Repeat("x", 1<<21)} {
		if _, err := flaskuser.ReadSettings(strings.NewReader(junk)); err == nil {
			t.Errorf("%.20q is read", junk)
		}
	}
}
