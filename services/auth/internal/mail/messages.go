package mail

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
)

//go:embed messages/*.json
var messageFiles embed.FS

// texts are the messages of one language. A message names what is filled in as in {app}.
type texts struct {
	tag      language.Tag
	messages map[string]string
}

// rightToLeft are the scripts that are written so, of those that any of our languages uses.
var rightToLeft = []string{"Arab", "Hebr"}

// direction is the HTML attribute dir.
func (t texts) direction() string {
	if script, _ := t.tag.Script(); slices.Contains(rightToLeft, script.String()) {
		return "rtl"
	}
	return "ltr"
}

// has reports whether there is such a message.
func (t texts) has(key string) bool { return t.messages[key] != "" }

// say returns a message with its names filled in; "" when there is none.
func (t texts) say(key string, fill *strings.Replacer) string { return fill.Replace(t.messages[key]) }

// placeholder is how a message names what is filled in.
var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

// placeholders returns the names in a message, sorted.
func placeholders(message string) []string {
	names := placeholder.FindAllString(message, -1)
	slices.Sort(names)
	return slices.Compact(names)
}

// common are the messages that letters share.
var common = []string{"hello", "hello_name", "once_until", "paste_token", "not_you", "alarm", "set_password", "confirm_address"}

// readTexts reads one language of a tree and holds it against English, which is first: the same messages, with the same names
// in them.
func readTexts(tree fs.FS, name string, english *texts) (texts, error) {
	tag, err := language.Parse(name)
	if err != nil {
		return texts{}, fmt.Errorf("the file of messages %q: %w", name, err)
	}
	raw, err := fs.ReadFile(tree, "messages/"+name+".json")
	if err != nil {
		return texts{}, fmt.Errorf("read the messages of %s: %w", name, err)
	}
	t := texts{tag: tag}
	if err := json.Unmarshal(raw, &t.messages); err != nil {
		return texts{}, fmt.Errorf("read the messages of %s: %w", name, err)
	}
	if english == nil {
		return t, t.complete()
	}
	var faults []error
	for key, message := range english.messages {
		switch own, there := t.messages[key]; {
		case !there:
			faults = append(faults, fmt.Errorf("%s has no %q", name, key))
		case !slices.Equal(placeholders(own), placeholders(message)):
			faults = append(faults, fmt.Errorf("%s: %q names %v, not %v", name, key, placeholders(own), placeholders(message)))
		}
	}
	for key := range t.messages {
		if !english.has(key) {
			faults = append(faults, fmt.Errorf("%s has %q, which English has not", name, key))
		}
	}
	return t, errors.Join(faults...)
}

// complete checks that English has what every letter needs.
func (t texts) complete() error {
	var faults []error
	needed := slices.Clone(common)
	for _, template := range notice.Templates() {
		needed = append(needed, string(template)+".subject", string(template)+".body")
	}
	for _, key := range needed {
		if !t.has(key) {
			faults = append(faults, fmt.Errorf("en has no %q", key))
		}
	}
	return errors.Join(faults...)
}

// readLanguages reads all languages of a tree, English first.
func readLanguages(tree fs.FS) ([]texts, error) {
	english, err := readTexts(tree, "en", nil)
	if err != nil {
		return nil, err
	}
	files, err := fs.ReadDir(tree, "messages")
	if err != nil {
		return nil, fmt.Errorf("read the messages: %w", err)
	}
	all := []texts{english}
	for _, file := range files {
		name := strings.TrimSuffix(file.Name(), ".json")
		if name == "en" {
			continue
		}
		t, err := readTexts(tree, name, &english)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}
