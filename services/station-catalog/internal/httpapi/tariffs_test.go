package httpapi_test

import (
	"bytes"
	"net/http"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/tariff"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

type tariffsPage struct {
	Items      []tariff.Tariff `json:"items"`
	NextCursor string          `json:"next_cursor"`
}

func tariffOf(id string, price float64) map[string]any {
	return map[string]any{"id": id, "currency": "EUR", "elements": []any{map[string]any{
		"price_components": []any{map[string]any{"type": "ENERGY", "price": price, "vat": 20, "step_size": 1}},
		"restrictions":     map[string]any{"start_time": "08:00", "end_time": "20:00", "day_of_week": []any{"MONDAY"}},
	}}}
}

// TestTariffLife promises that tariffs are made, attached, changed and removed by their operator, that stations follow, and that the
// history tells it.
func TestTariffLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	id, mine := w.own("PLM")
	_, other := w.own("TRM")
	made, a := want[tariff.Tariff](mine, http.StatusCreated, http.MethodPost, "/v1/tariffs", tariffOf("day", 0.4), "Idempotency-Key", "day")
	at := "/v1/tariffs/" + made.ID
	if made.PartyID != "PLM" || made.ID != station.TariffID("FR", "PLM", "day").String() || a.header.Get("Location") != at || a.header.Get("ETag") != `"1"` {
		t.Errorf("made %+v at %s", made, a.header.Get("Location"))
	}
	refused(mine, http.StatusConflict, "tariff_taken", http.MethodPost, "/v1/tariffs", tariffOf("day", 0.5))
	refused(w.admin(), http.StatusBadRequest, "operator_required", http.MethodPost, "/v1/tariffs", tariffOf("day", 0.5))
	foreign := tariffOf("theirs", 0.5)
	foreign["country_code"], foreign["party_id"] = "FR", "TRM"
	refused(mine, http.StatusForbidden, "foreign_operator", http.MethodPost, "/v1/tariffs", foreign)
	want[tariff.Tariff](w.admin(), http.StatusCreated, http.MethodPost, "/v1/tariffs", foreign)
	broken := tariffOf("broken", 0.5)
	broken["elements"].([]any)[0].(map[string]any)["restrictions"] = map[string]any{"min_kwh": 10, "max_kwh": 5}
	if got := refused(mine, http.StatusBadRequest, "invalid_tariff", http.MethodPost, "/v1/tariffs", broken); !slices.Contains(got, "/elements/0/restrictions/max_kwh") {
		t.Errorf("named %q", got)
	}
	broken["elements"] = []any{map[string]any{
		"price_components": []any{map[string]any{"type": "SUN", "price": 1e30, "per": 1}, map[string]any{"type": "ENERGY", "price": "0.25"}},
		"restrictions":     map[string]any{"day_of_week": []any{"TODAY"}, "from": "08:00"},
	}}
	broken["max_price"] = map[string]any{"before_taxes": "much"}
	got := refused(mine, http.StatusBadRequest, "invalid_request", http.MethodPost, "/v1/tariffs", broken)
	slices.Sort(got)
	if want := []string{
		"/elements/0/price_components/0/per", "/elements/0/price_components/0/price", "/elements/0/price_components/0/type",
		"/elements/0/price_components/1/price", "/elements/0/restrictions/day_of_week/0", "/elements/0/restrictions/from", "/max_price/before_taxes",
	}; !slices.Equal(got, want) {
		t.Errorf("of what no tariff has it names %q, want %q", got, want)
	}
	refused(w.as(id, []string{"operator"}, "stations:write"), http.StatusForbidden, "insufficient_scope", http.MethodPost, "/v1/tariffs", tariffOf("x", 1))

	var all []string
	for next := "?limit=1&operator=" + id.String(); next != ""; {
		p, _ := want[tariffsPage](w.anonymous(), http.StatusOK, http.MethodGet, "/v1/tariffs"+next, nil)
		for _, one := range p.Items {
			all = append(all, one.ID)
		}
		if next = ""; p.NextCursor != "" {
			next = "?limit=1&operator=" + id.String() + "&cursor=" + p.NextCursor
		}
	}
	if !slices.Contains(all, made.ID) || len(all) < 2 || !slices.IsSorted(all) {
		t.Errorf("the operator's tariffs are %q", all)
	}

	// A station refers to it without bringing it.
	body := input("Priced", "priced-1")
	connector(body)["tariff_ids"] = []any{"day"}
	st, _ := want[station.Station](mine, http.StatusCreated, http.MethodPost, "/v1/stations", body)
	if len(st.Tariffs) != 1 || st.Tariffs[0].ID != made.ID || st.EVSEs[0].Connectors[0].TariffIDs[0] != made.ID {
		t.Fatalf("the station has %+v", st)
	}
	connector(body)["tariff_ids"] = []any{"theirs"}
	body["evses"].([]any)[0].(map[string]any)["uid"] = "priced-2"
	refused(mine, http.StatusBadRequest, "invalid_station", http.MethodPost, "/v1/stations", body)

	patch := map[string]any{"elements": tariffOf("day", 0.55)["elements"], "tariff_alt_url": "https://plume.example/day"}
	refused(mine, http.StatusPreconditionRequired, "if_match_required", http.MethodPatch, at, patch)
	refused(mine, http.StatusPreconditionFailed, "stale", http.MethodPatch, at, patch, "If-Match", `"7"`)
	refused(other, http.StatusForbidden, "foreign_operator", http.MethodPatch, at, patch, "If-Match", "*")
	changed, a := want[tariff.Tariff](mine, http.StatusOK, http.MethodPatch, at, patch, "If-Match", `"1"`)
	if changed.Elements[0].PriceComponents[0].Price != "0.55" || a.header.Get("ETag") != `"2"` {
		t.Errorf("changed to %+v, %s", changed, a.header.Get("ETag"))
	}
	shown, _ := want[station.Station](w.anonymous(), http.StatusOK, http.MethodGet, "/v1/stations/"+st.ID.String(), nil)
	if shown.Version != 2 || shown.Tariffs[0].Elements[0].PriceComponents[0].Price != "0.55" {
		t.Errorf("the station shows %+v in version %d", shown.Tariffs, shown.Version)
	}
	refused(mine, http.StatusConflict, "tariff_in_use", http.MethodDelete, at, nil, "If-Match", "*")
	connector(body)["tariff_ids"] = []any{}
	body["evses"].([]any)[0].(map[string]any)["uid"] = "priced-1"
	want[station.Station](mine, http.StatusOK, http.MethodPatch, "/v1/stations/"+st.ID.String(), map[string]any{"evses": body["evses"]}, "If-Match", "*")
	if gone := mine.do(http.MethodDelete, at, nil, "If-Match", `"2"`); gone.status != http.StatusNoContent {
		t.Fatalf("removing it was answered by %d: %s", gone.status, gone.body)
	}
	refused(w.anonymous(), http.StatusNotFound, "tariff_not_found", http.MethodGet, at, nil)
	want[tariff.Tariff](mine, http.StatusCreated, http.MethodPost, "/v1/tariffs", tariffOf("day", 0.6))

	p, _ := want[historyPage](mine, http.StatusOK, http.MethodGet, at+"/history", nil)
	var actions []history.Action
	for _, e := range p.Items {
		actions = append(actions, e.Action)
	}
	if !slices.Equal(actions, []history.Action{history.Restored, history.Removed, history.Changed, history.Created}) {
		t.Errorf("its history is %+v", actions)
	}
	refused(other, http.StatusForbidden, "foreign_operator", http.MethodGet, at+"/history", nil)
}

// TestOperatorLife promises that administrators make and remove operators, that their own people change them, that stations show the
// new name, and that an operator with stations stays.
func TestOperatorLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	admin := w.admin()
	body := map[string]any{"name": "Newcomer", "country_code": "FR", "party_id": "NEW", "website": "https://new.example"}
	made, a := want[operator.Operator](admin, http.StatusCreated, http.MethodPost, "/v1/operators", body, "Idempotency-Key", "new")
	at := "/v1/operators/" + made.ID.String()
	if made.Name != "Newcomer" || made.Version != 1 || a.header.Get("Location") != at {
		t.Errorf("made %+v at %s", made, a.header.Get("Location"))
	}
	refused(admin, http.StatusConflict, "operator_taken", http.MethodPost, "/v1/operators", body)
	_, mine := w.own("PLM")
	refused(mine, http.StatusForbidden, "administrators_only", http.MethodPost, "/v1/operators", body)
	refused(mine, http.StatusForbidden, "foreign_operator", http.MethodPatch, at, map[string]any{"name": "Stolen"}, "If-Match", "*")
	if got := refused(admin, http.StatusBadRequest, "invalid_operator", http.MethodPatch, at, map[string]any{"website": "javascript:alert(1)"}, "If-Match", "*"); !slices.Equal(got, []string{"/website"}) {
		t.Errorf("named %q", got)
	}

	st := w.named("Place du Marché")
	own := "/v1/operators/" + st.Operator.ID.String()
	refused(mine, http.StatusPreconditionRequired, "if_match_required", http.MethodPatch, own, map[string]any{"name": "Plume"})
	renamed, _ := want[operator.Operator](mine, http.StatusOK, http.MethodPatch, own, map[string]any{"name": "Plume Nouvelle", "website": nil}, "If-Match", `"1"`)
	if renamed.Name != "Plume Nouvelle" || renamed.Version != 2 {
		t.Errorf("renamed to %+v", renamed)
	}
	shown, _ := want[station.Station](w.anonymous(), http.StatusOK, http.MethodGet, "/v1/stations/"+st.ID.String(), nil)
	if shown.Operator.Name != "Plume Nouvelle" || shown.Version != st.Version+1 {
		t.Errorf("the station shows %+v in version %d", shown.Operator, shown.Version)
	}
	w.eventually("the search shows the new name", func() bool {
		found := w.anonymous().do(http.MethodGet, "/v1/stations?id="+st.ID.String(), nil)
		return found.status == http.StatusOK && bytes.Contains(found.body, []byte("Plume Nouvelle"))
	})
	p, _ := want[historyPage](mine, http.StatusOK, http.MethodGet, own+"/history", nil)
	if len(p.Items) != 1 || p.Items[0].Changes[0].Path != "/name" {
		t.Errorf("its history is %+v", p.Items)
	}
	refused(mine, http.StatusForbidden, "foreign_operator", http.MethodGet, at+"/history", nil)

	refused(admin, http.StatusConflict, "operator_in_use", http.MethodDelete, own, nil, "If-Match", "*")
	refused(mine, http.StatusForbidden, "administrators_only", http.MethodDelete, own, nil, "If-Match", "*")
	refused(admin, http.StatusPreconditionFailed, "stale", http.MethodDelete, at, nil, "If-Match", `"9"`)
	if gone := admin.do(http.MethodDelete, at, nil, "If-Match", `"1"`); gone.status != http.StatusNoContent {
		t.Fatalf("removing it was answered by %d: %s", gone.status, gone.body)
	}
	refused(admin, http.StatusNotFound, "operator_not_found", http.MethodGet, at, nil)
	back, _ := want[operator.Operator](admin, http.StatusCreated, http.MethodPost, "/v1/operators", body)
	if back.ID != made.ID || back.Version != 3 {
		t.Errorf("it came back as %+v", back)
	}
	refused(admin, http.StatusNotFound, "operator_not_found", http.MethodGet, "/v1/operators/"+uuid.NewString()+"/history", nil)
}
