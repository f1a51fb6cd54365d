package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/contribution"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/report"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

type pageOf[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"`
}

// reporter is somebody who may report faults, and the id of the account.
func (w *world) reporter() (caller, uuid.UUID) {
	w.t.Helper()
	return w.driver("reports:write", "reviews:write", "profile")
}

// staff is somebody who works for an operator, or who works for none but moderates.
func (w *world) staff(operator uuid.UUID) caller {
	w.t.Helper()
	if operator == uuid.Nil {
		return w.as(operator, []string{"moderator"}, "reports:write", "reports:handle", "reviews:moderate")
	}
	return w.as(operator, []string{"operator"}, "reports:write", "reports:handle")
}

// told is what everybody is told of the reports of a station.
func (w *world) told(at string) ([]report.Told, answer) {
	w.t.Helper()
	page, a := want[pageOf[report.Told]](w.anonymous(), http.StatusOK, http.MethodGet, at+"/reports", nil)
	return page.Items, a
}

// TestReportLife promises that a fault is reported, acknowledged and settled, that everybody is told of it until then, but neither whose it
// is nor the words, and that nothing else of the station changes.
func TestReportLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	st := w.named("Place du Marché")
	at, evse, everybody := pathOf(st), st.EVSEs[0], w.anonymous()
	unchanged := func() string {
		return string(everybody.do(http.MethodGet, "/v1/exports/stations.ndjson", nil).body) +
			string(everybody.do(http.MethodGet, "/v1/stations?fields=id,rating,version&id="+st.ID.String(), nil).body)
	}
	before := unchanged()
	fresh, a := want[station.Station](everybody, http.StatusOK, http.MethodGet, at, nil)
	sound := a.header.Get("ETag")
	if strings.Contains(string(a.body), "open_reports") || fresh.Version != st.Version {
		t.Errorf("a station without faults is %s", a.body)
	}
	ada, her := w.reporter()
	bob, his := w.reporter()
	seen := time.Now().UTC().Add(-time.Hour).Truncate(time.Second)
	body := map[string]any{
		"kind": "out_of_order", "evse_id": evse.ID, "connector_id": evse.Connectors[0].ID, "comment": "No light.\nNo sound", "seen_at": seen,
	}
	made, a := want[report.Report](ada, http.StatusCreated, http.MethodPost, at+"/reports", body)
	mine := at + "/reports/" + made.ID.String()
	if a.header.Get("Location") != mine || a.header.Get("ETag") != `"1"` || *made.EVSEID != evse.ID || made.ConnectorID != evse.Connectors[0].ID ||
		made.Comment != "No light.\nNo sound" || !made.SeenAt.Equal(seen) || made.State != report.Open || !made.StateSince.Equal(made.CreatedAt) {
		t.Errorf("made %s at %s", a.body, a.header.Get("Location"))
	}
	theirs, _ := want[report.Report](bob, http.StatusCreated, http.MethodPost, at+"/reports", map[string]any{"kind": "out_of_order", "evse_id": evse.ID})
	want[report.Report](bob, http.StatusCreated, http.MethodPost, at+"/reports", map[string]any{"kind": "blocked"})
	all, a := w.told(at)
	if len(all) != 2 || all[0].Kind != "blocked" || all[0].EVSEID != nil || all[1].People != 2 || all[1].State != report.Open ||
		!all[1].Since.Equal(seen) || !all[1].LastSeenAt.Equal(theirs.SeenAt) || *all[1].EVSEID != evse.ID {
		t.Errorf("everybody is told %s", a.body)
	}
	if everybody.do(http.MethodGet, at+"/reports", nil, "If-None-Match", a.header.Get("ETag")).status != http.StatusNotModified {
		t.Error("what has not changed is told again")
	}
	one, _ := want[pageOf[report.Told]](everybody, http.StatusOK, http.MethodGet, at+"/reports?limit=1", nil)
	two, _ := want[pageOf[report.Told]](everybody, http.StatusOK, http.MethodGet, at+"/reports?limit=1&cursor="+one.NextCursor, nil)
	if len(one.Items) != 1 || one.Items[0].Kind != "blocked" || len(two.Items) != 1 || two.Items[0].Kind != "out_of_order" || two.NextCursor != "" {
		t.Errorf("by pages everybody is told %+v and %+v", one, two)
	}
	refused(everybody, http.StatusBadRequest, "bad_cursor", http.MethodGet, pathOf(w.named("Gare Sud"))+"/reports?cursor="+one.NextCursor, nil)
	shown, a2 := want[station.Station](everybody, http.StatusOK, http.MethodGet, at, nil)
	if len(shown.OpenReports) != 2 || shown.OpenReports["out_of_order"] != 2 || shown.OpenReports["blocked"] != 1 || shown.Version != st.Version || a2.header.Get("ETag") == sound {
		t.Errorf("the station shows %v of version %d by %s", shown.OpenReports, shown.Version, a2.header.Get("ETag"))
	}
	if everybody.do(http.MethodGet, at, nil, "If-None-Match", sound).status != http.StatusOK {
		t.Error("the faults are not news to who holds the station without them")
	}

	staff := w.staff(st.Operator.ID)
	listed, a3 := want[pageOf[report.Task]](staff, http.StatusOK, http.MethodGet, "/v1/reports", nil)
	if len(listed.Items) != 3 || listed.Items[0].ID != made.ID || listed.Items[0].Comment != made.Comment || listed.Items[0].At.Name != st.Name {
		t.Errorf("its operator is told %s", a3.body)
	}
	handled, a4 := want[report.Report](staff, http.StatusOK, http.MethodPut, mine+"/handling", map[string]any{"state": "acknowledged", "note": "Somebody comes"}, "If-Match", `"1"`)
	if handled.State != report.Acknowledged || handled.Note != "Somebody comes" || a4.header.Get("ETag") != `"2"` || handled.StateSince.Before(made.StateSince) {
		t.Errorf("acknowledged it is %s", a4.body)
	}
	again, _ := want[report.Report](staff, http.StatusOK, http.MethodPut, mine+"/handling", map[string]any{"state": "acknowledged", "note": "Somebody comes"}, "If-Match", `"2"`)
	later, _ := want[report.Report](staff, http.StatusOK, http.MethodPut, mine+"/handling", map[string]any{"state": "acknowledged", "note": "Tomorrow"}, "If-Match", `"2"`)
	if again.Version != 2 || later.Version != 3 || !later.StateSince.Equal(handled.StateSince) {
		t.Errorf("the same again is version %d, another note %+v", again.Version, later)
	}
	read, a5 := want[report.Report](ada, http.StatusOK, http.MethodGet, mine, nil)
	if read.Note != "Tomorrow" || ada.do(http.MethodGet, mine, nil, "If-None-Match", a5.header.Get("ETag")).status != http.StatusNotModified {
		t.Errorf("she is told %s", a5.body)
	}
	if all, _ = w.told(at); len(all) != 2 || all[1].State != report.Acknowledged || all[1].People != 2 {
		t.Errorf("after it is acknowledged everybody is told %+v", all)
	}
	for _, text := range [][]byte{a.body, a2.body, a3.body, a4.body, a5.body} {
		if strings.Contains(string(text), her.String()) || strings.Contains(string(text), his.String()) || strings.Contains(string(text), "reporter") {
			t.Errorf("somebody is told whose it is: %s", text)
		}
	}
	if strings.Contains(string(a.body)+string(a2.body), "No light") {
		t.Error("everybody is told her words")
	}

	want[report.Report](bob, http.StatusOK, http.MethodPatch, at+"/reports/"+theirs.ID.String(), map[string]any{"state": "withdrawn"}, "If-Match", `"1"`)
	done, _ := want[report.Report](ada, http.StatusOK, http.MethodPatch, mine, map[string]any{"state": "resolved"}, "If-Match", `"3"`)
	if done.State != report.Resolved || done.Note != "Tomorrow" || done.StateSince.Before(later.StateSince) {
		t.Errorf("resolved it is %+v", done)
	}
	if all, _ = w.told(at); len(all) != 1 || all[0].Kind != "blocked" {
		t.Errorf("after it is settled everybody is told %+v", all)
	}
	moderator := w.staff(uuid.Nil)
	want[report.Report](moderator, http.StatusOK, http.MethodPut, at+"/reports/"+listed.Items[2].ID.String()+"/handling", map[string]any{"state": "dismissed"}, "If-Match", `"1"`)
	if _, a := want[station.Station](everybody, http.StatusOK, http.MethodGet, at, nil); a.header.Get("ETag") != sound {
		t.Errorf("without faults the station has the ETag %s, and had %s", a.header.Get("ETag"), sound)
	}
	want[report.Report](ada, http.StatusCreated, http.MethodPost, at+"/reports", body) // it has broken again
	if after := unchanged(); after != before {
		t.Error("reports changed the export or the search")
	}
}

// TestWhoMayReport promises that people report faults, each as often as they may, that those handle them who run the station or
// moderate, and that for others they are not there.
func TestWhoMayReport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	st := w.named("Place du Marché")
	at := pathOf(st)
	ada, _ := w.reporter()
	bob, _ := w.reporter()
	blocked := map[string]any{"kind": "blocked"}
	made, _ := want[report.Report](ada, http.StatusCreated, http.MethodPost, at+"/reports", blocked, "Idempotency-Key", "once")
	again, a := want[report.Report](ada, http.StatusCreated, http.MethodPost, at+"/reports", blocked, "Idempotency-Key", "once")
	if again.ID != made.ID || a.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("the second time it is %s", a.body)
	}
	var twice struct {
		ReportID uuid.UUID `json:"report_id"`
	}
	refused(ada, http.StatusConflict, "already_reported", http.MethodPost, at+"/reports", blocked)
	if err := json.Unmarshal(ada.do(http.MethodPost, at+"/reports", blocked).body, &twice); err != nil || twice.ReportID != made.ID {
		t.Errorf("reporting it again leads to %s: %v", twice.ReportID, err)
	}
	mine := at + "/reports/" + made.ID.String()
	operator, foreign, moderator := w.staff(st.Operator.ID), w.staff(uuid.New()), w.staff(uuid.Nil)
	alien, _ := want[report.Report](foreign, http.StatusCreated, http.MethodPost, at+"/reports", blocked) // reports like anybody else
	reader, _ := w.driver("profile")
	lost := w.as(uuid.Nil, []string{"operator"}, "reports:handle")
	service := caller{w, w.issuer.Mint(authn.Principal{Kind: authn.Service, Subject: uuid.New(), ClientID: "robot", Scopes: []string{"reports:write"}}, w.cfg.Auth.Issuer+"/station-catalog")}
	settle, withdraw, handle := map[string]any{"state": "resolved"}, map[string]any{"state": "withdrawn"}, map[string]any{"state": "acknowledged"}
	type try struct {
		who          caller
		status       int
		code, method string
		path         string
		body         any
		ifMatch      string
	}
	refuse := func(tries ...try) {
		t.Helper()
		for _, c := range tries {
			headers := []string{"If-Match", c.ifMatch}
			if c.ifMatch == "" {
				headers = nil
			}
			refused(c.who, c.status, c.code, c.method, c.path, c.body, headers...)
		}
	}
	refuse(
		try{w.anonymous(), 401, "unauthenticated", http.MethodPost, at + "/reports", blocked, ""},
		try{w.anonymous(), 401, "unauthenticated", http.MethodGet, mine, nil, ""},
		try{w.anonymous(), 401, "unauthenticated", http.MethodPatch, mine, settle, `"1"`},
		try{w.anonymous(), 401, "unauthenticated", http.MethodPut, mine + "/handling", handle, `"1"`},
		try{w.anonymous(), 401, "unauthenticated", http.MethodGet, "/v1/reports", nil, ""},
		try{reader, 403, "insufficient_scope", http.MethodPost, at + "/reports", blocked, ""},
		try{ada, 403, "insufficient_scope", http.MethodPut, mine + "/handling", handle, `"1"`},
		try{ada, 403, "insufficient_scope", http.MethodGet, "/v1/reports", nil, ""},
		try{lost, 403, "no_operator", http.MethodGet, "/v1/reports", nil, ""},
		try{lost, 403, "no_operator", http.MethodPut, mine + "/handling", handle, `"1"`},
		try{service, 403, "people_only", http.MethodPost, at + "/reports", blocked, ""},
		try{service, 403, "people_only", http.MethodPatch, mine, settle, `"1"`},
		try{bob, 404, "report_not_found", http.MethodGet, mine, nil, ""},
		try{bob, 404, "report_not_found", http.MethodPatch, mine, settle, `"1"`},
		try{foreign, 404, "report_not_found", http.MethodGet, mine, nil, ""},
		try{foreign, 404, "report_not_found", http.MethodPut, mine + "/handling", handle, `"1"`},
		try{foreign, 404, "report_not_found", http.MethodPut, at + "/reports/" + alien.ID.String() + "/handling", handle, `"1"`},
		try{operator, 403, "foreign_report", http.MethodPatch, mine, settle, `"1"`},
		try{moderator, 403, "foreign_report", http.MethodPatch, mine, settle, `"1"`},
		try{ada, 428, "if_match_required", http.MethodPatch, mine, settle, ""},
		try{ada, 412, "stale", http.MethodPatch, mine, settle, `"7"`},
		try{operator, 428, "if_match_required", http.MethodPut, mine + "/handling", handle, ""},
		try{operator, 412, "stale", http.MethodPut, mine + "/handling", handle, `"7"`},
		try{ada, 404, "report_not_found", http.MethodGet, at + "/reports/" + uuid.NewString(), nil, ""},
		try{ada, 404, "report_not_found", http.MethodGet, pathOf(w.named("Gare Sud")) + "/reports/" + made.ID.String(), nil, ""},
		try{ada, 404, "station_not_found", http.MethodPost, "/v1/stations/" + uuid.NewString() + "/reports", blocked, ""},
		try{ada, 404, "station_not_found", http.MethodGet, "/v1/stations/" + uuid.NewString() + "/reports", nil, ""},
		try{ada, 404, "station_not_found", http.MethodGet, "/v1/stations/" + uuid.NewString() + "/reports/" + made.ID.String(), nil, ""},
	)
	want[report.Report](moderator, http.StatusOK, http.MethodGet, mine, nil)
	want[report.Report](foreign, http.StatusOK, http.MethodGet, at+"/reports/"+alien.ID.String(), nil)
	if left, _ := want[report.Report](ada, http.StatusOK, http.MethodGet, mine, nil); left.Version != 1 || left.State != report.Open {
		t.Errorf("after all that it is %+v", left)
	}
	want[report.Report](operator, http.StatusOK, http.MethodPut, mine+"/handling", handle, "If-Match", `"1"`)
	refuse(try{ada, 409, "report_acknowledged", http.MethodPatch, mine, withdraw, `"2"`})
	want[report.Report](operator, http.StatusOK, http.MethodPut, mine+"/handling", map[string]any{"state": "dismissed", "note": "It was a car"}, "If-Match", `"2"`)
	refuse(
		try{ada, 409, "report_settled", http.MethodPatch, mine, settle, `"3"`},
		try{ada, 409, "report_settled", http.MethodPatch, mine, withdraw, `"3"`},
		try{operator, 409, "report_settled", http.MethodPut, mine + "/handling", handle, `"3"`},
	)
	// Nobody reports without end.
	for n := range report.MostOpen {
		of := st.EVSEs[0].ID
		kinds := []string{"out_of_order", "payment_failed", "blocked", "not_accessible", "damaged", "unsafe", "wrong_information", "does_not_exist"}
		body := map[string]any{"kind": kinds[n%len(kinds)]}
		path := at
		switch n / len(kinds) {
		case 1:
			body["evse_id"] = of
		case 2:
			path = pathOf(w.named("Gare Sud"))
		}
		want[report.Report](bob, http.StatusCreated, http.MethodPost, path+"/reports", body)
	}
	refused(bob, http.StatusConflict, "too_many_reports", http.MethodPost, at+"/reports", map[string]any{"kind": "other", "comment": "And then"})
	refused(bob, http.StatusConflict, "already_reported", http.MethodPost, at+"/reports", blocked)
}

// TestTwoSettleAtOnce promises that of those who settle a report at the same moment one does, and the others are told that it has changed.
func TestTwoSettleAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	st := w.named("Place du Marché")
	ada, _ := w.reporter()
	staff := w.staff(st.Operator.ID)
	for n := range 5 {
		made, _ := want[report.Report](ada, http.StatusCreated, http.MethodPost, pathOf(st)+"/reports", map[string]any{"kind": "other", "comment": fmt.Sprint("No. ", n)})
		mine := pathOf(st) + "/reports/" + made.ID.String()
		var settling sync.WaitGroup
		answers := make([]int, 3)
		settling.Go(func() {
			answers[0] = ada.do(http.MethodPatch, mine, map[string]any{"state": "withdrawn"}, "If-Match", `"1"`).status
		})
		for i, state := range []string{"acknowledged", "dismissed"} {
			settling.Go(func() {
				answers[1+i] = staff.do(http.MethodPut, mine+"/handling", map[string]any{"state": state}, "If-Match", `"1"`).status
			})
		}
		settling.Wait()
		if slices.Sort(answers); !slices.Equal(answers, []int{http.StatusOK, http.StatusPreconditionFailed, http.StatusPreconditionFailed}) {
			t.Errorf("they were answered by %v", answers)
		}
		left, _ := want[report.Report](ada, http.StatusOK, http.MethodGet, mine, nil)
		if left.Version != 2 {
			t.Errorf("it is %+v", left)
		}
		if left.State == report.Acknowledged {
			want[report.Report](staff, http.StatusOK, http.MethodPut, mine+"/handling", map[string]any{"state": "resolved"}, "If-Match", `"2"`)
		}
	}
}

// TestBadReports promises that whatever is wrong with a report is named, all of it at once, and nothing of it is stored.
func TestBadReports(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	st, other := w.named("Place du Marché"), w.named("Gare Sud")
	at, evse := pathOf(st), st.EVSEs[0]
	ada, _ := w.reporter()
	now := time.Now().UTC()
	for name, c := range map[string]struct {
		body  map[string]any
		wrong []string
	}{
		"nothing":                       {map[string]any{}, []string{"/kind"}},
		"an unknown kind":               {map[string]any{"kind": "haunted"}, []string{"/kind"}},
		"something else, not said":      {map[string]any{"kind": "other"}, []string{"/comment"}},
		"something else, blank":         {map[string]any{"kind": "other", "comment": " \n"}, []string{"/comment"}},
		"a long comment":                {map[string]any{"kind": "blocked", "comment": strings.Repeat("é", 2001)}, []string{"/comment"}},
		"a comment with a NUL":          {map[string]any{"kind": "blocked", "comment": "a\x00b"}, []string{"/comment"}},
		"a comment that is none":        {map[string]any{"kind": "other", "comment": 7}, []string{"/comment"}},
		"a fault to come":               {map[string]any{"kind": "blocked", "seen_at": now.Add(2 * time.Minute)}, []string{"/seen_at"}},
		"a fault of old":                {map[string]any{"kind": "blocked", "seen_at": now.Add(-31 * 24 * time.Hour)}, []string{"/seen_at"}},
		"no time":                       {map[string]any{"kind": "blocked", "seen_at": "yesterday"}, []string{"/seen_at"}},
		"a connector of no EVSE":        {map[string]any{"kind": "blocked", "connector_id": "1"}, []string{"/connector_id"}},
		"a connector that is not there": {map[string]any{"kind": "blocked", "evse_id": evse.ID, "connector_id": "nine"}, []string{"/connector_id"}},
		"an EVSE that is not there":     {map[string]any{"kind": "blocked", "evse_id": uuid.New()}, []string{"/evse_id"}},
		"an EVSE of another station":    {map[string]any{"kind": "blocked", "evse_id": other.EVSEs[0].ID}, []string{"/evse_id"}},
		"an EVSE that is none":          {map[string]any{"kind": "blocked", "evse_id": "first", "connector_id": "1"}, []string{"/evse_id"}},
		"an unknown member":             {map[string]any{"kind": "blocked", "state": "resolved"}, []string{"/state"}},
		"all that the body tells": {
			map[string]any{"kind": "haunted", "comment": "a\ab", "seen_at": now.Add(time.Hour), "connector_id": "1", "by": 1},
			[]string{"/by", "/comment", "/connector_id", "/kind", "/seen_at"},
		},
		"all that the station tells": {
			map[string]any{"kind": "other", "seen_at": now.Add(time.Hour), "evse_id": other.EVSEs[0].ID}, []string{"/comment", "/evse_id", "/seen_at"},
		},
	} {
		p, a := want[problem](ada, http.StatusBadRequest, http.MethodPost, at+"/reports", c.body)
		var named []string
		for _, e := range p.Errors {
			named = append(named, e.Pointer)
		}
		if slices.Sort(named); !slices.Equal(named, c.wrong) {
			t.Errorf("%s: at fault are %v, want %v: %s", name, named, c.wrong, a.body)
		}
	}
	if all, _ := w.told(at); len(all) > 0 {
		t.Errorf("after all that everybody is told %+v", all)
	}
	// A clock may be wrong a little; nothing was seen later than now.
	made, _ := want[report.Report](ada, http.StatusCreated, http.MethodPost, at+"/reports", map[string]any{"kind": "blocked", "seen_at": time.Now().Add(30 * time.Second)})
	if made.SeenAt.After(time.Now()) {
		t.Errorf("it was seen at %s", made.SeenAt)
	}
	mine, staff := at+"/reports/"+made.ID.String(), w.staff(st.Operator.ID)
	for body, wrong := range map[string][]string{
		`{}`: {"/state"}, `{"state":"open"}`: {"/state"}, `{"state":"withdrawn","note":"a\u0007b"}`: {"/note", "/state"},
		`{"state":"resolved","note":" "}`: {"/note"}, `{"state":"resolved","comment":"x"}`: {"/comment"},
	} {
		p, a := want[problem](staff, http.StatusBadRequest, http.MethodPut, mine+"/handling", json.RawMessage(body), "If-Match", `"1"`)
		var named []string
		for _, e := range p.Errors {
			named = append(named, e.Pointer)
		}
		if slices.Sort(named); !slices.Equal(named, wrong) {
			t.Errorf("%s: at fault are %v: %s", body, named, a.body)
		}
	}
	for _, body := range []string{`{}`, `{"state":null}`, `{"state":"acknowledged"}`, `{"state":"dismissed"}`} {
		if named := refused(ada, http.StatusBadRequest, "invalid_request", http.MethodPatch, mine, json.RawMessage(body), "If-Match", `"1"`); !slices.Equal(named, []string{"/state"}) {
			t.Errorf("%s: at fault are %v", body, named)
		}
	}
	for query, wrong := range map[string]string{
		"state=closed": "state", "state=open,closed": "state", "kind=haunted": "kind", "station_id=1": "station_id", "operator=me": "operator", "since=today": "since",
	} {
		if named := refused(staff, http.StatusBadRequest, "invalid_request", http.MethodGet, "/v1/reports?"+query, nil); !slices.Equal(named, []string{wrong}) {
			t.Errorf("%s: at fault are %v", query, named)
		}
	}
}

// TestReportsToHandle promises that an operator's people find the reports of its stations, and moderators those of all, the oldest that
// wait first, by pages and by what they ask for, also when a station is removed or merged.
func TestReportsToHandle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	here := w.named("Place du Marché")
	there := here // a station of another operator
	for s, err := range w.store.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if s.Operator.ID != here.Operator.ID {
			there = s
			break
		}
	}
	if there.ID == here.ID {
		t.Fatal("all stations are of one operator")
	}
	ada, _ := w.reporter()
	bob, _ := w.reporter()
	file := func(who caller, st station.Station, kind string) report.Report {
		t.Helper()
		made, _ := want[report.Report](who, http.StatusCreated, http.MethodPost, pathOf(st)+"/reports", map[string]any{"kind": kind})
		return made
	}
	settled, first, second, third := file(ada, here, "unsafe"), file(ada, here, "blocked"), file(ada, there, "does_not_exist"), file(bob, here, "damaged")
	moderator, mine, others, nobody := w.staff(uuid.Nil), w.staff(here.Operator.ID), w.staff(there.Operator.ID), w.staff(uuid.New())
	handle := func(who caller, r report.Report, state string) {
		t.Helper()
		want[report.Report](who, http.StatusOK, http.MethodPut, "/v1/stations/"+r.StationID.String()+"/reports/"+r.ID.String()+"/handling",
			map[string]any{"state": state}, "If-Match", fmt.Sprintf("%q", fmt.Sprint(r.Version)))
	}
	handle(mine, settled, "resolved")
	handle(mine, first, "acknowledged")
	lists := func(who caller, query string, reports ...report.Report) {
		t.Helper()
		var ids []uuid.UUID
		for cursor := ""; ; {
			page, a := want[pageOf[report.Task]](who, http.StatusOK, http.MethodGet, "/v1/reports?limit=2"+query+cursor, nil)
			for _, item := range page.Items {
				ids = append(ids, item.ID)
			}
			if page.NextCursor == "" {
				break
			}
			if cursor = "&cursor=" + page.NextCursor; !strings.Contains(a.header.Get("Link"), "next") {
				t.Errorf("the next page is not linked: %v", a.header)
			}
		}
		var expected []uuid.UUID
		for _, r := range reports {
			expected = append(expected, r.ID)
		}
		if !slices.Equal(ids, expected) {
			t.Errorf("%q lists %v, want %v", query, ids, expected)
		}
	}
	lists(moderator, "", second, third, first)
	lists(mine, "", third, first)
	lists(others, "", second)
	lists(nobody, "")
	lists(mine, "&operator="+there.Operator.ID.String())
	lists(mine, "&station_id="+there.ID.String())
	lists(moderator, "&operator="+there.Operator.ID.String(), second)
	lists(moderator, "&station_id="+here.ID.String(), third, first)
	lists(moderator, "&kind=blocked,damaged", third, first)
	lists(moderator, "&kind=blocked&kind=does_not_exist", second, first)
	lists(moderator, "&state=resolved,acknowledged", first, settled)
	lists(moderator, "&state=open&state=resolved", second, third, settled)
	lists(moderator, "&state=withdrawn")
	lists(moderator, "&since="+second.CreatedAt.Format(time.RFC3339Nano), second, third)
	lists(moderator, "&since="+time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
	page, a := want[pageOf[report.Task]](moderator, http.StatusOK, http.MethodGet, "/v1/reports?limit=1", nil)
	if moderator.do(http.MethodGet, "/v1/reports?limit=1", nil, "If-None-Match", a.header.Get("ETag")).status != http.StatusNotModified {
		t.Error("what has not changed is listed again")
	}
	refused(moderator, http.StatusBadRequest, "bad_cursor", http.MethodGet, "/v1/reports?state=open&cursor="+page.NextCursor, nil)

	// That a station does not exist is settled by removing it.
	gone, a := want[station.Station](w.admin(), http.StatusOK, http.MethodGet, pathOf(there), nil)
	if a := w.admin().do(http.MethodDelete, pathOf(gone), nil, "If-Match", a.header.Get("ETag")); a.status != http.StatusNoContent {
		t.Fatalf("the station is removed with %d %s", a.status, a.body)
	}
	refused(w.anonymous(), http.StatusGone, "station_removed", http.MethodGet, pathOf(there)+"/reports", nil)
	refused(ada, http.StatusGone, "station_removed", http.MethodPost, pathOf(there)+"/reports", map[string]any{"kind": "blocked"})
	lists(others, "", second)
	if page, _ := want[pageOf[report.Task]](others, http.StatusOK, http.MethodGet, "/v1/reports", nil); !page.Items[0].At.Removed {
		t.Errorf("its station is %+v", page.Items[0].At)
	}
	handle(others, second, "resolved")
	if read, _ := want[report.Report](ada, http.StatusOK, http.MethodGet, pathOf(there)+"/reports/"+second.ID.String(), nil); read.State != report.Resolved {
		t.Errorf("she is told %+v", read)
	}
}

// TestReportsFollowAMerge promises that whoever asks for what is reported of a station that was merged is led to the survivor, and so are
// reporters who ask for theirs.
func TestReportsFollowAMerge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	keep, drop := w.named("Place du Marché"), w.named("Gare Sud")
	ada, _ := w.reporter()
	made, a := want[report.Report](ada, http.StatusCreated, http.MethodPost, pathOf(drop)+"/reports", map[string]any{"kind": "does_not_exist"})
	want[station.Station](w.admin(), http.StatusOK, http.MethodPost, pathOf(keep)+"/merge", map[string]any{"duplicate_id": drop.ID})
	// The client follows.
	if all, _ := w.told(pathOf(drop)); len(all) != 1 || all[0].Kind != made.Kind {
		t.Errorf("of the duplicate everybody is told %+v", all)
	}
	read, _ := want[report.Report](ada, http.StatusOK, http.MethodGet, a.header.Get("Location"), nil)
	if read.ID != made.ID || read.StationID != keep.ID {
		t.Errorf("she is led to %+v", read)
	}
	refused(ada, http.StatusGone, "station_removed", http.MethodPatch, a.header.Get("Location"), map[string]any{"state": "withdrawn"}, "If-Match", `"1"`)
	refused(ada, http.StatusGone, "station_removed", http.MethodPost, pathOf(drop)+"/reports", map[string]any{"kind": "blocked"})
	want[report.Report](ada, http.StatusOK, http.MethodPatch, pathOf(keep)+"/reports/"+made.ID.String(), map[string]any{"state": "withdrawn"}, "If-Match", `"1"`)
}

// TestContributions promises that people find all that they have said, whole, over all stations and the newest first, and nothing of others.
func TestContributions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	here, there := w.named("Place du Marché"), w.named("Gare Sud")
	ada, _ := w.reporter()
	bob, _ := w.reporter()
	first, _ := want[review.Review](ada, http.StatusCreated, http.MethodPost, pathOf(here)+"/reviews", map[string]any{"rating": 4, "comment": "Good"})
	second, a := want[report.Report](ada, http.StatusCreated, http.MethodPost, pathOf(here)+"/reports", map[string]any{"kind": "other", "comment": "It hums"})
	third, _ := want[report.Report](ada, http.StatusCreated, http.MethodPost, pathOf(there)+"/reports", map[string]any{"kind": "does_not_exist"})
	fourth, _ := want[review.Review](ada, http.StatusCreated, http.MethodPost, pathOf(there)+"/reviews", map[string]any{"outcome": "not_found"})
	want[review.Review](bob, http.StatusCreated, http.MethodPost, pathOf(here)+"/reviews", map[string]any{"rating": 1})
	want[review.Review](w.staff(uuid.Nil), http.StatusOK, http.MethodPut, pathOf(there)+"/reviews/"+fourth.ID.String()+"/moderation", map[string]any{"hidden": true, "reason": "well"}, "If-Match", `"1"`)
	want[report.Report](ada, http.StatusOK, http.MethodPatch, a.header.Get("Location"), map[string]any{"state": "withdrawn"}, "If-Match", `"1"`)
	lists := func(who caller, query string, ids ...uuid.UUID) []contribution.Contribution {
		t.Helper()
		var all []contribution.Contribution
		var got []uuid.UUID
		for cursor := ""; ; {
			page, _ := want[pageOf[contribution.Contribution]](who, http.StatusOK, http.MethodGet, "/v1/contributions?limit=1"+query+cursor, nil)
			all = append(all, page.Items...)
			if page.NextCursor == "" {
				break
			}
			cursor = "&cursor=" + page.NextCursor
		}
		for _, c := range all {
			got = append(got, c.ID)
		}
		if !slices.Equal(got, ids) {
			t.Errorf("%q lists %v, want %v", query, got, ids)
		}
		return all
	}
	all := lists(ada, "", fourth.ID, third.ID, second.ID, first.ID)
	lists(ada, "&kind=report", third.ID, second.ID)
	lists(ada, "&kind=review", fourth.ID, first.ID)
	lists(ada, "&kind=review,report&station_id="+here.ID.String(), second.ID, first.ID)
	lists(ada, "&station_id="+uuid.NewString())
	nothing, _ := w.driver("profile")
	lists(nothing, "")
	if all[0].State != contribution.Hidden || all[0].Review.HiddenReason != "well" || all[1].State != "open" || all[2].State != "withdrawn" ||
		all[2].Report.Comment != "It hums" || all[3].State != contribution.Shown || all[3].Review.Comment != "Good" || all[3].Station.Name != here.Name {
		t.Errorf("hers are %+v", all)
	}
	for _, c := range all {
		if a := ada.do(http.MethodGet, c.Link, nil); a.status != http.StatusOK || !strings.Contains(string(a.body), c.ID.String()) {
			t.Errorf("%s leads to %d %s", c.Link, a.status, a.body)
		}
	}
	page, a := want[pageOf[contribution.Contribution]](ada, http.StatusOK, http.MethodGet, "/v1/contributions?limit=1", nil)
	if ada.do(http.MethodGet, "/v1/contributions?limit=1", nil, "If-None-Match", a.header.Get("ETag")).status != http.StatusNotModified {
		t.Error("what has not changed is listed again")
	}
	refused(bob, http.StatusBadRequest, "bad_cursor", http.MethodGet, "/v1/contributions?cursor="+page.NextCursor, nil)
	refused(w.anonymous(), http.StatusUnauthorized, "unauthenticated", http.MethodGet, "/v1/contributions", nil)
	writer, _ := w.driver("reviews:write")
	refused(writer, http.StatusForbidden, "insufficient_scope", http.MethodGet, "/v1/contributions", nil)
	if named := refused(ada, http.StatusBadRequest, "invalid_request", http.MethodGet, "/v1/contributions?kind=review,poem", nil); !slices.Equal(named, []string{"kind"}) {
		t.Errorf("at fault are %v", named)
	}
	_, a = want[station.Station](w.anonymous(), http.StatusOK, http.MethodGet, pathOf(there), nil)
	if a := w.admin().do(http.MethodDelete, pathOf(there), nil, "If-Match", a.header.Get("ETag")); a.status != http.StatusNoContent {
		t.Fatalf("the station is removed with %d %s", a.status, a.body)
	}
	if all := lists(ada, "", fourth.ID, third.ID, second.ID, first.ID); !all[0].Station.Removed || all[0].Review.Outcome != "not_found" || all[3].Station.Removed {
		t.Errorf("of a removed station hers are %+v", all)
	}
}
