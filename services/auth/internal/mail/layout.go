package mail

import (
	"strings"

	"github.com/ihr-charging/charging-plot-api/libs/markup"
)

// letter is what the two layouts say; what is empty is left out.
type letter struct {
	Lang, Dir        string
	App, Corporation string
	Subject          string
	Hello            string
	Body             string
	Before           string // what stands before the button
	Button, Link     string
	Once, Paste      string // how long the link works, and what the token is for
	Token            string
	After            string
}

// text is the letter for those who read no HTML.
func (l letter) text() string {
	paragraphs := []string{l.Hello, l.Body, l.Before}
	if l.Link != "" {
		paragraphs = append(paragraphs, l.Button+":\n"+l.Link)
	}
	if l.Token != "" {
		paragraphs = append(paragraphs, l.Once+" "+l.Paste, l.Token)
	}
	paragraphs = append(paragraphs, l.After)
	if l.Corporation != "" {
		paragraphs = append(paragraphs, "-- \n"+l.Corporation)
	}
	var out strings.Builder
	for _, p := range paragraphs {
		if p != "" {
			out.WriteString(p + "\n\n")
		}
	}
	return strings.TrimSpace(out.String()) + "\n"
}

// html is the letter as a page; its styles stand in it, since mail programs keep no others.
func (l letter) html() string {
	var out strings.Builder
	say := func(format string, texts ...string) { out.WriteString(markup.Fill(format, texts...)) }
	paragraph := func(text string) {
		if text != "" {
			say("<p>%s</p>\n", text)
		}
	}
	say(`<!doctype html>
<html lang="%s" dir="%s">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>%s</title></head>
<body style="margin:0;padding:24px;background:#f4f5f7;color:#1c2430;font:16px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif">
<div style="max-width:520px;margin:0 auto;padding:24px;background:#ffffff;border-radius:8px">
<p style="margin:0 0 16px;font-weight:600;color:#0b6e4f">%s</p>
`, l.Lang, l.Dir, l.Subject, l.App)
	paragraph(l.Hello)
	paragraph(l.Body)
	paragraph(l.Before)
	if l.Link != "" {
		say("<p><a href=\"%s\" style=\"display:inline-block;padding:10px 18px;background:#0b6e4f;color:#ffffff;border-radius:6px;text-decoration:none\">%s</a></p>\n", l.Link, l.Button)
	}
	if l.Token != "" {
		say("<p>%s %s<br><code dir=\"ltr\" style=\"word-break:break-all\">%s</code></p>\n", l.Once, l.Paste, l.Token)
	}
	paragraph(l.After)
	if l.Corporation != "" {
		say("<p style=\"margin:24px 0 0;color:#5b6573;font-size:13px\">%s</p>\n", l.Corporation)
	}
	out.WriteString("</div>\n</body>\n</html>\n")
	return out.String()
}
