package words_test

import (
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/words"
)

func TestWordsHaveNeitherCaseNorAccents(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Gare de l’Est":          " gare de l est",
		"  ÉLYSÉES—Straße  ":     " elysees strasse",
		"Œuvre ŁÓDŹ Ørsted":      " oeuvre lodz orsted",
		"Москва ΑΘΉΝΑΣ ο δρόμος": " москва αθηνασ ο δρομοσ",
		"P+R 12bis":              " p r 12bis",
		"...":                    "",
		"":                       "",
	} {
		if got := words.Of(text); got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// FuzzOf promises that folding twice is folding once, whatever comes.
func FuzzOf(f *testing.F) {
	f.Add("Gare de l’Est ẞ")
	f.Fuzz(func(t *testing.T, text string) {
		once := words.Of(text)
		if again := words.Of(once); again != once {
			t.Fatalf("%q is %q, and that is %q", text, once, again)
		}
		if strings.Contains(once, "  ") || strings.HasSuffix(once, " ") {
			t.Fatalf("%q has blanks where none belong", once)
		}
	})
}
