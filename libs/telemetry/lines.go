package telemetry

import (
	"context"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/trace"
)

// lines writes log lines as slog's JSON handler does, byte for byte, with the ids of the context's
// span behind them. Most lines have nothing but plain texts, whole numbers and truths in them: those
// it appends to memory that it has, which costs a fifth of the way through slog; the rest goes that way.
type lines struct {
	out   *output
	level slog.Level
	slow  slog.Handler
	plain bool   // what WithAttrs gave is in attrs, and there is no group
	attrs []byte // rendered, each behind a comma
}

func newLines(w io.Writer, level slog.Level) *lines {
	out := &output{w: w}
	slow := slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level})
	return &lines{out: out, level: level, slow: traceHandler{slow}, plain: true}
}

// output keeps the lines of both ways apart.
type output struct {
	mu sync.Mutex
	w  io.Writer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}

var lineBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// mostKept is the largest buffer that goes back to the pool.
const mostKept = 16 << 10

func (h *lines) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

func (h *lines) Handle(ctx context.Context, record slog.Record) error {
	buffer, _ := lineBuffers.Get().(*[]byte)
	line, ok := h.appendLine(ctx, (*buffer)[:0], &record)
	defer func() {
		if cap(line) <= mostKept {
			*buffer = line
			lineBuffers.Put(buffer)
		}
	}()
	if !ok {
		return h.slow.Handle(ctx, record)
	}
	_, err := h.out.Write(line)
	return err
}

// appendLine is false for a record that is not plain.
func (h *lines) appendLine(ctx context.Context, dst []byte, record *slog.Record) (line []byte, ok bool) {
	if !h.plain || !plainText(record.Message) {
		return dst, false
	}
	dst = append(dst, '{')
	if !record.Time.IsZero() {
		dst = append(appendTime(append(dst, `"time":"`...), record.Time), `",`...)
	}
	dst = append(append(dst, `"level":"`...), record.Level.String()...)
	dst = append(append(append(dst, `","msg":"`...), record.Message...), '"')
	dst = append(dst, h.attrs...)
	ok = true
	record.Attrs(func(attr slog.Attr) bool {
		dst, ok = appendAttr(dst, attr)
		return ok
	})
	if span := trace.SpanContextFromContext(ctx); ok && span.IsValid() {
		traceID, spanID := span.TraceID(), span.SpanID()
		dst = append(appendHex(append(dst, `,"trace_id":"`...), traceID[:]), '"')
		dst = append(appendHex(append(dst, `,"span_id":"`...), spanID[:]), '"')
	}
	return append(dst, "}\n"...), ok
}

func (h *lines) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *h
	next.slow = h.slow.WithAttrs(attrs)
	next.attrs = append([]byte(nil), h.attrs...)
	for _, attr := range attrs {
		var plain bool
		next.attrs, plain = appendAttr(next.attrs, attr)
		next.plain = next.plain && plain
	}
	return &next
}

func (h *lines) WithGroup(name string) slog.Handler {
	next := *h
	next.slow, next.plain = h.slow.WithGroup(name), name == "" && h.plain
	return &next
}

// appendAttr is false for an attribute that is not plain.
func appendAttr(dst []byte, attr slog.Attr) ([]byte, bool) {
	if attr.Key == "" || !plainText(attr.Key) {
		return dst, false
	}
	dst = append(append(append(dst, `,"`...), attr.Key...), `":`...)
	switch attr.Value.Kind() {
	case slog.KindString:
		text := attr.Value.String()
		return append(append(append(dst, '"'), text...), '"'), plainText(text)
	case slog.KindInt64:
		return strconv.AppendInt(dst, attr.Value.Int64(), 10), true
	case slog.KindBool:
		return strconv.AppendBool(dst, attr.Value.Bool()), true
	default:
		return dst, false
	}
}

// plainText tells that a text needs no escaping in JSON.
func plainText(s string) bool {
	for i := range len(s) {
		if b := s[i]; b < ' ' || b == '"' || b == '\\' || b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func appendHex(dst, id []byte) []byte {
	const digits = "0123456789abcdef"
	for _, b := range id {
		dst = append(dst, digits[b>>4], digits[b&15])
	}
	return dst
}

// second is the text of a second, made with its first line.
type second struct {
	unix       int64
	location   *time.Location
	clock      [len("2006-01-02T15:04:05")]byte
	zone       [len("+00:00")]byte
	zoneLength int
}

var lastSecond atomic.Pointer[second]

// appendTime is t.AppendFormat(dst, time.RFC3339Nano).
func appendTime(dst []byte, t time.Time) []byte {
	now := lastSecond.Load()
	if now == nil || now.unix != t.Unix() || now.location != t.Location() {
		if year := t.Year(); year < 1000 || year > 9999 {
			return t.AppendFormat(dst, time.RFC3339Nano)
		}
		now = &second{unix: t.Unix(), location: t.Location()}
		var text [len(time.RFC3339)]byte
		whole := t.AppendFormat(text[:0], time.RFC3339)
		now.zoneLength = copy(now.zone[:], whole[copy(now.clock[:], whole):])
		lastSecond.Store(now)
	}
	dst = append(dst, now.clock[:]...)
	if left := t.Nanosecond(); left > 0 {
		dst = append(dst, '.')
		for unit := 100_000_000; left > 0; unit /= 10 {
			dst = append(dst, "0123456789"[left/unit])
			left %= unit
		}
	}
	return append(dst, now.zone[:now.zoneLength]...)
}
