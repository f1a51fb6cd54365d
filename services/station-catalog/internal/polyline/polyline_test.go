package polyline_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/polyline"
)

// The example is that of the format's description.
func TestDecodesTheKnownExample(t *testing.T) {
	t.Parallel()
	want := [][2]float64{{38.5, -120.2}, {40.7, -120.95}, {43.252, -126.453}}
	const text = "_p~iF~ps|U_ulLnnqC_mqNvxq`@"
	got, err := polyline.Decode(text, 3)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("decoded with %v (-want +got):\n%s", err, diff)
	}
	if back := polyline.Encode(want); back != text {
		t.Errorf("encoded as %q", back)
	}
}

func TestRefusesWhatIsNoLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		"_p~iF":                                  polyline.ErrSyntax, // a latitude alone
		"_p~i":                                   polyline.ErrSyntax, // cut off
		"_p~iF~ps|U ":                            polyline.ErrSyntax,
		"é":                                      polyline.ErrSyntax,
		strings.Repeat("~", 100):                 polyline.ErrSyntax, // a number without end
		"_p~iF~ps|U_ulLnnqC_mqNvxq`@?????":       polyline.ErrSyntax,
		polyline.Encode([][2]float64{{90.1, 0}}): polyline.ErrPlace,
		polyline.Encode([][2]float64{{0, 180}, {0, 180.001}}): polyline.ErrPlace,
		strings.Repeat("??", 1001):                            polyline.ErrLong, // the bomb: few bytes, many places
	} {
		if places, err := polyline.Decode(text, 1000); !errors.Is(err, want) || places != nil {
			t.Errorf("%q gave %d places and %v, want %v", text, len(places), err, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("_p~iF~ps|U_ulLnnqC_mqNvxq`@")
	f.Add(strings.Repeat("?", 100))
	f.Add("~~~~~~~~")
	f.Fuzz(func(t *testing.T, text string) {
		places, err := polyline.Decode(text, 50)
		if err != nil {
			return
		}
		if len(places) > 50 {
			t.Fatalf("%d places", len(places))
		}
		for _, p := range places {
			if !(math.Abs(p[0]) <= 90 && math.Abs(p[1]) <= 180) {
				t.Fatalf("%v is not on the globe", p)
			}
		}
		again, err := polyline.Decode(polyline.Encode(places), 50)
		if diff := cmp.Diff(places, again); err != nil || diff != "" {
			t.Fatalf("%v (-decoded +encoded and decoded):\n%s", err, diff)
		}
	})
}
