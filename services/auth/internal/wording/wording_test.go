package wording_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/text/language"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/wording"
)

func tree(files ...string) fstest.MapFS {
	t := fstest.MapFS{}
	for i := 0; i < len(files); i += 2 {
		t["messages/"+files[i]+".json"] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return t
}

func TestRead(t *testing.T) {
	t.Parallel()
	all, err := wording.Read(tree("fa", `{"a": "{name}، سلام"}`, "en", `{"a": "Hello, {name}"}`), []string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("{name}", "Ada")
	for wanted, want := range map[string]struct{ lang, direction, said string }{
		"ja": {"en", "ltr", "Hello, Ada"}, "fa-AF": {"fa", "rtl", "Ada، سلام"},
	} {
		texts := all.All()[all.Match(language.MustParse(wanted))]
		if texts.Lang() != want.lang || texts.Direction() != want.direction || texts.Say("a", fill) != want.said || texts.Has("b") {
			t.Errorf("%s is told %q in %s, %s", wanted, texts.Say("a", fill), texts.Lang(), texts.Direction())
		}
	}
}

func TestReadNamesEveryFault(t *testing.T) {
	t.Parallel()
	english := `{"a": "Hello, {name}", "b": "Bye"}`
	for want, files := range map[string]fstest.MapFS{
		`en has no "c"`:                     tree("en", english),
		`de has no "b"`:                     tree("en", english, "de", `{"a": "Hallo, {name}"}`),
		`de: "a" names [], not [{name}]`:    tree("en", english, "de", `{"a": "Hallo"}`),
		`de has "d", which English has not`: tree("en", english, "de", `{"d": "?"}`),
		"read the messages of de":           tree("en", english, "de", `{`),
		`the file of messages "not one"`:    tree("en", english, "not one", `{}`),
		"read the messages of en":           tree("de", english),
	} {
		if _, err := wording.Read(files, []string{"c"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, and have %v", want, err)
		}
	}
}
