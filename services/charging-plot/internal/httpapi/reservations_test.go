package httpapi_test

import (
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/httpapi"
)

// claim is the body of a reservation.
func claim(plotID uuid.UUID, minutes int) map[string]any {
	return map[string]any{"plot_id": plotID, "duration_min": minutes}
}

// reserve makes a reservation from now.
func (w *world) reserve(token string, plotID uuid.UUID) (r httpapi.Reservation) {
	w.t.Helper()
	w.call(http.MethodPost, "/v1/reservations", token, claim(plotID, 60)).wants(http.StatusCreated).into(&r)
	return r
}

func TestCreateReservation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("201", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		driver, token := w.driver()
		a := w.call(http.MethodPost, "/v1/reservations", token, claim(site.PlotIDs[0], 30)).wants(http.StatusCreated)
		var r httpapi.Reservation
		a.into(&r)
		if r.DriverId != driver || r.State != httpapi.ReservationStateRESERVED || !r.EndsAt.Equal(w.Clock.Now().Add(30*time.Minute)) {
			t.Errorf("the reservation is %+v", r)
		}
		w.call(http.MethodGet, a.Header.Get("Location"), token, nil).wants(http.StatusOK)
	})
	t.Run("201 once for one key, however often it is asked", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		_, token := w.driver()
		first := w.call(http.MethodPost, "/v1/reservations", token, claim(site.PlotIDs[0], 30), "Idempotency-Key", "k1").wants(http.StatusCreated)
		again := w.call(http.MethodPost, "/v1/reservations", token, claim(site.PlotIDs[0], 30), "Idempotency-Key", "k1").wants(http.StatusCreated)
		if diff := cmp.Diff(string(first.Body), string(again.Body)); diff != "" || again.Header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("the repeat was answered otherwise:\n%s", diff)
		}
		w.call(http.MethodPost, "/v1/reservations", token, claim(site.PlotIDs[0], 31), "Idempotency-Key", "k1").
			wants(http.StatusUnprocessableEntity, "idempotency_key_reused")
	})
	t.Run("one 201 and one 409 with the next free time for two at once", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		var made, taken atomic.Int64
		var wg sync.WaitGroup
		for range 2 {
			_, token := w.driver()
			wg.Go(func() {
				a := w.call(http.MethodPost, "/v1/reservations", token, claim(site.PlotIDs[0], 30))
				switch a.Status {
				case http.StatusCreated:
					made.Add(1)
				case http.StatusConflict:
					taken.Add(1)
					if next := a.wants(http.StatusConflict, "plot_taken").problem().NextFreeAt; !next.Equal(w.Clock.Now().Add(30 * time.Minute)) {
						t.Errorf("the next free time is said to be %s", next)
					}
				}
			})
		}
		wg.Wait()
		if made.Load() != 1 || taken.Load() != 1 {
			t.Errorf("%d were made and %d refused", made.Load(), taken.Load())
		}
	})
	t.Run("400 for what the terms do not allow", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		_, token := w.driver()
		for code, body := range map[string]map[string]any{
			"reservation_in_past":  {"plot_id": site.PlotIDs[0], "duration_min": 30, "starts_at": w.Clock.Now().Add(-time.Hour)},
			"reservation_too_far":  {"plot_id": site.PlotIDs[0], "duration_min": 30, "starts_at": w.Clock.Now().Add(60 * 24 * time.Hour)},
			"reservation_duration": {"plot_id": site.PlotIDs[0], "duration_min": 60 * 25},
		} {
			w.call(http.MethodPost, "/v1/reservations", token, body).wants(http.StatusBadRequest, code)
		}
		p := w.call(http.MethodPost, "/v1/reservations", token, `{"plot_id":"x","duration_min":0,"colour":"red"}`).wants(http.StatusBadRequest).problem()
		if len(p.Errors) != 3 {
			t.Errorf("the faults named are %+v, want 3", p.Errors)
		}
	})
	t.Run("401 and 403", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		w.call(http.MethodPost, "/v1/reservations", "", claim(uuid.New(), 30)).wants(http.StatusUnauthorized)
	})
	t.Run("404", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		_, token := w.driver()
		w.call(http.MethodPost, "/v1/reservations", token, claim(uuid.New(), 30)).wants(http.StatusNotFound, "plot_not_found")
	})
	t.Run("409 for a plot that is not free or cannot be reserved, and for one too many", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(5)
		_, token := w.driver()
		w.Report(site, 5, chargepoint.Charging)
		if p := w.call(http.MethodPost, "/v1/reservations", token, claim(site.PlotIDs[4], 30)).wants(http.StatusConflict, "plot_not_free").problem(); p.PlotStatus != "CHARGING" {
			t.Errorf("the plot is said to be %q", p.PlotStatus)
		}
		w.call(http.MethodPatch, "/v1/plots/"+site.PlotIDs[3].String(), w.admin(), `{"reservable":false}`, "If-Match", "*").wants(http.StatusOK)
		w.call(http.MethodPost, "/v1/reservations", token, claim(site.PlotIDs[3], 30)).wants(http.StatusConflict, "plot_not_reservable")
		for i := range 3 {
			w.reserve(token, site.PlotIDs[i])
		}
		w.call(http.MethodPost, "/v1/reservations", token, claim(w.Site(1).PlotIDs[0], 30)).wants(http.StatusConflict, "too_many_reservations")
	})
	t.Run("410 for a plot that has been removed", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		gone := site.Station
		gone.EVSEs = nil
		w.Apply(gone)
		_, token := w.driver()
		w.call(http.MethodPost, "/v1/reservations", token, claim(site.PlotIDs[0], 30)).wants(http.StatusGone, "plot_removed")
	})
}

func TestGetReservation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("200 for its driver and the station's operator, 304, and 404 for everybody else", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		_, token := w.driver()
		_, other := w.driver()
		path := "/v1/reservations/" + w.reserve(token, site.PlotIDs[0]).Id.String()
		a := w.call(http.MethodGet, path, token, nil).wants(http.StatusOK)
		w.call(http.MethodGet, path, token, nil, "If-None-Match", a.Header.Get("ETag")).wants(http.StatusNotModified)
		w.call(http.MethodGet, path, w.operator(site.Operator.ID), nil).wants(http.StatusOK)
		w.call(http.MethodGet, path, w.admin(), nil).wants(http.StatusOK)
		for who, token := range map[string]string{"another driver": other, "another operator": w.operator(uuid.New())} {
			hidden := w.call(http.MethodGet, path, token, nil).wants(http.StatusNotFound, "reservation_not_found")
			missing := w.call(http.MethodGet, "/v1/reservations/"+uuid.NewString(), token, nil).wants(http.StatusNotFound, "reservation_not_found")
			if hidden.problem().Detail != missing.problem().Detail {
				t.Errorf("%s is told that it is there", who)
			}
		}
	})
	t.Run("401", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		w.call(http.MethodGet, "/v1/reservations/"+uuid.NewString(), "", nil).wants(http.StatusUnauthorized)
	})
}

func TestListReservations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("200 with one's own, page by page, and the station's for its operator", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(4)
		_, token := w.driver()
		_, other := w.driver()
		for i := range 3 {
			w.reserve(token, site.PlotIDs[i])
		}
		w.reserve(other, site.PlotIDs[3])
		count := func(token, query string) (n int) {
			var page httpapi.ReservationPage
			w.call(http.MethodGet, "/v1/reservations"+query, token, nil).wants(http.StatusOK).into(&page)
			n = len(page.Items)
			if page.NextCursor != "" {
				w.call(http.MethodGet, "/v1/reservations"+query+"&cursor="+url.QueryEscape(page.NextCursor), token, nil).wants(http.StatusOK).into(&page)
				n += len(page.Items)
			}
			return n
		}
		at := "?station_id=" + site.ID.String()
		for _, c := range []struct {
			who, token, query string
			want              int
		}{
			{"the driver", token, "?limit=2", 3},
			{"the driver, at the station", token, at, 3},
			{"the driver, canceled ones", token, "?state=CANCELED,NO_SHOW", 0},
			{"the station's operator", w.operator(site.Operator.ID), at, 4},
			{"the station's operator, at a plot", w.operator(site.Operator.ID), "?plot_id=" + site.PlotIDs[3].String(), 1},
			{"the station's operator, of their own", w.operator(site.Operator.ID), "", 0},
			{"another operator", w.operator(uuid.New()), at, 0},
			{"anybody, at a station that is not there", token, "?station_id=" + uuid.NewString(), 0},
			{"anybody, at a plot that is not there", token, "?plot_id=" + uuid.NewString(), 0},
		} {
			if n := count(c.token, c.query); n != c.want {
				t.Errorf("%s is shown %d reservations, want %d", c.who, n, c.want)
			}
		}
	})
	t.Run("400 and 401", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		_, token := w.driver()
		w.call(http.MethodGet, "/v1/reservations?state=MINE", token, nil).wants(http.StatusBadRequest)
		w.call(http.MethodGet, "/v1/reservations", "", nil).wants(http.StatusUnauthorized)
	})
}

func TestUpdateReservation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("200 longer, or later", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		_, token := w.driver()
		r := w.reserve(token, site.PlotIDs[0])
		path := "/v1/reservations/" + r.Id.String()
		w.call(http.MethodPatch, path, token, `{"duration_min":90}`, "If-Match", `"1"`).wants(http.StatusOK).into(&r)
		if !r.EndsAt.Equal(r.StartsAt.Add(90*time.Minute)) || r.Version != 2 {
			t.Errorf("the reservation is %+v", r)
		}
		var later httpapi.Reservation
		body := claim(site.PlotIDs[0], 30)
		body["starts_at"] = w.Clock.Now().Add(3 * time.Hour)
		w.call(http.MethodPost, "/v1/reservations", token, body).wants(http.StatusCreated).into(&later)
		w.call(http.MethodPatch, "/v1/reservations/"+later.Id.String(), token, map[string]any{"starts_at": w.Clock.Now().Add(2 * time.Hour)}, "If-Match", "*").
			wants(http.StatusOK)
		// 409 when it meets another, and when it has begun.
		w.call(http.MethodPatch, path, token, `{"duration_min":150}`, "If-Match", "*").wants(http.StatusConflict, "plot_taken")
		w.call(http.MethodPatch, path, token, map[string]any{"starts_at": w.Clock.Now().Add(time.Hour)}, "If-Match", "*").
			wants(http.StatusConflict, "reservation_begun")
	})
	t.Run("404 for everybody else, the operator too", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		_, token := w.driver()
		path := "/v1/reservations/" + w.reserve(token, site.PlotIDs[0]).Id.String()
		w.call(http.MethodPatch, path, w.operator(site.Operator.ID), `{"duration_min":90}`, "If-Match", "*").wants(http.StatusNotFound)
	})
	t.Run("400, 401, 412 and 428", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		_, token := w.driver()
		path := "/v1/reservations/" + w.reserve(token, site.PlotIDs[0]).Id.String()
		w.call(http.MethodPatch, path, token, `{"state":"CANCELED"}`, "If-Match", "*").wants(http.StatusBadRequest)
		w.call(http.MethodPatch, path, "", `{"duration_min":90}`).wants(http.StatusUnauthorized)
		w.call(http.MethodPatch, path, token, `{"duration_min":90}`, "If-Match", `"7"`).wants(http.StatusPreconditionFailed)
		w.call(http.MethodPatch, path, token, `{"duration_min":90}`).wants(http.StatusPreconditionRequired)
	})
}

func TestCancelReservation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("200 by the driver, as often as asked, and the plot is free", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		_, token := w.driver()
		path := "/v1/reservations/" + w.reserve(token, site.PlotIDs[0]).Id.String()
		w.call(http.MethodDelete, path, token, nil, "If-Match", `"9"`).wants(http.StatusPreconditionFailed)
		for range 2 {
			var r httpapi.Reservation
			w.call(http.MethodDelete, path, token, nil).wants(http.StatusOK).into(&r)
			if r.State != httpapi.ReservationStateCANCELED || r.Reason != "canceled_by_driver" || r.Version != 2 {
				t.Errorf("the reservation is %+v", r)
			}
		}
		_, other := w.driver()
		w.reserve(other, site.PlotIDs[0])
	})
	t.Run("200 by the operator", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		_, token := w.driver()
		var r httpapi.Reservation
		w.call(http.MethodDelete, "/v1/reservations/"+w.reserve(token, site.PlotIDs[0]).Id.String(), w.operator(site.Operator.ID), nil).
			wants(http.StatusOK).into(&r)
		if r.Reason != "canceled_by_operator" {
			t.Errorf("the reason is %q", r.Reason)
		}
	})
	t.Run("401, 404, and 409 for one that has ended otherwise", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		_, token := w.driver()
		_, other := w.driver()
		path := "/v1/reservations/" + w.reserve(token, site.PlotIDs[0]).Id.String()
		w.call(http.MethodDelete, path, "", nil).wants(http.StatusUnauthorized)
		w.call(http.MethodDelete, path, other, nil).wants(http.StatusNotFound)
		w.Report(site, 1, chargepoint.Faulted)
		w.call(http.MethodDelete, path, token, nil).wants(http.StatusConflict, "reservation_ended")
	})
}

func TestGetReservationReceipt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(1)
	_, token := w.driver()
	_, other := w.driver()
	var r httpapi.Reservation
	w.call(http.MethodPost, "/v1/reservations", token, map[string]any{"plot_id": site.PlotIDs[0], "duration_min": 30}).wants(http.StatusCreated).into(&r)
	path := "/v1/reservations/" + r.Id.String() + "/receipt.json"
	w.call(http.MethodGet, path, "", nil).wants(http.StatusUnauthorized)
	w.call(http.MethodGet, path, other, nil).wants(http.StatusNotFound, "reservation_not_found")
	w.call(http.MethodGet, path, token, nil).wants(http.StatusNotFound, "session_not_billed")
	_, err := w.DB.ExecContext(t.Context(), `
		INSERT INTO cdrs (id, reservation_id, driver_id, operator_id, document, created_at)
		SELECT r.id, r.id, r.driver_id, r.operator_id, json_build_object('id', r.id, 'reservation_id', r.id, 'lines', '[]'::json, 'currency', 'EUR',
			'total_after_taxes', '7.20', 'started_at', '2026-05-04T12:00:00Z', 'ended_at', '2026-05-04T12:15:00Z', 'created_at', '2026-05-04T12:15:00Z'), now()
		FROM reservations r WHERE r.id = $1`, r.Id)
	w.Must(err)
	var receipt httpapi.Receipt
	w.call(http.MethodGet, path, token, nil).wants(http.StatusOK).into(&receipt)
	if !receipt.SessionId.IsNull() || receipt.ReservationId.MustGet() != r.Id || receipt.TotalAfterTaxes.MustGet().Amount != "7.20" {
		t.Errorf("the receipt is %+v", receipt)
	}
}
