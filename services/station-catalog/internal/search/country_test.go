package search_test

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

// network is a generated catalogue with the proportions of a real one: towns of very different
// size, a few large operators and many small ones, 2.25 EVSEs a station, items of some 450 bytes.
// It is made station by station, so that a million need not be in memory at once.
type network struct {
	size  int
	towns []town
}

type town struct{ lat, lon, spread, share float64 }

func newNetwork(size int) *network {
	r := rand.New(rand.NewPCG(7, 7))
	n := &network{size: size}
	total := 0.0
	for i := range 2000 {
		t := town{lat: 36 + r.Float64()*24, lon: -10 + r.Float64()*40, share: 1 / float64(i+5)}
		if i%10 == 9 {
			t.lat, t.lon = r.Float64()*130-55, r.Float64()*360-180
		}
		t.spread = 0.02 + 0.15*math.Sqrt(t.share)
		total += t.share
		t.share = total
		n.towns = append(n.towns, t)
	}
	for i := range n.towns {
		n.towns[i].share /= total
	}
	return n
}

func (n *network) town(r *rand.Rand) town {
	at := r.Float64()
	low, high := 0, len(n.towns)-1
	for low < high {
		if mid := (low + high) / 2; n.towns[mid].share < at {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return n.towns[low]
}

// place is where a station, or somebody who looks for one, might be.
func (n *network) place(r *rand.Rand) (lat, lon float64) {
	t := n.town(r)
	lat = clamp(t.lat+r.NormFloat64()*t.spread, 90)
	lon = wrap(t.lon + r.NormFloat64()*t.spread/math.Cos(t.lat*math.Pi/180))
	return math.Round(lat*1e6) / 1e6, math.Round(lon*1e6) / 1e6
}

// idOf makes ids that ascend with time, as UUIDv7 do.
func idOf(kind byte, n int) (id search.ID) {
	r := rand.New(rand.NewPCG(uint64(kind), uint64(n)))
	binary.BigEndian.PutUint64(id[:8], uint64(0x0193_5f00_0000+n/16)<<16|0x7000|r.Uint64()&0xfff)
	binary.BigEndian.PutUint64(id[8:], 0x8000_0000_0000_0000|r.Uint64()>>2)
	return id
}

func evsesOf(station int) int { return []int{1, 2, 2, 2, 2, 2, 3, 4}[station%8] }

func evseID(station, evse int) search.ID { return idOf('e', station*4+evse) }

var plugsOnOffer = []search.Connector{
	{Standard: "IEC_62196_T2", PowerW: 22000, Traits: []string{"format:SOCKET"}},
	{Standard: "IEC_62196_T2", PowerW: 11000, Traits: []string{"format:SOCKET"}},
	{Standard: "IEC_62196_T2", PowerW: 7400, Traits: []string{"format:SOCKET"}},
	{Standard: "IEC_62196_T2_COMBO", PowerW: 50000, Traits: []string{"format:CABLE"}},
	{Standard: "IEC_62196_T2_COMBO", PowerW: 150000, Traits: []string{"format:CABLE"}},
	{Standard: "IEC_62196_T2_COMBO", PowerW: 300000, Traits: []string{"format:CABLE"}},
	{Standard: "CHADEMO", PowerW: 50000, Traits: []string{"format:CABLE"}},
	{Standard: "DOMESTIC_E", PowerW: 3700, Traits: []string{"format:SOCKET"}},
}

func (n *network) station(i int) search.Document {
	r := rand.New(rand.NewPCG(uint64(i), 3))
	d := search.Document{
		ID: idOf('s', i), Version: 1, UpdatedAt: epoch.Add(time.Duration(r.IntN(1e7)) * time.Second / 10),
		Country: countries[1+r.IntN(len(countries)-1)], Access: accesses[1+min(2, r.IntN(12)/5)],
		Operator: idOf('o', int(1500*math.Pow(r.Float64(), 3))),
		Tags:     tags[r.IntN(len(tags)):][:1],
	}
	d.Latitude, d.Longitude = n.place(r)
	kind := r.IntN(3)
	if r.IntN(5) == 0 {
		kind += 3
	}
	most, second, odd := uint32(0), r.IntN(4) == 0, uint32(0)
	if r.IntN(20) == 0 { // registers have them
		odd = uint32(r.IntN(500))
	}
	for e := range evsesOf(i) {
		evse := search.EVSE{ID: evseID(i, e), Plot: idOf('p', i*4+e), StatusAt: epoch.Add(time.Duration(r.IntN(1e6)) * time.Millisecond)}
		evse.Status = []search.Status{
			search.StatusAvailable, search.StatusAvailable, search.StatusCharging, search.StatusUnknown,
		}[r.IntN(4)]
		if r.IntN(8) == 0 { // most EVSEs of a station are alike
			kind = r.IntN(6)
		}
		evse.Connectors = append(evse.Connectors, plugsOnOffer[kind])
		if second {
			evse.Connectors = append(evse.Connectors, plugsOnOffer[7-kind/3])
		}
		evse.Connectors[0].PowerW += odd
		most = max(most, evse.Connectors[0].PowerW)
		d.EVSEs = append(d.EVSEs, evse)
	}
	d.Item = fmt.Appendf(make([]byte, 0, 512), `{"id":"%s","name":"Station %d of the Rue de la République","address":"%d Rue de la République",`+
		`"city":"Villeneuve-sur-%d","postal_code":"%05d","latitude":%.6f,"longitude":%.6f,"updated_at":%q}`,
		d.ID, i, r.IntN(200), r.IntN(5000), r.IntN(99999), d.Latitude, d.Longitude, d.UpdatedAt.Format(time.RFC3339))
	d.Common = fmt.Sprintf(`{"country":%q,"access":%q,"operator":{"id":"%s","name":"Charging Company","country_code":"FR","party_id":"ABC"},`+
		`"max_power_kw":%g}`, d.Country, d.Access, d.Operator, float64(most)/1000)
	return d
}

func (n *network) documents() iter.Seq2[search.Document, error] {
	return func(yield func(search.Document, error) bool) {
		for i := range n.size {
			if !yield(n.station(i), nil) {
				return
			}
		}
	}
}
