package httpapi_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

type historyPage struct {
	Items      []history.Entry `json:"items"`
	NextCursor string          `json:"next_cursor"`
}

// made is a station that the caller has just created.
func made(c caller, name, uid string) station.Station {
	c.t.Helper()
	created, _ := want[station.Station](c, http.StatusCreated, http.MethodPost, "/v1/stations", input(name, uid))
	return created
}

func plug(id string) map[string]any {
	return map[string]any{"id": id, "standard": "IEC_62196_T2_COMBO", "format": "CABLE", "power_type": "DC", "max_electric_power": 150000}
}

// TestParts promises that EVSEs and connectors are added, changed and removed one by one, by those who may, who know the station as
// it is; and that the history tells each step.
func TestParts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	_, operator := w.own("PLM")
	_, other := w.own("TRM")
	st := made(operator, "Parts", "part-1")
	at := "/v1/stations/" + st.ID.String()

	added, a := want[station.Station](operator, http.StatusCreated, http.MethodPost, at+"/evses",
		map[string]any{"uid": "part-2", "connectors": []any{plug("1")}}, "Idempotency-Key", "add-evse")
	if len(added.EVSEs) != 2 || added.Version != 2 || a.header.Get("Location") != at+"/evses/"+added.EVSEs[1].ID.String() {
		t.Fatalf("added %+v at %s", added, a.header.Get("Location"))
	}
	again, a := want[station.Station](operator, http.StatusCreated, http.MethodPost, at+"/evses",
		map[string]any{"uid": "part-2", "connectors": []any{plug("1")}}, "Idempotency-Key", "add-evse")
	if again.Version != 2 || a.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("the same key made version %d", again.Version)
	}
	evse := at + "/evses/" + added.EVSEs[1].ID.String()
	refused(operator, http.StatusConflict, "evse_uid_taken", http.MethodPost, at+"/evses", map[string]any{"uid": "part-2", "connectors": []any{plug("1")}})
	refused(other, http.StatusForbidden, "foreign_operator", http.MethodPost, at+"/evses", map[string]any{"uid": "part-3", "connectors": []any{plug("1")}})
	refused(w.anonymous(), http.StatusUnauthorized, "unauthenticated", http.MethodPost, at+"/evses", map[string]any{"uid": "part-3", "connectors": []any{plug("1")}})
	refused(operator, http.StatusBadRequest, "invalid_request", http.MethodPost, at+"/evses", map[string]any{"uid": "part-3", "connectors": []any{}, "status": "AVAILABLE"})

	patch := map[string]any{"physical_reference": "B2", "reservable": true}
	refused(operator, http.StatusPreconditionRequired, "if_match_required", http.MethodPatch, evse, patch)
	refused(operator, http.StatusPreconditionFailed, "station_changed", http.MethodPatch, evse, patch, "If-Match", `"1"`)
	refused(other, http.StatusForbidden, "foreign_operator", http.MethodPatch, evse, patch, "If-Match", "*")
	refused(operator, http.StatusNotFound, "evse_not_found", http.MethodPatch, at+"/evses/"+uuid.NewString(), patch, "If-Match", "*")
	refused(operator, http.StatusBadRequest, "invalid_request", http.MethodPatch, evse, map[string]any{"uid": "other"}, "If-Match", "*")
	changed, a := want[station.Station](operator, http.StatusOK, http.MethodPatch, evse, patch, "If-Match", `"2"`)
	if e := changed.EVSEs[1]; e.PhysicalReference != "B2" || !e.Reservable || e.UID != "part-2" || len(e.Connectors) != 1 || e.ID != added.EVSEs[1].ID {
		t.Errorf("the EVSE became %+v", e)
	}

	more, _ := want[station.Station](operator, http.StatusCreated, http.MethodPost, evse+"/connectors", plug("2"))
	if len(more.EVSEs[1].Connectors) != 2 {
		t.Errorf("the connectors are %+v", more.EVSEs[1].Connectors)
	}
	refused(operator, http.StatusConflict, "connector_id_taken", http.MethodPost, evse+"/connectors", plug("2"))
	refused(operator, http.StatusPreconditionFailed, "station_changed", http.MethodPatch, evse+"/connectors/2", map[string]any{"max_electric_power": 1}, "If-Match", a.header.Get("ETag"))
	tuned, _ := want[station.Station](operator, http.StatusOK, http.MethodPatch, evse+"/connectors/2", map[string]any{"max_electric_power": 300000, "max_voltage": 920}, "If-Match", "*")
	if c := tuned.EVSEs[1].Connectors[1]; c.PowerW != 300000 || c.Voltage != 920 || c.ID != "2" {
		t.Errorf("the connector became %+v", c)
	}
	for _, bad := range []struct {
		method, path string
		body         any
		fault        string // as a place in the body that was sent
	}{
		{http.MethodPatch, evse + "/connectors/2", map[string]any{"tariff_ids": []any{"none"}}, "/tariff_ids/0"},
		{http.MethodPatch, evse, map[string]any{"connectors": []any{plug("1"), plug("1")}}, "/connectors/1/id"},
		{http.MethodPost, at + "/evses", map[string]any{"uid": "part-3", "connectors": []any{plug("1"), plug("1")}}, "/connectors/1/id"},
	} {
		if named := refused(operator, http.StatusBadRequest, "invalid_station", bad.method, bad.path, bad.body, "If-Match", "*"); !slices.Equal(named, []string{bad.fault}) {
			t.Errorf("%s %s: the faults named are %q, want %q", bad.method, bad.path, named, bad.fault)
		}
	}
	refused(operator, http.StatusNotFound, "connector_not_found", http.MethodDelete, evse+"/connectors/9", nil, "If-Match", "*")
	want[station.Station](operator, http.StatusOK, http.MethodDelete, evse+"/connectors/1", nil, "If-Match", "*")
	refused(operator, http.StatusConflict, "last_connector", http.MethodDelete, evse+"/connectors/2", nil, "If-Match", "*")
	gone, _ := want[station.Station](operator, http.StatusOK, http.MethodDelete, evse, nil, "If-Match", "*")
	if len(gone.EVSEs) != 2 || !gone.EVSEs[1].Removed || gone.Plots.Total != 1 {
		t.Errorf("after the removal the EVSEs are %+v", gone.EVSEs)
	}

	// The history: newest first, page by page, for those whom it concerns.
	var told []history.Entry
	for next := "?limit=3"; next != ""; {
		p, _ := want[historyPage](operator, http.StatusOK, http.MethodGet, at+"/history"+next, nil)
		told = append(told, p.Items...)
		if next = ""; p.NextCursor != "" {
			next = "?limit=3&cursor=" + p.NextCursor
		}
	}
	if len(told) != 7 || told[0].Version != 7 || told[6].Action != history.Created || told[0].Changes[0].Path != "/evses/part-2" || string(told[0].Changes[0].After) != "null" {
		t.Errorf("the history is %+v", told)
	}
	if told[0].Actor == "" || told[0].ImportID != nil {
		t.Errorf("who did it is told as %+v", told[0])
	}
	refused(other, http.StatusForbidden, "foreign_operator", http.MethodGet, at+"/history", nil)
	refused(w.anonymous(), http.StatusUnauthorized, "unauthenticated", http.MethodGet, at+"/history", nil)
	refused(operator, http.StatusNotFound, "station_not_found", http.MethodGet, "/v1/stations/"+uuid.NewString()+"/history", nil)
	imported := w.named("Place du Marché")
	p, _ := want[historyPage](w.admin(), http.StatusOK, http.MethodGet, "/v1/stations/"+imported.ID.String()+"/history", nil)
	if len(p.Items) != 1 || p.Items[0].Actor != "command line" || p.Items[0].ImportID == nil {
		t.Errorf("an imported station's history is %+v", p.Items)
	}
}

type duplicatesPage struct {
	Items      []station.Duplicate `json:"items"`
	NextCursor string              `json:"next_cursor"`
}

// TestMerge promises that stations that look like one are offered, to those whom it concerns, and that a merged one leads to its
// survivor, in reading and in the feed, and is brought back by nobody.
func TestMerge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	_, operator := w.own("PLM")
	_, other := w.own("TRM")
	stays := made(operator, "Twin", "twin-1")
	doubled := made(operator, "Twin", "twin-2")
	far := input("Twin", "twin-3")
	far["latitude"] = 48.6
	want[station.Station](operator, http.StatusCreated, http.MethodPost, "/v1/stations", far)

	pairs := func(c caller) []station.Duplicate {
		c.t.Helper()
		var all []station.Duplicate
		for next := "?limit=1"; next != ""; {
			p, _ := want[duplicatesPage](c, http.StatusOK, http.MethodGet, "/v1/stations/duplicates"+next, nil)
			all = append(all, p.Items...)
			if next = ""; p.NextCursor != "" {
				next = "?limit=1&cursor=" + p.NextCursor
			}
		}
		return all
	}
	moderator := w.as(uuid.Nil, []string{"moderator"}, "stations:merge")
	for name, c := range map[string]caller{"its operator": operator, "a moderator": moderator, "an administrator": w.admin()} {
		found := pairs(c)
		if len(found) != 1 || found[0].Stations[0].ID != stays.ID || found[0].Stations[1].ID != doubled.ID || found[0].Score < 0.7 || found[0].DistanceM != 0 {
			t.Errorf("%s is offered %+v", name, found)
		}
	}
	if found := pairs(other); len(found) != 0 {
		t.Errorf("another operator is offered %+v", found)
	}
	refused(w.anonymous(), http.StatusUnauthorized, "unauthenticated", http.MethodGet, "/v1/stations/duplicates", nil)

	at, from := "/v1/stations/"+stays.ID.String(), "/v1/stations/"+doubled.ID.String()
	body := map[string]any{"duplicate_id": doubled.ID}
	refused(other, http.StatusForbidden, "foreign_operator", http.MethodPost, at+"/merge", body)
	refused(operator, http.StatusBadRequest, "same_station", http.MethodPost, from+"/merge", body)
	refused(operator, http.StatusNotFound, "station_not_found", http.MethodPost, at+"/merge", map[string]any{"duplicate_id": uuid.New()})
	merged, _ := want[station.Station](moderator, http.StatusOK, http.MethodPost, at+"/merge", body, "Idempotency-Key", "merge-1")
	if merged.ID != stays.ID || merged.Version != 2 {
		t.Errorf("the merge left %+v", merged)
	}
	want[station.Station](moderator, http.StatusOK, http.MethodPost, at+"/merge", body, "Idempotency-Key", "merge-1")

	w.plain.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.base+from, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := w.plain.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusMovedPermanently || response.Header.Get("Location") != at {
		t.Errorf("the duplicate answers %d to %s", response.StatusCode, response.Header.Get("Location"))
	}
	if got, _ := want[station.Station](w.anonymous(), http.StatusOK, http.MethodGet, from, nil); got.ID != stays.ID {
		t.Errorf("following it leads to %s", got.ID)
	}
	refused(operator, http.StatusGone, "station_removed", http.MethodPost, at+"/merge", map[string]any{"duplicate_id": doubled.ID})
	refused(operator, http.StatusGone, "station_removed", http.MethodDelete, from, nil, "If-Match", "*")
	if found := pairs(operator); len(found) != 0 {
		t.Errorf("after the merge the operator is offered %+v", found)
	}

	type event struct {
		ID         uuid.UUID  `json:"id"`
		Op         string     `json:"op"`
		MergedInto *uuid.UUID `json:"merged_into"`
	}
	var last event
	for after := ""; ; {
		p, _ := want[struct {
			Items      []event `json:"items"`
			NextCursor string  `json:"next_cursor"`
		}](w.anonymous(), http.StatusOK, http.MethodGet, "/v1/stations/changes?limit=500&wait=5&after="+after, nil)
		for _, e := range p.Items {
			if e.ID == doubled.ID && e.Op == "delete" {
				last = e
			}
		}
		if after = p.NextCursor; last.Op != "" || len(p.Items) == 0 {
			break
		}
	}
	if last.MergedInto == nil || *last.MergedInto != stays.ID {
		t.Errorf("the feed tells %+v", last)
	}
}
