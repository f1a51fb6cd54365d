package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/ocpi/ocpitest"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/importer"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// told is an answer of OCPI.
type told[T any] struct {
	Data       T      `json:"data"`
	StatusCode int    `json:"status_code"`
	Message    string `json:"status_message"`
}

// partner is a caller whose key reaches an operator, or everybody.
func (w *world) partner(operator uuid.UUID) caller {
	if operator == uuid.Nil {
		return w.as(operator, []string{"admin"}, "ocpi")
	}
	return w.as(operator, []string{"operator"}, "ocpi")
}

type listedLocation struct {
	ID          string    `json:"id"`
	PartyID     string    `json:"party_id"`
	Publish     bool      `json:"publish"`
	Name        string    `json:"name"`
	LastUpdated time.Time `json:"last_updated"`
	EVSEs       []struct {
		UID        string                          `json:"uid"`
		Status     string                          `json:"status"`
		Connectors []struct{ ID, Standard string } `json:"connectors"`
	} `json:"evses"`
}

// crawl follows the links of a list, each object held against the specification.
func crawl(c caller, object, path string) (all []json.RawMessage) {
	c.t.Helper()
	for path != "" {
		page, a := want[told[[]json.RawMessage]](c, http.StatusOK, http.MethodGet, path, nil)
		if page.StatusCode != 1000 || a.header.Get("X-Total-Count") == "" || a.header.Get("X-Limit") == "" {
			c.t.Fatalf("%s was answered %+v", path, page)
		}
		for _, one := range page.Data {
			ocpitest.Check(c.t, object, one)
		}
		all = append(all, page.Data...)
		link, _, _ := strings.Cut(strings.TrimPrefix(a.header.Get("Link"), "<http://127.0.0.1:5000"), ">")
		path = link
	}
	return all
}

func readLocation(c caller, path string) listedLocation {
	c.t.Helper()
	got, _ := want[told[listedLocation]](c, http.StatusOK, http.MethodGet, path, nil)
	return got.Data
}

// TestOCPILocations promises a partner every station of the operators that its key reaches, with live statuses, page by page and one
// by one, and what changed since a time, removals included.
func TestOCPILocations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	mine, _ := w.own("PLM")
	everybody, one := w.partner(uuid.Nil), w.partner(mine)

	all := crawl(everybody, "Location", "/ocpi/2.2.1/locations?limit=2")
	count := 0
	for _, err := range w.store.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		count++
	}
	few := crawl(one, "Location", "/ocpi/2.2.1/locations")
	if len(all) != count || len(few) == 0 || len(few) >= count {
		t.Errorf("of %d stations everybody's are %d and one operator's %d", count, len(all), len(few))
	}
	for _, text := range few {
		var l listedLocation
		if err := json.Unmarshal(text, &l); err != nil || l.PartyID != "PLM" || !l.Publish {
			t.Errorf("one operator's are %s, %v", text, err)
		}
	}
	st := w.named("Place du Marché")
	at := "/ocpi/2.2.1/locations/" + st.ID.String()
	if l := readLocation(everybody, at); l.Name != st.Name || l.EVSEs[0].Status != "UNKNOWN" {
		t.Errorf("a location is %+v", l)
	}
	before := time.Now().UTC().Format(time.RFC3339Nano)
	w.setStatus(st.EVSEs[0].ID, station.Charging)
	if l := readLocation(everybody, at); l.EVSEs[0].Status != "CHARGING" {
		t.Errorf("once its plot is taken, the location is %+v", l)
	}
	changed := crawl(everybody, "Location", "/ocpi/2.2.1/locations?date_from="+before)
	if len(changed) != 1 || !strings.Contains(string(changed[0]), st.ID.String()) {
		t.Errorf("changed since %s are %s", before, changed)
	}
	if since := crawl(everybody, "Location", "/ocpi/2.2.1/locations?date_to="+before); len(since) != count-1 {
		t.Errorf("%d of %d are older", len(since), count)
	}
	evse := at + "/" + st.EVSEs[0].ID.String()
	unit, _ := want[told[json.RawMessage]](everybody, http.StatusOK, http.MethodGet, evse, nil)
	ocpitest.Check(t, "EVSE", unit.Data)
	plug, _ := want[told[json.RawMessage]](everybody, http.StatusOK, http.MethodGet, evse+"/"+st.EVSEs[0].Connectors[0].ID, nil)
	ocpitest.Check(t, "Connector", plug.Data)

	if err := w.store.Remove(t.Context(), history.Author{Subject: "test"}, st.ID, func(station.Station) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if l := readLocation(everybody, at); l.Publish || l.EVSEs[0].Status != "REMOVED" {
		t.Errorf("the removed location is %+v", l)
	}
	if now := crawl(everybody, "Location", "/ocpi/2.2.1/locations"); len(now) != count-1 {
		t.Errorf("%d of %d are left", len(now), count)
	}
	if gone := crawl(everybody, "Location", "/ocpi/2.2.1/locations?date_from="+before); len(gone) != 1 {
		t.Errorf("since then %d have changed", len(gone))
	}
	if end, a := want[told[[]listedLocation]](everybody, http.StatusOK, http.MethodGet, "/ocpi/2.2.1/locations?offset=1000", nil); len(end.Data) != 0 || a.header.Get("X-Total-Count") == "0" {
		t.Errorf("behind the end are %+v", end)
	}
}

// TestOCPIRefusals promises partners answers in OCPI's form also where there is nothing to see.
func TestOCPIRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	mine, _ := w.own("PLM")
	theirs := uuid.Nil
	for s, err := range w.store.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if s.Operator.ID != mine {
			theirs = s.ID
		}
	}
	for name, c := range map[string]struct {
		by           caller
		path         string
		status, code int
	}{
		"nobody":              {w.anonymous(), "/ocpi/versions", 401, 2000},
		"another scope":       {w.admin(), "/ocpi/2.2.1/locations", 403, 2000},
		"no operator":         {w.as(uuid.Nil, []string{"operator"}, "ocpi"), "/ocpi/2.2.1/tariffs", 403, 2000},
		"no such location":    {w.partner(mine), "/ocpi/2.2.1/locations/" + uuid.NewString(), 404, 2003},
		"no id":               {w.partner(mine), "/ocpi/2.2.1/locations/LOC1", 404, 2003},
		"somebody else's":     {w.partner(mine), "/ocpi/2.2.1/locations/" + theirs.String(), 404, 2003},
		"no such EVSE":        {w.partner(uuid.Nil), "/ocpi/2.2.1/locations/" + theirs.String() + "/x", 404, 2003},
		"a time that is none": {w.partner(mine), "/ocpi/2.2.1/locations?date_from=soon", 200, 2001},
		"an unknown question": {w.partner(mine), "/ocpi/2.2.1/locations?near=1,2", 200, 2001},
	} {
		if got, _ := want[told[json.RawMessage]](c.by, c.status, http.MethodGet, c.path, nil); got.StatusCode != c.code || got.Data != nil || got.Message == "" {
			t.Errorf("%s was answered %+v", name, got)
		}
	}
}

// TestOCPITariffsAndVersions promises a partner the tariffs of the operator that its key reaches, before taxes, and the way to every
// module.
func TestOCPITariffsAndVersions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	id, mine := w.own("PLM")
	taxed := tariffOf("taxed", 0.6)
	taxed["tax_included"], taxed["max_price"], taxed["type"] = "YES", map[string]any{"after_taxes": 30}, "REGULAR"
	want[any](mine, http.StatusCreated, http.MethodPost, "/v1/tariffs", taxed)
	text := ""
	for _, t := range crawl(w.partner(id), "Tariff", "/ocpi/2.2.1/tariffs") {
		text += string(t)
	}
	if !strings.Contains(text, `"price":0.5,"vat":20,`) || !strings.Contains(text, `"max_price":{"excl_vat":25,"incl_vat":30}`) {
		t.Errorf("the tariffs are %s", text)
	}
	versions, _ := want[told[[]json.RawMessage]](w.partner(id), http.StatusOK, http.MethodGet, "/ocpi/versions", nil)
	ocpitest.Check(t, "Version", versions.Data[0])
	details, _ := want[told[json.RawMessage]](w.partner(id), http.StatusOK, http.MethodGet, "/ocpi/2.2.1", nil)
	ocpitest.Check(t, "VersionDetails", details.Data)
}

// TestOCPIRoundTrip promises that a location, read again by our own importer, is the station that it was written of, under the ids
// that it was written with.
func TestOCPIRoundTrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	_, mine := w.own("PLM")
	body := input("Round trip", "round-1")
	body["opening_times"] = map[string]any{"twentyfourseven": false, "regular_hours": []any{
		map[string]any{"weekday": 1, "period_begin": "08:00", "period_end": "24:00"},
	}, "exceptional_closings": []any{map[string]any{"period_begin": "2026-12-25T00:00:00Z", "period_end": "2026-12-26T00:00:00Z"}}}
	body["facilities"], body["parking_type"], body["postal_code"] = []any{"CAFE"}, "PARKING_LOT", "75001"
	unit := body["evses"].([]any)[0].(map[string]any)
	unit["evse_id"], unit["reservable"], unit["floor_level"] = "FR*PLM*E1", true, "-1"
	unit["capabilities"], unit["parking_restrictions"] = []any{"RFID_READER", "RESERVABLE"}, []any{"EV_ONLY"}
	made, _ := want[station.Station](mine, http.StatusCreated, http.MethodPost, "/v1/stations", body)

	text, _ := want[told[json.RawMessage]](w.partner(uuid.Nil), http.StatusOK, http.MethodGet, "/ocpi/2.2.1/locations/"+made.ID.String(), nil)
	var got station.Station
	for row, err := range importer.Formats()[importer.OCPI].Rows(strings.NewReader("["+string(text.Data)+"]"), "ocpi") {
		if err != nil || len(row.Findings) > 0 {
			t.Fatalf("the location was read with %v, %+v", err, row.Findings)
		}
		entry, findings, ok := importer.Formats()[importer.OCPI].Assemble([]transfer.StagedRow{{Key: row.Key, Line: row.Line, Data: row.Data}}, "ocpi")
		if !ok || len(findings) > 0 {
			t.Fatalf("the location became %+v, %+v", entry, findings)
		}
		got = entry.Station
	}
	const party = "FR*PLM*"
	made.SourceID, made.Source, made.EVSEs[0].UID = party+made.ID.String(), got.Source, party+made.EVSEs[0].ID.String()
	made.Operator.Name = got.Operator.Name
	changes, err := station.Diff(made, got, true)
	if err != nil || len(changes) > 0 || got.Name != "Round trip" {
		t.Errorf("read again it differs by %+v, %v", changes, err)
	}
}
