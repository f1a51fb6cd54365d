// Package mail writes letters and delivers them: over SMTP, or into a folder where a developer finds them.
//
// The texts are templates, one folder a locale (templates/en), each with a subject, a text and an HTML form. A language is added
// by adding its folder; New refuses one that is not complete. Whoever has not chosen a language, or one that is not there, is
// written to in English.
package mail

import (
	"bytes"
	"embed"
	"fmt"
	htmltemplate "html/template"
	"io/fs"
	"net/mail"
	"strings"
	texttemplate "text/template"
	"time"

	gomail "github.com/wneessen/go-mail"
	"golang.org/x/text/language"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
)

//go:embed templates
var files embed.FS

// product is what the letters call us.
const product = "IHR Charging Plot"

// Writer turns letters into messages.
type Writer struct {
	from    string
	domain  string // of Message-IDs
	matcher language.Matcher
	locales []locale // in the order of the matcher
}

type locale struct {
	tag     language.Tag
	letters map[notice.Template]letter
}

type letter struct {
	subject *texttemplate.Template
	text    *texttemplate.Template
	html    *htmltemplate.Template
}

// fields are what the templates may name.
type fields struct {
	Product string
	Subject string
	Name    string
	Link    string
	Token   string
	Valid   string
	Locale  string
}

// NewWriter reads the templates. The letters come from an address as in "IHR <no-reply@example.com>". It fails when that is
// none, or when a template is missing or broken.
func NewWriter(from string) (*Writer, error) { return newWriter(from, files) }

func newWriter(from string, tree fs.FS) (*Writer, error) {
	address, err := mail.ParseAddress(from)
	if err != nil {
		return nil, fmt.Errorf("the sender of mails is no address: %w", err)
	}
	_, domain, _ := strings.Cut(address.Address, "@")
	w := &Writer{from: address.String(), domain: domain}
	folders, err := fs.ReadDir(tree, "templates")
	if err != nil {
		return nil, fmt.Errorf("read the mail templates: %w", err)
	}
	tags := []language.Tag{}
	for _, folder := range folders {
		read, err := readLocale(tree, folder.Name())
		if err != nil {
			return nil, fmt.Errorf("mail templates of %s: %w", folder.Name(), err)
		}
		// The first is the matcher's answer to those who want none of the languages.
		if read.tag == language.English {
			w.locales, tags = append([]locale{read}, w.locales...), append([]language.Tag{read.tag}, tags...)
		} else {
			w.locales, tags = append(w.locales, read), append(tags, read.tag)
		}
	}
	if len(tags) == 0 || tags[0] != language.English {
		return nil, fmt.Errorf("mail templates: there are none in English")
	}
	w.matcher = language.NewMatcher(tags)
	return w, nil
}

func readLocale(tree fs.FS, name string) (locale, error) {
	tag, err := language.Parse(name)
	if err != nil {
		return locale{}, err
	}
	l := locale{tag: tag, letters: map[notice.Template]letter{}}
	for _, template := range notice.Templates() {
		base := "templates/" + name + "/" + string(template)
		text, err := texttemplate.New(string(template)+".txt").Option("missingkey=error").ParseFS(tree, base+".txt")
		if err != nil {
			return locale{}, err
		}
		subject := text.Lookup("subject")
		if subject == nil {
			return locale{}, fmt.Errorf("%s.txt defines no subject", base)
		}
		html, err := htmltemplate.New("layout.html").Option("missingkey=error").
			ParseFS(tree, "templates/"+name+"/layout.html", base+".html")
		if err != nil {
			return locale{}, err
		}
		l.letters[template] = letter{subject: subject, text: text, html: html}
	}
	return l, nil
}

// Write makes the message of a letter.
func (w *Writer) Write(l notice.Letter) (*gomail.Msg, error) {
	_, at, _ := w.matcher.Match(preferred(l.Locale)...)
	in := w.locales[at]
	parts, ok := in.letters[l.Template]
	if !ok {
		return nil, fmt.Errorf("there is no mail template %q", l.Template)
	}
	data := fields{Product: product, Name: l.Name, Link: l.Link, Token: l.Token, Valid: validity(l.Valid), Locale: in.tag.String()}
	var subject, text, html bytes.Buffer
	if err := parts.subject.Execute(&subject, data); err != nil {
		return nil, fmt.Errorf("write the subject: %w", err)
	}
	data.Subject = strings.TrimSpace(subject.String())
	if err := parts.text.Execute(&text, data); err != nil {
		return nil, fmt.Errorf("write the text: %w", err)
	}
	if err := parts.html.Execute(&html, data); err != nil {
		return nil, fmt.Errorf("write the HTML: %w", err)
	}

	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := m.From(w.from); err != nil {
		return nil, fmt.Errorf("sender: %w", err)
	}
	if err := m.To(l.To); err != nil {
		return nil, fmt.Errorf("%w: recipient: %w", notice.ErrRefused, err)
	}
	m.Subject(data.Subject)
	m.SetDate()
	m.SetMessageIDWithValue(l.ID.String() + "@" + w.domain)
	// Nobody's out-of-office answer shall come back (RFC 3834).
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetGenHeader("Content-Language", data.Locale)
	m.SetBodyString(gomail.TypeTextPlain, strings.TrimSpace(text.String())+"\n")
	m.AddAlternativeString(gomail.TypeTextHTML, html.String())
	return m, nil
}

func preferred(locale string) []language.Tag {
	if tag, err := language.Parse(locale); err == nil {
		return []language.Tag{tag}
	}
	return nil
}

// validity writes a life in the unit that fits it. The templates say "hours" and "minutes" in their language around it.
func validity(d time.Duration) string {
	if d >= time.Hour {
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d min", int(d.Minutes()))
}
