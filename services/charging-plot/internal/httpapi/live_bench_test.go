package httpapi_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// BenchmarkLive prints how long it takes from a charge point's word, its commit included, until each of a thousand listeners of the plot
// has the event: the median and the 99th percentile over all of them.
func BenchmarkLive(b *testing.B) {
	const listeners, changes = 1000, 50
	w := newWorld(b)
	site := w.Site(1)
	all := make([]*listener, listeners)
	for i := range all {
		all[i] = w.listen("plot_id="+site.PlotIDs[0].String(), "", "")
		all[i].tells("status", `"AVAILABLE"`)
	}
	words := []chargepoint.ConnectorStatus{chargepoint.Charging, chargepoint.Available}
	for b.Loop() {
		took := make([]time.Duration, 0, listeners*changes)
		for i := range changes {
			w.Clock.Move(time.Second)
			arrived := make(chan time.Time, listeners)
			for _, l := range all {
				go func() {
					if e := <-l.events; !strings.Contains(e.Data, w.Clock.Now().Format(time.RFC3339)) {
						b.Errorf("told %s", e.Data)
					}
					arrived <- time.Now()
				}()
			}
			began := time.Now()
			w.Report(site, 1, words[i%2])
			for range all {
				took = append(took, (<-arrived).Sub(began))
			}
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/p50")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms/p99")
	}
}
