package cli

import (
	"context"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/ihr-charging/charging-plot-api/services/auth"
)

// flaskUserFlags are what the command was told.
type flaskUserFlags struct {
	job      auth.FlaskUserImport
	database string
	settings string
	report   string
	quiet    bool
	asJSON   bool
}

// ImportCommand returns the command of the program import-flask-user, which must have the drivers "postgres" and "sqlite" of
// database/sql. Settings come from the environment that environ returns.
func ImportCommand(environ func() []string) *cobra.Command {
	settings := func() (auth.Config, error) { return auth.LoadConfig(environ()) }
	var f flaskUserFlags
	run := withAdmin(settings, func(cmd *cobra.Command, admin *auth.Admin, _ []string) error { return f.run(cmd, admin) })
	command := &cobra.Command{
		Use:   "import-flask-user --database sqlite:FILE|postgres://… | --settings FILE",
		Short: "Import a Flask-User database, or tell what became of its settings",
		Long: "Import the users, roles and addresses of a Flask-User database, which is only read. Passwords are kept as passlib hashed\n" +
			"them and hashed anew at the first login. Importing again changes nothing; who was imported or erased since does not\n" +
			"come twice. With --dry-run nothing is written. The report has a line for everybody: id, outcome, new id, notes.\n\n" +
			"With --settings the command reads an old settings file (Python, environment or JSON; nothing in it is executed) and\n" +
			"prints which of our settings each of the old ones became, and which were dropped, because.\n\n" +
			"The database of auth is DATABASE_URL, as for auth itself.",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if (f.settings == "") == (f.database == "") {
				return errors.New("give --database or --settings")
			}
			if f.settings != "" {
				return f.mapSettings(cmd)
			}
			return run(cmd, args)
		},
	}
	flags := command.Flags()
	flags.StringVar(&f.database, "database", "", "the old database: sqlite:FILE, or a postgres:// URL")
	flags.StringVar(&f.settings, "settings", "", "an old settings file, to be told what became of each")
	flags.StringVar(&f.job.Source, "name", "flask-user", "name by which the old database is remembered")
	flags.StringToStringVar(&f.job.Tables, "table", nil, "another name of a table: users=members; of users, roles, user_roles, user_emails")
	flags.StringToStringVar(&f.job.Columns, "column", nil, "another name of a column of users: active=is_active")
	flags.StringToStringVar(&f.job.Roles, "role", nil, "what an old role becomes: Agent=operator@OPERATOR-ID")
	flags.BoolVar(&f.job.DryRun, "dry-run", false, "judge everybody and write nothing")
	flags.StringVar(&f.report, "report", "", "CSV file for a line about everybody; - is standard output")
	flags.BoolVar(&f.quiet, "quiet", false, "no progress bar")
	flags.BoolVar(&f.asJSON, "json", false, "print the summary, or the settings, as JSON")
	return command
}

func openOld(ctx context.Context, address string) (*sql.DB, error) {
	driver, source := "postgres", address
	if file, is := strings.CutPrefix(address, "sqlite:"); is {
		driver, source = "sqlite", "file:"+strings.TrimPrefix(file, "//")+"?mode=ro"
	} else if !strings.HasPrefix(address, "postgres://") && !strings.HasPrefix(address, "postgresql://") {
		return nil, errors.New("--database: neither sqlite:FILE nor a postgres:// URL")
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		return nil, errors.New("--database: not an address") // the driver's error may quote a password
	}
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("the old database cannot be opened: %w", err), db.Close())
	}
	return db, nil
}

func (f *flaskUserFlags) run(cmd *cobra.Command, admin *auth.Admin) (err error) {
	old, err := openOld(cmd.Context(), f.database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, old.Close()) }()
	report, finish, err := f.openReport(cmd.OutOrStdout())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, finish()) }()

	out := io.Discard
	if !f.quiet {
		out = cmd.ErrOrStderr()
	}
	bars := mpb.NewWithContext(cmd.Context(), mpb.WithOutput(out), mpb.WithWidth(48))
	var bar *mpb.Bar
	f.job.DB = old
	f.job.Total = func(people int) {
		bar = bars.AddBar(int64(people),
			mpb.PrependDecorators(decor.Name("people "), decor.CountersNoUnit("%d / %d")),
			mpb.AppendDecorators(decor.Percentage(), decor.Name(" "), decor.AverageETA(decor.ET_STYLE_MMSS)))
	}
	f.job.Each = func(row auth.FlaskUserRow) error {
		bar.Increment()
		return report(row)
	}
	counts, err := admin.ImportFlaskUser(cmd.Context(), f.job)
	if bar != nil {
		bar.SetTotal(-1, true)
		bars.Wait()
	}
	if counts != nil {
		err = errors.Join(err, f.summarise(cmd, counts))
	}
	return err
}

// openReport returns how to write a line, and how to end the report.
func (f *flaskUserFlags) openReport(standard io.Writer) (line func(auth.FlaskUserRow) error, finish func() error, err error) {
	if f.report == "" {
		return func(auth.FlaskUserRow) error { return nil }, func() error { return nil }, nil
	}
	out, end := standard, func() error { return nil }
	if f.report != "-" {
		file, err := os.OpenFile(f.report, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return nil, nil, err
		}
		out, end = file, file.Close
	}
	table := csv.NewWriter(out)
	if err := table.Write([]string{"source_id", "outcome", "id", "notes"}); err != nil {
		return nil, nil, err
	}
	line = func(row auth.FlaskUserRow) error {
		return table.Write([]string{row.SourceID, row.Outcome, row.ID, strings.Join(row.Notes, "; ")})
	}
	return line, func() error { table.Flush(); return errors.Join(table.Error(), end()) }, nil
}

func (f *flaskUserFlags) summarise(cmd *cobra.Command, counts map[string]int) error {
	if f.asJSON {
		return json.NewEncoder(cmd.OutOrStdout()).Encode(counts)
	}
	if f.job.DryRun {
		if err := say(cmd, "Nothing was written. It would be:"); err != nil {
			return err
		}
	}
	for _, outcome := range auth.FlaskUserOutcomes() {
		if err := say(cmd, "%-10s %d", outcome, counts[outcome]); err != nil {
			return err
		}
	}
	return nil
}

func (f *flaskUserFlags) mapSettings(cmd *cobra.Command) error {
	file, err := os.Open(f.settings)
	if err != nil {
		return err
	}
	defer file.Close()
	all, err := auth.MapFlaskUserSettings(file)
	if err != nil {
		return err
	}
	return show(cmd, f.asJSON, "OLD\tVALUE\tNOW\tHOW", all, func(s auth.FlaskUserSetting) string {
		ours := s.Ours
		if ours == "" {
			ours = "-"
		}
		return strings.Join([]string{s.Name, s.Value, ours, s.Why}, "\t")
	})
}
