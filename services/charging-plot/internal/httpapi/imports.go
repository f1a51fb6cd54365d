package httpapi

import (
	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/importer"
)

// shownFindings is how many findings an answer names.
const shownFindings = 1000

// SessionImport is the schema of this name; the generator makes only those of the operations that it serves.
type SessionImport struct {
	Rows      int             `json:"rows"`
	Stored    int             `json:"stored"`
	Unchanged int             `json:"unchanged"`
	Refused   int             `json:"refused"`
	Findings  []ImportFinding `json:"findings"`
}

// ImportFinding is what is wrong with a line.
type ImportFinding struct {
	Line   int    `json:"line"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// importSessions reads the file as it arrives.
func (a *API) importSessions(c *fiber.Ctx) error {
	ctx := c.UserContext()
	report, err := importer.Import(ctx, a.Finished, c.Query("format", "ndjson"), httpserver.BodyReader(c), a.Now(), caller(ctx).Operates,
		func(int, int) {})
	if err != nil {
		return err
	}
	out := SessionImport{
		Rows: report.Rows, Stored: report.Stored, Unchanged: report.Unchanged, Refused: len(report.Findings), Findings: []ImportFinding{},
	}
	for _, f := range report.Findings[:min(len(report.Findings), shownFindings)] {
		out.Findings = append(out.Findings, ImportFinding(f))
	}
	return c.JSON(out)
}
