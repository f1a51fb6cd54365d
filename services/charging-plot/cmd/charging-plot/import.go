package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	chargingplot "github.com/ihr-charging/charging-plot-api/services/charging-plot"
)

// shownFindings is how many findings are printed unless all are asked for.
const shownFindings = 20

func importing() *cobra.Command {
	group := &cobra.Command{Use: "import", Short: "Bring files in"}
	var format string
	var all, quiet bool
	cmd := &cobra.Command{
		Use:   "sessions FILE|-",
		Short: "Import sessions that ended elsewhere",
		Long: "Import sessions that ended elsewhere, one a line, plain or gzip.\n\n" +
			"Formats: ndjson (evse_id, started_at, ended_at, energy_kwh, id); irve, the sessions of the French register.\n" +
			"Importing a file again changes nothing. A row that cannot be is reported, and the rest goes in.",
		Example: "  charging-plot import sessions --format irve sessions.jsonl.gz\n  curl … | charging-plot import sessions -",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			cfg, err := settings()
			if err != nil {
				return err
			}
			file := io.NopCloser(cmd.InOrStdin())
			if args[0] != "-" {
				if file, err = os.Open(args[0]); err != nil {
					return err
				}
			}
			defer func() { err = errors.Join(err, file.Close()) }()
			progress, done := bar(cmd.ErrOrStderr(), quiet)
			report, err := chargingplot.ImportSessions(cmd.Context(), cfg, format, file, progress)
			done()
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), report, all)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&format, "format", "ndjson", "ndjson or irve")
	flags.BoolVar(&all, "findings", false, "print every finding")
	flags.BoolVar(&quiet, "quiet", false, "no progress bar")
	group.AddCommand(cmd)
	return group
}

// bar shows how many rows are stored; done ends it, whatever it has come to.
func bar(out io.Writer, quiet bool) (progress func(done, of int), done func()) {
	if quiet {
		return func(int, int) {}, func() {}
	}
	bars := mpb.New(mpb.WithOutput(out), mpb.WithWidth(48))
	rows := bars.AddBar(0,
		mpb.PrependDecorators(decor.Name("sessions ", decor.WCSyncSpaceR), decor.CountersNoUnit("%d / %d", decor.WCSyncSpace)),
		mpb.AppendDecorators(decor.Percentage(decor.WCSyncSpace), decor.Elapsed(decor.ET_STYLE_MMSS, decor.WCSyncSpace)))
	return func(done, of int) {
			rows.SetTotal(int64(of), false)
			rows.SetCurrent(int64(done))
		}, func() {
			rows.SetTotal(-1, true)
			bars.Wait()
		}
}

// errAllRefused fails the import of a file of which nothing went in: whoever runs it by a schedule would not read the report.
var errAllRefused = errors.New("every row was refused; is it the right --format?")

// show prints what became of a file. It returns errAllRefused when nothing of it went in.
func show(out io.Writer, report chargingplot.ImportReport, all bool) error {
	for i, f := range report.Findings {
		if !all && i == shownFindings {
			fmt.Fprintf(out, "… and %d more; --findings prints them all\n", len(report.Findings)-i)
			break
		}
		fmt.Fprintf(out, "line %d: %s: %s\n", f.Line, f.Code, f.Detail)
	}
	_, err := fmt.Fprintf(out, "%d rows: %d stored, %d known already, %d refused\n", report.Rows, report.Stored, report.Unchanged, len(report.Findings))
	if err == nil && report.Rows > 0 && report.Stored+report.Unchanged == 0 {
		err = errAllRefused
	}
	return err
}
