package postgres_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/words"
)

// TestDatabaseFoldsTextsAsWeDo promises that what a station is found by as a text is the same in memory and in the tables.
func TestDatabaseFoldsTextsAsWeDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	texts := append([]string{
		"", " ", "!!!", "Gare de l’Est", "ÉLYSÉES", "Straße STRAẞE", "Œuvre œuf Æsop", "Ðorđe Þór", "Ηλεκτρικός σταθμός", "Ёлка Й Ґ",
		"İstanbul ıI", "ﬁn ½ № ②", "東京　駅、ＡＢＣ", "é é", "a\u00a0b\u200bc", "한국", "😀x", "100 %_\\", "naïve–dash—x",
	}, strings.Split(words.Capitals, "")...)
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var text strings.Builder
		for range 1 + r.IntN(8) {
			// ASCII, Latin, Greek, Cyrillic, punctuation, symbols: where folding has something to do.
			text.WriteRune([]rune{rune(1 + r.IntN(0x7f)), rune(0x80 + r.IntN(0x500)), rune(0x1e00 + r.IntN(0x200)), rune(0x2000 + r.IntN(0x200)), rune(0xff00 + r.IntN(0xf0))}[r.IntN(5)])
		}
		texts = append(texts, text.String())
	}
	var folded pq.StringArray
	if err := w.DB().GetContext(t.Context(), &folded, `SELECT array_agg(station_words(said) ORDER BY place) FROM unnest($1::text[]) WITH ORDINALITY AS t (said, place)`, pq.StringArray(texts)); err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for i, text := range texts {
		if want := words.Of(text); folded[i] != want && wrong < 20 {
			wrong++
			t.Errorf("%q is %q to the database, and %q to us", text, folded[i], want)
		}
	}
}

// TestWordsOfWhoeverDoesNotTellThem promises that a station is found by its words though the release before writes it, which leaves
// them to the database.
func TestWordsOfWhoeverDoesNotTellThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(site("S1", "E1"))
	for _, written := range []string{
		`INSERT INTO stations (id, operator_id, source, source_id, name, address, city, postal_code, state, country, latitude, longitude, x, y, z,
    time_zone, access, parking_type, content_hash)
SELECT gen_random_uuid(), operator_id, source, 'S2', 'Ärger, ' || name, address, city, postal_code, state, country, latitude, longitude, x, y, z,
    time_zone, access, parking_type, content_hash FROM stations WHERE source_id = 'S1'`,
		`UPDATE stations SET name = 'Œuvre', city = 'L’Aquila' WHERE source_id = 'S1'`,
	} {
		if _, err := w.DB().ExecContext(t.Context(), written); err != nil {
			t.Fatal(err)
		}
	}
	var rows []struct{ Said, Words string }
	if err := w.DB().SelectContext(t.Context(), &rows, `SELECT name || ' ' || address || ' ' || city || ' ' || postal_code AS said, words FROM stations`); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if want := words.Of(r.Said); r.Words != want {
			t.Errorf("%q is found by %q, not by %q", r.Said, r.Words, want)
		}
	}
	if len(rows) != 2 {
		t.Errorf("%d stations are there", len(rows))
	}
}
