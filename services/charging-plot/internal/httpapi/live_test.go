package httpapi_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres/postgrestest"
)

// patience is how long a test waits for what must happen. An event can be read once every transaction that was under way when it was
// written has ended, in whichever database of the server, and the other tests have theirs.
const patience = 30 * time.Second

// event is one of a stream's.
type event struct{ ID, Kind, Data string }

// listener reads a stream.
type listener struct {
	t      testing.TB
	events chan event
	beats  chan struct{}
	closed chan struct{}
	leave  context.CancelFunc
}

// listen opens a stream and waits until it has begun.
func (w *world) listen(query, token, lastID string) *listener {
	w.t.Helper()
	ctx, leave := context.WithCancel(context.WithoutCancel(w.t.Context()))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.base+"/v1/live?"+query, nil)
	w.Must(err)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	if lastID != "" {
		request.Header.Set("Last-Event-ID", lastID)
	}
	response, err := (&http.Transport{}).RoundTrip(request)
	w.Must(err)
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" {
		w.t.Fatalf("the stream was answered %d %s", response.StatusCode, response.Header.Get("Content-Type"))
	}
	l := &listener{w.t, make(chan event, 1000), make(chan struct{}, 1000), make(chan struct{}), leave}
	go func() {
		defer close(l.closed)
		defer response.Body.Close()
		var e event
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "id":
				e.ID = value
			case "event":
				e.Kind = value
			case "data":
				e.Data = value
			case "":
				if value != "" { // ": still here" is cut into "" and the rest
					l.beats <- struct{}{}
				} else if e.Kind != "" {
					l.events <- e
					e = event{}
				}
			}
		}
	}()
	w.t.Cleanup(leave)
	return l
}

// next gives the next event.
func (l *listener) next() event {
	l.t.Helper()
	select {
	case e := <-l.events:
		return e
	case <-l.closed:
		l.t.Fatal("the stream has ended")
	case <-time.After(patience):
		l.t.Fatal("nothing was told")
	}
	return event{}
}

// tells checks the next event's kind and a part of its data.
func (l *listener) tells(kind, part string) {
	l.t.Helper()
	e := l.next()
	if e.Kind != kind || !strings.Contains(e.Data, part) {
		l.t.Fatalf("told %s %s, want %s with %s", e.Kind, e.Data, kind, part)
	}
}

func (l *listener) silent() {
	l.t.Helper()
	<-l.beats // a heartbeat comes when there was nothing to tell
	select {
	case e := <-l.events:
		l.t.Fatalf("told %s %s, want nothing", e.Kind, e.Data)
	default:
	}
}

func TestStreamLive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("200 to anybody with statuses, the present one first", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(2)
		l := w.listen("plot_id="+site.PlotIDs[0].String(), "", "")
		l.tells("status", `"AVAILABLE"`)
		w.Report(site, 2, chargepoint.Charging) // another plot
		w.Report(site, 1, chargepoint.Preparing)
		l.tells("status", `"BLOCKED"`)
		w.reserveQuietly(site)
		l.silent()
	})
	t.Run("200 with all plots of a station", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(2)
		l := w.listen("station_id="+site.ID.String(), "", "")
		l.tells("status", `"AVAILABLE"`)
		l.tells("status", `"AVAILABLE"`)
		w.Report(site, 2, chargepoint.Faulted)
		l.tells("status", site.PlotIDs[1].String())
	})
	t.Run("200 with all stations in a box, once each", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		inside, outside := w.Site(1), w.Site(1)
		inside.Latitude, inside.Longitude = -17.5, 179.9
		outside.Latitude, outside.Longitude = -17.5, 178
		w.Apply(inside.Station, outside.Station)
		box := "bbox=179.5,-18,-179.5,-17"
		l := w.listen(box+"&station_id="+inside.ID.String(), "", "")
		l.tells("status", inside.PlotIDs[0].String())
		w.Report(outside, 1, chargepoint.Faulted)
		w.Report(inside, 1, chargepoint.Charging)
		l.tells("status", `"CHARGING"`)
		w.Report(inside, 1, chargepoint.Finishing)
		last := l.next()
		l.leave()
		w.Report(inside, 1, chargepoint.Available)
		l = w.listen(box, "", last.ID)
		l.tells("status", `"AVAILABLE"`)
		l.silent()
		w.listen("bbox=10,10,11,11", "", "").silent()
	})
	t.Run("200 with the stations that come into the box and leave it while it is watched", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		move := func(latitude, longitude float64) {
			site.Latitude, site.Longitude = latitude, longitude
			w.Apply(site.Station)
		}
		l := w.listen("bbox=99,-41,101,-39", "", "")
		l.silent()
		move(-40, 100)
		l.tells("status", site.PlotIDs[0].String())
		w.Report(site, 1, chargepoint.Charging)
		l.tells("status", `"CHARGING"`)
		move(-42, 100)
		l.tells("left", site.ID.String())
		w.Report(site, 1, chargepoint.Available)
		l.silent()
		move(-40, 100)
		l.tells("status", `"AVAILABLE"`)
		l.silent()
	})
	t.Run("a driver hears of their own reservation, session and meter, and nobody else does", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		_, token := w.driver()
		_, stranger := w.driver()
		query := "plot_id=" + site.PlotIDs[0].String()
		mine, others, operators := w.listen(query, token, ""), w.listen(query, stranger, ""), w.listen(query, w.operator(site.Operator.ID), "")
		for _, l := range []*listener{mine, others, operators} {
			l.tells("status", `"AVAILABLE"`)
		}
		w.reserve(token, site.PlotIDs[0])
		s := w.order(token, site.PlotIDs[0])
		transaction := w.begin(site, s.Id)
		w.meter(site, transaction, 1)
		w.end(site, transaction, 1)
		for _, l := range []*listener{mine, operators} {
			l.tells("reservation", `"RESERVED"`)
			l.tells("status", `"RESERVED"`)
			l.tells("session", `"PENDING"`)
			l.tells("status", `"session"`)
			l.tells("reservation", `"FULFILLED"`)
			l.tells("session", `"ACTIVE"`)
			l.tells("status", `"CHARGING"`)
			l.tells("meter_value", `"power_kw":60`)
			l.tells("session", `"COMPLETED"`)
			l.tells("reservation", `"ends_at":"2026-05-04T12:00:01Z"`) // the rest of the claim is given back
			l.tells("status", `"AVAILABLE"`)
		}
		for _, part := range []string{`"reservation"`, `"session"`, `"CHARGING"`, `"AVAILABLE"`} {
			others.tells("status", part)
		}
		others.silent()
	})
	t.Run("a listener that comes back is told what it missed, each once", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		query := "plot_id=" + site.PlotIDs[0].String()
		l := w.listen(query, "", "")
		l.next()
		w.Report(site, 1, chargepoint.Preparing)
		last := l.next()
		l.leave()
		for _, word := range []chargepoint.ConnectorStatus{chargepoint.Charging, chargepoint.Finishing, chargepoint.Available} {
			w.Report(site, 1, word)
		}
		l = w.listen(query, "", last.ID)
		l.tells("status", `"CHARGING"`)
		l.tells("status", `"BLOCKED"`)
		l.tells("status", `"AVAILABLE"`)
		w.Report(site, 1, chargepoint.Faulted)
		l.tells("status", `"OUTOFORDER"`)
		l.silent()
	})
	t.Run("one whose last event is too old is told so, and the present", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		l := w.listen("plot_id="+site.PlotIDs[0].String(), "", "1-1")
		l.tells("resync", "{}")
		l.tells("status", `"AVAILABLE"`)
	})
	t.Run("the stream ends with the token", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		token := w.issuer.Mint(authn.Principal{Expires: time.Now().Add(2 * time.Second)}, audience)
		l := w.listen("plot_id="+site.PlotIDs[0].String(), token, "")
		select {
		case <-l.closed:
		case <-time.After(patience):
			t.Error("the stream outlived its token")
		}
	})
	t.Run("400, 401 and 404", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		id := w.Site(1).PlotIDs[0].String()
		w.call(http.MethodGet, "/v1/live", "", nil).wants(http.StatusBadRequest, "nothing_to_watch")
		w.call(http.MethodGet, "/v1/live?plot_id=x", "", nil).wants(http.StatusBadRequest)
		w.call(http.MethodGet, "/v1/live?bbox=1,2", "", nil).wants(http.StatusBadRequest, "bad_bbox")
		w.call(http.MethodGet, "/v1/live?bbox=1,2,3,x", "", nil).wants(http.StatusBadRequest, "bad_bbox")
		w.call(http.MethodGet, "/v1/live?bbox=1,5,3,4", "", nil).wants(http.StatusBadRequest, "bad_bbox")
		w.call(http.MethodGet, "/v1/live?plot_id="+id, "", nil, "Last-Event-ID", "later").wants(http.StatusBadRequest, "bad_event_id")
		w.call(http.MethodGet, "/v1/live?plot_id="+id, "nonsense", nil).wants(http.StatusUnauthorized)
		w.call(http.MethodGet, "/v1/live?plot_id="+uuid.NewString(), "", nil).wants(http.StatusNotFound, "plot_not_found")
		var many []string
		for range 51 {
			many = append(many, uuid.NewString())
		}
		joined := strings.Join(many, ",")
		w.call(http.MethodGet, "/v1/live?plot_id="+joined+"&station_id="+strings.ReplaceAll(joined, "a", "b"), "", nil).
			wants(http.StatusBadRequest, "too_much_to_watch")
	})
}

// reserveQuietly makes a reservation for later, which is nobody's business but its driver's.
func (w *world) reserveQuietly(site postgrestest.Site) {
	w.t.Helper()
	_, err := w.ReserveAt(w.t.Context(), site.PlotIDs[0], uuid.New(), w.Clock.Now().Add(time.Hour), time.Hour)
	w.Must(err)
}
