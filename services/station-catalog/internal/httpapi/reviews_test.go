package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

type reviewsPage struct {
	Items      []review.Review `json:"items"`
	Rating     *review.Rating  `json:"rating"`
	NextCursor string          `json:"next_cursor"`
}

// driver is somebody who may write reviews, and the id of the account.
func (w *world) driver(scopes ...string) (caller, uuid.UUID) {
	w.t.Helper()
	id := uuid.New()
	if scopes == nil {
		scopes = []string{"reviews:write"}
	}
	p := authn.Principal{Subject: id, Roles: []string{"driver"}, Scopes: scopes}
	return caller{w, w.issuer.Mint(p, w.cfg.Auth.Issuer+"/station-catalog")}, id
}

func pathOf(st station.Station) string { return "/v1/stations/" + st.ID.String() }

func (w *world) moderator() caller {
	w.t.Helper()
	return w.as(uuid.Nil, []string{"moderator"}, "reviews:write", "reviews:moderate")
}

// rated waits until the search shows the rating of a station, null for none.
func (w *world) rated(st station.Station, want string) {
	w.t.Helper()
	w.eventually("the search shows the rating "+want, func() bool {
		a := w.anonymous().do(http.MethodGet, "/v1/stations?fields=rating&id="+st.ID.String(), nil)
		return strings.HasPrefix(string(a.body), `{"items":[{"rating":`+want+`}],`)
	})
}

// TestReviewLife promises that a review is written, read, changed and deleted by its author, that searches, the station and the list show
// what the ratings come to, that nobody is told who wrote it, and that the station's document, feed and export stay as they are.
func TestReviewLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	st := w.named("Place du Marché")
	at := pathOf(st)
	ada, her := w.driver()
	everybody := w.anonymous()
	stations, _ := want[page](everybody, http.StatusOK, http.MethodGet, "/v1/stations", nil)
	unchanged := func() string {
		var fed struct {
			Items []json.RawMessage `json:"items"`
		}
		w.eventually("the feed has every station", func() bool { // transactions of other tests may hold it back
			text := everybody.do(http.MethodGet, "/v1/stations/changes?limit=500", nil).body
			return json.Unmarshal(text, &fed) == nil && len(fed.Items) >= stations.Total
		})
		return string(everybody.do(http.MethodGet, "/v1/exports/stations.ndjson", nil).body) + fmt.Sprintf("%s", fed.Items)
	}
	before := unchanged()
	_, fresh := want[station.Station](everybody, http.StatusOK, http.MethodGet, at, nil)

	made, a := want[review.Review](ada, http.StatusCreated, http.MethodPost, at+"/reviews", map[string]any{
		"rating": 4, "outcome": "charged", "comment": "Bon accueil.\nÀ revoir", "connector": "CHADEMO", "vehicle": zoe,
	})
	mine := at + "/reviews/" + made.ID.String()
	if a.header.Get("Location") != mine || a.header.Get("ETag") != `"1"` || *made.Rating != 4 || made.Comment != "Bon accueil.\nÀ revoir" || made.StationID != st.ID {
		t.Errorf("made %s at %s", a.body, a.header.Get("Location"))
	}
	bob, _ := w.driver()
	if _, a := want[review.Review](bob, http.StatusCreated, http.MethodPost, at+"/reviews", map[string]any{"rating": 5}); strings.Contains(string(a.body), "comment") {
		t.Errorf("a rating alone is %s", a.body)
	}
	w.rated(st, `{"average":4.5,"count":2}`)

	all, a := want[reviewsPage](everybody, http.StatusOK, http.MethodGet, at+"/reviews?limit=1", nil)
	if len(all.Items) != 1 || *all.Items[0].Rating != 5 || *all.Rating != (review.Rating{Average: 4.5, Count: 2}) || all.NextCursor == "" || a.header.Get("Link") == "" {
		t.Errorf("the newest is %s", a.body)
	}
	last, b := want[reviewsPage](everybody, http.StatusOK, http.MethodGet, at+"/reviews?limit=1&cursor="+all.NextCursor, nil)
	if len(last.Items) != 1 || last.Items[0].ID != made.ID || last.NextCursor != "" {
		t.Errorf("the next is %s", b.body)
	}
	refused(everybody, http.StatusBadRequest, "bad_cursor", http.MethodGet, pathOf(w.named("Gare Sud"))+"/reviews?cursor="+all.NextCursor, nil)
	one, c := want[review.Review](everybody, http.StatusOK, http.MethodGet, mine, nil)
	if one.ID != made.ID || everybody.do(http.MethodGet, mine, nil, "If-None-Match", c.header.Get("ETag")).status != http.StatusNotModified {
		t.Errorf("one alone is %s", c.body)
	}
	for _, body := range [][]byte{a.body, b.body, c.body} {
		if strings.Contains(string(body), her.String()) || strings.Contains(string(body), "author") {
			t.Errorf("everybody is told who wrote it: %s", body)
		}
	}
	own, a := want[reviewsPage](ada, http.StatusOK, http.MethodGet, at+"/reviews?mine=true", nil)
	if len(own.Items) != 1 || own.Items[0].ID != made.ID {
		t.Errorf("hers are %s", a.body)
	}

	shown, a := want[station.Station](everybody, http.StatusOK, http.MethodGet, at, nil)
	if shown.Rating == nil || *shown.Rating != (review.Rating{Average: 4.5, Count: 2}) || shown.Version != st.Version {
		t.Errorf("the station shows %+v", shown.Rating)
	}
	if a.header.Get("ETag") == fresh.header.Get("ETag") || strings.Split(a.header.Get("ETag"), ".")[0] != strings.Split(fresh.header.Get("ETag"), ".")[0] {
		t.Errorf("the ETag was %s and is %s: the same version, and another rating", fresh.header.Get("ETag"), a.header.Get("ETag"))
	}
	if everybody.do(http.MethodGet, at, nil, "If-None-Match", fresh.header.Get("ETag")).status != http.StatusOK {
		t.Error("the rating is not news to who holds the station without it")
	}

	changed, a := want[review.Review](ada, http.StatusOK, http.MethodPatch, mine, map[string]any{"rating": 2, "comment": nil}, "If-Match", `"1"`)
	if *changed.Rating != 2 || changed.Comment != "" || changed.Outcome != "charged" || a.header.Get("ETag") != `"2"` {
		t.Errorf("changed it is %s", a.body)
	}
	w.rated(st, `{"average":3.5,"count":2}`)
	if a := ada.do(http.MethodDelete, mine, nil, "If-Match", `"2"`); a.status != http.StatusNoContent {
		t.Errorf("it is deleted with %d %s", a.status, a.body)
	}
	w.rated(st, `{"average":5,"count":1}`)
	refused(ada, http.StatusNotFound, "review_not_found", http.MethodGet, mine, nil)
	want[review.Review](ada, http.StatusCreated, http.MethodPost, at+"/reviews", map[string]any{"outcome": "closed"})
	if after := unchanged(); after != before {
		t.Error("reviews changed the feed or the export")
	}
}

// TestWhoMayReview promises that drivers write reviews, each their own and one a station, and that others' cannot be changed.
func TestWhoMayReview(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	at := pathOf(w.named("Place du Marché"))
	ada, _ := w.driver()
	bob, _ := w.driver()
	rated := map[string]any{"rating": 3}
	made, _ := want[review.Review](ada, http.StatusCreated, http.MethodPost, at+"/reviews", rated, "Idempotency-Key", "once")
	again, a := want[review.Review](ada, http.StatusCreated, http.MethodPost, at+"/reviews", rated, "Idempotency-Key", "once")
	if again.ID != made.ID || a.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("the second time it is %s", a.body)
	}
	refused(ada, http.StatusUnprocessableEntity, "idempotency_key_reused", http.MethodPost, at+"/reviews", map[string]any{"rating": 4}, "Idempotency-Key", "once")
	var twice struct {
		ReviewID uuid.UUID `json:"review_id"`
	}
	refused(ada, http.StatusConflict, "already_reviewed", http.MethodPost, at+"/reviews", rated)
	if err := json.Unmarshal(ada.do(http.MethodPost, at+"/reviews", rated).body, &twice); err != nil || twice.ReviewID != made.ID {
		t.Errorf("a second review leads to %s: %v", twice.ReviewID, err)
	}
	mine := at + "/reviews/" + made.ID.String()
	reader, _ := w.driver("profile")
	service := caller{w, w.issuer.Mint(authn.Principal{Kind: authn.Service, Subject: uuid.New(), ClientID: "robot", Scopes: []string{"reviews:write"}}, w.cfg.Auth.Issuer+"/station-catalog")}
	worse := map[string]any{"rating": 1}
	for _, c := range []struct {
		who          caller
		status       int
		code, method string
		path         string
		body         any
		ifMatch      string
	}{
		{w.anonymous(), 401, "unauthenticated", http.MethodPost, at + "/reviews", rated, ""},
		{w.anonymous(), 401, "unauthenticated", http.MethodPatch, mine, worse, `"1"`},
		{w.anonymous(), 401, "unauthenticated", http.MethodDelete, mine, nil, `"1"`},
		{w.anonymous(), 401, "unauthenticated", http.MethodGet, at + "/reviews?mine=true", nil, ""},
		{reader, 403, "insufficient_scope", http.MethodPost, at + "/reviews", rated, ""},
		{reader, 403, "insufficient_scope", http.MethodPatch, mine, worse, `"1"`},
		{service, 403, "people_only", http.MethodPost, at + "/reviews", rated, ""},
		{bob, 403, "foreign_review", http.MethodPatch, mine, worse, `"1"`},
		{bob, 403, "foreign_review", http.MethodDelete, mine, nil, `"1"`},
		{w.moderator(), 403, "foreign_review", http.MethodPatch, mine, worse, `"1"`},
		{bob, 403, "insufficient_scope", http.MethodPut, mine + "/moderation", map[string]any{"hidden": true}, `"1"`},
		{ada, 403, "insufficient_scope", http.MethodPut, mine + "/moderation", map[string]any{"hidden": true}, `"1"`},
		{ada, 428, "if_match_required", http.MethodPatch, mine, worse, ""},
		{ada, 412, "stale", http.MethodPatch, mine, worse, `"7"`},
		{ada, 428, "if_match_required", http.MethodDelete, mine, nil, ""},
		{ada, 412, "stale", http.MethodDelete, mine, nil, `"7"`},
		{ada, 404, "review_not_found", http.MethodPatch, at + "/reviews/" + uuid.NewString(), worse, `"1"`},
		{ada, 404, "review_not_found", http.MethodDelete, pathOf(w.named("Gare Sud")) + "/reviews/" + made.ID.String(), nil, `"1"`},
		{ada, 404, "station_not_found", http.MethodPost, "/v1/stations/" + uuid.NewString() + "/reviews", rated, ""},
		{ada, 404, "station_not_found", http.MethodGet, "/v1/stations/" + uuid.NewString() + "/reviews", nil, ""},
	} {
		headers := []string{"If-Match", c.ifMatch}
		if c.ifMatch == "" {
			headers = nil
		}
		refused(c.who, c.status, c.code, c.method, c.path, c.body, headers...)
	}
	if all, _ := want[reviewsPage](w.anonymous(), http.StatusOK, http.MethodGet, at+"/reviews", nil); len(all.Items) != 1 || *all.Items[0].Rating != 3 || all.Items[0].Version != 1 {
		t.Errorf("after all that the reviews are %+v", all)
	}
}

// faulty gives what is named at fault of a request that is refused by the document or as a review, in order.
func faulty(c caller, method, path string, body any, headers ...string) []string {
	c.t.Helper()
	p, a := want[problem](c, http.StatusBadRequest, method, path, body, headers...)
	if p.Type != "urn:ihr:problem:invalid_request" && p.Type != "urn:ihr:problem:invalid_review" {
		c.t.Errorf("%s %s was refused by %s", method, path, a.body)
	}
	var named []string
	for _, e := range p.Errors {
		named = append(named, e.Pointer)
	}
	slices.Sort(named)
	return named
}

// TestBadReviews promises that whatever is wrong with a review is named, all of it at once, and nothing of it is stored.
func TestBadReviews(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	at := pathOf(w.named("Place du Marché"))
	ada, _ := w.driver()
	made, _ := want[review.Review](ada, http.StatusCreated, http.MethodPost, at+"/reviews", map[string]any{"rating": 3})
	bob, _ := w.driver()
	for name, c := range map[string]struct {
		body  map[string]any
		wrong []string
	}{
		"neither rating nor outcome": {map[string]any{"comment": "Nice"}, []string{"/rating"}},
		"no star":                    {map[string]any{"rating": 0}, []string{"/rating"}},
		"six stars":                  {map[string]any{"rating": 6}, []string{"/rating"}},
		"half a star":                {map[string]any{"rating": 3.5}, []string{"/rating"}},
		"a rating in words":          {map[string]any{"rating": "five"}, []string{"/rating"}},
		"an unknown outcome":         {map[string]any{"outcome": "exploded"}, []string{"/outcome"}},
		"a long comment":             {map[string]any{"rating": 3, "comment": strings.Repeat("é", 2001)}, []string{"/comment"}},
		"a comment with a bell":      {map[string]any{"rating": 3, "comment": "ding\a"}, []string{"/comment"}},
		"a comment with a NUL":       {map[string]any{"rating": 3, "comment": "a\x00b"}, []string{"/comment"}},
		"a comment turned around":    {map[string]any{"rating": 3, "comment": "a\u202eb"}, []string{"/comment"}},
		"a blank comment":            {map[string]any{"rating": 3, "comment": " \n "}, []string{"/comment"}},
		"a comment that is none":     {map[string]any{"rating": 3, "comment": 7}, []string{"/comment"}},
		"an unknown plug":            {map[string]any{"rating": 3, "connector": "SOCKET"}, []string{"/connector"}},
		"an unknown vehicle":         {map[string]any{"rating": 3, "vehicle": "horse"}, []string{"/vehicle"}},
		"an unknown member":          {map[string]any{"rating": 3, "author": "me"}, []string{"/author"}},
		"all at once":                {map[string]any{"rating": 9, "comment": "ding\a", "vehicle": "horse", "stars": 5}, []string{"/comment", "/rating", "/stars", "/vehicle"}},
	} {
		named := faulty(bob, http.MethodPost, at+"/reviews", c.body)
		if !slices.Equal(named, c.wrong) {
			t.Errorf("%s: at fault are %v, want %v", name, named, c.wrong)
		}
		if name == "neither rating nor outcome" {
			continue // of a patch it is not wrong
		}
		named = faulty(ada, http.MethodPatch, at+"/reviews/"+made.ID.String(), c.body, "If-Match", `"1"`)
		if !slices.Equal(named, c.wrong) {
			t.Errorf("%s: of a patch at fault are %v, want %v", name, named, c.wrong)
		}
	}
	named := faulty(ada, http.MethodPatch, at+"/reviews/"+made.ID.String(), map[string]any{"rating": nil}, "If-Match", `"1"`)
	if !slices.Equal(named, []string{"/rating"}) {
		t.Errorf("without rating and outcome at fault are %v", named)
	}
	for query, wrong := range map[string]string{"min_rating=0": "min_rating", "min_rating=5.1": "min_rating", "min_rating=good": "min_rating", "min_rating=NaN": "min_rating", "sort=stars": "sort", "fields=stars": "fields"} {
		if named := refused(bob, http.StatusBadRequest, "invalid_request", http.MethodGet, "/v1/stations?"+query, nil); !slices.Equal(named, []string{wrong}) {
			t.Errorf("%s: at fault are %v", query, named)
		}
	}
	all, _ := want[reviewsPage](w.anonymous(), http.StatusOK, http.MethodGet, at+"/reviews", nil)
	if len(all.Items) != 1 || all.Items[0].Version != 1 || *all.Rating != (review.Rating{Average: 3, Count: 1}) {
		t.Errorf("after all that the reviews are %+v", all)
	}
}

// TestModeration promises that a hidden review rates nothing and is shown to moderators and its author alone, with the reason.
func TestModeration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	st := w.named("Place du Marché")
	at := pathOf(st)
	ada, _ := w.driver()
	bob, _ := w.driver()
	made, _ := want[review.Review](ada, http.StatusCreated, http.MethodPost, at+"/reviews", map[string]any{"rating": 1, "comment": "Buy my watches"})
	mine := at + "/reviews/" + made.ID.String()
	for body, wrong := range map[string][]string{
		`{"hidden":true,"reason":"a\u0000b"}`: {"/reason"}, `{"hidden":true,"reason":"a\u0007b"}`: {"/reason"}, `{"hidden":false,"reason":"well"}`: {"/reason"}, `{"reason":"well"}`: {"/hidden"},
		`{"hidden":"yes"}`: {"/hidden"}, `{"hidden":true,"reason":"` + strings.Repeat("x", 501) + `"}`: {"/reason"},
	} {
		if named := faulty(w.moderator(), http.MethodPut, mine+"/moderation", json.RawMessage(body), "If-Match", `"1"`); !slices.Equal(named, wrong) {
			t.Errorf("%s: at fault are %v", body, named)
		}
	}
	refused(w.moderator(), http.StatusPreconditionRequired, "if_match_required", http.MethodPut, mine+"/moderation", map[string]any{"hidden": true})
	refused(w.moderator(), http.StatusPreconditionFailed, "stale", http.MethodPut, mine+"/moderation", map[string]any{"hidden": true}, "If-Match", `"9"`)
	hidden, _ := want[review.Review](w.moderator(), http.StatusOK, http.MethodPut, mine+"/moderation", map[string]any{"hidden": true, "reason": "Advertising"}, "If-Match", `"1"`)
	if !hidden.Hidden || hidden.Version != 2 {
		t.Errorf("hidden it is %+v", hidden)
	}
	w.rated(st, "null")
	for _, who := range []caller{w.anonymous(), bob} {
		refused(who, http.StatusNotFound, "review_not_found", http.MethodGet, mine, nil)
		if all, a := want[reviewsPage](who, http.StatusOK, http.MethodGet, at+"/reviews", nil); len(all.Items) != 0 || all.Rating != nil {
			t.Errorf("what is hidden is shown: %s", a.body)
		}
	}
	refused(bob, http.StatusNotFound, "review_not_found", http.MethodDelete, mine, nil, "If-Match", `"2"`)
	for _, who := range []caller{ada, w.moderator(), w.as(uuid.Nil, []string{"admin"}, "reviews:moderate")} {
		if one, a := want[review.Review](who, http.StatusOK, http.MethodGet, mine, nil); !one.Hidden || one.HiddenReason != "Advertising" {
			t.Errorf("to who may see it it is %s", a.body)
		}
	}
	if again := ada.do(http.MethodPost, at+"/reviews", map[string]any{"rating": 5}); again.status != http.StatusConflict {
		t.Errorf("another one in its place is answered by %d", again.status)
	}
	want[review.Review](w.moderator(), http.StatusOK, http.MethodPut, mine+"/moderation", map[string]any{"hidden": false}, "If-Match", `"2"`)
	w.rated(st, `{"average":1,"count":1}`)
}

// TestSearchByRating promises that every way of searching goes by the ratings, in every format, on every replica.
func TestSearchByRating(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	good, better := w.named("Place du Marché"), w.named("Gare Sud")
	for _, r := range []struct {
		of     station.Station
		rating int
	}{{good, 4}, {good, 5}, {good, 4}, {better, 5}} {
		who, _ := w.driver()
		want[review.Review](who, http.StatusCreated, http.MethodPost, pathOf(r.of)+"/reviews", map[string]any{"rating": r.rating})
	}
	other := w.replica(t)
	for _, seen := range []*world{w, other} {
		seen.eventually("the index is in step", func() bool { return seen.ready()["search index"] == "ok" })
		seen.rated(good, `{"average":4.33,"count":3}`)
		seen.rated(better, `{"average":5,"count":1}`)
		everybody := seen.anonymous()
		whole, _ := want[page](everybody, http.StatusOK, http.MethodGet, "/v1/stations", nil)
		for query, names := range map[string]string{
			"min_rating=4.33": "Gare Sud|Place du Marché", "min_rating=4.34": "Gare Sud", "min_rating=5": "Gare Sud", "min_rating=1": "Gare Sud|Place du Marché",
			"near=48.85,2.35&radius_km=500&min_rating=4":            "Gare Sud|Place du Marché",
			"bbox=-5,40,10,52&min_rating=4&spread=true&limit=2":     "Gare Sud|Place du Marché",
			"bbox=-5,40,10,52&min_rating=4&sort=price&currency=EUR": "Gare Sud|Place du Marché",
		} {
			found, a := want[page](everybody, http.StatusOK, http.MethodGet, "/v1/stations?"+query, nil)
			got := strings.Split(found.names(), ", ")
			if slices.Sort(got); strings.Join(got, "|") != names || found.Total != len(got) {
				t.Errorf("%s finds %s", query, a.body)
			}
		}
		counted, _ := want[page](everybody, http.StatusOK, http.MethodGet, "/v1/stations?count_only=true&min_rating=4.33", nil)
		if counted.Total != 2 {
			t.Errorf("%d stations are counted", counted.Total)
		}
		clusters, _ := want[struct{ Total int }](everybody, http.StatusOK, http.MethodGet, "/v1/stations/clusters?bbox=-5,40,10,52&zoom=3&min_rating=5", nil)
		if clusters.Total != 1 {
			t.Errorf("%d stations are in clusters", clusters.Total)
		}
		// Page by page: the best first, and those without a rating by id at the end.
		var order, ids []string
		for cursor := ""; ; {
			path := "/v1/stations?sort=rating&limit=2"
			if cursor != "" {
				path += "&cursor=" + cursor
			}
			found, _ := want[page](everybody, http.StatusOK, http.MethodGet, path, nil)
			for _, it := range found.Items {
				order, ids = append(order, it.Name), append(ids, it.ID)
			}
			if cursor = found.NextCursor; cursor == "" {
				break
			}
		}
		if len(ids) != whole.Total || order[0] != "Gare Sud" || order[1] != "Place du Marché" || !slices.IsSorted(ids[2:]) {
			t.Errorf("by rating they are %v", order)
		}
		for format, says := range map[string]string{
			"csv": "rating_average,rating_count\n4.33,3\n", "kml": `<Data name="rating_average">`, "gpx": "rating_average: 4.33\nrating_count: 3",
			"geojson": `"properties":{"rating":{"average":4.33,"count":3}}`,
		} {
			if a := everybody.do(http.MethodGet, "/v1/stations?fields=rating&format="+format+"&id="+good.ID.String(), nil); !strings.Contains(strings.ReplaceAll(string(a.body), "&#xA;", "\n"), says) {
				t.Errorf("as %s it is %s", format, a.body)
			}
		}
	}
}

// TestReviewsFollowAMerge promises that whoever asks for the reviews of a station that was merged is led to the survivor's.
func TestReviewsFollowAMerge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	keep, drop := w.named("Place du Marché"), w.named("Gare Sud")
	ada, _ := w.driver()
	made, _ := want[review.Review](ada, http.StatusCreated, http.MethodPost, pathOf(drop)+"/reviews", map[string]any{"rating": 4})
	want[station.Station](w.admin(), http.StatusOK, http.MethodPost, pathOf(keep)+"/merge", map[string]any{"duplicate_id": drop.ID})
	a := w.anonymous().do(http.MethodGet, pathOf(drop)+"/reviews", nil)
	if a.status != http.StatusOK { // the client follows
		t.Errorf("the reviews of the duplicate are answered by %d", a.status)
	}
	if all, _ := want[reviewsPage](w.anonymous(), http.StatusOK, http.MethodGet, pathOf(keep)+"/reviews", nil); len(all.Items) != 1 || all.Items[0].ID != made.ID || all.Rating.Count != 1 {
		t.Errorf("the survivor has %+v", all)
	}
	w.rated(keep, `{"average":4,"count":1}`)
	refused(ada, http.StatusGone, "station_removed", http.MethodPost, pathOf(drop)+"/reviews", map[string]any{"rating": 4})
}
