package httpapi_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// own is an operator that has a station, and a caller that acts for it.
func (w *world) own(code string) (uuid.UUID, caller) {
	w.t.Helper()
	for s, err := range w.store.All(w.t.Context()) {
		if err != nil {
			w.t.Fatal(err)
		}
		if s.Operator.PartyID == code {
			return s.Operator.ID, w.as(s.Operator.ID, []string{"operator"}, "stations:write", "stations:merge", "imports:write", "tariffs:write")
		}
	}
	w.t.Fatalf("there is no operator %s", code)
	return uuid.Nil, caller{}
}

func TestGetStation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	anyone := w.anonymous()
	s := w.named("Place du Marché")
	at := "/v1/stations/" + s.ID.String()

	// Before anything changes: what the caller holds is not sent again.
	first := anyone.do(http.MethodGet, at, nil)
	if again := anyone.do(http.MethodGet, at, nil, "If-None-Match", first.header.Get("ETag")); again.status != http.StatusNotModified {
		t.Errorf("what the caller holds was answered by %d", again.status)
	}

	t.Run("200", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		anyone := anyone.of(w)
		got, _ := want[station.Station](anyone, http.StatusOK, http.MethodGet, at, nil)
		if len(got.EVSEs) != 2 || len(got.Tariffs) != 1 || got.EVSEs[0].Status != station.Unknown || got.Plots.Total != 2 {
			t.Errorf("the station is %+v", got)
		}
		plot := w.setStatus(s.EVSEs[0].ID, station.Available)
		w.eventually("the status shows", func() bool {
			got, a := want[station.Station](anyone, http.StatusOK, http.MethodGet, at, nil)
			return got.EVSEs[0].Status == station.Available && *got.EVSEs[0].PlotID == plot && got.Plots.Available == 1 &&
				got.StatusesAsOf != nil && strings.Contains(a.header.Get("ETag"), `"1.`)
		})
	})
	t.Run("400", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		anyone := anyone.of(w)
		refused(anyone, http.StatusBadRequest, "invalid_request", http.MethodGet, "/v1/stations/nonsense", nil)
		refused(anyone, http.StatusBadRequest, "invalid_request", http.MethodGet, at+"?x=1", nil)
	})
	t.Run("404", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		anyone := anyone.of(w)
		refused(anyone, http.StatusNotFound, "station_not_found", http.MethodGet, "/v1/stations/"+uuid.NewString(), nil)
	})
	t.Run("410", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		anyone := anyone.of(w)
		gone := w.named("Gare Sud")
		if a := w.admin().do(http.MethodDelete, "/v1/stations/"+gone.ID.String(), nil, "If-Match", "*"); a.status != http.StatusNoContent {
			t.Fatalf("removing it was answered by %d: %s", a.status, a.body)
		}
		refused(anyone, http.StatusGone, "station_removed", http.MethodGet, "/v1/stations/"+gone.ID.String(), nil)
	})
}

func TestCreateStation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	id, operator := w.own("PLM")

	t.Run("201", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		operator := operator.of(w)
		body := input("Mine", "mine-1")
		connector(body)["tariff_ids"] = []any{"night"}
		body["tariffs"] = []any{map[string]any{
			"id": "night", "currency": "EUR", "elements": []any{map[string]any{
				"price_components": []any{map[string]any{"type": "ENERGY", "price": 0.25, "vat": 20, "step_size": 1}},
			}},
		}}
		created, a := want[station.Station](operator, http.StatusCreated, http.MethodPost, "/v1/stations", body, "Idempotency-Key", "create-1")
		if created.Operator.ID != id || created.Access != station.Public || created.Version != 1 || a.header.Get("Location") != "/v1/stations/"+created.ID.String() {
			t.Errorf("created %+v at %s", created, a.header.Get("Location"))
		}
		if created.Tariffs[0].PartyID != "PLM" || created.Tariffs[0].ID != station.TariffID("FR", "PLM", "night").String() {
			t.Errorf("its tariff is %+v", created.Tariffs)
		}
		again, a := want[station.Station](operator, http.StatusCreated, http.MethodPost, "/v1/stations", body, "Idempotency-Key", "create-1")
		if again.ID != created.ID || a.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("the same key made %s beside %s", again.ID, created.ID)
		}
		w.eventually("the search shows it", func() bool {
			found, _ := want[page](w.anonymous(), http.StatusOK, http.MethodGet, "/v1/stations?id="+created.ID.String(), nil)
			return found.Total == 1
		})
		tariff, _ := want[map[string]any](w.anonymous(), http.StatusOK, http.MethodGet, "/v1/tariffs/"+created.Tariffs[0].ID, nil)
		if tariff["currency"] != "EUR" {
			t.Errorf("the tariff is %+v", tariff)
		}
		body["name"] = "Other"
		refused(operator, http.StatusUnprocessableEntity, "idempotency_key_reused", http.MethodPost, "/v1/stations", body, "Idempotency-Key", "create-1")
	})
	t.Run("201 for an administrator", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		body := input("By admin", "admin-1")
		if named := refused(w.admin(), http.StatusBadRequest, "operator_required", http.MethodPost, "/v1/stations", body); !slices.Equal(named, []string{"/operator_id"}) {
			t.Errorf("named %q", named)
		}
		body["operator_id"] = id
		want[station.Station](w.admin(), http.StatusCreated, http.MethodPost, "/v1/stations", body)
	})
	t.Run("400", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		operator := operator.of(w)
		bad := input("Bad", "bad-1")
		bad["latitude"], bad["nom"], bad["country"] = 91, "x", "France"
		named := refused(operator, http.StatusBadRequest, "invalid_request", http.MethodPost, "/v1/stations", bad)
		slices.Sort(named)
		if !slices.Equal(named, []string{"/country", "/latitude", "/nom"}) {
			t.Errorf("the faults named are %q", named)
		}
		worse := input("Bad", "bad-1")
		worse["nom"], worse["country"], worse["time_zone"], worse["source_id"] = "x", "XX", "Mars/Olympus", 7
		delete(worse, "address")
		connector(worse)["tariff_ids"] = []any{"night"} // may be the operator's, which the body does not tell
		worse["opening_times"] = map[string]any{"twentyfourseven": false, "regular_hours": []any{
			map[string]any{"weekday": 8, "period_begin": "08:00", "period_end": "07:00"},
			map[string]any{"weekday": 1, "period_begin": "08:00", "period_end": "07:00"},
		}}
		all := []string{
			"/address", "/country", "/nom", "/opening_times/regular_hours/0/period_end", "/opening_times/regular_hours/0/weekday",
			"/opening_times/regular_hours/1/period_end", "/source_id", "/time_zone",
		}
		named = refused(operator, http.StatusBadRequest, "invalid_request", http.MethodPost, "/v1/stations", worse)
		slices.Sort(named)
		if !slices.Equal(named, all) {
			t.Errorf("the faults named are %q, want %q", named, all)
		}
		zone := input("Bad", "bad-1")
		zone["time_zone"] = "Mars/Olympus"
		if named := refused(operator, http.StatusBadRequest, "invalid_station", http.MethodPost, "/v1/stations", zone); !slices.Equal(named, []string{"/time_zone"}) {
			t.Errorf("the faults named are %q", named)
		}
	})
	t.Run("401", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		refused(w.anonymous(), http.StatusUnauthorized, "unauthenticated", http.MethodPost, "/v1/stations", input("X", "x"))
	})
	t.Run("403", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		operator := operator.of(w)
		refused(w.as(id, []string{"driver"}), http.StatusForbidden, "insufficient_scope", http.MethodPost, "/v1/stations", input("X", "x"))
		other, _ := w.own("TRM")
		body := input("X", "x")
		body["operator_id"] = other
		refused(operator, http.StatusForbidden, "foreign_operator", http.MethodPost, "/v1/stations", body)
		refused(w.as(uuid.Nil, []string{"operator"}, "stations:write"), http.StatusForbidden, "no_operator", http.MethodPost, "/v1/stations", input("X", "x"))
	})
	t.Run("409", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		operator := operator.of(w)
		first := input("First", "first-1")
		first["source_id"] = "site-1"
		want[station.Station](operator, http.StatusCreated, http.MethodPost, "/v1/stations", first)
		second := input("Second", "second-1")
		second["source_id"] = "site-1"
		refused(operator, http.StatusConflict, "source_id_taken", http.MethodPost, "/v1/stations", second)
		refused(operator, http.StatusConflict, "evse_uid_taken", http.MethodPost, "/v1/stations", input("Third", "first-1"))
	})
}

func TestUpdateStation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	_, operator := w.own("PLM")
	_, other := w.own("TRM")
	s := w.named("Place du Marché")
	at := "/v1/stations/" + s.ID.String()

	t.Run("428, 412, 200", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		operator := operator.of(w)
		refused(operator, http.StatusPreconditionRequired, "if_match_required", http.MethodPatch, at, map[string]any{"name": "New"})
		seen := operator.do(http.MethodGet, at, nil).header.Get("ETag")
		w.setStatus(s.EVSEs[0].ID, station.Charging) // a status is no reason to refuse a change
		changed, a := want[station.Station](operator, http.StatusOK, http.MethodPatch, at,
			map[string]any{"name": "New", "payment": nil}, "If-Match", seen, "Content-Type", "application/merge-patch+json")
		if changed.Name != "New" || changed.Payment != nil || changed.Version != 2 || changed.EVSEs[0].ID != s.EVSEs[0].ID || len(changed.EVSEs) != 2 {
			t.Errorf("changed to %+v", changed)
		}
		refused(operator, http.StatusPreconditionFailed, "station_changed", http.MethodPatch, at, map[string]any{"name": "Newer"}, "If-Match", seen)
		want[station.Station](operator, http.StatusOK, http.MethodPatch, at, map[string]any{"name": "Newer"}, "If-Match", a.header.Get("ETag"))
		got, _ := want[station.Station](operator, http.StatusOK, http.MethodGet, at, nil)
		if got.Name != "Newer" || got.Version != 3 {
			t.Errorf("reading it gives %q of version %d", got.Name, got.Version)
		}
	})
	t.Run("200 replaces EVSEs", func(t *testing.T) {
		t.Parallel()
		s := w.named("Dépôt")
		w := w.in(t)
		other := other.of(w)
		evse := map[string]any{"uid": s.EVSEs[1].UID, "reservable": true, "connectors": []any{
			map[string]any{"id": "1", "standard": "CHADEMO", "format": "CABLE", "power_type": "DC"},
		}}
		got, _ := want[station.Station](other, http.StatusOK, http.MethodPatch, "/v1/stations/"+s.ID.String(), map[string]any{"evses": []any{evse}, "tariffs": nil}, "If-Match", "*")
		for _, e := range got.EVSEs {
			if e.Removed != (e.UID != s.EVSEs[1].UID) || e.UID == s.EVSEs[1].UID && e.ID != s.EVSEs[1].ID {
				t.Errorf("after the change there is %+v", e)
			}
		}
		if got.Plots.Total != 1 || len(got.EVSEs) != 2 {
			t.Errorf("plots are %+v", got.Plots)
		}
	})
	t.Run("400", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		operator := operator.of(w)
		refused(operator, http.StatusBadRequest, "invalid_request", http.MethodPatch, at, map[string]any{"operator_id": uuid.New()}, "If-Match", "*")
		refused(operator, http.StatusBadRequest, "invalid_station", http.MethodPatch, at, map[string]any{"parking_type": "ROOF"}, "If-Match", "*")
		refused(operator, http.StatusBadRequest, "invalid_request", http.MethodPatch, at, map[string]any{}, "If-Match", "*")
		all := map[string]any{"nom": "x", "name": "", "country": "XX", "parking_type": "ROOF", "postal_code": nil}
		named := refused(operator, http.StatusBadRequest, "invalid_request", http.MethodPatch, at, all, "If-Match", "*")
		slices.Sort(named)
		if !slices.Equal(named, []string{"/country", "/name", "/nom", "/parking_type"}) {
			t.Errorf("the faults named are %q", named)
		}
	})
	t.Run("403", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		other := other.of(w)
		refused(other, http.StatusForbidden, "foreign_operator", http.MethodPatch, at, map[string]any{"name": "Hijacked"}, "If-Match", "*")
	})
	t.Run("404", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		operator := operator.of(w)
		refused(operator, http.StatusNotFound, "station_not_found", http.MethodPatch, "/v1/stations/"+uuid.NewString(), map[string]any{"name": "X"}, "If-Match", "*")
	})
	t.Run("409", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		operator := operator.of(w)
		taken := w.named("Gare Sud").EVSEs[0].UID
		body := map[string]any{"evses": []any{map[string]any{"uid": taken, "connectors": []any{
			map[string]any{"id": "1", "standard": "CHADEMO", "format": "CABLE", "power_type": "DC"},
		}}}}
		refused(operator, http.StatusConflict, "evse_uid_taken", http.MethodPatch, at, body, "If-Match", "*")
	})
}

func TestDeleteStation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	_, operator := w.own("PLM")
	_, other := w.own("TRM")
	s := w.named("Place du Marché")
	at := "/v1/stations/" + s.ID.String()

	refused(w.anonymous(), http.StatusUnauthorized, "unauthenticated", http.MethodDelete, at, nil, "If-Match", "*")
	refused(other, http.StatusForbidden, "foreign_operator", http.MethodDelete, at, nil, "If-Match", "*")
	refused(operator, http.StatusPreconditionRequired, "if_match_required", http.MethodDelete, at, nil)
	refused(operator, http.StatusPreconditionFailed, "station_changed", http.MethodDelete, at, nil, "If-Match", `"99"`)
	if a := operator.do(http.MethodDelete, at, nil, "If-Match", `"1"`); a.status != http.StatusNoContent {
		t.Fatalf("removing it was answered by %d: %s", a.status, a.body)
	}
	refused(operator, http.StatusGone, "station_removed", http.MethodDelete, at, nil, "If-Match", `"1"`)
	w.eventually("the search no longer shows it", func() bool {
		found, _ := want[page](w.anonymous(), http.StatusOK, http.MethodGet, "/v1/stations?id="+s.ID.String(), nil)
		return found.Total == 0
	})
}

type changesPage struct {
	Items []struct {
		ID      string           `json:"id"`
		Op      string           `json:"op"`
		Version int64            `json:"version"`
		Data    *station.Station `json:"data"`
	} `json:"items"`
	NextCursor string `json:"next_cursor"`
}

// TestListStationChanges promises that a follower ends with what the export has, and learns of a removal while it waits.
func TestListStationChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	anyone := w.anonymous()
	held := map[string]string{}
	cursor := ""
	take := func(p changesPage) {
		for _, e := range p.Items {
			if e.Op == "delete" {
				delete(held, e.ID)
				continue
			}
			text, err := json.Marshal(e.Data)
			if err != nil {
				t.Fatal(err)
			}
			held[e.ID] = string(text)
		}
		cursor = p.NextCursor
	}
	all, _ := want[page](anyone, http.StatusOK, http.MethodGet, "/v1/stations", nil)
	w.eventually("the feed has every station", func() bool { // transactions of other tests may hold it back
		p, _ := want[changesPage](anyone, http.StatusOK, http.MethodGet, "/v1/stations/changes?limit=3&after="+cursor, nil)
		take(p)
		return len(p.Items) == 0 && len(held) == all.Total
	})
	gone := w.named("Gare Sud")
	waiting := make(chan changesPage)
	go func() {
		p, _ := want[changesPage](anyone, http.StatusOK, http.MethodGet, "/v1/stations/changes?wait=30&after="+cursor, nil)
		waiting <- p
	}()
	if a := w.admin().do(http.MethodDelete, "/v1/stations/"+gone.ID.String(), nil, "If-Match", "*"); a.status != http.StatusNoContent {
		t.Fatalf("removing a station was answered by %d: %s", a.status, a.body)
	}
	p := <-waiting
	for len(p.Items) == 0 { // the request's own deadline may end the wait before
		p, _ = want[changesPage](anyone, http.StatusOK, http.MethodGet, "/v1/stations/changes?wait=30&after="+p.NextCursor, nil)
	}
	if len(p.Items) != 1 || p.Items[0].Op != "delete" || p.Items[0].ID != gone.ID.String() || p.Items[0].Version != 2 {
		t.Errorf("the removal is told as %+v", p.Items)
	}
	take(p)

	export := anyone.do(http.MethodGet, "/v1/exports/stations.ndjson", nil)
	if export.status != http.StatusOK || export.header.Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("the export was answered by %d, %s", export.status, export.header.Get("Content-Type"))
	}
	lines := 0
	last := ""
	for scanner := bufio.NewScanner(strings.NewReader(string(export.body))); scanner.Scan(); lines++ {
		var s station.Station
		if err := json.Unmarshal(scanner.Bytes(), &s); err != nil {
			t.Fatal(err)
		}
		if held[s.ID.String()] != scanner.Text() || s.ID.String() <= last {
			t.Errorf("the export has\n%s\nthe feed had\n%s", scanner.Text(), held[s.ID.String()])
		}
		last = s.ID.String()
	}
	if lines != len(held) || lines != 6 {
		t.Errorf("the export has %d stations, the feed %d", lines, len(held))
	}

	for query, named := range map[string]string{"limit=501": "limit", "wait=31": "wait", "wait=-1&x=y": "wait x", "after=forged": "after"} {
		got := strings.Fields(refusedParameters(anyone, "/v1/stations/changes?"+query))
		slices.Sort(got)
		if strings.Join(got, " ") != named {
			t.Errorf("%s names %q", query, got)
		}
	}
}
