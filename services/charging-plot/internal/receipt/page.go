package receipt

import (
	"io"
	"strings"

	"github.com/ihr-charging/charging-plot-api/libs/markup"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

// HTML writes the record as a page that stands by itself, for light and dark screens and for printing.
func HTML(w io.Writer, c session.CDR) error {
	s := sheetOf(c)
	var page strings.Builder
	say := func(format string, texts ...string) { page.WriteString(markup.Fill(format, texts...)) }
	say("<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
	say("<title>Receipt %s</title>\n", c.ID.String())
	page.WriteString(style)
	say("<h1>Receipt</h1>\n<p class=\"id\">%s</p>\n<dl>", c.ID.String())
	for _, f := range s.Facts {
		say("<dt>%s</dt><dd>%s</dd>\n", f.Name, f.Value)
	}
	say("</dl>\n<div class=\"lines\"><table>\n")
	say("<thead><tr><th>For</th><th>Amount</th><th>Price</th><th>VAT</th><th>Before taxes</th><th>With taxes</th></tr></thead>\n<tbody>")
	for _, r := range s.Rows {
		say("<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>\n", r.What, r.Amount, r.Price, r.VAT, r.Excl, r.Incl)
	}
	say("</tbody>\n<tfoot>")
	for _, t := range s.Totals {
		say("<tr><td colspan=\"5\">%s</td><td>%s</td></tr>\n", t.Name, t.Value)
	}
	say("</tfoot>\n</table></div>\n</html>\n")
	_, err := io.WriteString(w, page.String())
	return err
}

const style = `<style>
:root { color-scheme: light dark; --ink: #1f2328; --faint: #59636e; --line: #d1d9e0; --page: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --faint: #9da7b3; --line: #3d444d; --page: #0d1117; } }
@media print { :root { --ink: #000; --faint: #333; --line: #999; --page: #fff; } }
body { font: 16px/1.5 "Liberation Sans", Arial, Helvetica, sans-serif; color: var(--ink); background: var(--page); max-width: 44rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; }
.id { color: var(--faint); overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.5rem; }
dt { color: var(--faint); }
dd { margin: 0; overflow-wrap: anywhere; }
.lines { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .35rem .5rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--faint); font-weight: normal; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
tfoot td { border: 0; font-weight: bold; }
@media (max-width: 34rem) { table { font-size: .8rem; } th { white-space: normal; vertical-align: bottom; } th, td { padding: .35rem .25rem; } }
</style>
`
