package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"net/http"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/tariff"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/find"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/quote"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/rendered"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/search"
)

// QuoteStation prices a charge at one station.
func (a *API) QuoteStation(ctx context.Context, request QuoteStationRequestObject) (QuoteStationResponseObject, error) {
	p := request.Params
	var r queryReader
	r.begin(a.Now(), a.Vehicles, 0)
	for name, value := range map[string]*float64{"energy_kwh": p.EnergyKwh, "soc_from": p.SocFrom, "soc_to": p.SocTo} {
		if value != nil {
			r.charging.take(name, strconv.FormatFloat(*value, 'f', -1, 64))
		}
	}
	if p.Vehicle != nil {
		r.charging.take("vehicle", *p.Vehicle)
	}
	if !r.charging.given() {
		r.wrong("energy_kwh", "required", "is required, or vehicle with soc_from and soc_to")
		return nil, r.fault()
	}
	ask := r.charging.finish(a.Vehicles, r.wrong)
	if err := r.fault(); err != nil {
		return nil, err
	}
	ask.Start = r.now.UTC()
	if p.At != nil {
		ask.Start = p.At.UTC()
	}
	st, err := a.station(ctx, request.StationId)
	if err != nil {
		return nil, err
	}
	quotes, err := quote.Station(&st, ask)
	if err != nil {
		return nil, err
	}
	energy, _ := ask.Energy().Float64()
	out := StationQuotes{StationId: st.ID, StartsAt: ask.Start, EnergyKwh: energy, Quotes: make([]Quote, len(quotes))}
	for i := range quotes {
		out.Quotes[i] = toAPIQuote(&quotes[i])
	}
	return jsonAnswer{status: http.StatusOK, body: out}, nil
}

func toAPIQuote(q *quote.Quote) Quote {
	out := Quote{
		Connector: ConnectorStandard(q.Standard), PowerType: PowerType(q.PowerType), PowerKw: q.PowerKW, EvseIds: q.EVSEs, TariffId: q.TariffID,
		DurationS: int(q.Duration.Seconds()), TotalBeforeTaxes: toAPIMoney(q.Bill.BeforeTaxes, q.Bill.Currency),
		TotalAfterTaxes: toAPIMoney(q.Bill.AfterTaxes, q.Bill.Currency), Lines: make([]QuoteLine, len(q.Bill.Lines)),
	}
	for i, line := range q.Bill.Lines {
		out.Lines[i] = QuoteLine{
			Dimension: QuoteLineDimension(line.Dimension), Volume: line.Volume.FloatString(4), UnitPrice: string(line.Price()),
			Amount: new(big.Rat).Mul(line.Volume, line.Price().Rat()).FloatString(6),
		}
	}
	return out
}

func toAPIMoney(amount *big.Rat, currency string) *Money {
	if amount == nil {
		return nil
	}
	return &Money{Currency: currency, Amount: tariff.Format(amount, currency)}
}

// mostPriced is how many stations are priced for one answer.
const mostPriced = 2000

var errTooMany = fault.Define(fault.Unprocessable, "too_many_to_price", "There are too many stations to price a charge at each")

// ranked is a station with what the charge costs there.
type ranked struct {
	id   search.ID
	cost float64 // of currencies other than the one asked for, and without a price: behind everything
	text string  // JSON
}

func (r *ranked) compare(key float64, id search.ID) int {
	return cmp.Or(cmp.Compare(r.cost, key), r.id.Compare(id))
}

// searchByQuote is Finder.Search in the order of what a charge costs: it prices it at every match.
func (a *API) searchByQuote(ctx context.Context, r *queryReader, dst []byte) ([]byte, find.Page, error) {
	ask := r.charging.finish(a.Vehicles, func(string, string, string) {}) // it has been looked at
	ask.Start = r.now.UTC()
	all, err := a.Finder.Every(ctx, &r.q, mostPriced)
	if err != nil {
		return dst, find.Page{}, err
	}
	if len(all) > mostPriced {
		return dst, find.Page{}, errTooMany.Detailf("more than %d stations match: narrow the search", mostPriced)
	}
	stations, err := a.Store.Load(ctx, all)
	if err != nil {
		return dst, find.Page{}, err
	}
	list := make([]ranked, 0, len(all))
	for id, st := range stations {
		quotes, err := quote.Station(&st, ask)
		if err != nil {
			return dst, find.Page{}, err
		}
		entry := ranked{search.ID(id), math.MaxFloat64, "null"}
		for i := range quotes {
			if q := &quotes[i]; q.Bill.Currency == r.q.Currency {
				entry.cost, _ = q.Cost().Float64()
				text, err := json.Marshal(toAPIMoney(q.Cost(), r.q.Currency))
				if err != nil {
					return dst, find.Page{}, fmt.Errorf("encode a quote: %w", err)
				}
				entry.text = string(text)
				break
			}
		}
		if st.Free() {
			entry.cost, entry.text = 0, fmt.Sprintf(`{"currency":%q,"amount":%q}`, r.q.Currency, tariff.Format(new(big.Rat), r.q.Currency))
		}
		list = append(list, entry)
	}
	slices.SortFunc(list, func(a, b ranked) int { return a.compare(b.cost, b.id) })
	total := len(list)
	if after := r.q.After; after != nil {
		first, known := slices.BinarySearchFunc(list, *after, func(e ranked, c search.Cursor) int { return e.compare(c.Key, c.ID) })
		if known {
			first++
		}
		list = list[first:]
	}
	return a.appendRanked(ctx, r, list, total, dst)
}

// appendRanked appends the first of the list, as many as were asked for.
func (a *API) appendRanked(ctx context.Context, r *queryReader, list []ranked, total int, dst []byte) ([]byte, find.Page, error) {
	more := len(list) > r.q.Limit
	list = list[:min(len(list), r.q.Limit)]
	ids := make([]uuid.UUID, len(list))
	place := make(map[string]int, len(list))
	for i := range list {
		ids[i] = uuid.UUID(list[i].id)
		place[list[i].id.String()] = i
	}
	items, found, err := a.Finder.Search(ctx, &find.Query{Place: r.q.Place, IDs: ids, Now: r.q.Now, Limit: max(1, len(ids))}, nil)
	if err != nil {
		return dst, found, err
	}
	ordered := make([][]byte, len(list))
	for _, item := range rendered.Items(items) {
		for name, value := range rendered.Members(item) {
			if name == "id" {
				ordered[place[string(value[1:len(value)-1])]] = item
				break
			}
		}
	}
	first := true
	for i, item := range ordered {
		if item == nil {
			continue // it was removed a moment ago
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = append(append(append(append(dst, item[:len(item)-1]...), `,"quote":`...), list[i].text...), '}')
	}
	found.Total, found.Next = total, nil
	if more && len(list) > 0 {
		last := &list[len(list)-1]
		found.Next = &search.Cursor{Key: last.cost, ID: last.id}
	}
	return dst, found, nil
}
