// Package wording is what people are told in their own language: trees of messages, a JSON file a language. A language is added by
// adding its file; Read refuses one that lacks a message of the English file or names something else in it.
package wording

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// Texts are the messages of one language. A message names what is filled in as in {app}.
type Texts struct {
	Messages map[string]string
	tag      language.Tag
}

// Lang is the language as a BCP 47 tag.
func (t Texts) Lang() string { return t.tag.String() }

// rightToLeft are the scripts that are written so, of those that any of our languages uses.
var rightToLeft = []string{"Arab", "Hebr"}

// Direction is the HTML attribute dir.
func (t Texts) Direction() string {
	if script, _ := t.tag.Script(); slices.Contains(rightToLeft, script.String()) {
		return "rtl"
	}
	return "ltr"
}

// Has reports whether there is such a message.
func (t Texts) Has(key string) bool { return t.Messages[key] != "" }

// Say returns a message with its names filled in; "" when there is none.
func (t Texts) Say(key string, fill *strings.Replacer) string { return fill.Replace(t.Messages[key]) }

// placeholder is how a message names what is filled in.
var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

// Bare is a message without the names in it.
func Bare(message string) string { return strings.TrimSpace(placeholder.ReplaceAllString(message, "")) }

// placeholders returns the names in a message, sorted.
func placeholders(message string) []string {
	names := placeholder.FindAllString(message, -1)
	slices.Sort(names)
	return slices.Compact(names)
}

// Languages are all that something is said in, English first.
type Languages struct {
	all     []Texts
	matcher language.Matcher
}

// Read reads the languages of a tree, messages/LANGUAGE.json. It fails when English lacks a message that is needed, and when another
// language has not the messages of English with the same names in them.
func Read(tree fs.FS, needed []string) (*Languages, error) {
	english, err := readTexts(tree, "en")
	if err != nil {
		return nil, err
	}
	faults := make([]error, 0, len(needed))
	for _, key := range needed {
		if !english.Has(key) {
			faults = append(faults, fmt.Errorf("en has no %q", key))
		}
	}
	files, err := fs.ReadDir(tree, "messages")
	if err != nil {
		return nil, fmt.Errorf("read the messages: %w", err)
	}
	l := &Languages{all: []Texts{english}}
	for _, file := range files {
		name := strings.TrimSuffix(file.Name(), ".json")
		if name == "en" {
			continue
		}
		t, err := readTexts(tree, name)
		if err != nil {
			return nil, err
		}
		faults = append(faults, t.against(english))
		l.all = append(l.all, t)
	}
	tags := make([]language.Tag, len(l.all))
	for i, t := range l.all {
		tags[i] = t.tag
	}
	l.matcher = language.NewMatcher(tags) // the first is its answer to those who want none of the languages
	return l, errors.Join(faults...)
}

// readTexts reads one language of a tree.
func readTexts(tree fs.FS, name string) (Texts, error) {
	tag, err := language.Parse(name)
	if err != nil {
		return Texts{}, fmt.Errorf("the file of messages %q: %w", name, err)
	}
	raw, err := fs.ReadFile(tree, "messages/"+name+".json")
	if err != nil {
		return Texts{}, fmt.Errorf("read the messages of %s: %w", name, err)
	}
	t := Texts{tag: tag}
	if err := json.Unmarshal(raw, &t.Messages); err != nil {
		return Texts{}, fmt.Errorf("read the messages of %s: %w", name, err)
	}
	return t, nil
}

// against holds a language against English: the same messages, with the same names in them.
func (t Texts) against(english Texts) error {
	var faults []error
	for key, message := range english.Messages {
		switch own, there := t.Messages[key]; {
		case !there:
			faults = append(faults, fmt.Errorf("%s has no %q", t.Lang(), key))
		case !slices.Equal(placeholders(own), placeholders(message)):
			faults = append(faults, fmt.Errorf("%s: %q names %v, not %v", t.Lang(), key, placeholders(own), placeholders(message)))
		}
	}
	for key := range t.Messages {
		if !english.Has(key) {
			faults = append(faults, fmt.Errorf("%s has %q, which English has not", t.Lang(), key))
		}
	}
	return errors.Join(faults...)
}

// All returns the languages, English first.
func (l *Languages) All() []Texts { return l.all }

// Match returns the position in All of the language for somebody who prefers some, best first; that of English when it is none of ours.
func (l *Languages) Match(preferred ...language.Tag) int {
	_, at, _ := l.matcher.Match(preferred...)
	return at
}
