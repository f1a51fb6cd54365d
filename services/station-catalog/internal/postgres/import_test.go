package postgres_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/tariff"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/importer"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

func readExcerpt(t *testing.T) string {
	t.Helper()
	return readFile(t, "irve_excerpt.jsonl")
}

// TestImportingAgainWritesNothing promises that a second import of a file leaves every row as it was.
func TestImportingAgainWritesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.must(importer.IRVE, readExcerpt(t))
	// Thirteen rows: one on null island, one without an id, one that comes twice, one that is not JSON.
	want := transfer.Counts{Rows: 13, Rejected: 4, Adjusted: 3, Stations: 7, Created: 7}
	if diff := cmp.Diff(want, first.Import.Counts); diff != "" {
		t.Errorf("first import (-want +got):\n%s", diff)
	}
	if first.Import.State != transfer.Succeeded || len(first.Findings) == 0 || first.Findings[0].Line == 0 {
		t.Errorf("the report is %+v", first)
	}
	before := w.rows()
	second := w.must(importer.IRVE, readExcerpt(t))
	if c := second.Import.Counts; c.Unchanged != 7 || c.Created+c.Updated+c.Removed != 0 {
		t.Errorf("the second import counts %+v", c)
	}
	if after := w.rows(); after != before {
		t.Errorf("the second import wrote (-before +after):\n%s", cmp.Diff(before, after))
	}
	var staged int
	if err := w.DB().GetContext(t.Context(), &staged, `SELECT count(*) FROM import_rows`); err != nil || staged != 0 {
		t.Errorf("%d rows are left in the staging (%v)", staged, err)
	}
}

// TestExportComesBack promises that an export imported elsewhere is the same catalogue, and imported here changes nothing.
func TestExportComesBack(t *testing.T) {
	t.Parallel()
	w, other := newWorld(t), newWorld(t)
	w.must(importer.IRVE, readExcerpt(t))
	var exported []station.Station
	for s, err := range w.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		exported = append(exported, s)
	}
	text := lines(t, exported...)
	if c := w.must(importer.NDJSON, text).Import.Counts; c.Unchanged != c.Stations || c.Stations != 7 {
		t.Errorf("its own export changes the catalogue: %+v", c)
		after := w.all()
		for _, s := range exported {
			if got := after[s.SourceID]; got.Version != s.Version {
				t.Error(cmp.Diff(s, got))
			}
		}
	}
	if c := other.must(importer.NDJSON, text).Import.Counts; c.Created != 7 || c.Rejected != 0 {
		t.Errorf("the export is not taken elsewhere: %+v", c)
	}
	there := other.all()
	for id, s := range w.all() {
		copied := there[id]
		a, errA := s.Hash()
		b, errB := copied.Hash()
		if a != b || errA != nil || errB != nil {
			t.Errorf("station %s is not the same elsewhere:\n%s", id, cmp.Diff(s, copied))
		}
	}
}

// TestAnEVSEMoves promises that an EVSE keeps its id when its source files it under another station, that the station it left gets
// a new version, and that one that is left by its last is removed.
func TestAnEVSEMoves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(site("A", "1", "2"), site("B", "3"), site("C", "4"))
	before := w.all()
	report := w.put(site("B", "3", "1"), site("D", "4"))
	if c := report.Import.Counts; c.Updated != 1 || c.Created != 1 || c.Removed != 1 {
		t.Errorf("counts are %+v", c)
	}
	after := w.all()
	if live(after["B"])["1"] != live(before["A"])["1"] || live(after["D"])["4"] != live(before["C"])["4"] {
		t.Error("an EVSE that moved has another id")
	}
	if _, left := live(after["A"])["1"]; left || after["A"].Version != before["A"].Version+1 {
		t.Errorf("the station that was left is %+v", after["A"])
	}
	if _, there := after["C"]; there {
		t.Error("the station that lost its last EVSE is still there")
	}
	if _, err := w.Get(t.Context(), before["C"].ID); !errors.Is(err, station.ErrRemoved) {
		t.Errorf("reading it says %v", err)
	}
	// The first file again: everything as it was, under the old ids.
	w.put(site("A", "1", "2"), site("B", "3"), site("C", "4"))
	again := w.all()
	for _, id := range []string{"A", "B", "C"} {
		if diff := cmp.Diff(live(before[id]), live(again[id])); diff != "" || again[id].ID != before[id].ID {
			t.Errorf("station %s did not come back:\n%s", id, diff)
		}
	}
}

// TestMissingEVSEs promises that an EVSE is removed when a complete station lacks it, and kept when the file may not have all.
func TestMissingEVSEs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text := readExcerpt(t)
	w.must(importer.IRVE, text)
	row := func(uid string) string {
		for line := range strings.SplitSeq(text, "\n") {
			if strings.Contains(line, `"id_pdc_itinerance": "`+uid+`"`) {
				return line
			}
		}
		t.Fatalf("the excerpt has no %s", uid)
		return ""
	}
	one := row("FRPLME00011")
	w.must(importer.IRVE, one)
	if n := len(live(w.all()["FRPLMP0001"])); n != 2 {
		t.Errorf("a file with one of two points left %d", n)
	}
	w.must(importer.IRVE, strings.Replace(one, `"nbre_pdc": 2`, `"nbre_pdc": 1`, 1))
	got := w.all()["FRPLMP0001"]
	if n := len(live(got)); n != 1 || len(got.EVSEs) != 2 {
		t.Errorf("a file with one of one point left %d of %d", n, len(got.EVSEs))
	}
	w.must(importer.IRVE, one+"\n"+row("FRPLME00012"))
	if n := len(live(w.all()["FRPLMP0001"])); n != 2 {
		t.Errorf("an EVSE that is back is not: %d", n)
	}
}

// TestTariffChangesReachEveryStation promises a new version of every station whose document shows a tariff that has changed.
func TestTariffChangesReachEveryStation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	priced := func(id, uid, price string) station.Station {
		s := site(id, uid)
		s.Tariffs = []tariff.Tariff{{
			CountryCode: "FR", PartyID: "PLM", ID: "T", Currency: "EUR",
			Elements: []tariff.Element{{PriceComponents: []tariff.PriceComponent{{Type: tariff.Energy, Price: tariff.Number(price), StepSize: 1}}}},
		}}
		s.EVSEs[0].Connectors[0].TariffIDs = []string{"T"}
		return s
	}
	w.put(priced("A", "1", "0.25"), priced("B", "2", "0.25"))
	w.put(priced("A", "1", "0.30"))
	all := w.all()
	for _, id := range []string{"A", "B"} {
		s := all[id]
		if s.Version != 2 || s.Tariffs[0].Elements[0].PriceComponents[0].Price != "0.30" {
			t.Errorf("station %s of version %d shows %+v", id, s.Version, s.Tariffs)
		}
	}
	got, version, err := w.Tariff(t.Context(), station.TariffID("FR", "PLM", "T"))
	if err != nil || version != 2 || got.ID != all["A"].Tariffs[0].ID {
		t.Errorf("the tariff is %+v of version %d, %v", got, version, err)
	}
}

// TestOperatorsImportTheirOwn promises that an operator's import touches nothing of others: no station, no EVSE.
func TestOperatorsImportTheirOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	foreign := site("X", "9")
	foreign.Operator.PartyID, foreign.Operator.Name = "TRM", "Tram"
	w.put(site("A", "1"), foreign)
	before := w.all()
	mine := before["A"].Operator.ID
	renamed := foreign
	renamed.Name = "Hijacked"
	taken := site("X", "10") // the other's station under one's own name
	grab := site("B", "9")   // the other's EVSE
	for name, s := range map[string]station.Station{"of another": renamed, "taken over": taken, "with another's EVSE": grab} {
		report, err := w.bring(importer.NDJSON, lines(t, s), func(i *transfer.Import) { i.Operator = &mine })
		if c := report.Import.Counts; !errors.Is(err, transfer.ErrAllRejected) || c.Rejected != 1 || c.Created+c.Updated != 0 || report.Findings[0].Code != "foreign_operator" {
			t.Errorf("a station %s was answered by %+v %+v, %v", name, c, report.Findings, err)
		}
	}
	changed := site("A", "1")
	changed.Name = "Renamed"
	if c := w.must(importer.NDJSON, lines(t, changed, site("B", "2")), func(i *transfer.Import) { i.Operator = &mine }).Import.Counts; c.Updated != 1 || c.Created != 1 {
		t.Errorf("its own stations were answered by %+v", c)
	}
	if diff := cmp.Diff(before["X"], w.all()["X"]); diff != "" {
		t.Errorf("the other's station has changed:\n%s", diff)
	}
}

// TestDryRun promises the counts of an import without its effects.
func TestDryRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(site("A", "1"), site("B", "2"))
	before := w.rows()
	changed := site("A", "1")
	changed.Name = "Renamed"
	report := w.must(importer.NDJSON, lines(t, changed, site("B", "2"), site("C", "3")), func(i *transfer.Import) { i.DryRun = true })
	if c := report.Import.Counts; c.Created != 1 || c.Updated != 1 || c.Unchanged != 1 {
		t.Errorf("counts are %+v", c)
	}
	if w.rows() != before {
		t.Error("a dry run wrote")
	}
}

// TestDamagedFiles promises that a file that breaks off is refused as a whole and says so from then on.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := io.WriteString(z, readExcerpt(t)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if c := w.must(importer.IRVE, packed.String()).Import.Counts; c.Created != 7 {
		t.Errorf("the compressed file counts %+v", c)
	}
	before := w.rows()
	for name, text := range map[string]string{
		"cut off":     packed.String()[:packed.Len()/2],
		"wrong sum":   packed.String()[:packed.Len()-8] + "\x00\x00\x00\x00\x00\x00\x00\x00",
		"not gzip":    "\x1f\x8bno",
		"other table": "a;b\n1;2\n",
	} {
		id := uuid.New()
		_, err := w.bring(importer.IRVE, text, func(i *transfer.Import) { i.ID = id })
		if !errors.Is(err, transfer.ErrFile) {
			t.Errorf("a file that is %s was answered by %v", name, err)
		}
		if imp, err := w.GetImport(t.Context(), id); err != nil || imp.State != transfer.Failed || imp.Error == "" {
			t.Errorf("the import of a file that is %s is %+v, %v", name, imp, err)
		}
	}
	if w.rows() != before {
		t.Error("a damaged file left something")
	}
}

// dying is a store whose worker dies after some writes.
type dying struct {
	transfer.Store
	left int
}

var errDead = errors.New("the process is gone")

func (d *dying) Write(ctx context.Context, imp transfer.Import, worker string, _ time.Duration, b transfer.Batch) (transfer.Counts, error) {
	if d.left--; d.left < 0 {
		return transfer.Counts{}, errDead
	}
	return d.Store.Write(ctx, imp, worker, time.Millisecond, b)
}

// submit has stations wait for a worker.
func (w world) submit(imp transfer.Import, stations ...station.Station) {
	w.t.Helper()
	ctx := w.t.Context()
	if err := w.CreateImport(ctx, imp); err != nil {
		w.t.Fatal(err)
	}
	if err := transfer.Receive(ctx, w, importer.Formats()[imp.Format], imp, strings.NewReader(lines(w.t, stations...)), nil); err != nil {
		w.t.Fatal(err)
	}
	if err := w.Submit(ctx, imp); err != nil {
		w.t.Fatal(err)
	}
}

// sites are n stations of an EVSE each.
func sites(n int) []station.Station {
	out := make([]station.Station, n)
	for i := range out {
		id := uuid.NewSHA1(uuid.Nil, []byte{byte(i >> 8), byte(i)}).String()
		out[i] = site(id, id)
	}
	return out
}

// TestAnotherWorkerGoesOn promises that an import whose worker died is finished by another, with every row once.
func TestAnotherWorkerGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const count = 3200 // more than a batch
	stations := sites(count)
	ctx, format := t.Context(), importer.Formats()[importer.NDJSON]
	imp := transfer.Import{ID: uuid.New(), Format: importer.NDJSON, Source: "demo", SubmittedBy: "test"}
	w.submit(imp, stations...)
	first, ok, err := w.Claim(ctx, "first", time.Minute)
	if err != nil || !ok || *first.StationsTotal != count {
		t.Fatalf("claimed %+v, %v, %v", first, ok, err)
	}
	if _, ok, err := w.Claim(ctx, "second", time.Minute); ok || err != nil {
		t.Fatalf("an import has two workers (%v)", err)
	}
	if _, err := transfer.Apply(ctx, &dying{Store: w, left: 1}, format, first, "first", nil); !errors.Is(err, errDead) {
		t.Fatalf("the first worker ended with %v", err)
	}
	second, ok, err := w.Claim(ctx, "second", time.Minute)
	if err != nil || !ok || second.DoneKey == "" || second.Stations == 0 {
		t.Fatalf("the second worker got %+v, %v, %v", second, ok, err)
	}
	var done, left int64
	err = w.DB().QueryRowContext(ctx, `SELECT count(*) FILTER (WHERE key <= $1), count(*) FILTER (WHERE key > $1) FROM import_rows`, second.DoneKey).
		Scan(&done, &left)
	if err != nil || done != 0 || left != count-second.Stations {
		t.Errorf("%d rows are left of what was done, %d of what was not (%v)", done, left, err)
	}
	// The first one was only slow: what it writes now is refused.
	if _, err := transfer.Apply(ctx, w, format, first, "first", nil); !errors.Is(err, transfer.ErrLost) {
		t.Errorf("the worker that lost the import ended with %v", err)
	}
	ended, err := transfer.Apply(ctx, w, format, second, "second", nil)
	if err != nil || ended.State != transfer.Succeeded || ended.Created != count || ended.Stations != count {
		t.Errorf("the import ended as %+v, %v", ended, err)
	}
	if n := len(w.all()); n != count {
		t.Errorf("%d stations are there", n)
	}
}

// TestLostRows promises that an import whose staged rows are gone fails instead of pretending.
func TestLostRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, format := t.Context(), importer.Formats()[importer.NDJSON]
	imp := transfer.Import{ID: uuid.New(), Format: importer.NDJSON, Source: "demo", SubmittedBy: "test"}
	w.submit(imp, site("A", "1"))
	if _, err := w.DB().ExecContext(ctx, `TRUNCATE import_rows`); err != nil { // as a crash of the server does
		t.Fatal(err)
	}
	claimed, _, err := w.Claim(ctx, "worker", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	done, err := transfer.Apply(ctx, w, format, claimed, "worker", nil)
	if err != nil || done.State != transfer.Failed || !strings.Contains(done.Error, "send it again") {
		t.Errorf("the import ended as %+v, %v", done, err)
	}
}

// TestLostRowsRemoveNothing promises that an import whose rows were lost between two workers removes nothing: what it would have listed
// is not known.
func TestLostRowsRemoveNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const count = 3200 // more than a batch
	stations := sites(count)
	w.put(stations...)
	ctx, format := t.Context(), importer.Formats()[importer.NDJSON]
	imp := transfer.Import{
		ID: uuid.New(), Format: importer.NDJSON, Source: "demo", SubmittedBy: "test", Removal: transfer.Mark, MaxRemovedShare: 1,
	}
	w.submit(imp, stations...)
	first, _, err := w.Claim(ctx, "first", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := transfer.Apply(ctx, &dying{Store: w, left: 1}, format, first, "first", nil); !errors.Is(err, errDead) {
		t.Fatalf("the first worker ended with %v", err)
	}
	if _, err := w.DB().ExecContext(ctx, `DELETE FROM import_rows`); err != nil { // as when they were with the process that died
		t.Fatal(err)
	}
	second, _, err := w.Claim(ctx, "second", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	done, err := transfer.Apply(ctx, w, format, second, "second", nil)
	if err != nil || done.State != transfer.Failed || done.Removed != 0 || !strings.Contains(done.Error, "send it again") {
		t.Errorf("the import ended as %+v, %v", done, err)
	}
	if n := len(w.all()); n != count {
		t.Errorf("%d stations are left", n)
	}
}

// TestReplayEqualsExport promises that a reader of the change feed who starts anywhere ends with what the export has.
func TestReplayEqualsExport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	held := map[string]station.Station{}
	cursor := ""
	source := w.source()
	catchUp := func() {
		var now time.Time
		if err := w.DB().GetContext(t.Context(), &now, `SELECT clock_timestamp()`); err != nil {
			t.Fatal(err)
		}
		for {
			page, err := source.After(t.Context(), cursor, 3, time.Second)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Items {
				if e.Op == feed.Delete {
					delete(held, e.ID)
				} else {
					held[e.ID] = *e.Data
				}
			}
			cursor = page.NextCursor
			// Other tests' transactions on the same server may hold back what has been committed.
			if len(page.Items) < 3 && page.AsOf.After(now) {
				return
			}
		}
	}
	for _, step := range [][]station.Station{
		{site("A", "1", "2"), site("B", "3")},
		{site("B", "3", "1"), site("C", "4")},
		{site("D", "2")},
		{site("D", "2"), site("C", "5")},
	} {
		w.put(step...)
		catchUp()
		exported := map[string]station.Station{}
		for s, err := range w.All(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			exported[s.ID.String()] = s
		}
		if diff := cmp.Diff(exported, held); diff != "" {
			t.Fatalf("the replay differs (-export +replay):\n%s", diff)
		}
	}
}

// TestRegisters promises, on the real registers, that the second generation ends exact when what it no longer lists is removed: every
// EVSE of it stands at its station and no other is there, one that was in the first keeps its id, and importing it again writes
// nothing.
func TestRegisters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old, fresh := register(t, "fr_irve_static_2024-07-03.jsonl.gz"), register(t, "fr_irve_static_2026-04-13.jsonl.gz")
	if old == "" || fresh == "" {
		t.Log("the registers are not there: the hand-written excerpt takes their place")
		old = readExcerpt(t)
		fresh = strings.ReplaceAll(old, "Place du Marché", "Place Neuve")
	}
	first := w.must(importer.IRVE, old)
	t.Logf("first: %+v in %s", first.Import.Counts, first.Duration.Round(time.Millisecond))
	before := w.evses()
	mark := func(i *transfer.Import) { i.Removal, i.MaxRemovedShare = transfer.Mark, 1 }
	second := w.must(importer.IRVE, fresh, mark)
	t.Logf("second: %+v in %s", second.Import.Counts, second.Duration.Round(time.Millisecond))
	after := w.evses()

	listed := map[string]string{}
	format := importer.Formats()[importer.IRVE]
	for row, err := range format.Rows(strings.NewReader(fresh), "irve") {
		if err != nil {
			t.Fatal(err)
		}
		for _, uid := range row.UIDs {
			if _, twice := listed[uid]; !twice {
				listed[uid] = row.Key
			}
		}
	}
	wrong := 0
	for uid, at := range listed {
		now, there := after[uid]
		was, known := before[uid]
		if !there || now.station != at || known && was.id != now.id {
			wrong++
		}
	}
	both := 0
	for uid := range before {
		if _, there := after[uid]; there {
			both++
		}
	}
	t.Logf("EVSEs: %d of the first, %d of the second, %d in both, %d gone, %d new", len(before), len(after), both, len(before)-both, len(after)-both)
	if len(after) != len(listed) {
		t.Errorf("%d EVSEs are there, and %d are listed", len(after), len(listed))
	}
	if wrong > 0 || len(listed) == 0 {
		t.Errorf("%d of %d EVSEs do not stand where the second register has them, or have another id", wrong, len(listed))
	}
	rows := w.rows()
	third := w.must(importer.IRVE, fresh, mark)
	// Stations would be more: the rows that were rejected keep what they name from being removed.
	if s, c := second.Import.Counts, third.Import.Counts; c.Unchanged != s.Created+s.Updated+s.Unchanged || c.Created+c.Updated+c.Removed > 0 || w.rows() != rows {
		t.Errorf("importing the second register again wrote: %+v", c)
	}
	t.Logf("again: %d stations unchanged in %s", third.Import.Unchanged, third.Duration.Round(time.Millisecond))
}

type placed struct {
	id      uuid.UUID
	station string
}

// evses gives every EVSE that is not removed, with the source id of its station.
func (w world) evses() map[string]placed {
	w.t.Helper()
	out := map[string]placed{}
	for _, s := range w.all() {
		for uid, id := range live(s) {
			out[uid] = placed{id, s.SourceID}
		}
	}
	return out
}

func register(t testing.TB, name string) string {
	t.Helper()
	packed, err := os.Open(filepath.Join("../../../../../shared/data", name))
	if err != nil {
		return ""
	}
	defer packed.Close()
	plain, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestUnknownImports promises fault.NotFound.
func TestUnknownImports(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.GetImport(t.Context(), uuid.New()); fault.Of(err).Kind() != fault.NotFound {
		t.Errorf("an unknown import is answered by %v", err)
	}
}

// TestFormats promises, for every format, that its file goes in, that a second import of it writes nothing, and that operators who
// are known by name alone get a code each and keep it.
func TestFormats(t *testing.T) {
	t.Parallel()
	const location = `[{"country_code":"BE","party_id":"BEC","id":"L1","name":"One","country":"BEL","coordinates":{"latitude":"51.0","longitude":"3.7"},"operator":{"name":"Be"},
"evses":[{"uid":"1","connectors":[{"id":"1","standard":"IEC_62196_T2","format":"SOCKET","power_type":"AC_3_PHASE","max_voltage":230,"max_amperage":16,"tariff_ids":["T1"]}]}]}]`
	for format, want := range map[string]struct {
		text      string
		stations  int64
		operators []string
	}{
		importer.OCPI:   {location, 1, []string{"Be"}},
		importer.OCM:    {readFile(t, "ocm_excerpt.json"), 2, []string{"Open Charge Map operator 45", "Voltway"}},
		importer.AFDC:   {readFile(t, "afdc_excerpt.csv"), 3, []string{"ChargeNet", "Tesla", "Unknown operator"}},
		importer.BNetzA: {readFile(t, "bnetza_excerpt.csv"), 2, []string{"Stadtwerke Münster"}},
	} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			first := w.must(format, want.text, func(i *transfer.Import) { i.Source = format })
			if c := first.Import.Counts; c.Created != want.stations {
				t.Errorf("the file counts %+v: %+v", c, first.Findings)
			}
			before := w.rows()
			if c := w.must(format, want.text, func(i *transfer.Import) { i.Source = format }).Import.Counts; c.Unchanged != want.stations || w.rows() != before {
				t.Errorf("the second import wrote: %+v", c)
			}
			var names []string
			if err := w.DB().SelectContext(t.Context(), &names, `SELECT name FROM operators ORDER BY name`); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.operators, names); diff != "" {
				t.Errorf("operators (-want +got):\n%s", diff)
			}
			// The export brings the same catalogue elsewhere, and nothing here.
			var exported []station.Station
			for _, s := range w.all() {
				exported = append(exported, s)
			}
			if c := w.must(importer.NDJSON, lines(t, exported...)).Import.Counts; c.Unchanged != want.stations {
				t.Errorf("its own export changes the catalogue: %+v", c)
			}
			if c := newWorld(t).must(importer.NDJSON, lines(t, exported...)).Import.Counts; c.Created != want.stations {
				t.Errorf("the export is not taken elsewhere: %+v", c)
			}
		})
	}
}

// TestNamesThatShareACode promises that two operators whose names begin with the same code are two operators, and that one that is
// renamed here is found by the name that its source tells.
func TestNamesThatShareACode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := "Operator 0"
	second := ""
	for i := 1; second == ""; i++ {
		if name := fmt.Sprintf("Operator %d", i); operator.CodeFor(name, 0) == operator.CodeFor(first, 0) {
			second = name
		}
	}
	point := func(id, name string) string {
		return fmt.Sprintf(`{"ID":%s,"OperatorInfo":{"Title":%q},"AddressInfo":{"CountryID":1,"Latitude":1,"Longitude":1}}`, id, name)
	}
	text := "[" + point("1", first) + "," + point("2", second) + "," + point("3", second) + "]"
	w.must(importer.OCM, text)
	all := w.all()
	if all["1"].Operator.ID == all["2"].Operator.ID || all["2"].Operator.ID != all["3"].Operator.ID {
		t.Errorf("the operators are %+v, %+v, %+v", all["1"].Operator, all["2"].Operator, all["3"].Operator)
	}
	if _, err := w.DB().ExecContext(t.Context(), `UPDATE operators SET name = 'Renamed' WHERE name = $1`, second); err != nil {
		t.Fatal(err)
	}
	if c := w.must(importer.OCM, text).Import.Counts; c.Unchanged != 3 {
		t.Errorf("a renamed operator made %+v", c)
	}
	w.must(importer.OCM, "["+point("4", second)+"]")
	if got := w.all()["4"].Operator; got.ID != all["2"].Operator.ID {
		t.Errorf("a station of the renamed operator went to %+v", got)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../importer/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestRemoval promises that stations which their source no longer lists become tombstones when that is asked for, within the share
// that may go, of the importing operator alone; that a rejected row lists its station; and that a dry run only counts.
func TestRemoval(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := site("E", "5")
	other.Operator.PartyID, other.Operator.Name = "TRM", "Tram"
	elsewhere := site("F", "6")
	elsewhere.Source = "elsewhere"
	w.put(site("A", "1", "2"), site("B", "3"), site("C", "4"), other, elsewhere)
	mine := w.all()["A"].Operator.ID
	mark := func(share float64) func(*transfer.Import) {
		return func(i *transfer.Import) { i.Removal, i.MaxRemovedShare = transfer.Mark, share }
	}
	before := w.rows()
	if _, err := w.bring(importer.NDJSON, lines(t, site("A", "1", "2")), mark(0.5)); !errors.Is(err, transfer.ErrTooManyRemoved) && !errors.Is(err, transfer.ErrFile) {
		t.Errorf("removing three of four was answered by %v", err)
	}
	dry := w.must(importer.NDJSON, lines(t, site("A", "1", "2")), mark(1), func(i *transfer.Import) { i.DryRun = true })
	if c := dry.Import.Counts; c.Removed != 3 || c.Unchanged != 1 {
		t.Errorf("a dry run counts %+v", c)
	}
	if w.rows() != before {
		t.Error("what was refused, or only tried, wrote")
	}
	own := w.must(importer.NDJSON, lines(t, site("A", "1"), site("B", "3")), mark(0.5), func(i *transfer.Import) { i.Operator = &mine })
	if c := own.Import.Counts; c.Removed != 1 || c.Updated != 1 || c.Unchanged != 1 {
		t.Errorf("an operator's import counts %+v", c)
	}
	all := w.all()
	if _, there := all["C"]; there || len(all) != 4 || len(live(all["A"])) != 1 {
		t.Errorf("after it there are %d stations, %v", len(all), live(all["A"]))
	}
	rejectedRow := strings.ReplaceAll(readExcerpt(t), "[2.3522, 48.8566]", "[999, 999]")
	w.must(importer.IRVE, readExcerpt(t), func(i *transfer.Import) { i.Source = "register" })
	again := w.must(importer.IRVE, rejectedRow, mark(1), func(i *transfer.Import) { i.Source = "register" })
	if c := again.Import.Counts; c.Removed != 0 || again.Import.Rejected <= 4 {
		t.Errorf("stations whose rows are rejected were removed: %+v", c)
	}
	told, err := w.StationHistory(t.Context(), w.tombstone("C"), postgres.FirstVersion, 1)
	if err != nil || len(told) != 1 || told[0].Action != history.Removed || told[0].ImportID == nil {
		t.Errorf("the history of what was removed is %+v, %v", told, err)
	}
	var left int
	if err := w.DB().GetContext(t.Context(), &left, `SELECT count(*) FROM import_listed`); err != nil || left != 0 {
		t.Errorf("%d notes of what was listed are left (%v)", left, err)
	}
}

// TestNothingIsRemovedByAFileOfRejectedRows promises that a file whose every row is rejected fails, says so and keeps its report, and
// that it removes nothing, whatever it lists and whatever may go.
func TestNothingIsRemovedByAFileOfRejectedRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	register := func(i *transfer.Import) { i.Source = "register" }
	w.must(importer.IRVE, readExcerpt(t), register)
	foreign := site("X", "9")
	foreign.Operator.PartyID, foreign.Operator.Name = "TRM", "Tram"
	w.put(site("A", "1"), site("B", "2"), foreign)
	mine := w.all()["A"].Operator.ID
	before := w.rows()
	mark := func(i *transfer.Import) { i.Removal, i.MaxRemovedShare = transfer.Mark, 1 }
	one := strings.ReplaceAll(strings.SplitAfter(readExcerpt(t), "\n")[0], "[2.3522, 48.8566]", "[999, 999]") // it lists its station
	for name, c := range map[string]struct {
		format, text string
		change       func(*transfer.Import)
	}{
		"a row that lists its station": {importer.IRVE, one, register},
		"rows that list none":          {importer.NDJSON, "{}\n[]\n", func(*transfer.Import) {}},
		"another operator's station":   {importer.NDJSON, lines(t, foreign), func(i *transfer.Import) { i.Operator = &mine }},
		"a dry run of it":              {importer.IRVE, one, func(i *transfer.Import) { register(i); i.DryRun = true }},
	} {
		report, err := w.bring(c.format, c.text, mark, c.change)
		imp := report.Import
		if !errors.Is(err, transfer.ErrAllRejected) || imp.State != transfer.Failed || !strings.Contains(imp.Error, "the findings say why") {
			t.Errorf("%s: the import ended as %+v, %v", name, imp, err)
		}
		if imp.Rejected != imp.Rows || imp.Removed != 0 || len(report.Findings) == 0 {
			t.Errorf("%s: it reports %+v %+v", name, imp.Counts, report.Findings)
		}
	}
	if w.rows() != before {
		t.Error("a file whose every row was rejected changed the catalogue")
	}
}

// tombstone is the id of a station that was removed.
func (w world) tombstone(sourceID string) uuid.UUID {
	w.t.Helper()
	var id uuid.UUID
	if err := w.DB().GetContext(w.t.Context(), &id, `SELECT id FROM stations WHERE source_id = $1 AND deleted_at IS NOT NULL`, sourceID); err != nil {
		w.t.Fatal(err)
	}
	return id
}

// TestReplayOfRandomChangesEqualsExport promises that whoever replays the feed holds the export byte for byte, whatever happens:
// imports, single changes, moves, removals, merges, and changes of tariffs and operators.
func TestReplayOfRandomChangesEqualsExport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := rand.New(rand.NewPCG(2026, 7))
	by := history.Author{Subject: "test"}
	held, cursor, source := map[string]json.RawMessage{}, "", w.source()
	pick := func() (station.Station, bool) {
		all := w.all()
		ids := slices.Sorted(maps.Keys(all))
		if len(ids) == 0 {
			return station.Station{}, false
		}
		return all[ids[r.IntN(len(ids))]], true
	}
	for step := range 40 {
		st, some := pick()
		var err error
		switch kind := r.IntN(7); {
		case kind < 2 || !some:
			var sites []station.Station
			for range 1 + r.IntN(4) {
				sites = append(sites, pricedSite(string(rune('A'+r.IntN(12))), strconv.Itoa(r.IntN(30)), r.IntN(3)))
			}
			w.put(sites...)
		case kind == 2:
			_, err = w.Update(t.Context(), by, st.ID, func(st station.Station) (station.Station, error) {
				return st.Patched([]byte(fmt.Sprintf(`{"name":"Step %d"}`, step)))
			})
		case kind == 3:
			err = w.Remove(t.Context(), by, st.ID, func(station.Station) error { return nil })
		case kind == 4:
			if other, ok := pick(); ok && other.ID != st.ID {
				_, err = w.Merge(t.Context(), by, st.ID, other.ID, func(_, _ station.Station) error { return nil })
			}
		case kind == 5 && len(st.Tariffs) > 0:
			_, _, err = w.UpdateTariff(t.Context(), by, uuid.MustParse(st.Tariffs[0].ID), func(o operator.OwnedTariff) (tariff.Tariff, error) {
				o.Tariff.AltURL = fmt.Sprintf("https://plume.example/%d", step)
				return o.Tariff, nil
			})
		case kind == 6:
			_, err = w.UpdateOperator(t.Context(), by, st.Operator.ID, func(o operator.Operator) (operator.Operator, error) {
				o.Name = fmt.Sprintf("Plume %d", step)
				return o, nil
			})
		}
		if err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		if step%5 == 4 {
			cursor = w.replay(source, cursor, held)
			w.compare(held)
		}
	}
	w.compareHistories()
}

// pricedSite is a site whose connectors have a tariff.
func pricedSite(id, uid string, price int) station.Station {
	s := site(id, uid)
	s.Tariffs = []tariff.Tariff{{
		CountryCode: "FR", PartyID: "PLM", ID: "T", Currency: "EUR",
		Elements: []tariff.Element{{PriceComponents: []tariff.PriceComponent{{Type: tariff.Energy, Price: tariff.Number(fmt.Sprintf("0.%d", price+1)), StepSize: 1}}}},
	}}
	s.EVSEs[0].Connectors[0].TariffIDs = []string{"T"}
	return s
}

// replay follows the feed up to now and gives the cursor.
func (w world) replay(source *feed.Source[station.Station], cursor string, held map[string]json.RawMessage) string {
	w.t.Helper()
	var now time.Time
	if err := w.DB().GetContext(w.t.Context(), &now, `SELECT clock_timestamp()`); err != nil {
		w.t.Fatal(err)
	}
	for {
		page, err := source.After(w.t.Context(), cursor, 500, time.Second)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, e := range page.Items {
			if e.Op == feed.Delete {
				delete(held, e.ID)
				continue
			}
			text, err := json.Marshal(e.Data)
			if err != nil {
				w.t.Fatal(err)
			}
			held[e.ID] = text
		}
		cursor = page.NextCursor
		// Other tests' transactions on the same server may hold back what has been committed.
		if len(page.Items) < 500 && page.AsOf.After(now) {
			return cursor
		}
	}
}

// compare holds what a replay gave against the export, byte by byte.
func (w world) compare(held map[string]json.RawMessage) {
	w.t.Helper()
	exported := 0
	for s, err := range w.All(w.t.Context()) {
		if err != nil {
			w.t.Fatal(err)
		}
		text, err := json.Marshal(s)
		if err != nil {
			w.t.Fatal(err)
		}
		if exported++; !bytes.Equal(text, held[s.ID.String()]) {
			w.t.Fatalf("station %s differs (-export +replay):\n%s", s.ID, cmp.Diff(string(text), string(held[s.ID.String()])))
		}
	}
	if exported != len(held) {
		w.t.Fatalf("the export has %d stations, the replay %d", exported, len(held))
	}
}

// compareHistories promises a version in the history for each that a station has had.
func (w world) compareHistories() {
	w.t.Helper()
	var wrong int
	if err := w.DB().GetContext(w.t.Context(), &wrong, `SELECT count(*) FROM stations s
WHERE s.version <> (SELECT count(*) FROM catalog_history h WHERE h.entity = 'station' AND h.entity_id = s.id)`); err != nil || wrong > 0 {
		w.t.Errorf("%d stations have another number of versions than of entries in their history (%v)", wrong, err)
	}
}
