package main

import (
	"errors"
	"io"
	"testing"

	chargingplot "github.com/ihr-charging/charging-plot-api/services/charging-plot"
)

func TestAnImportOfWhichNothingWentInFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		report chargingplot.ImportReport
		want   error
	}{
		{chargingplot.ImportReport{Rows: 2}, errAllRefused},
		{chargingplot.ImportReport{Rows: 2, Stored: 1}, nil},
		{chargingplot.ImportReport{Rows: 2, Unchanged: 2}, nil}, // the second time
		{chargingplot.ImportReport{}, nil},
	} {
		if err := show(io.Discard, c.report, false); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, want %v", c.report, err, c.want)
		}
	}
}
