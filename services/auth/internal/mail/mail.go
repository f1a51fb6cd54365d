// Package mail writes letters and delivers them: over SMTP, or into a folder where a developer finds them.
//
// A letter is a layout (layout.go, the same for all) filled with the messages of one language
// (messages/LANGUAGE.json). A language is added by adding its file; NewWriter refuses one that lacks a message or names
// something else in it. Whoever has not chosen a language, or one that is not there, is written to in English.
package mail

import (
	"fmt"
	"io/fs"
	"net/mail"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
	"golang.org/x/text/language"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/wording"
)

// Brand is what letters call us.
type Brand struct {
	From        string // as in "IHR <no-reply@example.com>"
	App         string
	Corporation string // under each letter; may be empty
}

// Writer turns letters into messages.
type Writer struct {
	brand     Brand
	domain    string // of Message-IDs
	languages *wording.Languages
	now       func() time.Time
}

// NewWriter reads the messages. It fails when the sender is no address, or when a message is missing or wrong.
func NewWriter(brand Brand) (*Writer, error) { return newWriter(brand, messageFiles) }

func newWriter(brand Brand, tree fs.FS) (*Writer, error) {
	address, err := mail.ParseAddress(brand.From)
	if err != nil {
		return nil, fmt.Errorf("the sender of mails is no address: %w", err)
	}
	brand.From = address.String()
	_, domain, _ := strings.Cut(address.Address, "@")
	w := &Writer{brand: brand, domain: domain, now: time.Now}
	if w.languages, err = readLanguages(tree); err != nil {
		return nil, err
	}
	return w, nil
}

// Times in letters are in UTC and in figures, which read alike in every language.
const (
	minuteFormat = "2006-01-02 15:04 UTC"
	dayFormat    = "2006-01-02"
)

// fill is what messages may name in a letter.
func (w *Writer) fill(l notice.Letter) *strings.Replacer {
	f := l.Facts
	return strings.NewReplacer("{app}", w.brand.App, "{name}", l.Name, "{username}", f.Username, "{device}", orDash(f.Device), "{area}", orDash(f.Area),
		"{until}", w.now().Add(l.Valid).UTC().Format(minuteFormat), "{time}", f.At.UTC().Format(minuteFormat), "{date}", f.At.UTC().Format(dayFormat))
}

// orDash stands for what is not known.
func orDash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}

// compose fills the messages of a language in.
func (w *Writer) compose(l notice.Letter, t wording.Texts) (letter, error) {
	template, fill := string(l.Template), w.fill(l)
	if !t.Has(template + ".subject") {
		return letter{}, fmt.Errorf("there is no letter %q", l.Template)
	}
	out := letter{
		Lang: t.Lang(), Dir: t.Direction(), App: w.brand.App, Corporation: w.brand.Corporation,
		Subject: oneLine(t.Say(template+".subject", fill)), Hello: t.Say("hello", fill), Body: t.Say(template+".body", fill),
		Link: l.Link, Token: l.Token, After: t.Say(template+".after", fill),
	}
	if l.Name != "" {
		out.Hello = t.Say("hello_name", fill)
	}
	button := "set_password"
	switch l.Template {
	case notice.ConfirmEmail, notice.ConfirmAddedEmail:
		button = "confirm_address"
	case notice.InviteUser:
		button = "invite_user.button"
	case notice.AlreadyRegistered, notice.AddressTaken:
		out.After = t.Say("not_you", fill)
	case notice.ResetPassword, notice.Welcome:
	case notice.ChangedPassword, notice.ChangedUsername, notice.ChangedEmails, notice.ChangedSecondFactor, notice.EndedSession,
		notice.NewDevice, notice.ErasureScheduled, notice.ErasureCanceled:
		out.Before = t.Say("alarm", fill)
	}
	if out.Link != "" {
		out.Button = t.Say(button, fill)
	}
	if out.Token != "" {
		out.Once, out.Paste = t.Say("once_until", fill), t.Say("paste_token", fill)
	}
	return out, nil
}

// oneLine keeps whatever is filled in from ending a header.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// Write makes the message of a letter.
func (w *Writer) Write(l notice.Letter) (*gomail.Msg, error) {
	data, err := w.compose(l, w.languages.All()[w.languages.Match(preferred(l.Locale)...)])
	if err != nil {
		return nil, err
	}
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := m.From(w.brand.From); err != nil {
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
	m.SetGenHeader("Content-Language", data.Lang)
	m.SetBodyString(gomail.TypeTextPlain, data.text())
	m.AddAlternativeString(gomail.TypeTextHTML, data.html())
	return m, nil
}

func preferred(locale string) []language.Tag {
	if tag, err := language.Parse(locale); err == nil {
		return []language.Tag{tag}
	}
	return nil
}
