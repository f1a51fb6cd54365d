package mail

import (
	"bytes"
	"encoding/json"
	"io/fs"
	netmail "net/mail"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/wording/wordingtest"
)

func TestEveryLanguageSaysEverythingAndNothingInEnglish(t *testing.T) {
	t.Parallel()
	all, err := readLanguages(messageFiles)
	if err != nil {
		t.Fatal(err)
	}
	wordingtest.Check(t, all)
}

func TestEveryLetterIsWholeInEveryLanguage(t *testing.T) {
	t.Parallel()
	w := newTestWriter(t)
	for _, name := range wordingtest.Languages {
		for _, template := range notice.Templates() {
			letter := letterOf(template)
			letter.Locale = name
			header, bodies := written(t, w, letter)
			if header.Get("Content-Language") != name {
				t.Errorf("%s in %s is in %s", template, name, header.Get("Content-Language"))
			}
			direction := `dir="ltr"`
			if name == "fa" {
				direction = `dir="rtl"`
			}
			if !strings.Contains(bodies["text/html"], `<html lang="`+name+`" `+direction+`>`) {
				t.Errorf("%s in %s runs the wrong way: %.120s", template, name, bodies["text/html"])
			}
			for kind, body := range bodies {
				if strings.ContainsAny(body, "{}") || !strings.Contains(body, "Ada") || !strings.Contains(body, "IHR Ltd") || !strings.Contains(body, letter.Link) {
					t.Errorf("%s in %s, %s: %s", template, name, kind, body)
				}
				if slices.Contains(withToken, template) && !strings.Contains(body, letter.Token) {
					t.Errorf("%s in %s, %s lacks the token", template, name, kind)
				}
			}
		}
	}
}

func written(t *testing.T, w *Writer, letter notice.Letter) (netmail.Header, map[string]string) {
	t.Helper()
	message, err := w.Write(letter)
	if err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if _, err := message.WriteTo(&raw); err != nil {
		t.Fatal(err)
	}
	return parts(t, raw.Bytes())
}

func TestThePersonsLanguageIsMatched(t *testing.T) {
	t.Parallel()
	w := newTestWriter(t)
	for locale, want := range map[string]string{
		"de": "de", "de-AT": "de", "en-GB": "en", "": "en", "ja": "en", "not a tag!": "en", "zh-Hant-TW": "zh", "fa-AF": "fa", "pt-BR": "en", "uk-UA": "uk",
	} {
		letter := letterOf(notice.ResetPassword)
		letter.Locale = locale
		if header, _ := written(t, w, letter); header.Get("Content-Language") != want {
			t.Errorf("%q is written to in %s", locale, header.Get("Content-Language"))
		}
	}
}

// A language is added by adding its file, which must say what English says and name the same in it.
func TestAnIncompleteLanguageIsRefused(t *testing.T) {
	t.Parallel()
	english, err := fs.ReadFile(messageFiles, "messages/en.json")
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(map[string]string){
		"nothing":            func(map[string]string) {},
		"a missing message":  func(m map[string]string) { delete(m, "alarm") },
		"a missing name":     func(m map[string]string) { m["once_until"] = "ein Mal" },
		"a name of another":  func(m map[string]string) { m["alarm"] = "{token}" },
		"a message too many": func(m map[string]string) { m["whatever"] = "etwas" },
	} {
		messages := map[string]string{}
		if err := json.Unmarshal(english, &messages); err != nil {
			t.Fatal(err)
		}
		change(messages)
		changed, err := json.Marshal(messages)
		if err != nil {
			t.Fatal(err)
		}
		tree := fstest.MapFS{"messages/en.json": &fstest.MapFile{Data: english}, "messages/de.json": &fstest.MapFile{Data: changed}}
		if _, err := newWriter(Brand{From: sender}, tree); (err == nil) != (what == "nothing") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := newWriter(Brand{From: sender}, fstest.MapFS{"messages/en.json": &fstest.MapFile{Data: []byte(`{"hello":"Hello"}`)}}); err == nil {
		t.Error("English that lacks most messages is taken")
	}
	for _, from := range []string{"", "nobody", "a@b, c@d"} {
		if _, err := NewWriter(Brand{From: from}); err == nil {
			t.Errorf("NewWriter(%q) is content", from)
		}
	}
}
