// Package markup writes HTML:
//
//	page := markup.Fill("<p>%s</p>", name)
//
// It stands in place of html/template, which calls methods by their names: the
// linker must then keep every exported method of the program, which is a third
// of it (docs/adr/0023-small-programs.md).
package markup

import (
	"fmt"
	"html"
)

// Fill puts a text in the place of each %s of the format, escaped for the
// content of an element and for an attribute in quotes; it is not for scripts,
// styles and addresses of others' making. There are as many texts as places.
func Fill(format string, texts ...string) string {
	escaped := make([]any, len(texts))
	for i, text := range texts {
		escaped[i] = html.EscapeString(text)
	}
	return fmt.Sprintf(format, escaped...)
}
