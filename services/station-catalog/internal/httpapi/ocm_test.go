package httpapi_test

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	stationcatalog "github.com/ihr-charging/charging-plot-api/services/station-catalog"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/importer"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/polyline"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// point is a point of interest as clients in typed languages read it: what is no pointer must be there and not null, times must be
// RFC 3339, and whole numbers whole.
type point struct {
	ID                   *int64
	UUID                 uuid.UUID
	IsRecentlyVerified   *bool
	DateLastVerified     *time.Time
	DateLastStatusUpdate *time.Time
	DateCreated          *time.Time
	OperatorID           *int64
	OperatorInfo         *struct {
		ID    int64
		Title string
	}
	DataProviderID *int
	DataProvider   *struct {
		ID               int
		Title            string
		IsRestrictedEdit bool
	}
	DataProvidersReference string
	UsageTypeID            *int
	UsageType              *struct{ ID int }
	UsageCost              string
	StatusTypeID           *int
	StatusType             *struct {
		ID            int
		IsOperational *bool
	}
	SubmissionStatusTypeID *int
	NumberOfPoints         *int
	AddressInfo            struct {
		ID                 *int64
		Title              *string
		AddressLine1, Town string
		Postcode           string
		CountryID          *int
		Country            *struct {
			ID                     int
			ISOCode, ContinentCode string
		}
		Latitude, Longitude *float64
		Distance            *float64
		DistanceUnit        *int
	}
	Connections []struct {
		ID, ConnectionTypeID, StatusTypeID *int
		ConnectionType                     *struct {
			ID    int
			Title string
		}
		LevelID, Amps, CurrentTypeID *int
		Level                        *struct {
			ID                  int
			Comments            string
			IsFastChargeCapable bool
		}
		Voltage  *float64
		PowerKW  *float64
		Quantity *int
	}
	UserComments []struct {
		ID, CommentTypeID *int64
		DateCreated       *time.Time
	}
	MediaItems []any
}

// must names what every answer has to have, and lacks.
func (p *point) must() (missing []string) {
	for name, there := range map[string]bool{
		"ID": p.ID != nil && *p.ID > 0, "UUID": p.UUID != uuid.Nil, "IsRecentlyVerified": p.IsRecentlyVerified != nil, "DateLastVerified": p.DateLastVerified != nil,
		"DateLastStatusUpdate": p.DateLastStatusUpdate != nil, "DateCreated": p.DateCreated != nil, "OperatorID": p.OperatorID != nil && *p.OperatorID > 0,
		"DataProviderID": p.DataProviderID != nil, "UsageTypeID": p.UsageTypeID != nil, "StatusTypeID": p.StatusTypeID != nil,
		"SubmissionStatusTypeID": p.SubmissionStatusTypeID != nil, "NumberOfPoints": p.NumberOfPoints != nil, "Connections": p.Connections != nil,
		"AddressInfo.ID": p.AddressInfo.ID != nil, "AddressInfo.Title": p.AddressInfo.Title != nil, "AddressInfo.CountryID": p.AddressInfo.CountryID != nil && *p.AddressInfo.CountryID > 0,
		"AddressInfo.Latitude": p.AddressInfo.Latitude != nil, "AddressInfo.Longitude": p.AddressInfo.Longitude != nil, "AddressInfo.DistanceUnit": p.AddressInfo.DistanceUnit != nil,
	} {
		if !there {
			missing = append(missing, name)
		}
	}
	for _, c := range p.Connections {
		if c.ID == nil || c.ConnectionTypeID == nil || c.StatusTypeID == nil || c.Quantity == nil {
			missing = append(missing, "a Connection's")
		}
	}
	return missing
}

// pois asks for points.
func (c caller) pois(query string, headers ...string) ([]point, answer) {
	c.t.Helper()
	found, a := want[[]point](c, http.StatusOK, http.MethodGet, "/ocm/v3/poi?"+query, nil, headers...)
	for i := range found {
		if missing := found[i].must(); len(missing) > 0 {
			c.t.Errorf("?%s: the point %s lacks %v", query, found[i].UUID, missing)
		}
	}
	return found, a
}

// TestOCMClients promises clients of Open Charge Map what they rely on, in every form that they ask for.
func TestOCMClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	app := w.anonymous()
	st := w.named("Place du Marché")
	lat, lon := st.Latitude, st.Longitude

	// A map: the whole of it, in the fewest words.
	box := fmt.Sprintf("(%v,%v),(%v,%v)", lat-1, lon-1, lat+1, lon+1)
	compact, a := app.pois("boundingbox=" + box + "&maxresults=3000&compact=true&verbose=false")
	if len(compact) == 0 || !strings.Contains(a.header.Get("Content-Type"), "json") || a.header.Get("X-Total-Count") != strconv.Itoa(len(compact)) {
		t.Fatalf("in the box are %d points, %v", len(compact), a.header)
	}
	if text := string(a.body); strings.Contains(text, "null") || strings.Contains(text, `"OperatorInfo"`) || strings.Contains(text, `"ConnectionType":`) {
		t.Errorf("the compact answer says more than it needs to: %.600s", text)
	}
	for _, other := range []string{
		fmt.Sprintf("(%v,%v),(%v,%v)", lat+1, lon+1, lat-1, lon-1), fmt.Sprintf("(%v, %v), (%v, %v)", lat-1, lon+1, lat+1, lon-1),
	} {
		if again, _ := app.pois("boundingbox=" + url.QueryEscape(other) + "&maxResults=3000&Compact=True&VERBOSE=False&client=map"); len(again) != len(compact) {
			t.Errorf("by the corners %s there are %d points, not %d", other, len(again), len(compact))
		}
	}
	// Around a place, in both units.
	for unit, metres := range map[string]float64{"km": 1000, "KM": 1000, "miles": 1609.344, "": 1609.344} {
		near, _ := app.pois(fmt.Sprintf("latitude=%v&longitude=%v&distance=1000&distanceunit=%s&compact=true&verbose=false", lat, lon, unit))
		if len(near) < 2 || near[0].UUID != st.ID || *near[0].AddressInfo.Distance != 0 {
			t.Fatalf("the nearest of %d points is %+v", len(near), near[0])
		}
		last := near[len(near)-1].AddressInfo
		if want := distanceM(lat, lon, *last.Latitude, *last.Longitude) / metres; math.Abs(*last.Distance-want) > 0.01*want || *last.Distance > 1000 || *last.DistanceUnit != map[bool]int{true: 1, false: 2}[metres == 1000] {
			t.Errorf("in %q the farthest is at %v (%d), want %v", unit, *last.Distance, *last.DistanceUnit, want)
		}
		if !slices.IsSortedFunc(near, func(a, b point) int { return int(math.Copysign(1, *a.AddressInfo.Distance-*b.AddressInfo.Distance)) }) {
			t.Error("points are not sorted by distance")
		}
	}
	// The details of one, by its number, which it keeps.
	var of point
	for _, p := range compact {
		if p.UUID == st.ID {
			of = p
		}
	}
	detail, a := app.pois(fmt.Sprintf("chargepointid=%d&includecomments=true&compact=false&verbose=false", *of.ID))
	if len(detail) != 1 || *detail[0].ID != *of.ID || detail[0].UUID != st.ID || detail[0].OperatorInfo.Title != st.Operator.Name || detail[0].UserComments == nil ||
		detail[0].AddressInfo.Country.ISOCode != "FR" || detail[0].Connections[0].ConnectionType.ID != *detail[0].Connections[0].ConnectionTypeID || detail[0].DataProvider.Title == "" {
		t.Errorf("the details are %s", a.body)
	}
	if none, a := app.pois("id=999999999"); len(none) != 0 || string(a.body) != "[]" {
		t.Errorf("of no station the details are %s", a.body)
	}
	// With a slash; all that there is, and what is not known as null.
	verbose, a := want[[]map[string]any](app, http.StatusOK, http.MethodGet, "/ocm/v3/poi/?countrycode=fr&output=json&key=", nil)
	if value, there := verbose[0]["GeneralComments"]; !there || value != nil || verbose[0]["OperatorInfo"] == nil {
		t.Errorf("the verbose answer is %.600s", a.body)
	}
	camel, a := want[[]map[string]any](app, http.StatusOK, http.MethodGet, "/ocm/v3/poi/?camelcase=true&maxresults=1", nil)
	if len(camel) != 1 || camel[0]["id"] == nil || camel[0]["uuid"] == nil || camel[0]["addressInfo"].(map[string]any)["country"].(map[string]any)["isoCode"] != "FR" || camel[0]["usageTypeID"] == nil {
		t.Errorf("with small letters it is %.600s", a.body)
	}
	geo, a := want[struct {
		Type     string
		Features []struct {
			ID         int64
			Geometry   struct{ Coordinates [2]float64 }
			Properties struct {
				Name string
				POI  *struct{ ID int64 } `json:"poi"`
			}
		}
	}](app, http.StatusOK, http.MethodGet, fmt.Sprintf("/ocm/v3/poi?output=GeoJSON&id=%d", *of.ID), nil)
	if f := geo.Features; geo.Type != "FeatureCollection" || len(f) != 1 || f[0].ID != *of.ID || f[0].Geometry.Coordinates != [2]float64{lon, lat} || f[0].Properties.POI.ID != *of.ID {
		t.Errorf("as GeoJSON it is %s", a.body)
	}
	// Nobody is sent twice what has not changed.
	tag := a.header.Get("ETag")
	if again := app.do(http.MethodGet, fmt.Sprintf("/ocm/v3/poi?output=geojson&id=%d", *of.ID), nil, "If-None-Match", tag); again.status != http.StatusNotModified || tag == "" {
		t.Errorf("what has not changed is answered by %d, ETag %q", again.status, tag)
	}
	if head := app.do(http.MethodHead, "/ocm/v3/poi?maxresults=1", nil); head.status != http.StatusOK {
		t.Errorf("HEAD is answered by %d", head.status)
	}
}

// distanceM is by the sphere.
func distanceM(lat, lon, lat2, lon2 float64) float64 {
	const radius, degree = 6371008.8, math.Pi / 180
	sin := func(x float64) float64 { return math.Sin(x * degree / 2) }
	return 2 * radius * math.Asin(math.Sqrt(sin(lat2-lat)*sin(lat2-lat)+math.Cos(lat*degree)*math.Cos(lat2*degree)*sin(lon2-lon)*sin(lon2-lon)))
}

// TestOCMReference promises clients the tables that every id of a point is found in.
func TestOCMReference(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	type entry struct {
		ID             *int64
		Title, ISOCode string
		Comments       *string
	}
	tables, a := want[map[string][]entry](w.anonymous(), http.StatusOK, http.MethodGet, "/ocm/v3/referencedata/", nil)
	has := func(table string, id int64) bool {
		return slices.ContainsFunc(tables[table], func(e entry) bool { return *e.ID == id && e.Title != "" })
	}
	all, _ := w.anonymous().pois("maxresults=5000")
	for _, p := range all {
		for table, id := range map[string]int64{
			"Operators": *p.OperatorID, "DataProviders": int64(*p.DataProviderID), "UsageTypes": int64(*p.UsageTypeID), "StatusTypes": int64(*p.StatusTypeID),
			"SubmissionStatusTypes": int64(*p.SubmissionStatusTypeID), "Countries": int64(*p.AddressInfo.CountryID),
		} {
			if !has(table, id) {
				t.Errorf("%s has no %d", table, id)
			}
		}
		for _, c := range p.Connections {
			if !has("ConnectionTypes", int64(*c.ConnectionTypeID)) || !has("StatusTypes", int64(*c.StatusTypeID)) ||
				c.LevelID != nil && !has("ChargerTypes", int64(*c.LevelID)) || c.CurrentTypeID != nil && !has("CurrentTypes", int64(*c.CurrentTypeID)) {
				t.Errorf("a connection is of no type: %+v", c)
			}
		}
	}
	// What a client in a typed language would not read is left out.
	if len(all) == 0 || len(tables["UserCommentTypes"]) == 0 || len(tables["CheckinStatusTypes"]) == 0 || strings.Contains(string(a.body), "MetadataGroups") {
		t.Errorf("the tables are %.300s", a.body)
	}
	again := w.anonymous().do(http.MethodGet, "/ocm/v3/referencedata", nil, "If-None-Match", a.header.Get("ETag"))
	if again.status != http.StatusNotModified {
		t.Errorf("tables that have not changed are answered by %d", again.status)
	}
	camel, _ := want[map[string]any](w.anonymous(), http.StatusOK, http.MethodGet, "/ocm/v3/referencedata?camelcase=true&verbose=true", nil)
	if camel["connectionTypes"] == nil || camel["statusTypes"] == nil {
		t.Errorf("with small letters the tables are %v", camel)
	}
}

// TestOCMFiltersAgreeWithSearch promises that what both know to ask finds the same stations by Open Charge Map's words and by ours.
func TestOCMFiltersAgreeWithSearch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	app := w.anonymous()
	all, _ := app.pois("maxresults=5000")
	const seed = 20261129
	d := rand.New(rand.NewPCG(seed, 1))
	one := func() *point { return &all[d.IntN(len(all))] }
	found := 0
	for range 60 {
		var theirs, ours []string
		both := func(their, our string) { theirs, ours = append(theirs, their), append(ours, our) }
		lat, lon := *one().AddressInfo.Latitude, *one().AddressInfo.Longitude
		switch d.IntN(5) {
		case 0:
			km := 1 + d.IntN(450)
			both(fmt.Sprintf("latitude=%v&longitude=%v&distance=%d&distanceunit=km", lat, lon, km), fmt.Sprintf("near=%v,%v&radius_km=%d", lat, lon, km))
		case 1:
			both(fmt.Sprintf("boundingbox=(%.4f,%.4f),(%.4f,%.4f)", lat+2, lon-2, lat-2, lon+2), fmt.Sprintf("bbox=%.4f,%.4f,%.4f,%.4f", lon-2, lat-2, lon+2, lat+2))
		case 2:
			line := url.QueryEscape(polyline.Encode([][2]float64{{lat, lon}, {lat + 1, lon + 1}, {lat - 1, lon + 2}}))
			both("polyline="+line+"&distance=50&distanceunit=KM", "route="+line+"&corridor_km=50")
		case 3:
			line := url.QueryEscape(polyline.Encode([][2]float64{{lat - 3, lon - 3}, {lat + 3, lon}, {lat - 3, lon + 3}}))
			both("polygon="+line, "polygon="+line)
		}
		if d.IntN(3) == 0 {
			kw := []int{3, 7, 22, 50}[d.IntN(4)]
			both("minpowerkw="+strconv.Itoa(kw), "min_power_kw="+strconv.Itoa(kw))
		}
		if d.IntN(4) == 0 {
			both("maxpowerkw=100", "max_power_kw=100")
		}
		switch d.IntN(5) {
		case 0:
			both("connectiontypeid=25,1036", "connector=IEC_62196_T2")
		case 1:
			both("connectiontypeid=33&connectiontypeid=2", "connector=IEC_62196_T2_COMBO,CHADEMO")
		}
		switch d.IntN(6) {
		case 0:
			both("countrycode=fr", "country=FR")
		case 1:
			both("countryid=80,87", "country=FR,DE")
		case 2:
			both("usagetypeid=1,5", "access=public")
		case 3:
			both("usagetypeid=2,3", "access=private,restricted")
		}
		if d.IntN(4) == 0 {
			p := one()
			both("operatorid="+strconv.FormatInt(*p.OperatorID, 10), "operator="+w.operatorOf(p.UUID).String())
		}
		if d.IntN(5) == 0 {
			at := one().DateLastStatusUpdate.Format(time.RFC3339)
			both("modifiedsince="+at, "updated_since="+at)
		}
		if d.IntN(6) == 0 {
			a, b := one(), one()
			both(fmt.Sprintf("id=%d,%d", *a.ID, *b.ID), "id="+a.UUID.String()+","+b.UUID.String())
		}
		points, _ := app.pois(strings.Join(theirs, "&") + "&maxresults=5000&compact=true")
		page, _ := want[page](app, http.StatusOK, http.MethodGet, "/v1/stations?limit=500&"+strings.Join(ours, "&"), nil)
		var a, b []string
		for _, p := range points {
			a = append(a, p.UUID.String())
		}
		for _, s := range page.Items {
			b = append(b, s.ID)
		}
		slices.Sort(a)
		slices.Sort(b)
		if !slices.Equal(a, b) {
			t.Errorf("?%s finds %d stations, ?%s %d", strings.Join(theirs, "&"), len(a), strings.Join(ours, "&"), len(b))
		}
		found += len(a)
	}
	if found == 0 {
		t.Error("nothing was found: the queries say nothing")
	}
}

// operatorOf gives the operator of a station.
func (w *world) operatorOf(id uuid.UUID) uuid.UUID {
	w.t.Helper()
	st, err := w.store.Get(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return st.Operator.ID
}

// TestOCMJudges promises that conditions which the search cannot tell hold as well: of the format of a plug, of statuses that change while
// the service runs, and of all that is asked of a connection on one and the same.
func TestOCMJudges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	app := w.anonymous()
	all, _ := app.pois("maxresults=5000")
	holds := func(query string, keep func(p *point) bool) int {
		t.Helper()
		got, a := app.pois(query + "&maxresults=5000")
		var want, found []string
		for i := range all {
			if keep(&all[i]) {
				want = append(want, all[i].UUID.String())
			}
		}
		for i := range got {
			found = append(found, got[i].UUID.String())
		}
		slices.Sort(want)
		slices.Sort(found)
		if !slices.Equal(want, found) {
			t.Errorf("?%s finds %d points, not %d", query, len(found), len(want))
		}
		if total := a.header.Get("X-Total-Count"); total != "" && total != strconv.Itoa(len(got)) {
			t.Errorf("?%s finds %d points and tells of %s", query, len(got), total)
		}
		return len(found)
	}
	kind := func(types ...int) func(p *point) bool {
		return func(p *point) bool {
			for _, c := range p.Connections {
				if slices.Contains(types, *c.ConnectionTypeID) {
					return true
				}
			}
			return false
		}
	}
	sockets, cables := holds("connectiontypeid=25", kind(25)), holds("connectiontypeid=1036", kind(1036))
	if sockets == 0 || cables == 0 || sockets == len(all) {
		t.Errorf("of %d points %d have sockets and %d cables", len(all), sockets, cables)
	}
	holds("connectiontypeid=0", kind(0))
	holds("connectiontypeid=24", kind(24))
	holds("connectiontypeid=2,4711", kind(2))
	for _, levels := range [][]int{{1}, {2}, {3}, {1, 3}, {2, 3}, {9}} {
		text := strings.Trim(strings.ReplaceAll(fmt.Sprint(levels), " ", ","), "[]")
		holds("levelid="+text, func(p *point) bool {
			for _, c := range p.Connections {
				if c.LevelID != nil && slices.Contains(levels, *c.LevelID) {
					return true
				}
			}
			return false
		})
	}
	holds("connectiontypeid=25&minpowerkw=40&levelid=3", func(p *point) bool {
		for _, c := range p.Connections {
			if *c.ConnectionTypeID == 25 && c.PowerKW != nil && *c.PowerKW >= 40 {
				return true
			}
		}
		return false
	})
	for _, usage := range []int{1, 5, 3, 2, 4} {
		holds("usagetypeid="+strconv.Itoa(usage), func(p *point) bool { return *p.UsageTypeID == usage })
	}
	holds("dataproviderid=1", func(*point) bool { return true })
	holds("dataproviderid=2", func(*point) bool { return false })
	holds("operatorid=999999", func(*point) bool { return false })

	// Statuses are live.
	st := w.named("Place du Marché")
	for _, told := range []struct {
		status     station.Status
		site, plug int
	}{{station.Available, 50, 10}, {station.Charging, 50, 20}, {station.Inoperative, 30, 30}, {station.OutOfOrder, 100, 100}} {
		for _, e := range st.EVSEs {
			w.setStatus(e.ID, told.status)
		}
		got, _ := app.pois("chargepointid=" + strconv.FormatInt(st.Number, 10))
		if len(got) != 1 || *got[0].StatusTypeID != told.site || *got[0].Connections[0].StatusTypeID != told.plug {
			t.Errorf("while it is %s the point is %+v", told.status, got)
		}
		with, _ := app.pois(fmt.Sprintf("statustypeid=%d&boundingbox=(-90,-180),(90,180)", told.site))
		if len(with) != 1 || with[0].UUID != st.ID {
			t.Errorf("while it is %s, %d points have the status %d", told.status, len(with), told.site)
		}
	}
	// A page after the other.
	var ids []int64
	for last := int64(0); ; {
		some, _ := app.pois(fmt.Sprintf("sortby=id_asc&maxresults=2&greaterthanid=%d", last))
		for i := range some {
			ids = append(ids, *some[i].ID)
		}
		if len(some) < 2 {
			break
		}
		last = ids[len(ids)-1]
	}
	highest, _ := app.pois("maxresults=1")
	if len(ids) != len(all) || !slices.IsSorted(ids) || *highest[0].ID != ids[len(ids)-1] {
		t.Errorf("page by page there are %v of %d", ids, len(all))
	}
	// Another replica tells the same, to the byte, but for its port.
	other := w.replica(t).anonymous()
	query := fmt.Sprintf("/ocm/v3/poi?latitude=%v&longitude=%v&compact=true", st.Latitude, st.Longitude)
	if a, b := app.do(http.MethodGet, query, nil), other.do(http.MethodGet, query, nil); string(a.body) != string(b.body) || a.header.Get("ETag") != b.header.Get("ETag") {
		t.Errorf("replicas answer %s and %s", a.body, b.body)
	}
}

// TestOCMRefusals promises a problem that names what is wrong, and that nothing is passed over which would change the answer.
func TestOCMRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app := w.anonymous()
	for query, names := range map[string]string{
		"boundingbox=1,2,3,4": "boundingbox", "boundingbox=(1,2)": "boundingbox", "boundingbox=(1,2),(91,2)": "boundingbox", "boundingbox=(1,2),(3,NaN)": "boundingbox",
		"boundingbox=(1,2),(3,4),(5,6)": "boundingbox", "boundingbox=(1,2),(3,4)&polyline=_p~iF~ps|U_ulLnnqC": "polyline",
		"polyline=x": "polyline", "polyline=(1,2)": "polyline", "polygon=(1,2),(3,4)": "polygon", "polygon=((1,2),(3,4),(5,6)": "polygon",
		"latitude=1": "longitude", "longitude=1": "latitude", "latitude=91&longitude=0": "latitude", "latitude=NaN&longitude=0": "latitude", "distance=5": "distance",
		"latitude=1&longitude=1&distance=-5": "distance", "distanceunit=furlongs": "distanceunit", "maxresults=0": "maxresults", "maxresults=5001": "maxresults", "maxresults=many": "maxresults",
		"countrycode=XX": "countrycode", "countrycode=FRA": "countrycode", "countryid=FR": "countryid", "operatorid=1,x": "operatorid", "connectiontypeid=25;33": "connectiontypeid",
		"levelid=two": "levelid", "usagetypeid=1.5": "usagetypeid", "statustypeid=,": "statustypeid", "minpowerkw=fast": "minpowerkw", "maxpowerkw=0": "maxpowerkw",
		"minpowerkw=50&maxpowerkw=22": "maxpowerkw", "chargepointid=abc": "chargepointid", "id=99999999999999999999": "id", "greaterthanid=-1": "greaterthanid",
		"modifiedsince=yesterday": "modifiedsince", "modifiedsince=2026-02-30": "modifiedsince", "sortby=rating": "sortby", "opendata=true": "opendata", "output=xml": "output", "output=kml": "output",
		"compact=maybe": "compact", "includecomments=2": "includecomments", "dataproviderid=one": "dataproviderid",
		"callback=f": "callback", "levelofdetail=3": "levelofdetail", "submissionstatustypeid=1": "submissionstatustypeid", "hasmedia=true": "hasmedia", "OperatorName=x": "operatorname",
	} {
		if named := refused(app, http.StatusBadRequest, "invalid_request", http.MethodGet, "/ocm/v3/poi/?"+strings.ReplaceAll(strings.ReplaceAll(query, "|", "%7C"), "~", "%7E"), nil); !slices.Contains(named, names) {
			t.Errorf("?%s is blamed on %v", query, named)
		}
	}
	if named := refused(app, http.StatusBadRequest, "invalid_request", http.MethodGet, "/ocm/v3/poi?maxresults=0&boundingbox=x&nothing=1", nil); len(named) != 3 {
		t.Errorf("of three faults %v are named", named)
	}
	refused(app, http.StatusBadRequest, "invalid_request", http.MethodGet, "/ocm/v3/referencedata?countryid=1", nil)
	// What is not ours to know is passed over.
	app.pois("client=map&enablecaching=true&allowmirror=True&operatorid=&countrycode=")
	for _, foreign := range []string{"", "9f1f0c4e-6f07-4c4c-9d6c-0a4a3b9c2d1e"} {
		if a := app.do(http.MethodGet, "/ocm/v3/poi?key="+foreign, nil, "X-API-Key", foreign); a.status != http.StatusOK {
			t.Errorf("with the key %q, which is not one of ours, it is answered by %d", foreign, a.status)
		}
	}
	// A key that means to be ours is held to it, wherever it stands.
	refused(app, http.StatusUnauthorized, "invalid_api_key", http.MethodGet, "/ocm/v3/poi?key=ihr_ak_nonsense", nil)
	refused(app, http.StatusUnauthorized, "invalid_api_key", http.MethodGet, "/ocm/v3/poi", nil, "X-API-Key", "ihr_ak_nonsense")
	refused(app, http.StatusUnauthorized, "invalid_api_key", http.MethodGet, "/ocm/v3/poi?key=ihr_ak_one", nil, "X-API-Key", "ihr_ak_another")
}

// TestOCMComments promises the reviews of a station as comments, without their authors, when they are asked for.
func TestOCMComments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fill()
	st := w.named("Place du Marché")
	ada, author := w.driver()
	want[any](ada, http.StatusCreated, http.MethodPost, pathOf(st)+"/reviews", map[string]any{"rating": 4, "outcome": "charged", "comment": "Fast \"and\" dry"})
	type said struct {
		ID, ChargePointID, CommentTypeID, CheckinStatusTypeID int64
		Comment                                               string
		Rating                                                *int
		UserName                                              *string
		DateCreated                                           time.Time
		CheckinStatusType                                     *struct{ ID int64 }
	}
	at := "/ocm/v3/poi?chargepointid=" + strconv.FormatInt(st.Number, 10)
	found, a := want[[]struct{ UserComments []said }](w.anonymous(), http.StatusOK, http.MethodGet, at+"&includecomments=true", nil)
	c := found[0].UserComments
	if len(c) != 1 || c[0].ID <= 0 || c[0].ID > 1<<53 || c[0].ChargePointID != st.Number || c[0].CommentTypeID != 10 || c[0].CheckinStatusTypeID != 10 || *c[0].Rating != 4 ||
		c[0].Comment != "Fast \"and\" dry" || c[0].DateCreated.IsZero() || c[0].CheckinStatusType.ID != 10 || c[0].UserName != nil || strings.Contains(string(a.body), author.String()) {
		t.Errorf("the comments are %s", a.body)
	}
	if none, a := want[[]struct{ UserComments []said }](w.anonymous(), http.StatusOK, http.MethodGet, at, nil); none[0].UserComments != nil {
		t.Errorf("nobody asked for comments: %s", a.body)
	}
}

// TestOCMRoundTrip promises that points, verbose and compact, read by our own importer, are the stations that they were written of: the
// real register's, where it is there. Which plugs share an EVSE is not told by Open Charge Map.
func TestOCMRoundTrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.register(400)
	stations := map[string]station.Station{}
	for s, err := range w.store.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		stations[strconv.FormatInt(s.Number, 10)] = s
	}
	for _, form := range []string{"compact=true&verbose=false", "compact=false&verbose=true"} {
		a := w.anonymous().do(http.MethodGet, "/ocm/v3/poi?maxresults=5000&"+form, nil)
		if a.status != http.StatusOK {
			t.Fatalf("the points were answered by %d: %s", a.status, a.body)
		}
		read := 0
		format := importer.Formats()[importer.OCM]
		for row, err := range format.Rows(strings.NewReader(string(a.body)), "ocm") {
			if err != nil {
				t.Fatal(err)
			}
			entry, findings, ok := format.Assemble([]transfer.StagedRow{{Key: row.Key, Line: row.Line, Data: row.Data}}, "ocm")
			if !ok {
				t.Fatalf("a point was not read: %+v, %+v", row.Findings, findings)
			}
			read++
			got, was := entry.Station, stations[entry.Station.SourceID]
			if a, b := gist(&was), gist(&got); a != b {
				t.Errorf("%s (%s): the station\n%s\nis read again as\n%s", was.SourceID, form, a, b)
			}
			if form != "compact=true&verbose=false" && got.Operator.Name != was.Operator.Name {
				t.Errorf("%s: the operator %q is read again as %q", was.SourceID, was.Operator.Name, got.Operator.Name)
			}
		}
		if read != len(stations) || read == 0 {
			t.Errorf("of %d stations %d were read", len(stations), read)
		}
	}
}

// gist is what of a station Open Charge Map has words for: spaces count once, plugs are sorted.
func gist(s *station.Station) string {
	var plugs []string
	for _, e := range s.EVSEs {
		for _, c := range e.Connectors {
			plugs = append(plugs, fmt.Sprintf("%s %s %s %d W %d V %d A", c.Standard, c.Format, c.PowerType, c.PowerW, c.Voltage, c.Amperage))
		}
		if len(e.Connectors) == 0 {
			plugs = append(plugs, "none")
		}
	}
	slices.Sort(plugs)
	cost := ""
	if s.Payment != nil {
		if cost = s.Payment.Text; cost == "" && s.Free() {
			cost = "free"
		}
	}
	text := strings.Join([]string{
		s.Name, s.Address, s.City, s.State, s.PostalCode, s.Country, fmt.Sprint(s.Latitude, s.Longitude), s.TimeZone, string(s.Access), cost, strings.Join(plugs, "; "),
	}, " | ")
	return strings.Join(strings.Fields(text), " ")
}

// register imports so many rows of the real register, or the excerpt where that is not there.
func (w *world) register(rows int) {
	w.t.Helper()
	file, err := os.Open("../../../../../shared/data/fr_irve_static_2024-07-03.jsonl.gz")
	if err != nil {
		w.t.Log("the register is not there: its excerpt is read")
		w.fill()
		return
	}
	defer file.Close()
	text, err := gzip.NewReader(file)
	if err != nil {
		w.t.Fatal(err)
	}
	var some strings.Builder
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, 1<<20)
	for n := 0; n < rows*50 && lines.Scan(); n++ {
		if n%50 == 0 {
			some.WriteString(lines.Text() + "\n")
		}
	}
	report, err := stationcatalog.Import(w.t.Context(), w.cfg, "irve", strings.NewReader(some.String()), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.indexed(int(report.Import.Created))
}
