package telemetry

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"
	"pgregory.net/rapid"
)

// TestLinesAreThoseOfSlog writes the same records by both ways.
func TestLinesAreThoseOfSlog(t *testing.T) {
	t.Parallel()
	texts := rapid.OneOf(rapid.StringMatching(`[a-z_/:]{0,12}`), rapid.String())
	values := rapid.OneOf(
		rapid.Map(texts, slog.StringValue), rapid.Map(rapid.Int64(), slog.Int64Value), rapid.Map(rapid.Bool(), slog.BoolValue),
		rapid.Map(rapid.Float64Range(-1e9, 1e9), slog.Float64Value), rapid.Map(rapid.Int64(), func(n int64) slog.Value { return slog.DurationValue(time.Duration(n)) }),
		rapid.Map(texts, func(s string) slog.Value { return slog.AnyValue(errors.New(s)) }),
		rapid.Map(texts, func(s string) slog.Value { return slog.GroupValue(slog.String(s, s)) }),
	)
	attrs := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) slog.Attr {
		return slog.Attr{Key: texts.Draw(t, "key"), Value: values.Draw(t, "value")}
	}), 0, 7)
	zones := []*time.Location{time.UTC, time.FixedZone("", 5*3600+1800), time.FixedZone("", -3*3600)}
	rapid.Check(t, func(t *rapid.T) {
		var ours, theirs bytes.Buffer
		var h, want slog.Handler = newLines(&ours, slog.LevelInfo), traceHandler{slog.NewJSONHandler(&theirs, nil)}
		if some := attrs.Draw(t, "of the logger"); len(some) > 0 {
			h, want = h.WithAttrs(some), want.WithAttrs(some)
		}
		if rapid.IntRange(0, 5).Draw(t, "group") == 0 {
			h, want = h.WithGroup("within"), want.WithGroup("within")
		}
		ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: trace.TraceID{rapid.Byte().Draw(t, "trace")}, SpanID: trace.SpanID{7, rapid.Byte().Draw(t, "span")},
		}))
		for range 3 { // the second line of a second finds its text made
			at := time.Unix(rapid.Int64Range(1_700_000_000, 1_700_000_003).Draw(t, "second"), rapid.SampledFrom([]int64{0, 5, 120_000_000, 123_456_789, 999_999_999}).Draw(t, "nanosecond"))
			record := slog.NewRecord(at.In(rapid.SampledFrom(zones).Draw(t, "zone")), slog.Level(rapid.IntRange(-4, 9).Draw(t, "level")), texts.Draw(t, "message"), 0)
			record.AddAttrs(attrs.Draw(t, "attributes")...)
			if err := errors.Join(h.Handle(ctx, record), want.Handle(ctx, record)); err != nil {
				t.Fatal(err)
			}
		}
		if ours.String() != theirs.String() {
			t.Fatalf("ours:\n%s\nslog's:\n%s", ours.String(), theirs.String())
		}
	})
}

func BenchmarkLine(b *testing.B) {
	slogs := traceHandler{slog.NewJSONHandler(&output{w: io.Discard}, nil)}
	for name, h := range map[string]slog.Handler{"ours": newLines(io.Discard, slog.LevelInfo), "slog": slogs} {
		b.Run(name, func(b *testing.B) {
			h := h.WithAttrs([]slog.Attr{slog.String("service", "station-catalog"), slog.String("route", "/v1/stations"), slog.Int("status", 200)})
			b.ReportAllocs()
			for b.Loop() {
				record := slog.NewRecord(time.Now(), slog.LevelInfo, "request", 0)
				record.AddAttrs(slog.Int64("duration_us", 41), slog.String("request_id", "0123456789abcdef0123456789abcdef"))
				if err := h.Handle(b.Context(), record); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
