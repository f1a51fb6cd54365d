package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	stationcatalog "github.com/ihr-charging/charging-plot-api/services/station-catalog"
)

// shownFindings is how many findings are printed unless all are asked for.
const shownFindings = 20

func importing() *cobra.Command {
	var format string
	var options stationcatalog.ImportOptions
	var all, quiet bool
	cmd := &cobra.Command{
		Use:   "import FILE|-",
		Short: "Bring a file of stations into the catalogue",
		Long: "Bring a file of stations into the catalogue, plain or gzip.\n\n" +
			"Formats: irve, the French register's static scheme (CSV or JSON lines); ocpi, OCPI 2.2.1 Locations; ocm, Open Charge Map\n" +
			"points of interest; afdc, the station file of the US Department of Energy (CSV); bnetza, the German register (CSV);\n" +
			"ndjson, what this service exports.\n" +
			"Importing a file again changes nothing. A faulty row is reported, and the rest goes in.",
		Example: "  station-catalog import --format irve register.jsonl.gz\n  curl … | station-catalog import --format ndjson -",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			cfg, err := settings()
			if err != nil {
				return err
			}
			if cfg.Migrations == "startup" {
				if err := postgres.Migrate(cmd.Context(), cfg.Postgres, stationcatalog.Migrations()); err != nil {
					return err
				}
			}
			file, size, err := open(args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, file.Close()) }()
			bar, err := newBar(cmd.ErrOrStderr(), file, size, quiet)
			if err != nil {
				return err
			}
			report, err := stationcatalog.Import(cmd.Context(), cfg, format, bar.file, bar.progress, options)
			bar.stop()
			return errors.Join(err, show(cmd.OutOrStdout(), &report, all))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&format, "format", "", "irve, ocpi, ocm, afdc, bnetza or ndjson")
	flags.StringVar(&options.Source, "source", "", "name of the source; the format's name when left out (not for ndjson)")
	flags.BoolVar(&options.DryRun, "dry-run", false, "only report what would be done")
	flags.BoolVar(&options.RemoveUnlisted, "remove-unlisted", false, "remove stations of the source that the file no longer lists")
	flags.Float64Var(&options.MaxRemovedShare, "max-removed-share", 0, "share of the source's stations that may be removed; 0.5 when left out")
	flags.BoolVar(&all, "findings", false, "print every finding")
	flags.BoolVar(&quiet, "quiet", false, "no progress bar")
	if err := cmd.MarkFlagRequired("format"); err != nil {
		panic(err) // the flag stands above
	}
	return cmd
}

// open opens the file, or takes the input for "-". The size is 0 when it is not known.
func open(name string, input io.Reader) (io.ReadCloser, int64, error) {
	if name == "-" {
		return io.NopCloser(input), 0, nil
	}
	file, err := os.Open(name) //nolint:gosec // the caller says which file
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	return file, info.Size(), nil
}

// bar shows two things one after the other: how much of the file has been read, and how many of its stations are done.
type bar struct {
	file     io.Reader
	bars     *mpb.Progress
	reading  *mpb.Bar
	stations *mpb.Bar
	once     sync.Once
}

func newBar(out io.Writer, file io.Reader, size int64, quiet bool) (*bar, error) {
	b := &bar{file: file}
	if quiet {
		return b, nil
	}
	b.bars = mpb.New(mpb.WithOutput(out), mpb.WithWidth(48))
	b.reading = b.bars.AddBar(size,
		mpb.PrependDecorators(decor.Name("reading ", decor.WCSyncSpaceR), decor.CountersKibiByte("% .1f / % .1f", decor.WCSyncSpace)),
		mpb.AppendDecorators(decor.Percentage(decor.WCSyncSpace), decor.Elapsed(decor.ET_STYLE_MMSS, decor.WCSyncSpace)))
	var err error
	b.file, err = b.reading.ProxyReader(file)
	return b, err
}

func (b *bar) progress(p stationcatalog.Progress) {
	if b.bars == nil || p.StationsTotal == 0 {
		return
	}
	b.once.Do(func() {
		b.reading.SetTotal(-1, true)
		b.stations = b.bars.AddBar(p.StationsTotal,
			mpb.PrependDecorators(decor.Name("stations", decor.WCSyncSpaceR), decor.CountersNoUnit("%d / %d", decor.WCSyncSpace)),
			mpb.AppendDecorators(decor.Percentage(decor.WCSyncSpace), decor.AverageETA(decor.ET_STYLE_MMSS, decor.WCSyncSpace)))
	})
	b.stations.SetCurrent(p.Counts.Stations)
}

func (b *bar) stop() {
	if b.bars == nil {
		return
	}
	b.reading.SetTotal(-1, true)
	if b.stations != nil {
		b.stations.SetTotal(-1, true)
	}
	b.bars.Wait()
}

// show prints the report.
func show(out io.Writer, report *stationcatalog.Report, all bool) error {
	i := &report.Import
	dry := ""
	if i.DryRun {
		dry = " (dry run: nothing was written)"
	}
	_, err := fmt.Fprintf(out, `import   %s %s%s
rows     %d read, %d rejected, %d adjusted
stations %d: %d created, %d updated, %d unchanged, %d removed
time     %.2f s
`, i.ID, i.State, dry, i.Rows, i.Rejected, i.Adjusted, i.Stations, i.Created, i.Updated, i.Unchanged, i.Removed, report.Duration.Seconds())
	for n, f := range report.Findings {
		if err != nil {
			return err
		}
		if n == shownFindings && !all {
			_, err = fmt.Fprintf(out, "… and %d findings more; --findings shows them\n", len(report.Findings)-n)
			break
		}
		_, err = fmt.Fprintf(out, "line %d %s: %s, %s: %s %s\n", f.Line, f.Subject, f.Severity, f.Code, f.Detail+".", f.Advice)
	}
	return err
}
