package ocpp

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// metrics is what an operator wants to see of the edge. No attribute comes from a charge point: actions are the known ones.
type metrics struct {
	calls    metric.Float64Histogram
	commands metric.Float64Histogram
	refusals metric.Int64Counter
}

func newMetrics(meter metric.Meter, connections func() int64) (*metrics, error) {
	var m metrics
	var err error
	if m.calls, err = meter.Float64Histogram("ocpp.call.duration", metric.WithUnit("s"),
		metric.WithDescription("Time to commit and answer a call of a charge point, by action and outcome")); err != nil {
		return nil, err
	}
	if m.commands, err = meter.Float64Histogram("ocpp.command.duration", metric.WithUnit("s"),
		metric.WithDescription("Time until a charge point answered a command, by kind and outcome")); err != nil {
		return nil, err
	}
	if m.refusals, err = meter.Int64Counter("ocpp.connection.refusals",
		metric.WithDescription("Connections that were not taken, by reason")); err != nil {
		return nil, err
	}
	_, err = meter.Int64ObservableGauge("ocpp.connections",
		metric.WithDescription("Charge points connected to this process"),
		metric.WithInt64Callback(func(_ context.Context, observer metric.Int64Observer) error {
			observer.Observe(connections())
			return nil
		}))
	return &m, err
}

func (m *metrics) called(ctx context.Context, action, outcome string, start time.Time) {
	if !known(action) {
		action = "unknown"
	}
	m.calls.Record(ctx, time.Since(start).Seconds(), metric.WithAttributes(
		attribute.String("action", action), attribute.String("outcome", outcome)))
}

func (m *metrics) commanded(ctx context.Context, kind, outcome string, start time.Time) {
	m.commands.Record(ctx, time.Since(start).Seconds(), metric.WithAttributes(
		attribute.String("kind", kind), attribute.String("outcome", outcome)))
}

func (m *metrics) refused(ctx context.Context, reason string) {
	m.refusals.Add(ctx, 1, metric.WithAttributes(attribute.String("reason", reason)))
}
