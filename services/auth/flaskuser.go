package auth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/flaskuser"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
)

// FlaskUserImport is an import of a Flask-User database to be done.
type FlaskUserImport struct {
	DB     *sql.DB // the old database, which is only read
	Source string  // by which name it is remembered; importing again under it changes nothing
	// Tables and Columns are old names: "users" to "members", "active" to "is_active". Without one Flask-User's own holds.
	Tables, Columns map[string]string
	// Roles says what an old role becomes: "Agent" to "operator@OPERATOR-ID".
	Roles  map[string]string
	DryRun bool
	Total  func(people int)
	Each   func(FlaskUserRow) error
}

// FlaskUserRow is what became of one person.
type FlaskUserRow struct {
	SourceID string   `json:"source_id"`
	Outcome  string   `json:"outcome"`
	ID       string   `json:"id,omitempty"` // of the account, or the registration that waits
	Notes    []string `json:"notes,omitempty"`
}

// ImportFlaskUser brings people over, and returns how many had which outcome. What it has written stays when it fails later.
func (a *Admin) ImportFlaskUser(ctx context.Context, job FlaskUserImport) (map[string]int, error) {
	names, err := flaskUserNames(job)
	if err != nil {
		return nil, err
	}
	roles := flaskuser.DefaultRoles()
	for old, ours := range job.Roles {
		grant, err := role.ParseGrant(ours)
		if err != nil {
			return nil, err
		}
		roles[strings.ToLower(old)] = grant
	}
	source, err := flaskuser.NewSource(ctx, job.DB, names)
	if err != nil {
		return nil, fmt.Errorf("the old database: %w", err)
	}
	total, err := source.Count(ctx)
	if err != nil {
		return nil, fmt.Errorf("the old database: %w", err)
	}
	job.Total(total)
	summary, err := flaskuser.Import(ctx, source, postgres.NewImports(a.parts.db), flaskuser.Options{
		Source: job.Source, Roles: roles, DryRun: job.DryRun,
		Each: func(e flaskuser.Entry) error {
			row := FlaskUserRow{SourceID: e.SourceID, Outcome: string(e.Outcome), Notes: e.Notes}
			if e.Outcome == flaskuser.Imported || e.Outcome == flaskuser.Waiting {
				row.ID = e.ID.String()
			}
			return job.Each(row)
		},
	})
	counts := map[string]int{}
	for outcome, n := range summary {
		counts[string(outcome)] = n
	}
	return counts, err
}

// FlaskUserOutcomes are the outcomes that an import counts, best first.
func FlaskUserOutcomes() []string {
	var all []string
	for _, outcome := range flaskuser.Outcomes() {
		all = append(all, string(outcome))
	}
	return all
}

func flaskUserNames(job FlaskUserImport) (flaskuser.Names, error) {
	names := flaskuser.DefaultNames()
	maps.Copy(names.Columns, job.Columns)
	for table, own := range job.Tables {
		switch table {
		case "users":
			names.Users = own
		case "roles":
			names.Roles = own
		case "user_roles":
			names.UserRoles = own
		case "user_emails":
			names.UserEmails = own
		default:
			return names, fmt.Errorf("Flask-User has no table %q", table)
		}
	}
	return names, nil
}

// FlaskUserSetting is an old setting and what became of it.
type FlaskUserSetting struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	Ours    string `json:"ours,omitempty"`
	Why     string `json:"why"`
	Unknown bool   `json:"unknown,omitempty"`
}

// ErrNoSettings is returned for a file in which there are no settings of Flask-User.
var ErrNoSettings = errors.New("there are no settings that begin with USER_ in the file")

// MapFlaskUserSettings reads an old configuration (Python, environment or JSON), executing nothing of it, and says what became of
// each setting.
func MapFlaskUserSettings(r io.Reader) ([]FlaskUserSetting, error) {
	found, err := flaskuser.ReadSettings(r)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, ErrNoSettings
	}
	all := make([]FlaskUserSetting, len(found))
	for i, f := range found {
		all[i] = FlaskUserSetting{Name: f.Name, Value: f.Value, Ours: f.Ours, Why: f.Why, Unknown: f.Unknown}
	}
	return all, nil
}
