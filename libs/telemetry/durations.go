package telemetry

import (
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"
)

// Durations is a histogram in seconds for what happens very often. Its series are asked for once and
// kept by who records, which then costs a few atomic additions: OpenTelemetry's own histogram looks
// its series up by their attributes at each value, under a lock. It is read with all other metrics,
// as a cumulative histogram. Who makes series bounds their number.
type Durations struct {
	scope, name, description string
	bounds                   []float64
	since                    time.Time

	mu     sync.Mutex
	series []*DurationSeries
}

// DurationSeries are the values of one set of attributes.
type DurationSeries struct {
	attributes attribute.Set
	bounds     []float64
	counts     []atomic.Uint64
	sum        atomic.Int64 // nanoseconds, as are the next two
	least      atomic.Int64
	most       atomic.Int64
	examples   []atomic.Pointer[metricdata.Exemplar[float64]] // of each bucket, the last that was traced
}

// Durations makes a histogram. bounds are the buckets' upper ends in seconds, ascending.
func (t *Telemetry) Durations(scope, name, description string, bounds []float64) *Durations {
	d := &Durations{scope: scope, name: name, description: description, bounds: bounds, since: time.Now()}
	t.durations.add(d)
	return d
}

// Series makes a series. Ask once for each set of attributes.
func (d *Durations) Series(attributes attribute.Set) *DurationSeries {
	s := &DurationSeries{
		attributes: attributes, bounds: d.bounds, counts: make([]atomic.Uint64, len(d.bounds)+1),
		examples: make([]atomic.Pointer[metricdata.Exemplar[float64]], len(d.bounds)+1),
	}
	s.least.Store(math.MaxInt64)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.series = append(d.series, s)
	return s
}

// Record counts a value. With a span that is kept, the value is an example of its bucket.
func (s *DurationSeries) Record(took time.Duration, span trace.SpanContext) {
	seconds, bucket := took.Seconds(), 0
	for bucket < len(s.bounds) && seconds > s.bounds[bucket] {
		bucket++
	}
	s.sum.Add(int64(took))
	lower(&s.least, int64(took))
	raise(&s.most, int64(took))
	if span.IsSampled() {
		traceID, spanID := span.TraceID(), span.SpanID()
		s.examples[bucket].Store(&metricdata.Exemplar[float64]{Time: time.Now(), Value: seconds, TraceID: traceID[:], SpanID: spanID[:]})
	}
	s.counts[bucket].Add(1)
}

func lower(least *atomic.Int64, to int64) {
	for is := least.Load(); to < is; is = least.Load() {
		if least.CompareAndSwap(is, to) {
			return
		}
	}
}

func raise(most *atomic.Int64, to int64) {
	for is := most.Load(); to > is; is = most.Load() {
		if most.CompareAndSwap(is, to) {
			return
		}
	}
}

// read gives the series as it is now; false when it has no value.
func (s *DurationSeries) read(since, now time.Time) (metricdata.HistogramDataPoint[float64], bool) {
	point := metricdata.HistogramDataPoint[float64]{
		Attributes: s.attributes, StartTime: since, Time: now, Bounds: s.bounds, BucketCounts: make([]uint64, len(s.counts)),
	}
	for i := range s.counts {
		point.BucketCounts[i] = s.counts[i].Load()
		point.Count += point.BucketCounts[i]
		if example := s.examples[i].Load(); example != nil {
			point.Exemplars = append(point.Exemplars, *example)
		}
	}
	point.Sum = time.Duration(s.sum.Load()).Seconds()
	point.Min = metricdata.NewExtrema(time.Duration(s.least.Load()).Seconds())
	point.Max = metricdata.NewExtrema(time.Duration(s.most.Load()).Seconds())
	return point, point.Count > 0
}

func (d *Durations) read(now time.Time) metricdata.Metrics {
	d.mu.Lock()
	series := slices.Clone(d.series)
	d.mu.Unlock()
	points := make([]metricdata.HistogramDataPoint[float64], 0, len(series))
	for _, s := range series {
		if point, some := s.read(d.since, now); some {
			points = append(points, point)
		}
	}
	return metricdata.Metrics{
		Name: d.name, Description: d.description, Unit: "s",
		Data: metricdata.Histogram[float64]{DataPoints: points, Temporality: metricdata.CumulativeTemporality},
	}
}

// allDurations hands the histograms to the readers of metrics.
type allDurations struct {
	mu  sync.Mutex
	all []*Durations
}

func (a *allDurations) add(d *Durations) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = append(a.all, d)
}

// Produce is what OpenTelemetry's readers ask for metrics that are not its own.
func (a *allDurations) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	a.mu.Lock()
	all := slices.Clone(a.all)
	a.mu.Unlock()
	now := time.Now()
	scopes := make([]metricdata.ScopeMetrics, len(all))
	for i, d := range all {
		scopes[i] = metricdata.ScopeMetrics{Scope: instrumentation.Scope{Name: d.scope}, Metrics: []metricdata.Metrics{d.read(now)}}
	}
	return scopes, nil
}
