// Package wordingtest looks at translations.
package wordingtest

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/wording"
)

// Languages are those in which people are written to.
var Languages = []string{"de", "en", "es", "fa", "fi", "fr", "it", "nl", "pl", "ru", "sk", "sv", "tr", "uk", "zh"}

// scripts are those of the languages that are not written in Latin letters.
var scripts = map[string]*unicode.RangeTable{"fa": unicode.Arabic, "ru": unicode.Cyrillic, "uk": unicode.Cyrillic, "zh": unicode.Han}

// Check fails the test unless every language says everything, and says it in its own words and letters.
func Check(t *testing.T, languages *wording.Languages) {
	t.Helper()
	all := languages.All()
	var names []string
	seen := map[string]string{} // message to the language that has it
	for _, one := range all {
		name := one.Lang()
		names = append(names, name)
		for key, message := range one.Messages {
			bare := wording.Bare(message)
			if bare == "" || strings.TrimSpace(message) != message {
				t.Errorf("%s: %q is %q", name, key, message)
			}
			if name != "en" && message == all[0].Messages[key] {
				t.Errorf("%s: %q is in English", name, key)
			}
			if other, there := seen[key+message]; there && len(bare) > 20 {
				t.Errorf("%s: %q is that of %s", name, key, other)
			}
			seen[key+message] = name
			if script, ok := scripts[name]; ok && !strings.ContainsFunc(bare, func(r rune) bool { return unicode.Is(script, r) }) {
				t.Errorf("%s: %q is in foreign letters: %q", name, key, message)
			}
		}
	}
	slices.Sort(names)
	if !slices.Equal(names, Languages) {
		t.Errorf("the languages are %v", names)
	}
}
