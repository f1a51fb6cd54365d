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
