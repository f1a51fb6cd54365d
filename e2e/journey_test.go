package e2e_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"image/png"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/tools/simulator"
)

// Near is the place where the driver looks: the middle of Paris.
const near = "near=48.8566,2.3522&radius_km=15"

const fastCCS = "connector=IEC_62196_T2_COMBO&min_power_kw=50"

// TestTheMainJob goes the product's main job from end to end, on the real register.
func TestTheMainJob(t *testing.T) {
	// 1. Real stations are imported.
	imported(t)

	// 2. Two drivers register, confirm, log in.
	ann, annTokens := newDriver(t)
	ben, _ := newDriver(t)

	// 3. Stations near a point with CCS of at least 50 kW, nearest first, every one within the circle.
	found := get[page[stationItem]](ann, "/v1/stations?"+near+"&"+fastCCS+"&limit=50")
	if len(found.Items) == 0 || found.Total < len(found.Items) {
		t.Fatalf("found %d of %d", len(found.Items), found.Total)
	}
	if !slices.IsSortedFunc(found.Items, func(a, b stationItem) int { return int(*a.DistanceM - *b.DistanceM) }) || *found.Items[len(found.Items)-1].DistanceM > 15000 {
		t.Error("not sorted by distance, or beyond the radius")
	}
	// None is free for all we know: nobody has ever told of one. The operator of the nearest connects a charge point.
	at := get[station](ann, "/v1/stations/"+found.Items[0].ID)
	outlet := outletWith(t, at, "IEC_62196_T2_COMBO", 50000)
	awaitPlot(t, ann, at, outlet)
	operator := operatorOf(t, at)
	cp, bay := install(t, operator, at, outlet)
	reservable(t, operator, bay)
	freeNear := "/v1/stations?" + near + "&" + fastCCS + "&available=true&limit=500"
	eventually(t, aSecond(), "search finds the free plot", func() bool { return contains(get[page[stationItem]](ann, freeNear), at.ID) })
	eventually(t, aSecond(), "the station's page shows it free", func() bool {
		for _, e := range get[station](ann, "/v1/stations/"+at.ID).Evses {
			if e.ID == outlet.ID {
				return e.PlotID != nil && *e.PlotID == bay.ID && e.Status != nil && *e.Status == "AVAILABLE"
			}
		}
		return false
	})

	// 4. Both want the plot at the same moment: one has it, the other is told when it is free.
	winner, claim, loser := raceForPlot(t, ann, ben, bay)
	if claim.PlotID != bay.ID {
		t.Errorf("the reservation is %+v", claim)
	}
	eventually(t, patience, "the charge point has accepted the reservation", func() bool {
		return get[reservation](winner, "/v1/reservations/"+claim.ID).State == "RESERVED"
	})
	eventually(t, aSecond(), "search knows that the plot is taken", func() bool { return !contains(get[page[stationItem]](ann, freeNear), at.ID) })
	wantProblem(t, loser.do(http.MethodPost, "/v1/sessions", map[string]any{"plot_id": bay.ID}), http.StatusConflict, "plot_reserved")

	// 5. The driver starts a session and watches it live.
	watch := winner.live(bay.ID)
	watch.await("status", "the present status comes first", is("status", "RESERVED"))
	ordered := want[session](winner, http.StatusAccepted, http.MethodPost, "/v1/sessions", map[string]any{"plot_id": bay.ID, "reservation_id": claim.ID})
	if ordered.State != "PENDING" {
		t.Errorf("the session begins as %+v", ordered)
	}
	if err := arrive(cp); err != nil {
		t.Fatal(err)
	}
	watch.await("session", "the session is ACTIVE", is("state", "ACTIVE"))
	for n := range 6 {
		watch.await("meter_value", fmt.Sprintf("meter value %d", n+1), func(map[string]any) bool { return true })
	}
	if got := get[reservation](winner, "/v1/reservations/"+claim.ID); got.State != "FULFILLED" || got.Reason != "session_started" {
		t.Errorf("the reservation is %+v", got)
	}
	if got := get[plot](loser, "/v1/plots/"+bay.ID); got.Status != "CHARGING" {
		t.Errorf("the plot is %s", got.Status)
	}
	// What is one driver's is as if it were not there for the other.
	for _, path := range []string{"", "/meter-values", "/curve.json", "/receipt.json"} {
		if a := loser.do(http.MethodGet, "/v1/sessions/"+ordered.ID+path, nil); a.status != http.StatusNotFound {
			t.Errorf("another driver reads %q of the session: %s", path, a)
		}
	}
	wantProblem(t, winner.do(http.MethodGet, "/v1/sessions/"+ordered.ID+"/receipt.json", nil), http.StatusConflict, "session_unfinished")

	// 6. Stop: the record, the receipt and the curve are there.
	if a := winner.do(http.MethodPost, "/v1/sessions/"+ordered.ID+"/stop", nil); a.status != http.StatusAccepted {
		t.Fatalf("stop answers %s", a)
	}
	watch.await("session", "the session is COMPLETED", is("state", "COMPLETED"))
	checkCharge(t, winner, cp, ordered.ID)

	// 7. The car leaves, the plot is free again, and search knows within a second.
	if err := leave(cp); err != nil {
		t.Fatal(err)
	}
	freed := watch.await("status", "the plot is AVAILABLE", is("status", "AVAILABLE"))
	eventually(t, aSecond(), "search finds the plot again", func() bool { return contains(get[page[stationItem]](ann, freeNear), at.ID) })
	t.Logf("search knew %s after the event that the plot is free", time.Since(freed.arrived).Round(time.Millisecond))

	// 8. The driver says how it was, and search goes by it within a second.
	want[map[string]any](winner, http.StatusCreated, http.MethodPost, "/v1/stations/"+at.ID+"/reviews", map[string]any{"rating": 5, "outcome": "charged"})
	eventually(t, aSecond(), "search finds the station by its rating", func() bool {
		return contains(get[page[stationItem]](loser, "/v1/stations?"+near+"&min_rating=5&sort=rating"), at.ID)
	})

	// 9. Another finds a fault there: everybody is told of it, whoever settles it finds it, and the reporter what became of it.
	fault := want[map[string]any](loser, http.StatusCreated, http.MethodPost, "/v1/stations/"+at.ID+"/reports", map[string]any{"kind": "damaged", "comment": "A cracked screen"})
	if told := get[page[map[string]any]](anonymous(t), "/v1/stations/"+at.ID+"/reports").Items; len(told) != 1 || told[0]["kind"] != "damaged" || told[0]["people"] != 1.0 {
		t.Errorf("everybody is told %v", told)
	}
	if tasks := get[page[map[string]any]](operator, "/v1/reports?station_id="+at.ID).Items; len(tasks) != 1 || tasks[0]["comment"] != fault["comment"] {
		t.Errorf("there is to settle %v", tasks)
	}
	want[map[string]any](operator, http.StatusOK, http.MethodPut, fmt.Sprintf("/v1/stations/%s/reports/%s/handling", at.ID, fault["id"]),
		map[string]any{"state": "resolved", "note": "A new screen"}, header("If-Match", `"1"`))
	if said := get[page[map[string]any]](loser, "/v1/contributions?station_id="+at.ID).Items; len(said) != 1 || said[0]["kind"] != "report" || said[0]["state"] != "resolved" {
		t.Errorf("the reporter has said %v", said)
	}

	// The next driver need not wait for the end of the span that was reserved.
	next := want[reservation](loser, http.StatusCreated, http.MethodPost, "/v1/reservations", map[string]any{"plot_id": bay.ID, "duration_min": 30})
	canceled := want[reservation](loser, http.StatusOK, http.MethodDelete, "/v1/reservations/"+next.ID, nil)
	if canceled.State != "CANCELED" || canceled.Reason != "canceled_by_driver" {
		t.Errorf("the canceled reservation is %+v", canceled)
	}

	// The refresh token gives the next pair, once.
	rotated := want[tokens](anonymous(t), http.StatusOK, http.MethodPost, "/v1/auth/refresh", map[string]any{"refresh_token": annTokens.RefreshToken})
	if rotated.AccessToken == "" || rotated.RefreshToken == annTokens.RefreshToken {
		t.Error("the refresh token is not rotated")
	}
	if got := get[page[session]](winner, "/v1/sessions"); len(got.Items) != 1 || got.Items[0].ID != ordered.ID {
		t.Errorf("the driver's history has %d sessions", len(got.Items))
	}
}

func contains(p page[stationItem], id string) bool {
	return slices.ContainsFunc(p.Items, func(s stationItem) bool { return s.ID == id })
}

// outletWith is the station's first EVSE with a connector of a standard and at least a power.
func outletWith(t *testing.T, at station, standard string, watts int) evse {
	t.Helper()
	for _, e := range at.Evses {
		for _, c := range e.Connectors {
			if c.Standard == standard && c.MaxElectricPower >= watts {
				return e
			}
		}
	}
	t.Fatalf("station %s was found, but has no %s of %d W: all conditions must hold on one connector", at.ID, standard, watts)
	return evse{}
}

// raceForPlot lets two drivers reserve a plot at the same moment. Exactly one may have it.
func raceForPlot(t *testing.T, a, b *client, bay plot) (winner *client, claim reservation, loser *client) {
	t.Helper()
	drivers := []*client{a, b}
	answers := make([]answer, len(drivers))
	var ready, done sync.WaitGroup
	ready.Add(len(drivers))
	for i, driver := range drivers {
		done.Go(func() {
			ready.Done()
			ready.Wait()
			var err error
			answers[i], err = driver.try(t.Context(), http.MethodPost, "/v1/reservations", map[string]any{"plot_id": bay.ID, "duration_min": 30})
			if err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	slices.SortFunc(answers, func(x, y answer) int { return x.status - y.status })
	if answers[0].status != http.StatusCreated || answers[1].status != http.StatusConflict {
		t.Fatalf("two reservations of one plot at once give\n%s\n%s", answers[0], answers[1])
	}
	refused := wantProblem(t, answers[1], http.StatusConflict, "plot_taken")
	claims := get[page[reservation]](a, "/v1/reservations")
	winner, loser = a, b
	if len(claims.Items) == 0 {
		winner, loser = b, a
		claims = get[page[reservation]](b, "/v1/reservations")
	}
	if len(claims.Items) != 1 {
		t.Fatalf("the winner holds %d reservations", len(claims.Items))
	}
	claim = claims.Items[0]
	if refused.NextFreeAt == nil || refused.NextFreeAt.Before(claim.EndsAt) {
		t.Errorf("the loser is told that the plot is free at %v; it is taken until %v", refused.NextFreeAt, claim.EndsAt)
	}
	return winner, claim, loser
}

// checkCharge holds what the API says of a finished session against what the charge point measured: record, readings, curve.
func checkCharge(t *testing.T, driver *client, cp *simulator.Station, id string) receipt {
	t.Helper()
	settled(t, cp)
	transactions := cp.Transactions()
	measured := transactions[len(transactions)-1]
	gained := float64(measured.MeterStopWh-measured.MeterStartWh) / 1000

	bill := get[receipt](driver, "/v1/sessions/"+id+"/receipt.json")
	energy, err := strconv.ParseFloat(bill.EnergyKWh, 64)
	if err != nil || bill.SessionID != id || bill.MeterStartWh != int64(measured.MeterStartWh) || bill.MeterStopWh != int64(measured.MeterStopWh) || math.Abs(energy-gained) > 1e-9 {
		t.Errorf("the receipt says %+v; the meter went from %d to %d Wh", bill, measured.MeterStartWh, measured.MeterStopWh)
	}
	if gained <= 0 {
		t.Errorf("the car took %v kWh", gained)
	}
	finished := get[session](driver, "/v1/sessions/"+id)
	if finished.State != "COMPLETED" || finished.EnergyKWh == nil || math.Abs(*finished.EnergyKWh-gained) > 0.001 {
		t.Errorf("the session is %+v; the meter says %v kWh", finished, gained)
	}

	readings := get[page[meterValue]](driver, "/v1/sessions/"+id+"/meter-values?limit=500")
	if len(readings.Items) < 5 || !slices.IsSortedFunc(readings.Items, func(a, b meterValue) int { return a.At.Compare(b.At) }) {
		t.Errorf("%d readings, or out of order", len(readings.Items))
	}
	drawn := get[curve](driver, "/v1/sessions/"+id+"/curve.json")
	if len(drawn.Points) < 5 || drawn.Readings < len(drawn.Points) {
		t.Fatalf("the curve has %d points of %d readings", len(drawn.Points), drawn.Readings)
	}
	last := drawn.Points[len(drawn.Points)-1]
	if last.EnergyKWh == nil || math.Abs(*last.EnergyKWh-gained) > 0.002 {
		t.Errorf("the curve ends at %v kWh; the meter says %v", last.EnergyKWh, gained)
	}

	table := driver.do(http.MethodGet, "/v1/sessions/"+id+"/curve.csv", nil)
	rows, err := csv.NewReader(bytes.NewReader(table.body)).ReadAll()
	if err != nil || len(rows) != len(drawn.Points)+1 || strings.Join(rows[0], ",") != "at,elapsed_s,power_kw,energy_kwh,soc_percent,voltage_v,current_a" {
		t.Errorf("the table has %d rows (%v) for %d points: %.200s", len(rows), err, len(drawn.Points), table.body)
	}
	drawing := driver.do(http.MethodGet, "/v1/sessions/"+id+"/curve.svg", nil)
	if drawing.header.Get("Content-Type") != "image/svg+xml" || !bytes.Contains(drawing.body, []byte("<svg")) || !bytes.Contains(drawing.body, []byte("</svg>")) {
		t.Errorf("the drawing is %s", drawing)
	}
	picture := driver.do(http.MethodGet, "/v1/sessions/"+id+"/curve.png", nil)
	if image, err := png.Decode(bytes.NewReader(picture.body)); err != nil || image.Bounds().Dx() != 720 {
		t.Errorf("the picture: %v", err)
	}
	return bill
}

// settled waits until the charge point has nothing left that it must still tell.
func settled(t *testing.T, cp *simulator.Station) {
	t.Helper()
	awaitStation(t, cp, "everything of the charge is acknowledged", func(s simulator.Snapshot) bool {
		return s.Connected && s.Registered && s.Queued == 0 && !s.Connectors[0].Charging
	})
}

// TestASessionIsPricedByItsTariff charges at a station with a tariff of its own and computes the bill by hand.
func TestASessionIsPricedByItsTariff(t *testing.T) {
	imported(t)
	at := ownStation(t, map[string]any{
		"id": "E2E-1", "country_code": "FR", "party_id": "E2E", "currency": "EUR", "type": "AD_HOC_PAYMENT", "last_updated": "2026-01-01T00:00:00Z",
		"elements": []any{map[string]any{"price_components": []any{
			map[string]any{"type": "FLAT", "price": 1.5, "vat": 20, "step_size": 1},
			map[string]any{"type": "ENERGY", "price": 0.48, "vat": 20, "step_size": 1},
		}}},
	})
	driver, _ := newDriver(t)
	awaitPlot(t, driver, at, at.Evses[0])
	cp, bay := install(t, operatorOf(t, at), at, at.Evses[0])

	// The same key and body order one session, however often they are sent.
	order := map[string]any{"plot_id": bay.ID}
	key := header("Idempotency-Key", "order-"+bay.ID)
	first := want[session](driver, http.StatusAccepted, http.MethodPost, "/v1/sessions", order, key)
	again := want[session](driver, http.StatusAccepted, http.MethodPost, "/v1/sessions", order, key)
	if first.ID != again.ID {
		t.Errorf("one key ordered %s and %s", first.ID, again.ID)
	}
	if a := driver.do(http.MethodPost, "/v1/sessions", map[string]any{"plot_id": at.ID}, key); a.status != http.StatusUnprocessableEntity {
		t.Errorf("the key with another body answers %s", a)
	}
	if err := arrive(cp); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, "five readings are there", func() bool {
		return len(get[page[meterValue]](driver, "/v1/sessions/"+first.ID+"/meter-values").Items) >= 6
	})
	if a := driver.do(http.MethodPost, "/v1/sessions/"+first.ID+"/stop", nil); a.status != http.StatusAccepted {
		t.Fatalf("stop answers %s", a)
	}
	eventually(t, patience, "the session is COMPLETED", func() bool {
		return get[session](driver, "/v1/sessions/"+first.ID).State == "COMPLETED"
	})
	bill := checkCharge(t, driver, cp, first.ID)
	gained := float64(bill.MeterStopWh-bill.MeterStartWh) / 1000
	before := 1.5 + 0.48*gained
	if bill.TotalBeforeTaxes == nil || bill.TotalAfterTaxes == nil || bill.TotalBeforeTaxes.Currency != "EUR" {
		t.Fatalf("the bill has no totals: %+v", bill)
	}
	for total, by := range map[*money]float64{bill.TotalBeforeTaxes: before, bill.TotalAfterTaxes: before * 1.2} {
		amount, err := strconv.ParseFloat(total.Amount, 64)
		if err != nil || math.Abs(amount-by) > 0.006 {
			t.Errorf("a total of %s; by hand %.4f", total.Amount, by)
		}
	}
	if len(bill.Lines) != 2 {
		t.Errorf("the bill has the lines %+v", bill.Lines)
	}
}
