package auth_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/flaskuser"
)

// section returns the lines of a README between two marks.
func section(t *testing.T, readme, name string) []string {
	t.Helper()
	_, after, begins := strings.Cut(readme, "<!-- "+name+" -->")
	within, _, ends := strings.Cut(after, "<!-- /"+name+" -->")
	if !begins || !ends {
		t.Fatalf("the README has no section %s", name)
	}
	return strings.Split(strings.TrimSpace(within), "\n")
}

// testsOf finds all tests of this service and the libraries it stands on, as package and name.
func testsOf(t *testing.T) map[string]bool {
	t.Helper()
	defined := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(\w+ \*testing\.[TF]\)`)
	found := map[string]bool{}
	for _, root := range []string{".", "../../libs", "../../e2e"} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			source, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			folder, err := filepath.Abs(filepath.Dir(path))
			for _, match := range defined.FindAllSubmatch(source, -1) {
				found[filepath.Base(folder)+"."+string(match[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// What the README claims to be tested is: every line of its tables names tests that there are, or says that there is none.
func TestTheREADMENamesTestsThatThereAre(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	there, named := testsOf(t), regexp.MustCompile("`(\\w+\\.(?:Test|Fuzz)\\w+)`")
	for name, excuse := range map[string]string{"parity": "| dropped, because ", "threats": "| no test yet"} {
		lines := 0
		for _, line := range section(t, string(readme), name) {
			if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| --- ") || strings.HasPrefix(line, "| **") || strings.Contains(line, "| test") {
				continue // no row
			}
			lines++
			tests := named.FindAllStringSubmatch(line, -1)
			if len(tests) == 0 && !strings.Contains(line, excuse) {
				t.Errorf("%s: no test, and no word of it: %s", name, line)
			}
			for _, test := range tests {
				if !there[test[1]] {
					t.Errorf("%s: there is no %s", name, test[1])
				}
			}
		}
		if lines < 30 {
			t.Errorf("%s has %d rows", name, lines)
		}
	}
}

func TestTheREADMEHasEveryFlaskUserSetting(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	name := regexp.MustCompile("`(\\w+)`")
	for _, line := range section(t, string(readme), "parity") {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			for _, match := range name.FindAllStringSubmatch(cells[1], -1) {
				rows[match[1]] = cells[2]
			}
		}
	}
	for _, s := range flaskuser.Settings() {
		here, listed := rows[strings.TrimPrefix(s.Name, "USER_")]
		if why := strings.TrimPrefix(s.Why, "dropped: "); !listed || !strings.Contains(here, s.Ours) || !strings.Contains(here, why) {
			t.Errorf("%s became %q (%s); the README says %q", s.Name, s.Ours, s.Why, here)
		}
	}
}
