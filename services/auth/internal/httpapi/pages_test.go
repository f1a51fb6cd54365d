package httpapi_test

import (
	"html"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/wording"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/wording/wordingtest"
)

// pageWording is what the pages say.
func pageWording(t *testing.T) *wording.Languages {
	t.Helper()
	languages, err := wording.Read(os.DirFS("pages"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return languages
}

func TestPagesSayEverythingInEveryLanguage(t *testing.T) {
	t.Parallel()
	wordingtest.Check(t, pageWording(t))
}

// refusals are the messages that tell on every page why something was refused.
var refusals = []string{
	"refused.invalid_token", "refused.too_short", "refused.too_long", "refused.too_common", "refused.breached", "refused.too_personal",
	"refused.password_needed", "refused.bad_email", "refused.limited", "refused.other",
}

// The pages choose what they say by the codes that the policy of passwords gives, and fill in the number that it tells.
func TestPagesKnowWhyAPasswordIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.person("ada@example.com")
	mailed := w.forgot()
	for refused, want := range map[string]struct{ code, member string }{
		"short":                  {"too_short", "min_length"},
		strings.Repeat("ä ", 65): {"too_long", "max_length"},
		"passwordpassword1":      {"too_common", ""},
		"ada@example.com12":      {"too_personal", ""},
	} {
		a := w.post(resetPath, object{"token": mailed, "password": refused}).want(http.StatusBadRequest, "weak_password")
		faults, _ := a.body["errors"].([]any)
		fault, _ := faults[0].(map[string]any)
		if number, _ := a.body[want.member].(float64); fault["code"] != want.code || !slices.Contains(refusals, "refused."+want.code) || want.member != "" && number < 1 {
			t.Errorf("%.20q is answered %s", refused, a.raw)
		}
	}
}

func TestEveryPageIsWholeInEveryLanguage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, texts := range pageWording(t).All() {
		said := map[string]bool{}
		for path, keys := range map[string][]string{
			confirmPath:               {"confirm.title", "confirm.button", "confirm.done", "token"},
			"/v1/me/emails/confirm":   {"confirm.title", "confirm.button", "confirm_added.done", "token"},
			"/v1/auth/password/reset": {"reset.title", "reset.password", "reset.button", "reset.done", "forgot.email", "forgot.button", "forgot.done"},
			acceptPath:                {"invitation.title", "invitation.password", "invitation.button", "invitation.done", "token"},
		} {
			a := w.get(path, header("Accept-Language", texts.Lang())).want(http.StatusOK)
			if a.header.Get("Content-Language") != texts.Lang() || !strings.Contains(a.header.Get("Vary"), "Accept-Language") {
				t.Errorf("%s in %s: the headers are %v", path, texts.Lang(), a.header)
			}
			direction := "ltr"
			if texts.Lang() == "fa" {
				direction = "rtl"
			}
			if !strings.Contains(a.raw, `<html lang="`+texts.Lang()+`" dir="`+direction+`">`) || !strings.Contains(a.raw, "Plots &amp; Co") || strings.Contains(a.raw, "{{") {
				t.Errorf("%s in %s: %s", path, texts.Lang(), a.raw)
			}
			for _, key := range slices.Concat(keys, []string{"needs_script", "offline"}, refusals) {
				said[key] = true
				if !strings.Contains(a.raw, html.EscapeString(texts.Messages[key])) {
					t.Errorf("%s in %s does not say %q", path, texts.Lang(), key)
				}
			}
		}
		if len(said) != len(texts.Messages) {
			t.Errorf("%s has %d messages, of which %d are said", texts.Lang(), len(texts.Messages), len(said))
		}
	}
}

func TestPagesAreInTheBrowsersLanguage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for accept, want := range map[string]string{
		"": "en", "*": "en", "de-AT": "de", "ja": "en", "ja, uk;q=0.8, de;q=0.5": "uk", "fr;q=0.3, sv": "sv", "zh-Hant-TW": "zh",
		"not a language!": "en", strings.Repeat("de,", 300): "en",
	} {
		if got := w.get(confirmPath, header("Accept-Language", accept)).want(http.StatusOK).header.Get("Content-Language"); got != want {
			t.Errorf("%.40q is answered in %s, want %s", accept, got, want)
		}
	}
}
