package ocm

import (
	"math"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/find"
)

// FuzzBox promises of any box a place on the globe or an error, and of its corners that their order says nothing.
func FuzzBox(f *testing.F) {
	for _, box := range []string{
		"(48.8,2.2),(48.9,2.5)", "(48.9, 2.5), (48.8, 2.2)", "(-90,-180),(90,180)", "(0,0)", "(1,2),(3,4),(5,6)", "((1,2),(3,4))", "(1e400,0),(1,1)", "(NaN,0),(1,1)", "1,2,3,4", "(,),(,)",
		"(1,2)(3,4)", "(-0,-0),(0,0)",
	} {
		f.Add(box)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := readBox(text)
		if err != nil {
			return
		}
		if !(b.South >= -90 && b.South <= b.North && b.North <= 90 && b.West >= -180 && b.West <= b.East && b.East <= 180) {
			t.Fatalf("%q became %+v", text, b)
		}
		if _, err := find.Within(b); err != nil {
			t.Fatalf("%q became %+v, which cannot be: %v", text, b, err)
		}
		first, second, _ := strings.Cut(strings.ReplaceAll(text, " ", ""), "),(")
		turned := "(" + strings.TrimSuffix(second, ")") + "),(" + strings.TrimPrefix(first, "(") + ")"
		if again, err := readBox(turned); err != nil || again != b {
			t.Fatalf("%q became %+v, but %q %+v (%v)", text, b, turned, again, err)
		}
	})
}

// FuzzQuery promises of any query a place on the globe and lists of whole numbers, or faults that have a name; and that tidying it once more
// changes nothing.
func FuzzQuery(f *testing.F) {
	for _, query := range []string{
		"boundingbox=(1,2),(3,4)&maxresults=3000&compact=true&verbose=false", "latitude=1&longitude=2&distance=3&distanceunit=KM", "connectiontypeid=25,33&connectiontypeid=2&levelid=1,3",
		"ID=1,2&OperatorID=3&key=secret&Compact=TRUE", "polyline=_p~iF~ps%7CU_ulLnnqC&distance=1", "polygon=(1,2),(3,4),(5,1)", "minpowerkw=1e9&maxpowerkw=-1&modifiedsince=2026-01-01", "&&=&a=b&%zz&;",
		"operatorid=9223372036854775808", "countrycode=fr,de&countryid=80", "usagetypeid=1&statustypeid=0,50",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		query, _ := tidied(raw)
		if again, key := tidied(query); again != query || key != "" {
			t.Fatalf("%q is tidied to %q and then to %q", raw, query, again)
		}
		q, err := readQuery(query, time.Unix(0, 0))
		if err != nil {
			return
		}
		if q.Place != nil && q.Place.Near != nil && !(math.Abs(q.Place.Near.Latitude) <= 90 && math.Abs(q.Place.Near.Longitude) <= 180) {
			t.Fatalf("%q is a place off the globe: %+v", raw, q.Place.Near)
		}
		values, err := url.ParseQuery(query)
		if err != nil || values.Has("operatorid") && q.operators == nil {
			t.Fatalf("%q asks for operators, which are passed over (%v)", raw, err)
		}
	})
}

// TestTidy promises that names and words may be in any case, that what is empty says nothing, and that the key is taken out.
func TestTidy(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string][2]string{
		"":                                   {"", ""},
		"Compact=TRUE&MaxResults=5":          {"compact=true&maxresults=5", ""},
		"KEY=a%2Bb&countrycode=":             {"", "a+b"},
		"distanceunit=KM&distanceUnit=Miles": {"distanceunit=km&distanceunit=miles", ""},
		"countrycode=FR&boundingbox=(1,2)":   {"countrycode=FR&boundingbox=(1,2)", ""},
		"%4Ballowed=1&%zz=1":                 {"kallowed=1&%zz=1", ""},
	} {
		if query, key := tidied(raw); query != want[0] || key != want[1] {
			t.Errorf("%q is tidied to %q with the key %q", raw, query, key)
		}
	}
}

// TestNamesBeginSmall promises names as clients of Open Charge Map know them.
func TestNamesBeginSmall(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"ID": "id", "UUID": "uuid", "ISOCode": "isoCode", "AddressInfo": "addressInfo", "IsRecentlyVerified": "isRecentlyVerified", "UsageTypeID": "usageTypeID", "poi": "poi", "URL": "url",
	} {
		got := []byte(name)
		if lowerStart(got); string(got) != want {
			t.Errorf("%s begins small as %s", name, got)
		}
	}
}
