package receipt

import (
	"io"

	"codeberg.org/go-fonts/liberation/liberationsansbold"
	"codeberg.org/go-fonts/liberation/liberationsansregular"
	"github.com/signintech/gopdf"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

// The sheet is A4, in points.
const (
	left    = 50.0
	right   = 545.0
	top     = 60.0
	bottom  = 780.0
	letter  = 10.0
	spacing = 16.0
	values  = 150.0 // where the values of facts begin
)

// columns are the right edges of the table's columns, but for the first, which is its left one.
var columns = [6]float64{left, 235, 330, 375, 460, right}

// paper is a sheet that is being written. The first error stays.
type paper struct {
	pdf *gopdf.GoPdf
	y   float64
	err error
}

func (p *paper) do(err error) {
	if p.err == nil {
		p.err = err
	}
}

// PDF writes the record as a sheet of paper.
func PDF(w io.Writer, c session.CDR) error {
	s := sheetOf(c)
	p := &paper{pdf: &gopdf.GoPdf{}}
	p.pdf.Start(gopdf.Config{PageSize: *gopdf.PageSizeA4})
	p.pdf.SetInfo(gopdf.PdfInfo{Title: "Receipt " + c.ID.String(), CreationDate: c.CreatedAt})
	// Letters that the font does not have must not keep anybody from a receipt.
	missing := gopdf.TtfOption{OnGlyphNotFoundSubstitute: func(rune) rune { return '?' }, UseKerning: true}
	p.do(p.pdf.AddTTFFontDataWithOption("regular", liberationsansregular.TTF, missing))
	p.do(p.pdf.AddTTFFontDataWithOption("bold", liberationsansbold.TTF, missing))
	p.newPage()

	p.font("bold", 20)
	p.at(left, "Receipt")
	p.y += 28
	p.font("regular", 9)
	p.at(left, c.ID.String())
	p.y += 26
	for _, f := range s.Facts {
		p.fact(f)
	}
	p.y += 14
	p.table(s)
	if p.err != nil {
		return p.err
	}
	_, err := p.pdf.WriteTo(w)
	return err
}

func (p *paper) newPage() {
	p.pdf.AddPage()
	p.y = top
}

func (p *paper) font(name string, size float64) { p.do(p.pdf.SetFont(name, "", size)) }

// at writes a text whose left edge is at x.
func (p *paper) at(x float64, text string) {
	p.pdf.SetXY(x, p.y)
	p.do(p.pdf.Cell(nil, text))
}

// until writes a text whose right edge is at x.
func (p *paper) until(x float64, text string) {
	width, err := p.pdf.MeasureTextWidth(text)
	p.do(err)
	p.at(x-width, text)
}

// next goes to the next line, on a new page when this one is full.
func (p *paper) next() {
	if p.y += spacing; p.y > bottom {
		p.newPage()
	}
}

func (p *paper) fact(f fact) {
	p.font("regular", letter)
	p.pdf.SetTextColor(89, 99, 110)
	p.at(left, f.Name)
	p.pdf.SetTextColor(0, 0, 0)
	parts, err := p.pdf.SplitTextWithWordWrap(f.Value, right-values)
	p.do(err)
	for _, part := range parts {
		p.at(values, part)
		p.next()
	}
}

func (p *paper) table(s sheet) {
	p.font("regular", letter)
	p.pdf.SetTextColor(89, 99, 110)
	p.row(row{"For", "Amount", "Price", "VAT", "Before taxes", "With taxes"})
	p.pdf.SetTextColor(0, 0, 0)
	for _, r := range s.Rows {
		p.rule()
		p.row(r)
	}
	p.rule()
	p.y += 4
	p.font("bold", letter+1)
	for _, t := range s.Totals {
		p.at(left, t.Name)
		p.until(right, t.Value)
		p.next()
	}
}

func (p *paper) row(r row) {
	p.at(columns[0], r.What)
	for i, text := range []string{r.Amount, r.Price, r.VAT, r.Excl, r.Incl} {
		p.until(columns[i+1], text)
	}
	p.next()
}

func (p *paper) rule() {
	p.pdf.SetLineWidth(0.5)
	p.pdf.SetStrokeColor(209, 217, 224)
	p.pdf.Line(left, p.y-3, right, p.y-3)
	p.y += 2
}
