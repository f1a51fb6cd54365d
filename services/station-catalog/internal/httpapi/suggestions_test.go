package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/report"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/suggestion"
)

const suggestions = "/v1/suggestions"

type suggestionsPage struct {
	Items      []suggestion.Suggestion `json:"items"`
	NextCursor string                  `json:"next_cursor"`
}

func (p suggestionsPage) ids() []uuid.UUID {
	var all []uuid.UUID
	for i := range p.Items {
		all = append(all, p.Items[i].ID)
	}
	return all
}

type moderationPage struct {
	Items []struct {
		Kind       string                `json:"kind"`
		Suggestion suggestion.Suggestion `json:"suggestion"`
		Report     report.Task           `json:"report"`
	} `json:"items"`
	Counts     map[string]int `json:"counts"`
	NextCursor string         `json:"next_cursor"`
}

func (p moderationPage) ids() []uuid.UUID {
	var all []uuid.UUID
	for i := range p.Items {
		all = append(all, p.Items[i].Suggestion.ID)
	}
	return all
}

// suggester is a driver who suggests something.
func (w *world) suggester() caller {
	w.t.Helper()
	who, _ := w.driver("suggestions:write")
	return who
}

// decider is somebody of an operator; without one, a moderator.
func (w *world) decider(operator uuid.UUID) caller {
	w.t.Helper()
	role, scopes := "operator", []string{"suggestions:write", "suggestions:decide"}
	if operator == uuid.Nil {
		role = "moderator"
	} else {
		scopes = append(scopes, "stations:write")
	}
	return w.as(operator, []string{role}, scopes...)
}

func changeOf(st station.Station, patch map[string]any) map[string]any {
	return map[string]any{"kind": "change", "station_id": st.ID, "station_version": st.Version, "patch": patch, "comment": "I stood before it."}
}

// suggested is what somebody suggests, with its ETag.
func suggested(c caller, body map[string]any) (s suggestion.Suggestion, etag string) {
	c.t.Helper()
	made, a := want[suggestion.Suggestion](c, http.StatusCreated, http.MethodPost, suggestions, body)
	return made, a.header.Get("ETag")
}

func pathOfSuggestion(s suggestion.Suggestion) string { return suggestions + "/" + s.ID.String() }

// decided is a suggestion after a decision.
func decided(c caller, s suggestion.Suggestion, body map[string]any) (suggestion.Suggestion, answer) {
	c.t.Helper()
	return want[suggestion.Suggestion](c, http.StatusOK, http.MethodPost, pathOfSuggestion(s)+"/decision", body, "If-Match", fmt.Sprintf(`"%d"`, s.Version))
}

func paths(changes []history.Change) string {
	var all []string
	for _, c := range changes {
		all = append(all, fmt.Sprintf("%s %s→%s", c.Path, c.Before, c.After))
	}
	return strings.Join(all, ", ")
}

// TestSuggestedChange promises that a change is suggested, shown with what it would change to its author and to those who may decide it and
// to nobody else, and that accepting it changes the station as any change does: its history, the feed and the search tell of it.
func TestSuggestedChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	st := w.named("Place du Marché")
	ada, her := w.driver("suggestions:write")
	body := changeOf(st, map[string]any{"name": "Place du Marché Couvert", "payment": map[string]any{"text": "Coins"}})
	body["source_url"] = "https://example.com/place?id=1#top"
	made, a := want[suggestion.Suggestion](ada, http.StatusCreated, http.MethodPost, suggestions, body)
	at := suggestions + "/" + made.ID.String()
	if a.header.Get("Location") != at || made.State != suggestion.Pending || made.Name != st.Name || *made.OperatorID != st.Operator.ID ||
		made.Decision != nil || made.SourceURL != body["source_url"] || len(made.Conflicts) != 0 {
		t.Errorf("made %s at %s", a.body, a.header.Get("Location"))
	}
	if len(made.Changes) != 2 || !strings.Contains(paths(made.Changes), `/name "Place du Marché"→"Place du Marché Couvert"`) || made.Changes[1].Path != "/payment" {
		t.Errorf("it would change %s", paths(made.Changes))
	}
	own, moderator, stranger := w.decider(st.Operator.ID), w.decider(uuid.Nil), w.decider(uuid.New())
	for name, who := range map[string]caller{"its author": ada, "its operator": own, "a moderator": moderator} {
		found, b := want[suggestion.Suggestion](who, http.StatusOK, http.MethodGet, at, nil)
		if found.ID != made.ID || len(found.Changes) != 2 || strings.Contains(string(b.body), her.String()) || strings.Contains(string(b.body), "author") {
			t.Errorf("%s is shown %s", name, b.body)
		}
		if who.do(http.MethodGet, at, nil, "If-None-Match", b.header.Get("ETag")).status != http.StatusNotModified {
			t.Errorf("%s is told again what has not changed", name)
		}
	}
	accept := map[string]any{"decision": "accept", "note": "Thank you"}
	for _, who := range []caller{w.suggester(), stranger} {
		refused(who, http.StatusNotFound, "suggestion_not_found", http.MethodGet, at, nil)
		if all, b := want[suggestionsPage](who, http.StatusOK, http.MethodGet, suggestions, nil); len(all.Items) != 0 {
			t.Errorf("somebody else is shown %s", b.body)
		}
	}
	refused(stranger, http.StatusNotFound, "suggestion_not_found", http.MethodPost, at+"/decision", accept, "If-Match", `"1"`)
	if all, b := want[suggestionsPage](stranger, http.StatusOK, http.MethodGet, suggestions+"?decidable=true", nil); len(all.Items) != 0 {
		t.Errorf("another operator is to decide %s", b.body)
	}
	if all, b := want[moderationPage](stranger, http.StatusOK, http.MethodGet, "/v1/moderation", nil); len(all.Items) != 0 || all.Counts["suggestion"] != 0 {
		t.Errorf("for another operator waits %s", b.body)
	}
	for _, who := range []caller{own, moderator} {
		waits, b := want[moderationPage](who, http.StatusOK, http.MethodGet, "/v1/moderation?operator_id="+st.Operator.ID.String(), nil)
		if len(waits.Items) != 1 || waits.Items[0].Kind != "suggestion" || waits.Items[0].Suggestion.ID != made.ID || waits.Counts["suggestion"] != 1 {
			t.Errorf("for who may decide waits %s", b.body)
		}
	}
	cursor := w.anonymous().do(http.MethodGet, "/v1/stations/changes?limit=500", nil)
	var feed struct {
		Next string `json:"next_cursor"`
	}
	if err := json.Unmarshal(cursor.body, &feed); err != nil {
		t.Fatal(err)
	}

	done, a := decided(own, made, accept)
	if done.State != suggestion.Accepted || done.Decision.By != "operator" || done.Decision.Note != "Thank you" || *done.StationID != st.ID || len(done.Changes) != 0 {
		t.Errorf("accepted it is %s", a.body)
	}
	told, b := want[suggestion.Suggestion](ada, http.StatusOK, http.MethodGet, at, nil)
	if told.Decision == nil || told.Decision.Note != "Thank you" || told.State != suggestion.Accepted {
		t.Errorf("the author is told %s", b.body)
	}
	now, _ := want[station.Station](w.anonymous(), http.StatusOK, http.MethodGet, pathOf(st), nil)
	if now.Name != "Place du Marché Couvert" || now.Version != st.Version+1 || now.Payment.Text != "Coins" {
		t.Errorf("the station is %+v", now)
	}
	past, b := want[struct{ Items []history.Entry }](own, http.StatusOK, http.MethodGet, pathOf(st)+"/history", nil)
	if e := past.Items[0]; e.Version != now.Version || e.SuggestionID == nil || *e.SuggestionID != made.ID || e.Action != history.Changed || len(e.Changes) != 2 || e.Changes[0].Path != "/name" || e.Changes[1].Path != "/payment" ||
		e.Actor == her.String() || past.Items[1].SuggestionID != nil {
		t.Errorf("the history is %s", b.body)
	}
	w.eventually("the feed tells the change", func() bool {
		return strings.Contains(string(w.anonymous().do(http.MethodGet, "/v1/stations/changes?after="+feed.Next, nil).body), "Place du Marché Couvert")
	})
	w.eventually("the search finds the new name", func() bool {
		found, _ := want[page](w.anonymous(), http.StatusOK, http.MethodGet, "/v1/stations?q=couvert", nil)
		return found.Total == 1
	})
	if waits, b := want[moderationPage](own, http.StatusOK, http.MethodGet, "/v1/moderation", nil); len(waits.Items) != 0 || waits.Counts["suggestion"] != 0 {
		t.Errorf("afterwards there waits %s", b.body)
	}
}

// TestReportsWaitToo promises that reports which nobody has acknowledged stand among what waits, by age, for those who handle them.
func TestReportsWaitToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	st := w.named("Place du Marché")
	reports, reporter := pathOf(st)+"/reports", func() caller { who, _ := w.reporter(); return who }
	first, _ := want[report.Report](reporter(), http.StatusCreated, http.MethodPost, reports, map[string]any{"kind": "blocked"})
	made, _ := suggested(w.suggester(), changeOf(st, map[string]any{"name": "Place Neuve"}))
	last, _ := want[report.Report](reporter(), http.StatusCreated, http.MethodPost, reports, map[string]any{"kind": "unsafe"})

	both := []string{"reports:handle", "suggestions:decide"}
	own := w.as(st.Operator.ID, []string{"operator"}, both...)
	for name, who := range map[string]caller{"the operator": own, "a moderator": w.as(uuid.Nil, []string{"moderator"}, both...)} {
		page, b := want[moderationPage](who, http.StatusOK, http.MethodGet, "/v1/moderation?limit=2&operator_id="+st.Operator.ID.String(), nil)
		if len(page.Items) != 2 || page.Items[0].Kind != "report" || page.Items[0].Report.ID != first.ID || page.Items[0].Report.At.Name != st.Name ||
			page.Items[1].Suggestion.ID != made.ID || page.Counts["report"] != 2 || page.Counts["suggestion"] != 1 {
			t.Errorf("for %s waits %s", name, b.body)
		}
		rest, b := want[moderationPage](who, http.StatusOK, http.MethodGet, "/v1/moderation?limit=2&operator_id="+st.Operator.ID.String()+"&cursor="+page.NextCursor, nil)
		if len(rest.Items) != 1 || rest.Items[0].Report.ID != last.ID || rest.NextCursor != "" {
			t.Errorf("for %s waits then %s", name, b.body)
		}
	}
	for name, who := range map[string]caller{
		"who only decides": w.decider(st.Operator.ID), "another operator": w.as(uuid.New(), []string{"operator"}, both...),
	} {
		if page, b := want[moderationPage](who, http.StatusOK, http.MethodGet, "/v1/moderation", nil); page.Counts["report"] != 0 {
			t.Errorf("for %s waits %s", name, b.body)
		}
	}
	want[report.Report](own, http.StatusOK, http.MethodPut, reports+"/"+first.ID.String()+"/handling", map[string]any{"state": "acknowledged"}, "If-Match", `"1"`)
	if page, b := want[moderationPage](own, http.StatusOK, http.MethodGet, "/v1/moderation", nil); page.Counts["report"] != 1 || page.Items[1].Report.ID != last.ID {
		t.Errorf("afterwards there waits %s", b.body)
	}
}

// TestSuggestedStation promises that a new station is suggested with or without an operator, that author and decider see what stands
// there, and that it belongs to the operator that is named, or to the decider's.
func TestSuggestedStation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	there := w.named("Place du Marché")
	north, moderator, ada := w.decider(there.Operator.ID), w.decider(uuid.Nil), w.suggester()
	site := input("Place du  marché", "new-1")
	site["latitude"], site["longitude"] = there.Latitude+0.0004, there.Longitude // some 44 m
	made, etag := suggested(ada, map[string]any{"kind": "new", "station": site, "comment": "It is new."})
	if len(made.Nearby) == 0 || made.Nearby[0].ID != there.ID || made.Nearby[0].DistanceM < 44 || made.Nearby[0].DistanceM > 45 ||
		!slices.Equal(made.Nearby[0].Reasons, []string{"distance", "name"}) || made.OperatorID != nil || made.Name != "Place du  marché" {
		t.Errorf("nearby are %+v", made.Nearby)
	}
	site["latitude"] = there.Latitude + 0.01
	if far, _ := suggested(ada, map[string]any{"kind": "new", "station": site, "comment": "Far away."}); len(far.Nearby) != 0 {
		t.Errorf("a kilometre away are %+v", far.Nearby)
	}
	shown, _ := want[suggestion.Suggestion](north, http.StatusOK, http.MethodGet, pathOfSuggestion(made), nil)
	if len(shown.Nearby) != len(made.Nearby) || !strings.Contains(string(shown.Station), `"new-1"`) {
		t.Errorf("the decider is shown %+v", shown)
	}
	decision, accept := pathOfSuggestion(made)+"/decision", map[string]any{"decision": "accept"}
	refused(north, http.StatusForbidden, "not_yours_to_decide", http.MethodPost, decision, map[string]any{"decision": "reject"}, "If-Match", etag)
	refused(north, http.StatusForbidden, "foreign_operator", http.MethodPost, decision, map[string]any{"decision": "accept", "operator_id": w.named("Dépôt").Operator.ID}, "If-Match", etag)
	for _, wrong := range []map[string]any{accept, {"decision": "accept", "operator_id": uuid.New()}, {"decision": "reject", "operator_id": there.Operator.ID}} {
		if at := refused(moderator, http.StatusBadRequest, "invalid_suggestion", http.MethodPost, decision, wrong, "If-Match", etag); !slices.Equal(at, []string{"/operator_id"}) {
			t.Errorf("of %v at fault are %v", wrong, at)
		}
	}
	done, a := decided(north, made, accept)
	if done.StationID == nil || *done.OperatorID != there.Operator.ID || done.State != suggestion.Accepted || len(done.Nearby) != 0 {
		t.Fatalf("accepted it is %s", a.body)
	}
	fresh, _ := want[station.Station](w.anonymous(), http.StatusOK, http.MethodGet, "/v1/stations/"+done.StationID.String(), nil)
	if fresh.Operator.ID != there.Operator.ID || fresh.Name != "Place du  marché" || fresh.Source != station.OwnSource(there.Operator.CountryCode, there.Operator.PartyID) || len(fresh.EVSEs) != 1 {
		t.Errorf("the station is %+v", fresh)
	}

	// Named by the author, and by the moderator.
	other := w.named("Dépôt").Operator.ID
	named := input("Named", "new-2")
	named["operator_id"] = other
	byName, _ := suggested(ada, map[string]any{"kind": "new", "station": named, "comment": "Theirs."})
	refused(north, http.StatusNotFound, "suggestion_not_found", http.MethodGet, pathOfSuggestion(byName), nil)
	if done, a := decided(moderator, byName, accept); *done.OperatorID != other || done.Decision.By != "moderator" {
		t.Errorf("accepted it is %s", a.body)
	}
	given, _ := suggested(ada, map[string]any{"kind": "new", "station": input("Given", "new-3"), "comment": "Somebody's."})
	if done, a := decided(moderator, given, map[string]any{"decision": "accept", "operator_id": other}); *done.OperatorID != other {
		t.Errorf("accepted it is %s", a.body)
	}
	// What the operator has by now stands in the way, of the author and of the decider.
	taken, _ := suggested(ada, map[string]any{"kind": "new", "station": input("Taken", "new-3"), "comment": "Whose?"})
	at := pathOfSuggestion(taken) + "/decision"
	refused(moderator, http.StatusConflict, "evse_uid_taken", http.MethodPost, at, map[string]any{"decision": "accept", "operator_id": other}, "If-Match", `"1"`)
	named["evses"], named["source_id"] = input("", "new-2")["evses"], "site-1"
	refused(ada, http.StatusConflict, "evse_uid_taken", http.MethodPost, suggestions, map[string]any{"kind": "new", "station": named, "comment": "Again."})
	if still, _ := want[suggestion.Suggestion](ada, http.StatusOK, http.MethodGet, pathOfSuggestion(taken), nil); still.State != suggestion.Pending || still.Version != 1 {
		t.Errorf("after a conflict it is %+v", still)
	}
	if done, _ := decided(moderator, taken, map[string]any{"decision": "reject", "note": "It is there."}); done.State != suggestion.Rejected || done.StationID != nil {
		t.Errorf("rejected it is %+v", done)
	}
	w.eventually("the search shows the three", func() bool {
		found, _ := want[page](w.anonymous(), http.StatusOK, http.MethodGet, "/v1/stations?id="+done.StationID.String()+"&bbox=-5,40,10,52", nil)
		return found.Total == 1
	})
}

// TestSuggestedRemoval promises that a station whose removal is accepted is removed as by its operator, that what is suggested of a station
// that is gone is refused, and that what waits can still be decided, though not carried out.
func TestSuggestedRemoval(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	st := w.named("Place du Marché")
	ada, bob, moderator := w.suggester(), w.suggester(), w.decider(uuid.Nil)
	removal := map[string]any{"kind": "removal", "station_id": st.ID, "comment": "There is a lawn."}
	first, _ := suggested(ada, removal)
	second, _ := suggested(bob, removal)
	change, _ := suggested(bob, changeOf(st, map[string]any{"name": "Lawn"}))
	if done, a := decided(moderator, first, map[string]any{"decision": "accept"}); done.State != suggestion.Accepted || *done.StationID != st.ID {
		t.Errorf("accepted it is %s", a.body)
	}
	refused(w.anonymous(), http.StatusGone, "station_removed", http.MethodGet, pathOf(st), nil)
	w.eventually("the search has lost it", func() bool {
		found, _ := want[page](w.anonymous(), http.StatusOK, http.MethodGet, "/v1/stations?id="+st.ID.String(), nil)
		return found.Total == 0
	})
	for _, body := range []map[string]any{removal, changeOf(st, map[string]any{"name": "Grass"})} {
		if at := refused(ada, http.StatusGone, "station_removed", http.MethodPost, suggestions, body); !slices.Equal(at, []string{"/station_id"}) {
			t.Errorf("at fault are %v", at)
		}
		unknown := map[string]any{"station_id": uuid.New()}
		for name, value := range body {
			if _, there := unknown[name]; !there {
				unknown[name] = value
			}
		}
		if at := refused(ada, http.StatusNotFound, "station_not_found", http.MethodPost, suggestions, unknown); !slices.Equal(at, []string{"/station_id"}) {
			t.Errorf("at fault are %v", at)
		}
	}
	own := w.decider(st.Operator.ID)
	shown, _ := want[suggestion.Suggestion](own, http.StatusOK, http.MethodGet, pathOfSuggestion(change), nil)
	if shown.Name != st.Name || len(shown.Changes) != 0 {
		t.Errorf("of a station that is gone it is %+v", shown)
	}
	refused(own, http.StatusGone, "station_removed", http.MethodPost, pathOfSuggestion(change)+"/decision", map[string]any{"decision": "accept"}, "If-Match", `"1"`)
	if done, _ := decided(own, change, map[string]any{"decision": "reject"}); done.State != suggestion.Rejected {
		t.Errorf("rejected it is %+v", done)
	}
	if done, _ := decided(own, second, map[string]any{"decision": "accept"}); done.State != suggestion.Accepted {
		t.Errorf("what has happened already is %+v", done)
	}
}

// TestOvertakenChange promises that a change is not accepted when what it touches was changed since, with what it is now, that its author
// can make it anew, and that changes elsewhere do not matter.
func TestOvertakenChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	st := w.named("Place du Marché")
	ada, own := w.suggester(), w.decider(st.Operator.ID)
	renamed, _ := suggested(ada, changeOf(st, map[string]any{"name": "Market", "opening_times": map[string]any{"twentyfourseven": true}}))
	moved, _ := suggested(ada, changeOf(st, map[string]any{"address": "2 Street"}))
	patched, _ := want[station.Station](own, http.StatusOK, http.MethodPatch, pathOf(st), map[string]any{"name": "Marché", "city": "Elsewhere"}, "If-Match", fmt.Sprintf(`"%d"`, st.Version))
	shown, _ := want[suggestion.Suggestion](own, http.StatusOK, http.MethodGet, pathOfSuggestion(renamed), nil)
	if paths(shown.Conflicts) != `/name "Place du Marché"→"Marché"` || !strings.Contains(paths(shown.Changes), `/name "Marché"→"Market"`) {
		t.Errorf("it shows changes %s and conflicts %s", paths(shown.Changes), paths(shown.Conflicts))
	}
	var problem struct {
		Type    string           `json:"type"`
		Changes []history.Change `json:"changes"`
	}
	a := own.do(http.MethodPost, pathOfSuggestion(renamed)+"/decision", map[string]any{"decision": "accept"}, "If-Match", `"1"`)
	if err := json.Unmarshal(a.body, &problem); err != nil || a.status != http.StatusConflict || problem.Type != "urn:ihr:problem:suggestion_outdated" || paths(problem.Changes) != paths(shown.Conflicts) {
		t.Errorf("accepting it is answered by %d %s (%v)", a.status, a.body, err)
	}
	if now, _ := want[station.Station](own, http.StatusOK, http.MethodGet, pathOf(st), nil); now.Version != patched.Version || now.Name != "Marché" {
		t.Errorf("the station is %+v", now)
	}
	if done, _ := decided(own, moved, map[string]any{"decision": "accept"}); done.State != suggestion.Accepted {
		t.Errorf("a change elsewhere is %+v", done)
	}
	now, _ := want[station.Station](own, http.StatusOK, http.MethodGet, pathOf(st), nil)
	if now.Address != "2 Street" || now.City != "Elsewhere" || now.Name != "Marché" {
		t.Errorf("the station is %+v", now)
	}
	refused(ada, http.StatusConflict, "suggestion_outdated", http.MethodPost, suggestions, changeOf(st, map[string]any{"name": "Third"}))
	if at := refused(ada, http.StatusConflict, "suggestion_outdated", http.MethodPatch, pathOfSuggestion(renamed), map[string]any{"comment": "Still.", "station_version": st.Version}, "If-Match", `"1"`); !slices.Equal(at, []string{"/station_version"}) {
		t.Errorf("made from an old version it is at fault at %v", at)
	}
	anew, b := want[suggestion.Suggestion](ada, http.StatusOK, http.MethodPatch, pathOfSuggestion(renamed), map[string]any{"station_version": now.Version}, "If-Match", `"1"`)
	if len(anew.Conflicts) != 0 || anew.Version != 2 || *anew.StationVersion != now.Version {
		t.Errorf("made anew it is %s", b.body)
	}
	refused(own, http.StatusPreconditionFailed, "suggestion_changed", http.MethodPost, pathOfSuggestion(renamed)+"/decision", map[string]any{"decision": "accept"}, "If-Match", `"1"`)
	decided(own, anew, map[string]any{"decision": "accept"})
	if now, _ := want[station.Station](own, http.StatusOK, http.MethodGet, pathOf(st), nil); now.Name != "Market" || !now.Opening.TwentyFourSeven {
		t.Errorf("the station is %+v", now)
	}
}

// TestOwnSuggestions promises that what a person suggests twice is one, that no more than twenty wait, that an author changes and withdraws
// what waits, and that lists are in order, filtered and in pages.
func TestOwnSuggestions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	st := w.named("Place du Marché")
	ada := w.suggester()
	body := changeOf(st, map[string]any{"name": "A", "city": "B"})
	made, _ := suggested(ada, body)
	body["comment"], body["patch"] = "Twice.", json.RawMessage(`{"city": "B", "name": "A"}`)
	again, a := want[suggestion.Suggestion](ada, http.StatusOK, http.MethodPost, suggestions, body)
	if again.ID != made.ID || a.header.Get("Location") != pathOfSuggestion(made) || again.Comment != made.Comment {
		t.Errorf("the second time it is %s", a.body)
	}
	if other, _ := suggested(w.suggester(), body); other.ID == made.ID {
		t.Error("two people made one suggestion")
	}
	keyed := changeOf(st, map[string]any{"name": "Keyed"})
	once, _ := want[suggestion.Suggestion](ada, http.StatusCreated, http.MethodPost, suggestions, keyed, "Idempotency-Key", "k")
	twice, a := want[suggestion.Suggestion](ada, http.StatusCreated, http.MethodPost, suggestions, keyed, "Idempotency-Key", "k")
	if once.ID != twice.ID || a.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("the same attempt is %s", a.body)
	}
	all := []uuid.UUID{once.ID, made.ID}
	for n := len(all); n < suggestion.MostPending; n++ {
		s, _ := suggested(ada, changeOf(st, map[string]any{"name": fmt.Sprint("Name ", n)}))
		all = append([]uuid.UUID{s.ID}, all...)
	}
	refused(ada, http.StatusConflict, "too_many_suggestions", http.MethodPost, suggestions, changeOf(st, map[string]any{"name": "Too many"}))
	var listed []uuid.UUID
	for cursor := ""; ; {
		p, _ := want[suggestionsPage](ada, http.StatusOK, http.MethodGet, suggestions+"?limit=7&state=PENDING,ACCEPTED&kind=change&station_id="+st.ID.String()+cursor, nil)
		listed = append(listed, p.ids()...)
		if p.NextCursor == "" {
			break
		}
		refused(ada, http.StatusBadRequest, "bad_cursor", http.MethodGet, suggestions+"?cursor="+p.NextCursor, nil)
		cursor = "&cursor=" + p.NextCursor
	}
	if !slices.Equal(listed, all) {
		t.Errorf("listed are %v, want %v", listed, all)
	}
	for _, filter := range []string{"state=REJECTED", "kind=removal", "station_id=" + uuid.NewString()} {
		if p, _ := want[suggestionsPage](ada, http.StatusOK, http.MethodGet, suggestions+"?"+filter, nil); len(p.Items) != 0 {
			t.Errorf("%s lists %v", filter, p.ids())
		}
	}
	moderator := w.decider(uuid.Nil)
	first, _ := want[moderationPage](moderator, http.StatusOK, http.MethodGet, "/v1/moderation?limit=3", nil)
	rest, _ := want[moderationPage](moderator, http.StatusOK, http.MethodGet, "/v1/moderation?cursor="+first.NextCursor, nil)
	if queue := append(first.ids(), rest.ids()...); len(queue) != 21 || queue[0] != made.ID || queue[20] != all[0] || first.Counts["suggestion"] != 21 || rest.NextCursor != "" {
		t.Errorf("there wait %v, %v", queue, first.Counts)
	}

	at := pathOfSuggestion(made)
	var twin struct {
		SuggestionID uuid.UUID `json:"suggestion_id"`
	}
	same := ada.do(http.MethodPatch, at, map[string]any{"patch": map[string]any{"name": "Keyed"}}, "If-Match", `"1"`)
	if err := json.Unmarshal(same.body, &twin); err != nil || same.status != http.StatusConflict || twin.SuggestionID != once.ID {
		t.Errorf("made the same as another it is %d %s (%v)", same.status, same.body, err)
	}
	changed, _ := want[suggestion.Suggestion](ada, http.StatusOK, http.MethodPatch, at, map[string]any{"comment": "Better.", "source_url": "https://example.com", "patch": map[string]any{"name": "C", "payment": nil, "city": "D"}}, "If-Match", `"1"`)
	if changed.Comment != "Better." || changed.Version != 2 || len(changed.Changes) < 2 || !strings.Contains(string(changed.Patch), "null") {
		t.Errorf("changed it is %+v", changed)
	}
	if plain, _ := want[suggestion.Suggestion](ada, http.StatusOK, http.MethodPatch, at, map[string]any{"source_url": nil}, "If-Match", `"2"`); plain.SourceURL != "" || plain.Version != 3 {
		t.Errorf("without a link it is %+v", plain)
	}
	if a := ada.do(http.MethodDelete, at, nil, "If-Match", `"3"`); a.status != http.StatusNoContent {
		t.Errorf("it is withdrawn with %d %s", a.status, a.body)
	}
	if gone, _ := want[suggestion.Suggestion](ada, http.StatusOK, http.MethodGet, at, nil); gone.State != suggestion.Withdrawn {
		t.Errorf("withdrawn it is %+v", gone)
	}
	for method, path := range map[string]string{http.MethodPatch: at, http.MethodDelete: at} {
		var body any
		if method == http.MethodPatch {
			body = map[string]any{"comment": "Late."}
		}
		refused(ada, http.StatusConflict, "suggestion_not_pending", method, path, body, "If-Match", `"4"`)
	}
	refused(moderator, http.StatusConflict, "suggestion_not_pending", http.MethodPost, at+"/decision", map[string]any{"decision": "accept"}, "If-Match", `"4"`)
	suggested(ada, changeOf(st, map[string]any{"name": "Room again"}))
}

// TestWhoMaySuggest promises that people suggest, that those decide whose it is, and that whoever comes without the ETag, or too late, is told.
func TestWhoMaySuggest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	st := w.named("Place du Marché")
	ada := w.suggester()
	body := changeOf(st, map[string]any{"name": "New name"})
	made, _ := suggested(ada, body)
	at, accept, comment := pathOfSuggestion(made), map[string]any{"decision": "accept"}, map[string]any{"comment": "Hm."}
	reader, _ := w.driver("profile")
	service := caller{w, w.issuer.Mint(authn.Principal{Kind: authn.Service, Subject: uuid.New(), ClientID: "robot", Scopes: []string{"suggestions:write"}}, w.cfg.Auth.Issuer+"/station-catalog")}
	alone := w.as(uuid.Nil, []string{"operator"}, "suggestions:decide")
	moderator, stranger := w.decider(uuid.Nil), w.decider(uuid.New())
	for _, c := range []struct {
		who          caller
		status       int
		code, method string
		path         string
		body         any
		ifMatch      string
	}{
		{w.anonymous(), 401, "unauthenticated", http.MethodPost, suggestions, body, ""},
		{w.anonymous(), 401, "unauthenticated", http.MethodGet, suggestions, nil, ""},
		{w.anonymous(), 401, "unauthenticated", http.MethodGet, at, nil, ""},
		{w.anonymous(), 401, "unauthenticated", http.MethodGet, "/v1/moderation", nil, ""},
		{reader, 403, "insufficient_scope", http.MethodPost, suggestions, body, ""},
		{reader, 403, "insufficient_scope", http.MethodGet, at, nil, ""},
		{service, 403, "people_only", http.MethodPost, suggestions, body, ""},
		{service, 403, "people_only", http.MethodGet, suggestions, nil, ""},
		{ada, 403, "insufficient_scope", http.MethodPost, at + "/decision", accept, `"1"`},
		{ada, 403, "insufficient_scope", http.MethodGet, "/v1/moderation", nil, ""},
		{ada, 403, "decides_nothing", http.MethodGet, suggestions + "?decidable=true", nil, ""},
		{alone, 403, "decides_nothing", http.MethodGet, "/v1/moderation", nil, ""},
		{stranger, 403, "foreign_operator", http.MethodGet, "/v1/moderation?operator_id=" + st.Operator.ID.String(), nil, ""},
		{w.suggester(), 404, "suggestion_not_found", http.MethodPatch, at, comment, `"1"`},
		{w.suggester(), 404, "suggestion_not_found", http.MethodDelete, at, nil, `"1"`},
		{stranger, 404, "suggestion_not_found", http.MethodPatch, at, comment, `"1"`},
		{moderator, 403, "foreign_suggestion", http.MethodPatch, at, comment, `"1"`},
		{moderator, 403, "foreign_suggestion", http.MethodDelete, at, nil, `"1"`},
		{ada, 428, "if_match_required", http.MethodPatch, at, comment, ""},
		{ada, 412, "suggestion_changed", http.MethodPatch, at, comment, `"7"`},
		{ada, 428, "if_match_required", http.MethodDelete, at, nil, ""},
		{ada, 412, "suggestion_changed", http.MethodDelete, at, nil, `"7"`},
		{moderator, 428, "if_match_required", http.MethodPost, at + "/decision", accept, ""},
		{moderator, 412, "suggestion_changed", http.MethodPost, at + "/decision", accept, `"7"`},
		{moderator, 404, "suggestion_not_found", http.MethodPost, suggestions + "/" + uuid.NewString() + "/decision", accept, `"1"`},
	} {
		headers := []string{"If-Match", c.ifMatch}
		if c.ifMatch == "" {
			headers = nil
		}
		refused(c.who, c.status, c.code, c.method, c.path, c.body, headers...)
	}
	if still, _ := want[suggestion.Suggestion](ada, http.StatusOK, http.MethodGet, at, nil); still.State != suggestion.Pending || still.Version != 1 {
		t.Errorf("after all that it is %+v", still)
	}
	// An operator of another station sees its own suggestion, and cannot decide it.
	theirs, _ := suggested(stranger, changeOf(st, map[string]any{"name": "Theirs"}))
	refused(stranger, http.StatusForbidden, "not_yours_to_decide", http.MethodPost, pathOfSuggestion(theirs)+"/decision", accept, "If-Match", `"1"`)
}

// TestBadSuggestions promises that whatever is wrong with a suggestion is named, all of it at once, as it would be of the request that
// carries it out, and that nothing of it is kept.
func TestBadSuggestions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	st := w.named("Place du Marché")
	ada := w.suggester()
	broken := func(change func(map[string]any)) map[string]any {
		site := input("Site", "1")
		change(site)
		return map[string]any{"kind": "new", "station": site, "comment": "New."}
	}
	with := func(body map[string]any, more ...any) map[string]any {
		for i := 0; i+1 < len(more); i += 2 {
			if name := more[i].(string); more[i+1] == nil {
				delete(body, name)
			} else {
				body[name] = more[i+1]
			}
		}
		return body
	}
	good := func() map[string]any { return changeOf(st, map[string]any{"name": "Good"}) }
	for name, c := range map[string]struct {
		body  map[string]any
		wrong []string
	}{
		"nothing":                        {map[string]any{}, []string{"/comment", "/kind"}},
		"an unknown kind":                {with(good(), "kind", "merge"), []string{"/kind"}},
		"no comment":                     {with(good(), "comment", nil), []string{"/comment"}},
		"a blank comment":                {with(good(), "comment", "  "), []string{"/comment"}},
		"a long comment":                 {with(good(), "comment", strings.Repeat("é", 2001)), []string{"/comment"}},
		"a comment turned around":        {with(good(), "comment", "a\u202eb"), []string{"/comment"}},
		"a link that is none":            {with(good(), "source_url", "example.com"), []string{"/source_url"}},
		"a plain link":                   {with(good(), "source_url", "http://example.com"), []string{"/source_url"}},
		"a link with a login":            {with(good(), "source_url", "https://bank.example@evil.example/"), []string{"/source_url"}},
		"a link to nowhere":              {with(good(), "source_url", "https:///path"), []string{"/source_url"}},
		"a long link":                    {with(good(), "source_url", "https://example.com/"+strings.Repeat("a", 500)), []string{"/source_url"}},
		"a script":                       {with(good(), "source_url", "javascript:alert(1)"), []string{"/source_url"}},
		"a change of nothing":            {with(good(), "patch", nil, "station_version", nil, "station_id", nil), []string{"/patch", "/station_id", "/station_version"}},
		"a change with a station":        {with(good(), "station", input("Site", "1")), []string{"/station"}},
		"a removal with a patch":         {with(good(), "kind", "removal"), []string{"/patch", "/station_version"}},
		"a new one of a station":         {with(good(), "kind", "new"), []string{"/patch", "/station", "/station_id", "/station_version"}},
		"an empty patch":                 {with(good(), "patch", map[string]any{}), []string{"/patch"}},
		"a patch that changes nothing":   {with(good(), "patch", map[string]any{"name": st.Name, "country": st.Country}), []string{"/patch"}},
		"a patch of the operator":        {with(good(), "patch", map[string]any{"operator_id": uuid.New()}), []string{"/patch/operator_id"}},
		"a patch that does not fit":      {with(good(), "patch", map[string]any{"payment": map[string]any{"cash": true}}), []string{"/patch"}},
		"a patch to no name":             {with(good(), "patch", map[string]any{"name": ""}), []string{"/patch/name"}},
		"a patch to nowhere":             {with(good(), "patch", map[string]any{"country": "XX", "time_zone": "Moon", "latitude": 91}), []string{"/patch/country", "/patch/latitude", "/patch/time_zone"}},
		"a patch to bad EVSEs":           {with(good(), "patch", map[string]any{"evses": []any{map[string]any{"uid": "1", "connectors": []any{map[string]any{"id": "1", "standard": "X", "format": "CABLE", "power_type": "DC", "tariff_ids": []any{"T"}}}}}}), []string{"/patch/evses/0/connectors/0/standard"}},
		"a patch to an unknown tariff":   {with(good(), "patch", map[string]any{"evses": []any{map[string]any{"uid": "1", "connectors": []any{map[string]any{"id": "1", "standard": "CHADEMO", "format": "CABLE", "power_type": "DC", "tariff_ids": []any{"T"}}}}}}), []string{"/patch/evses/0/connectors/0/tariff_ids/0"}},
		"a station without a name":       {broken(func(s map[string]any) { delete(s, "name") }), []string{"/station/name"}},
		"a station of nobody":            {broken(func(s map[string]any) { s["operator_id"] = uuid.New() }), []string{"/station/operator_id"}},
		"a station of nobody, elsewhere": {broken(func(s map[string]any) { s["operator_id"], s["country"] = uuid.New(), "XX" }), []string{"/station/country", "/station/operator_id"}},
		"a station with two of one uid": {broken(func(s map[string]any) {
			s["evses"] = append(s["evses"].([]any), s["evses"].([]any)[0])
			s["time_zone"] = "Moon"
		}), []string{"/station/evses/1/uid", "/station/time_zone"}},
		"an unknown member": {with(broken(func(s map[string]any) { s["stars"] = 5 }), "author", "me"), []string{"/author", "/station/stars"}},
		"all at once":       {with(good(), "comment", "ding\a", "source_url", "ftp://x", "station_version", 99, "patch", map[string]any{"country": "XX", "stars": 5}), []string{"/comment", "/patch/country", "/patch/stars", "/source_url"}},
		"all but the form":  {with(good(), "comment", "ding\a", "station_version", 99, "patch", map[string]any{"country": "XX"}), []string{"/comment", "/patch/country", "/station_version"}},
		"of no station":     {with(good(), "comment", "ding\a", "station_id", uuid.New()), []string{"/comment", "/station_id"}},
	} {
		p, a := want[problem](ada, http.StatusBadRequest, http.MethodPost, suggestions, c.body)
		if p.Type != "urn:ihr:problem:invalid_request" && p.Type != "urn:ihr:problem:invalid_suggestion" {
			t.Errorf("%s was refused by %s", name, a.body)
		}
		var named []string
		for _, e := range p.Errors {
			named = append(named, e.Pointer)
		}
		if slices.Sort(named); !slices.Equal(named, c.wrong) {
			t.Errorf("%s: at fault are %v, want %v", name, named, c.wrong)
		}
	}
	// What Go reads and Postgres would not stands in nobody's way.
	odd := json.RawMessage(`{"name":"Half \ud83d","address":"","city":"","country":"FR","latitude":48,"longitude":2,"evses":[]}`)
	half, _ := suggested(w.suggester(), map[string]any{"kind": "new", "station": odd, "comment": "Odd."})
	if waits, _ := want[moderationPage](w.decider(uuid.Nil), http.StatusOK, http.MethodGet, "/v1/moderation", nil); len(waits.Items) != 1 || waits.Items[0].Suggestion.Name != "Half \ufffd" {
		t.Errorf("there waits %+v", waits)
	}
	if done, _ := decided(w.decider(st.Operator.ID), half, map[string]any{"decision": "accept"}); done.State != suggestion.Accepted {
		t.Errorf("accepted it is %+v", done)
	}
	made, _ := suggested(ada, good())
	for name, c := range map[string]struct {
		body  map[string]any
		wrong []string
	}{
		"nothing":               {map[string]any{}, []string{""}},
		"the kind":              {map[string]any{"kind": "new"}, []string{"/kind"}},
		"a null comment":        {map[string]any{"comment": nil}, []string{"/comment"}},
		"an empty comment":      {map[string]any{"comment": ""}, []string{"/comment"}},
		"a login":               {map[string]any{"source_url": "https://a@b.example", "comment": "a\a"}, []string{"/comment", "/source_url"}},
		"a station":             {map[string]any{"station": input("Site", "1")}, []string{"/station"}},
		"a patch of nothing":    {map[string]any{"patch": map[string]any{"name": st.Name}}, []string{"/patch"}},
		"a patch that is wrong": {map[string]any{"patch": map[string]any{"country": "XX"}, "stars": 5}, []string{"/patch/country", "/stars"}},
	} {
		p, a := want[problem](ada, http.StatusBadRequest, http.MethodPatch, pathOfSuggestion(made), c.body, "If-Match", `"1"`)
		var named []string
		for _, e := range p.Errors {
			named = append(named, e.Pointer)
		}
		if slices.Sort(named); !slices.Equal(named, c.wrong) {
			t.Errorf("patched with %s at fault are %v, want %v: %s", name, named, c.wrong, a.body)
		}
	}
	for body, wrong := range map[string][]string{`{}`: {"/decision"}, `{"decision":"maybe"}`: {"/decision"}, `{"decision":"reject","note":"a\u0007"}`: {"/note"}, `{"decision":"reject","note":"x","by":"me"}`: {"/by"}} {
		named := refusedAny(w.decider(uuid.Nil), http.MethodPost, pathOfSuggestion(made)+"/decision", json.RawMessage(body), "If-Match", `"1"`)
		if !slices.Equal(named, wrong) {
			t.Errorf("%s: at fault are %v", body, named)
		}
	}
	all, _ := want[suggestionsPage](ada, http.StatusOK, http.MethodGet, suggestions, nil)
	if len(all.Items) != 1 || all.Items[0].Version != 1 {
		t.Errorf("after all that there are %+v", all.Items)
	}
}

// refusedAny gives what is named at fault of a request that is refused as invalid.
func refusedAny(c caller, method, path string, body any, headers ...string) []string {
	c.t.Helper()
	p, _ := want[problem](c, http.StatusBadRequest, method, path, body, headers...)
	var named []string
	for _, e := range p.Errors {
		named = append(named, e.Pointer)
	}
	slices.Sort(named)
	return named
}

// TestManyDeciders promises that of many who decide at once one decides, and the others are told what became of it; and that of many who
// send the same suggestion at once all are told of one.
func TestManyDeciders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	st := w.named("Place du Marché")
	ada := w.suggester()
	const many = 8
	ids := make([]uuid.UUID, many)
	var sending sync.WaitGroup
	for i := range many {
		sending.Go(func() {
			var s suggestion.Suggestion
			if a := ada.do(http.MethodPost, suggestions, changeOf(st, map[string]any{"name": "At once"})); json.Unmarshal(a.body, &s) == nil {
				ids[i] = s.ID
			}
		})
	}
	sending.Wait()
	if ids[0] == uuid.Nil || len(slices.Compact(ids)) != 1 {
		t.Fatalf("all at once made %v", ids)
	}
	made, _ := want[suggestion.Suggestion](ada, http.StatusOK, http.MethodGet, suggestions+"/"+ids[0].String(), nil)
	type told struct {
		Type  string           `json:"type"`
		State suggestion.State `json:"state"`
	}
	answers := make([]told, many)
	statuses := make([]int, many)
	for i := range many {
		who, decision := w.decider(st.Operator.ID), "accept"
		if i%2 == 1 {
			who, decision = w.decider(uuid.Nil), "reject"
		}
		sending.Go(func() {
			a := who.do(http.MethodPost, pathOfSuggestion(made)+"/decision", map[string]any{"decision": decision}, "If-Match", `"1"`)
			statuses[i] = a.status
			if err := json.Unmarshal(a.body, &answers[i]); err != nil {
				t.Error(err)
			}
		})
	}
	sending.Wait()
	done, _ := want[suggestion.Suggestion](ada, http.StatusOK, http.MethodGet, pathOfSuggestion(made), nil)
	won := 0
	for i := range many {
		switch {
		case statuses[i] == http.StatusOK:
			won++
		case statuses[i] != http.StatusConflict || answers[i].Type != "urn:ihr:problem:suggestion_not_pending":
			t.Errorf("one was answered by %d %+v", statuses[i], answers[i])
		}
		if answers[i].State != done.State {
			t.Errorf("it is %s, and one was told %s", done.State, answers[i].State)
		}
	}
	now, _ := want[station.Station](ada, http.StatusOK, http.MethodGet, pathOf(st), nil)
	if changed := now.Version - st.Version; won != 1 || done.Version != 2 || (changed == 1) != (done.State == suggestion.Accepted) || changed > 1 {
		t.Errorf("%d decided, it is %+v, the station was changed %d times", won, done, changed)
	}
}

// TestATariffThatNobodyTouches promises that the texts of a tariff, which the database writes in another order, are no change of a station
// whose name changes, be it suggested or not.
func TestATariffThatNobodyTouches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	id, owner := w.own("PLM")
	body := priced("Priced", "alt-1", "0.50", "0.10")
	body["tariffs"].([]any)[0].(map[string]any)["tariff_alt_text"] = json.RawMessage(`[{"text": "0.50 EUR per kWh", "language": "en"}]`)
	st, _ := want[station.Station](owner, http.StatusCreated, http.MethodPost, "/v1/stations", body, "Idempotency-Key", "alt-1")

	made, _ := suggested(w.suggester(), changeOf(st, map[string]any{"name": "Suggested"}))
	if got := paths(made.Changes); got != `/name "Priced"→"Suggested"` {
		t.Errorf("it would change %s", got)
	}
	decided(w.decider(id), made, map[string]any{"decision": "accept"})
	want[station.Station](owner, http.StatusOK, http.MethodPatch, pathOf(st), map[string]any{"name": "Patched"}, "If-Match", "*")
	past, b := want[struct{ Items []history.Entry }](owner, http.StatusOK, http.MethodGet, pathOf(st)+"/history", nil)
	if len(past.Items) != 3 || paths(past.Items[0].Changes) != `/name "Suggested"→"Patched"` || paths(past.Items[1].Changes) != `/name "Priced"→"Suggested"` {
		t.Errorf("the history is %s", b.body)
	}
	if told, b := want[struct{ Items []history.Entry }](owner, http.StatusOK, http.MethodGet, "/v1/tariffs/"+st.Tariffs[0].ID+"/history", nil); len(told.Items) != 1 {
		t.Errorf("the tariff's history is %s", b.body)
	}
}
