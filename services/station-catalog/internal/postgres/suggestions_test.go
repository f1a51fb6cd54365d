package postgres_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/erasure"
	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/importer"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/suggestion"
)

func sees(*suggestion.Suggestion) error { return nil }

// suggest keeps what somebody suggests of a station as it is.
func (w world) suggest(author uuid.UUID, st station.Station, patch string) suggestion.Suggestion {
	w.t.Helper()
	in := suggestion.Input{Kind: suggestion.Removal, StationID: &st.ID, Comment: "Because."}
	if patch != "" {
		in.Kind, in.StationVersion, in.Patch = suggestion.Change, &st.Version, json.RawMessage(patch)
	}
	s, _, err := w.CreateSuggestion(w.t.Context(), author, in)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// decide accepts a suggestion, or rejects it.
func (w world) decide(decider uuid.UUID, s suggestion.Suggestion, accept bool) (suggestion.Suggestion, error) {
	w.t.Helper()
	return w.DecideSuggestion(w.t.Context(), decider, s.ID, func(s *suggestion.Suggestion) (suggestion.Verdict, error) {
		if s.State != suggestion.Pending {
			return suggestion.Verdict{}, suggestion.Decided(s.State)
		}
		return suggestion.Verdict{Accept: accept, As: "moderator", Note: "Well."}, nil
	})
}

func (w world) suggestion(id uuid.UUID) suggestion.Suggestion {
	w.t.Helper()
	s, err := w.Suggestion(w.t.Context(), id, sees)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// members are what random patches are made of: values of each member, good and bad.
var members = map[string][]string{
	"name":               {`"A"`, `"B"`, `""`, `"Ä\nö"`},
	"address":            {`"1 Street"`, `""`},
	"postal_code":        {`"75001"`, `null`},
	"country":            {`"FR"`, `"DE"`, `"XX"`},
	"latitude":           {`48`, `48.5`, `48.50`},
	"time_zone":          {`"Europe/Paris"`, `"UTC"`, `"Moon"`},
	"access":             {`"public"`, `"private"`},
	"facilities":         {`["WIFI"]`, `["WIFI","HOTEL"]`, `[]`, `null`},
	"opening_times":      {`{"twentyfourseven":true}`, `{"twentyfourseven":false,"regular_hours":[{"weekday":1,"period_begin":"08:00","period_end":"18:00"}]}`, `{"regular_hours":null}`, `null`},
	"opening_hours_text": {`"always"`, `null`},
	"payment":            {`{"card":true}`, `{"card":null,"text":"coins"}`, `{"cash":true}`, `null`},
	"evses": {
		`[]`, `[{"uid":"1","connectors":[{"id":"1","standard":"CHADEMO","format":"CABLE","power_type":"DC"}]}]`,
		`[{"uid":"2","evse_id":"FR*PLM*E2","connectors":[{"id":"1","standard":"CHADEMO","format":"CABLE","power_type":"DC"}]},{"uid":"1","reservable":true,"connectors":[{"id":"1","standard":"CHADEMO","format":"CABLE","power_type":"DC"}]}]`,
		`[{"uid":"other","connectors":[{"id":"1","standard":"CHADEMO","format":"CABLE","power_type":"DC"}]}]`,
	},
}

// TestAcceptingIsPatching promises that accepting a change does to a station just what a patch does: the same document, version, history and
// change log; and that what a patch is refused for a suggestion is refused for, at the same places.
func TestAcceptingIsPatching(t *testing.T) {
	t.Parallel()
	patching, accepting := newWorld(t), newWorld(t)
	for _, w := range []world{patching, accepting} {
		w.put(site("A", "1", "2"), site("B", "other"))
	}
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	random := rand.New(rand.NewPCG(70, 1)) // the same patches each time
	done := map[string]int{}
	for range 60 {
		patch := map[string]json.RawMessage{}
		for _, i := range random.Perm(len(names))[:1+random.IntN(3)] {
			values := members[names[i]]
			patch[names[i]] = json.RawMessage(values[random.IntN(len(values))])
		}
		text, err := json.Marshal(patch)
		if err != nil {
			t.Fatal(err)
		}
		before := patching.all()["A"]
		_, refused := patching.Update(t.Context(), history.Author{Subject: uuid.NewString()}, before.ID, func(st station.Station) (station.Station, error) { return st.Patched(text) })
		twin := accepting.all()["A"]
		made, _, err := accepting.CreateSuggestion(t.Context(), uuid.New(), suggestion.Input{
			Kind: suggestion.Change, StationID: &twin.ID, StationVersion: &twin.Version, Patch: text, Comment: "Because.",
		})
		after := patching.all()["A"]
		var want, got []string
		switch unchanged := refused == nil && after.Version == before.Version; {
		case unchanged:
			if want = []string{"/patch"}; err == nil || !slices.Equal(pointers(err), want) {
				t.Fatalf("%s changes nothing, and was answered by %v", text, err)
			}
			done["unchanged"]++
			continue
		case refused != nil:
			for _, p := range pointers(refused) {
				want = append(want, "/patch"+p)
			}
			if errors.Is(refused, station.ErrInvalid) && len(want) == 0 {
				want = []string{"/patch"}
			}
			if got = pointers(err); err == nil || !slices.Equal(got, want) || !errors.Is(refused, station.ErrInvalid) && fault.Of(err).Code() != fault.Of(refused).Code() {
				t.Fatalf("%s is refused by %v, and suggested by %v", text, refused, err)
			}
			done[fault.Of(refused).Code()]++
			continue
		case err != nil:
			t.Fatalf("%s cannot be suggested: %v", text, err)
		}
		if _, err := accepting.decide(uuid.New(), made, true); err != nil {
			t.Fatalf("%s cannot be accepted: %v", text, err)
		}
		done["changed"]++
		if diff := cmp.Diff(patching.plain(after), accepting.plain(accepting.all()["A"])); diff != "" {
			t.Fatalf("%s (-patched +accepted):\n%s", text, diff)
		}
		last := func(w world, id uuid.UUID) history.Entry {
			all, err := w.StationHistory(t.Context(), id, postgres.FirstVersion, 1)
			if err != nil || len(all) != 1 {
				t.Fatal(all, err)
			}
			return all[0]
		}
		a, b := last(patching, after.ID), last(accepting, twin.ID)
		if text := values(t, a.Changes); text != values(t, b.Changes) || text != values(t, made.Changes) || a.Action != b.Action || a.Version != b.Version || b.SuggestionID == nil || a.SuggestionID != nil {
			t.Fatalf("of the patch is told %s, of the suggestion %s, and before %s", a.Changes, b.Changes, made.Changes)
		}
	}
	if done["changed"] < 15 || done["invalid_station"] < 5 || done["evse_uid_taken"] < 2 || done["unchanged"] < 2 {
		t.Errorf("too little was tried: %v", done)
	}
	logged := func(w world) (ops []string) {
		if err := w.DB().SelectContext(t.Context(), &ops, `SELECT op || ' ' || version FROM station_changes ORDER BY seq`); err != nil {
			t.Fatal(err)
		}
		return ops
	}
	if diff := cmp.Diff(logged(patching), logged(accepting)); diff != "" {
		t.Errorf("the logs differ:\n%s", diff)
	}
}

// values are changes without how their JSON is written.
func values(t *testing.T, changes []history.Change) string {
	t.Helper()
	var all any
	text, err := json.Marshal(changes)
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(all)
}

func pointers(err error) []string {
	var all []string
	if err != nil {
		for _, f := range fault.Of(err).Fields() {
			all = append(all, f.Pointer)
		}
	}
	slices.Sort(all)
	return all
}

// plain is a station without what differs between two databases.
func (w world) plain(st station.Station) string {
	w.t.Helper()
	hash, err := st.Hash()
	if err != nil {
		w.t.Fatal(err)
	}
	var uids []string
	for _, e := range st.EVSEs {
		uids = append(uids, fmt.Sprint(e.UID, e.Removed))
	}
	slices.Sort(uids)
	return fmt.Sprintf("%x %d %v %s", hash, st.Version, uids, st.Name)
}

// TestSuggestionsFollowAMerge promises that changes of a station that is merged follow to the survivor, where they are accepted only when
// what they touch says the same there, and that what asks for its removal stays with it.
func TestSuggestionsFollowAMerge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	same := site("B", "2")
	same.Name = "Station A"
	w.put(site("A", "1"), same)
	keep, drop := w.all()["A"], w.all()["B"]
	renamed, rebuilt, removed := w.suggest(uuid.New(), drop, `{"name":"New"}`), w.suggest(uuid.New(), drop, `{"evses":[]}`), w.suggest(uuid.New(), drop, "")
	if _, err := w.Merge(t.Context(), history.Author{Subject: "test"}, keep.ID, drop.ID, func(_, _ station.Station) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for _, s := range []suggestion.Suggestion{renamed, rebuilt} {
		if now := w.suggestion(s.ID); *now.StationID != keep.ID || now.Version != s.Version+1 || now.State != suggestion.Pending {
			t.Errorf("it is %+v", now)
		}
	}
	if _, err := w.decide(uuid.New(), rebuilt, true); fault.Of(err).Code() != "suggestion_outdated" || len(w.all()["A"].EVSEs) != 2 {
		t.Errorf("EVSEs of the duplicate replace those of the survivor: %v", err)
	}
	if _, err := w.decide(uuid.New(), renamed, true); err != nil || w.all()["A"].Name != "New" {
		t.Errorf("the name is %q (%v)", w.all()["A"].Name, err)
	}
	if now := w.suggestion(removed.ID); *now.StationID != drop.ID {
		t.Errorf("the removal is of %s", now.StationID)
	}
	if done, err := w.decide(uuid.New(), removed, true); err != nil || done.State != suggestion.Accepted || w.all()["A"].Name != "New" {
		t.Errorf("the removal is %+v (%v)", done, err)
	}
	if _, _, err := w.CreateSuggestion(t.Context(), uuid.New(), suggestion.Input{Kind: suggestion.Removal, StationID: &drop.ID, Comment: "Gone."}); fault.Of(err).Extensions()["merged_into"] != keep.ID {
		t.Errorf("of the duplicate was suggested: %v", err)
	}
}

// TestErasedAuthors promises that of a person who was erased nothing is left but what was decided, without the person.
func TestErasedAuthors(t *testing.T) {
	t.Parallel()
	w, ada, bob := newWorld(t), uuid.New(), uuid.New()
	w.put(site("A", "1"))
	st := w.all()["A"]
	waiting, rejected, accepted := w.suggest(ada, st, `{"name":"1"}`), w.suggest(ada, st, `{"name":"2"}`), w.suggest(ada, st, `{"city":"3"}`)
	taken, his := w.suggest(ada, st, `{"name":"4"}`), w.suggest(bob, st, `{"name":"1"}`)
	if err := w.WithdrawSuggestion(t.Context(), taken.ID, sees); err != nil {
		t.Fatal(err)
	}
	for s, accept := range map[*suggestion.Suggestion]bool{&rejected: false, &accepted: true} {
		if _, err := w.decide(bob, *s, accept); err != nil {
			t.Fatal(err)
		}
	}
	hers := w.suggest(uuid.New(), w.all()["A"], `{"city":"5"}`)
	if _, err := w.decide(ada, hers, false); err != nil {
		t.Fatal(err)
	}
	if n := w.mentions(ada)["suggestions"]; n != 5 {
		t.Fatalf("she is named in %d suggestions", n)
	}
	for range 2 {
		if err := w.Forget(t.Context(), ada); err != nil {
			t.Fatal(err)
		}
	}
	if left := w.mentions(ada); len(left) > 0 {
		t.Errorf("rows still name her: %v", left)
	}
	for _, gone := range []uuid.UUID{waiting.ID, taken.ID} {
		if _, err := w.Suggestion(t.Context(), gone, sees); !errors.Is(err, suggestion.ErrNotFound) {
			t.Errorf("what nobody decided is answered by %v", err)
		}
	}
	for _, s := range []uuid.UUID{rejected.ID, accepted.ID} {
		if now := w.suggestion(s); now.Author != erasure.Anonymous || now.Comment == "" || now.Decision.Note != "Well." {
			t.Errorf("what was decided is %+v", now)
		}
	}
	if now := w.suggestion(his.ID); now.Author != bob || now.State != suggestion.Pending {
		t.Errorf("his is %+v", now)
	}
	if w.suggestion(hers.ID).State != suggestion.Rejected || w.all()["A"].City != "3" {
		t.Error("what she decided, or what came of hers, was undone")
	}
}

// TestImportsOverwriteWhatWasAccepted holds down what the README says: as any edit of an imported station, an accepted change holds until its
// source tells of the station again, and the history keeps both.
func TestImportsOverwriteWhatWasAccepted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(site("A", "1"))
	st := w.all()["A"]
	if _, err := w.decide(uuid.New(), w.suggest(uuid.New(), st, `{"name":"Better"}`), true); err != nil {
		t.Fatal(err)
	}
	w.must(importer.NDJSON, lines(t, site("B", "2")))
	if name := w.all()["A"].Name; name != "Better" {
		t.Errorf("an import that does not tell of it made it %q", name)
	}
	w.put(site("A", "1"))
	entries, err := w.StationHistory(t.Context(), st.ID, postgres.FirstVersion, 10)
	if err != nil || len(entries) != 3 || w.all()["A"].Name != st.Name || entries[0].ImportID == nil || entries[1].SuggestionID == nil || string(entries[0].Changes[0].Before) != `"Better"` {
		t.Errorf("the history is %+v (%v)", entries, err)
	}
}
