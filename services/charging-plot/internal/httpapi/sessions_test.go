package httpapi_test

import (
	"math"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/access"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/central"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/httpapi"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres/postgrestest"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

// order orders a session.
func (w *world) order(token string, plotID uuid.UUID) (s httpapi.Session) {
	w.t.Helper()
	w.call(http.MethodPost, "/v1/sessions", token, map[string]any{"plot_id": plotID}).wants(http.StatusAccepted).into(&s)
	return s
}

// begin has the charge point start an ordered session, its register at 5 kWh.
func (w *world) begin(site postgrestest.Site, id uuid.UUID) chargepoint.TransactionID {
	w.t.Helper()
	s, err := w.Store.GetSession(w.t.Context(), id)
	w.Must(err)
	started, err := w.Store.StartTransaction(w.t.Context(), site.ChargePoint.ID, chargepoint.TransactionStart{
		Connector: s.Connector, IDTag: s.IDTag, MeterWh: 5000, At: w.Clock.Now(),
	}, w.Clock.Now())
	w.Must(err)
	return started.Transaction
}

// meter has the charge point read its meter n times, a minute apart from now on, at 60 kW.
func (w *world) meter(site postgrestest.Site, transaction chargepoint.TransactionID, n int) {
	w.t.Helper()
	m := central.Readings{ChargePoint: site.ChargePoint.ID, Connector: 1, Transaction: transaction}
	for i := 1; i <= n; i++ {
		m.Readings = append(m.Readings, session.Reading{
			At: w.Clock.Now().Add(time.Duration(i) * time.Minute), RegisterWh: 5000 + float64(i)*1000, PowerW: 60_000,
			SoCPercent: 20 + float64(i), CurrentA: 150, VoltageV: math.NaN(),
		})
	}
	w.Must(w.Store.StoreReadings(w.t.Context(), []central.Readings{m}))
}

// end has the charge point stop after n minutes at 60 kW.
func (w *world) end(site postgrestest.Site, transaction chargepoint.TransactionID, n int) {
	w.t.Helper()
	at := w.Clock.Now().Add(time.Duration(n) * time.Minute)
	w.Must(w.Store.StopTransaction(w.t.Context(), site.ChargePoint.ID, chargepoint.TransactionStop{
		Transaction: transaction, MeterWh: 5000 + int64(n)*1000, At: at, Reason: "Remote",
	}, at))
}

// charge is a driver's charge that runs.
type charge struct {
	httpapi.Session

	site        postgrestest.Site
	token       string // the driver's
	transaction chargepoint.TransactionID
}

// charge has a driver charge at a place of its own, read n times as meter does.
func (w *world) charge(n int) charge {
	w.t.Helper()
	c := charge{site: w.Site(1)}
	_, c.token = w.driver()
	c.Session = w.order(c.token, c.site.PlotIDs[0])
	c.transaction = w.begin(c.site, c.Id)
	w.meter(c.site, c.transaction, n)
	return c
}

// eventually waits for the charge point's answer to be worked in.
func (w *world) eventually(token string, id uuid.UUID, state httpapi.SessionState) (s httpapi.Session) {
	w.t.Helper()
	w.desk.Wait()
	w.call(http.MethodGet, "/v1/sessions/"+id.String(), token, nil).wants(http.StatusOK).into(&s)
	if s.State != state {
		w.t.Fatalf("the session is %s (%s), want %s", s.State, s.Reason, state)
	}
	return s
}

func TestCreateSession(t *testing.T) {
	t.Parallel()
	t.Run("202, and the charge point is told with a tag made for it", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		site := w.Site(1)
		driver, token := w.driver()
		s := w.order(token, site.PlotIDs[0])
		if s.State != httpapi.SessionStatePENDING || s.DriverId.MustGet() != driver || !s.StartedAt.IsNull() {
			t.Errorf("the session is %+v", s)
		}
		w.desk.Wait()
		if len(w.commands.sent) != 1 || w.commands.sent[0].Kind != chargepoint.RemoteStart || len(w.commands.sent[0].IDTag) != 20 || w.commands.sent[0].Connector != 1 {
			t.Errorf("the charge point was told %+v", w.commands.sent)
		}
		w.begin(site, s.Id)
		w.eventually(token, s.Id, httpapi.SessionStateACTIVE)
	})
	t.Run("202 once for one key, and the charge point is told once", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		site := w.Site(1)
		_, token := w.driver()
		body := map[string]any{"plot_id": site.PlotIDs[0]}
		var first, again httpapi.Session
		w.call(http.MethodPost, "/v1/sessions", token, body, "Idempotency-Key", "k").wants(http.StatusAccepted).into(&first)
		w.call(http.MethodPost, "/v1/sessions", token, body, "Idempotency-Key", "k").wants(http.StatusAccepted).into(&again)
		w.desk.Wait()
		if first.Id != again.Id || len(w.commands.sent) != 1 {
			t.Errorf("two sessions %s and %s, and %d commands", first.Id, again.Id, len(w.commands.sent))
		}
	})
	t.Run("INVALID when the charge point refuses, fails or is gone, and left PENDING when it does not answer", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		for _, c := range []struct {
			status chargepoint.CommandStatus
			err    error
			state  httpapi.SessionState
			reason string
		}{
			{chargepoint.CommandRejected, nil, httpapi.SessionStateINVALID, session.ReasonRejected},
			{"", chargepoint.ErrCommandFailed, httpapi.SessionStateINVALID, session.ReasonRejected},
			{"", chargepoint.ErrNotConnected, httpapi.SessionStateINVALID, session.ReasonOffline},
			{"", chargepoint.ErrNoAnswer, httpapi.SessionStatePENDING, ""},
		} {
			w.commands.answers(func(uuid.UUID, chargepoint.Command) (chargepoint.Outcome, error) {
				return chargepoint.Outcome{Status: c.status}, c.err
			})
			_, token := w.driver()
			if s := w.eventually(token, w.order(token, w.Site(1).PlotIDs[0]).Id, c.state); s.Reason != c.reason {
				t.Errorf("%s %v: the reason is %q, want %q", c.status, c.err, s.Reason, c.reason)
			}
		}
	})
	t.Run("400, 401 and 404", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		_, token := w.driver()
		w.call(http.MethodPost, "/v1/sessions", token, `{}`).wants(http.StatusBadRequest)
		w.call(http.MethodPost, "/v1/sessions", "", `{}`).wants(http.StatusUnauthorized)
		w.call(http.MethodPost, "/v1/sessions", token, map[string]any{"plot_id": uuid.New()}).wants(http.StatusNotFound, "plot_not_found")
	})
	t.Run("409 for a plot that is somebody else's, broken or served by nobody, and 503 for one whose charge point is away", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		site := w.Site(4)
		_, owner := w.driver()
		_, token := w.driver()
		w.reserve(owner, site.PlotIDs[0])
		w.order(owner, site.PlotIDs[1])
		w.Report(site, 3, chargepoint.Faulted)
		alone := postgrestest.Station(1)
		w.Apply(alone)
		for code, plotID := range map[string]uuid.UUID{
			"plot_reserved": site.PlotIDs[0], "plot_occupied": site.PlotIDs[1], "plot_unusable": site.PlotIDs[2],
			"plot_not_connected": w.Plots(alone)[0].ID,
		} {
			w.call(http.MethodPost, "/v1/sessions", token, map[string]any{"plot_id": plotID}).wants(http.StatusConflict, code)
		}
		w.call(http.MethodPost, "/v1/sessions", token, map[string]any{"plot_id": site.PlotIDs[3], "reservation_id": uuid.New()}).
			wants(http.StatusConflict, "reservation_not_usable")
		w.Must(w.Store.Disconnected(t.Context(), site.ChargePoint.ID, site.Connection))
		w.call(http.MethodPost, "/v1/sessions", token, map[string]any{"plot_id": site.PlotIDs[3]}).wants(http.StatusServiceUnavailable, "charge_point_offline")
	})
}

func TestGetSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("200 for its driver and the operator, 304, and 404 for everybody else", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		_, token := w.driver()
		_, other := w.driver()
		path := "/v1/sessions/" + w.order(token, site.PlotIDs[0]).Id.String()
		w.desk.Wait()
		a := w.call(http.MethodGet, path, token, nil).wants(http.StatusOK)
		w.call(http.MethodGet, path, token, nil, "If-None-Match", a.Header.Get("ETag")).wants(http.StatusNotModified)
		w.call(http.MethodGet, path, w.operator(site.Operator.ID), nil).wants(http.StatusOK)
		w.call(http.MethodGet, path, other, nil).wants(http.StatusNotFound, "session_not_found")
		w.call(http.MethodGet, path, w.operator(uuid.New()), nil).wants(http.StatusNotFound, "session_not_found")
		w.call(http.MethodGet, path, "", nil).wants(http.StatusUnauthorized)
	})
}

func TestListSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("200 with one's own, and the station's for its operator", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(3)
		_, token := w.driver()
		_, other := w.driver()
		w.order(token, site.PlotIDs[0])
		w.order(token, site.PlotIDs[1])
		w.order(other, site.PlotIDs[2])
		for _, c := range []struct {
			token, query string
			want         int
		}{
			{token, "", 2},
			{token, "?state=ACTIVE", 0},
			{token, "?limit=1", 1},
			{other, "?plot_id=" + site.PlotIDs[0].String(), 0},
			{w.operator(site.Operator.ID), "?station_id=" + site.ID.String(), 3},
			{w.operator(uuid.New()), "?station_id=" + site.ID.String(), 0},
		} {
			var page httpapi.SessionPage
			w.call(http.MethodGet, "/v1/sessions"+c.query, c.token, nil).wants(http.StatusOK).into(&page)
			if len(page.Items) != c.want || (c.query == "?limit=1") != (page.NextCursor != "") {
				t.Errorf("%q shows %d sessions and the cursor %q, want %d", c.query, len(page.Items), page.NextCursor, c.want)
			}
		}
	})
	t.Run("400 and 401", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		_, token := w.driver()
		w.call(http.MethodGet, "/v1/sessions?cursor=forged", token, nil).wants(http.StatusBadRequest, "bad_cursor")
		w.call(http.MethodGet, "/v1/sessions", "", nil).wants(http.StatusUnauthorized)
	})
}

func TestStopSession(t *testing.T) {
	t.Parallel()
	t.Run("202, and the charge point is told; one that has ended stays as it is", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		site := w.Site(1)
		_, token := w.driver()
		s := w.order(token, site.PlotIDs[0])
		w.desk.Wait()
		transaction := w.begin(site, s.Id)
		path := "/v1/sessions/" + s.Id.String() + "/stop"
		w.call(http.MethodPost, path, token, nil).wants(http.StatusAccepted).into(&s)
		if s.State != httpapi.SessionStateACTIVE || s.StopRequestedAt.IsNull() {
			t.Errorf("the session is %+v", s)
		}
		if last := w.commands.sent[len(w.commands.sent)-1]; last.Kind != chargepoint.RemoteStop || last.Transaction != transaction {
			t.Errorf("the charge point was told %+v", last)
		}
		w.end(site, transaction, 1)
		w.call(http.MethodPost, path, token, nil).wants(http.StatusAccepted).into(&s)
		if s.State != httpapi.SessionStateCOMPLETED {
			t.Errorf("the session is %s", s.State)
		}
	})
	t.Run("202 at once when nothing has begun", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		site := w.Site(1)
		_, token := w.driver()
		s := w.order(token, site.PlotIDs[0])
		w.desk.Wait()
		w.call(http.MethodPost, "/v1/sessions/"+s.Id.String()+"/stop", w.operator(site.Operator.ID), nil).wants(http.StatusAccepted).into(&s)
		if s.State != httpapi.SessionStateINVALID || s.Reason != "canceled_by_driver" {
			t.Errorf("the session is %s (%s)", s.State, s.Reason)
		}
	})
	t.Run("401, 404, 409 when the charge point refuses, 503 when it is away", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		site := w.Site(1)
		_, token := w.driver()
		_, other := w.driver()
		s := w.order(token, site.PlotIDs[0])
		w.desk.Wait()
		w.begin(site, s.Id)
		path := "/v1/sessions/" + s.Id.String() + "/stop"
		w.call(http.MethodPost, path, "", nil).wants(http.StatusUnauthorized)
		w.call(http.MethodPost, path, other, nil).wants(http.StatusNotFound)
		w.commands.answers(func(uuid.UUID, chargepoint.Command) (chargepoint.Outcome, error) {
			return chargepoint.Outcome{Status: chargepoint.CommandRejected}, nil
		})
		w.call(http.MethodPost, path, token, nil).wants(http.StatusConflict, "stop_rejected")
		w.commands.answers(func(uuid.UUID, chargepoint.Command) (chargepoint.Outcome, error) {
			return chargepoint.Outcome{}, chargepoint.ErrNotConnected
		})
		w.call(http.MethodPost, path, token, nil).wants(http.StatusServiceUnavailable, "charge_point_offline")
	})
}

func TestListMeterValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("200 in order, page by page", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		_, token := w.driver()
		s := w.order(token, site.PlotIDs[0])
		w.meter(site, w.begin(site, s.Id), 5)
		path, n := "/v1/sessions/"+s.Id.String()+"/meter-values?limit=4", 0
		var page httpapi.MeterValuePage
		w.call(http.MethodGet, path, token, nil).wants(http.StatusOK).into(&page)
		n += len(page.Items)
		second := page.Items[1]
		if second.RegisterKwh.MustGet() != 6 || second.PowerKw.MustGet() != 60 || !second.VoltageV.IsNull() || second.CurrentA.MustGet() != 150 {
			t.Errorf("a reading is %+v", second)
		}
		w.call(http.MethodGet, path+"&cursor="+url.QueryEscape(page.NextCursor), token, nil).wants(http.StatusOK).into(&page)
		if n += len(page.Items); n != 6 || page.NextCursor != "" {
			t.Errorf("two pages hold %d readings, want the start's and five more", n)
		}
	})
	t.Run("400, 401 and 404", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		_, token := w.driver()
		path := "/v1/sessions/" + uuid.NewString() + "/meter-values"
		w.call(http.MethodGet, path+"?limit=501", token, nil).wants(http.StatusBadRequest)
		w.call(http.MethodGet, path, "", nil).wants(http.StatusUnauthorized)
		w.call(http.MethodGet, path, token, nil).wants(http.StatusNotFound)
	})
}

func TestGetReceipt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("200 with every price line, and 304", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		_, token := w.driver()
		s := w.order(token, site.PlotIDs[0])
		transaction := w.begin(site, s.Id)
		w.meter(site, transaction, 20)
		path := "/v1/sessions/" + s.Id.String() + "/receipt.json"
		w.call(http.MethodGet, path, token, nil).wants(http.StatusConflict, "session_unfinished")
		w.end(site, transaction, 20)
		a := w.call(http.MethodGet, path, token, nil).wants(http.StatusOK)
		var r httpapi.Receipt
		a.into(&r)
		if r.EnergyKwh != "20" || r.TotalBeforeTaxes.MustGet() != (httpapi.Money{Currency: "EUR", Amount: "5.00"}) ||
			r.TotalAfterTaxes.MustGet().Amount != "5.50" || len(r.Lines) != 1 || r.ChargingS != 1200 || r.ParkingS != 0 {
			t.Errorf("the receipt is %s", a.Body)
		}
		if l := r.Lines[0]; l.Dimension != "ENERGY" || l.Volume != "20" || l.Unit != "kWh" || l.Price != "0.25" || l.VatPercent.MustGet() != "10" {
			t.Errorf("its line is %+v", l)
		}
		w.call(http.MethodGet, path, token, nil, "If-None-Match", a.Header.Get("ETag")).wants(http.StatusNotModified)
	})
	t.Run("401, and 404 for a session without a bill or of somebody else", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		_, token := w.driver()
		_, other := w.driver()
		s := w.order(token, site.PlotIDs[0])
		path := "/v1/sessions/" + s.Id.String() + "/receipt.json"
		w.call(http.MethodPost, "/v1/sessions/"+s.Id.String()+"/stop", token, nil).wants(http.StatusAccepted)
		w.call(http.MethodGet, path, token, nil).wants(http.StatusNotFound, "session_not_billed")
		w.call(http.MethodGet, path, other, nil).wants(http.StatusNotFound, "session_not_found")
		w.call(http.MethodGet, path, "", nil).wants(http.StatusUnauthorized)
	})
}

// A tag that is not ours has no driver: nobody but the operator may see its session.
func TestASessionWithoutADriverIsTheOperatorsAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(1)
	_, err := w.Store.StartTransaction(t.Context(), site.ChargePoint.ID, chargepoint.TransactionStart{Connector: 1, IDTag: "RFID", At: w.Clock.Now()}, w.Clock.Now())
	w.Must(err)
	found, err := w.Store.ListSessions(t.Context(), access.Selection{Station: site.ID, Limit: 1})
	w.Must(err)
	path := "/v1/sessions/" + found[0].ID.String()
	_, token := w.driver()
	w.call(http.MethodGet, path, token, nil).wants(http.StatusNotFound)
	var s httpapi.Session
	w.call(http.MethodGet, path, w.operator(site.Operator.ID), nil).wants(http.StatusOK).into(&s)
	if !s.DriverId.IsNull() {
		t.Errorf("its driver is %v", s.DriverId)
	}
}
