package ocm

import (
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/find"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/openchargemap"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/operator"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/photo"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// poi is a station as Open Charge Map sees it: a point of interest.
type poi struct {
	*station.Station
	connections []connection
	plots       int
	status      int
	usage       int
	verified    time.Time
}

// connection are all connectors of a point that are alike.
type connection struct {
	station.Connector
	kind     int
	quantity int
	plots    []station.Status
}

// level is the connection's, 0 when it is not known.
func (c *connection) level() int { return openchargemap.LevelOf(c.PowerW) }

// toPOI sees a station as a point, with what is known of its plots. Removed EVSEs are left out. An EVSE without connectors has one of
// which nothing is known.
func toPOI(st *station.Station, told map[uuid.UUID]station.PlotStatus) poi {
	p := poi{Station: st, usage: openchargemap.UsageOf(st), verified: st.UpdatedAt, plots: station.Count(st.EVSEs, told).Total}
	var all []station.Status
	for i := range st.EVSEs {
		e := &st.EVSEs[i]
		if e.Removed {
			continue
		}
		status := station.Unknown
		if last, known := told[e.ID]; known {
			if status = last.Status; last.ToldAt.After(p.verified) {
				p.verified = last.ToldAt
			}
		}
		all = append(all, status)
		if len(e.Connectors) == 0 {
			p.add(station.Connector{}, status)
		}
		for _, c := range e.Connectors {
			p.add(c, status)
		}
	}
	p.status = openchargemap.SiteStatusOf(all)
	return p
}

// add adds a connector to those that are alike.
func (p *poi) add(c station.Connector, status station.Status) {
	kind := openchargemap.TypeOf(c.Standard, c.Format)
	for i := range p.connections {
		k := &p.connections[i]
		if k.kind == kind && k.PowerW == c.PowerW && k.Voltage == c.Voltage && k.Amperage == c.Amperage && k.PowerType == c.PowerType {
			k.quantity++
			k.plots = append(k.plots, status)
			return
		}
	}
	p.connections = append(p.connections, connection{Connector: c, kind: kind, quantity: 1, plots: []station.Status{status}})
}

// cost is what charging costs in words.
func (p *poi) cost() string {
	if p.Payment != nil && p.Payment.Text != "" {
		return p.Payment.Text
	}
	if p.Free() {
		return openchargemap.Free
	}
	if from, priced := p.PriceFrom(); priced {
		return find.Decimal(from.PerKWh) + " " + from.Currency + "/kWh"
	}
	return ""
}

// hours is when the point is open, in words.
func (p *poi) hours() string {
	if p.OpeningText == "" && p.Opening != nil && p.Opening.TwentyFourSeven {
		return "24/7"
	}
	return p.OpeningText
}

// created is when the station was first written, which its id tells.
func (p *poi) created() time.Time {
	const timed = 7
	if p.ID.Version() != timed {
		return time.Time{}
	}
	return time.Unix(p.ID.Time().UnixTime())
}

// placed is where a point is seen from: the distance to it in a unit, negative when there is none.
type placed struct {
	distance float64
	miles    bool
}

// Open Charge Map's units of distance; 0 where nothing was measured.
const (
	unitKM    = 1
	unitMiles = 2
)

// recently is how long ago something may have been verified to count as recently verified.
const recently = 6 * 30 * 24 * time.Hour

// setting is what points of an answer have in common.
type setting struct {
	origin    string
	now       time.Time
	operators map[uuid.UUID]operator.Operator
	// reviews and photos give those of each station, nil when they were not asked for.
	reviews map[uuid.UUID][]review.Review
	photos  map[uuid.UUID][]photo.Photo
}

// poi writes a point.
func (w *writer) poi(name string, p *poi, at placed, in *setting) {
	w.open(name)
	if w.objects {
		w.dataProvider("DataProvider", in.origin)
		o := in.operators[p.Operator.ID]
		w.operator("OperatorInfo", &o)
		w.usageType("UsageType", openchargemap.ByID(openchargemap.UsageTypes, p.usage, func(t *openchargemap.UsageType) int { return t.ID }))
		w.statusType("StatusType", statusType(p.status))
		w.submissionStatusType("SubmissionStatus", openchargemap.ByID(openchargemap.SubmissionStatusTypes, openchargemap.Published,
			func(t *openchargemap.SubmissionStatusType) int { return t.ID }))
	} else {
		w.null("DataProvider", "OperatorInfo", "UsageType", "StatusType", "SubmissionStatus")
	}
	w.comments("UserComments", p, in)
	w.null("PercentageSimilarity")
	w.media("MediaItems", p, in)
	w.truth("IsRecentlyVerified", in.now.Sub(p.verified) < recently)
	w.moment("DateLastVerified", p.verified)
	w.whole("ID", p.Number, known)
	w.given("UUID", p.ID.String())
	w.null("ParentChargePointID")
	w.whole("DataProviderID", provider, known)
	w.text("DataProvidersReference", p.SourceID)
	w.whole("OperatorID", p.Operator.Number, known)
	w.null("OperatorsReference")
	w.whole("UsageTypeID", int64(p.usage), known)
	w.text("UsageCost", p.cost())
	w.address("AddressInfo", p, at)
	w.list("Connections")
	for i := range p.connections {
		w.connection("", &p.connections[i], i+1)
	}
	w.end()
	w.whole("NumberOfPoints", int64(p.plots), known)
	w.null("GeneralComments", "DatePlanned", "DateLastConfirmed")
	w.whole("StatusTypeID", int64(p.status), known)
	w.moment("DateLastStatusUpdate", p.UpdatedAt)
	w.null("MetadataValues", "DataQualityLevel")
	w.moment("DateCreated", p.created())
	w.whole("SubmissionStatusTypeID", openchargemap.Published, known)
	w.close()
}

func statusType(id int) *openchargemap.StatusType {
	return openchargemap.ByID(openchargemap.StatusTypes, id, func(t *openchargemap.StatusType) int { return t.ID })
}

// address writes where a point is. Its id is the point's: there is one for each.
func (w *writer) address(name string, p *poi, at placed) {
	w.open(name)
	w.whole("ID", p.Number, known)
	w.given("Title", p.Name)
	w.text("AddressLine1", p.Address)
	w.null("AddressLine2")
	w.text("Town", p.City)
	w.text("StateOrProvince", p.State)
	w.text("Postcode", p.PostalCode)
	id := openchargemap.CountryID(p.Country)
	w.whole("CountryID", int64(id), known)
	if country, there := openchargemap.CountryOf(id); there && w.objects {
		w.country("Country", &country)
	} else {
		w.null("Country")
	}
	w.number("Latitude", p.Latitude, known)
	w.number("Longitude", p.Longitude, known)
	w.null("ContactTelephone1", "ContactTelephone2", "ContactEmail")
	w.text("AccessComments", p.hours())
	w.null("RelatedURL")
	measured := at.distance >= 0
	w.number("Distance", at.distance, measured)
	unit := int64(0)
	switch {
	case measured && at.miles:
		unit = unitMiles
	case measured:
		unit = unitKM
	}
	w.whole("DistanceUnit", unit, known)
	w.close()
}

const wattsPerKW = 1000

// connection writes connectors that are alike, numbered within their point.
func (w *writer) connection(name string, c *connection, number int) {
	status, level, current := openchargemap.StatusOf(c.plots), c.level(), openchargemap.CurrentOf(c.PowerType)
	w.open(name)
	w.whole("ID", int64(number), known)
	w.whole("ConnectionTypeID", int64(c.kind), known)
	if w.objects {
		w.connectionType("ConnectionType", openchargemap.ByID(openchargemap.ConnectionTypes, c.kind, func(t *openchargemap.ConnectionType) int { return t.ID }))
	} else {
		w.null("ConnectionType")
	}
	w.null("Reference")
	w.whole("StatusTypeID", int64(status), known)
	if w.objects {
		w.statusType("StatusType", statusType(status))
	} else {
		w.null("StatusType")
	}
	w.whole("LevelID", int64(level), level > 0)
	if w.objects && level > 0 {
		w.level("Level", openchargemap.ByID(openchargemap.ChargerTypes, level, func(t *openchargemap.ChargerType) int { return t.ID }))
	} else {
		w.null("Level")
	}
	w.whole("Amps", int64(c.Amperage), c.Amperage > 0)
	w.whole("Voltage", int64(openchargemap.BetweenLines(c.Voltage, c.PowerType)), c.Voltage > 0)
	w.number("PowerKW", float64(c.PowerW)/wattsPerKW, c.PowerW > 0)
	w.whole("CurrentTypeID", int64(current), c.PowerType != "")
	if w.objects && c.PowerType != "" {
		w.currentType("CurrentType", openchargemap.ByID(openchargemap.CurrentTypes, current, func(t *openchargemap.CurrentType) int { return t.ID }))
	} else {
		w.null("CurrentType")
	}
	w.whole("Quantity", int64(c.quantity), known)
	w.null("Comments")
	w.close()
}

// numberOf is the number of a review or a photo: the time of its id to the millisecond, and the twelve bits behind it, by which ids of one
// millisecond differ. JavaScript reads it exactly until 2039.
func numberOf(id uuid.UUID) int64 {
	first := binary.BigEndian.Uint64(id[:8])
	return int64(first>>16<<12 | first&0xfff) //nolint:gosec // 60 bits
}

// comments writes what was said of a point, when that was asked for. Nobody is named.
func (w *writer) comments(name string, p *poi, in *setting) {
	if in.reviews == nil {
		w.null(name)
		return
	}
	w.list(name)
	for i := range in.reviews[p.ID] {
		w.comment("", p, &in.reviews[p.ID][i])
	}
	w.end()
}

func (w *writer) comment(name string, p *poi, r *review.Review) {
	checkin := openchargemap.CheckinOf(r.Outcome)
	w.open(name)
	w.whole("ID", numberOf(r.ID), known)
	w.whole("ChargePointID", p.Number, known)
	w.whole("CommentTypeID", openchargemap.GeneralComment, known)
	if w.objects {
		w.commentType("CommentType", openchargemap.ByID(openchargemap.UserCommentTypes, openchargemap.GeneralComment,
			func(t *openchargemap.Type) int { return t.ID }))
	}
	w.null("UserName")
	w.text("Comment", r.Comment)
	if r.Rating != nil {
		w.whole("Rating", int64(*r.Rating), known)
	} else {
		w.null("Rating")
	}
	w.null("RelatedURL", "User")
	w.moment("DateCreated", r.CreatedAt)
	w.whole("CheckinStatusTypeID", int64(checkin), known)
	if w.objects {
		w.checkinStatusType("CheckinStatusType", openchargemap.ByID(openchargemap.CheckinStatusTypes, checkin,
			func(t *openchargemap.CheckinStatusType) int { return t.ID }))
	}
	w.close()
}

// media writes the photos of a point, when they were asked for. Nobody is named.
func (w *writer) media(name string, p *poi, in *setting) {
	if in.photos == nil {
		w.null(name)
		return
	}
	w.list(name)
	for i := range in.photos[p.ID] {
		m := &in.photos[p.ID][i]
		m.Locate(in.origin)
		w.open("")
		w.whole("ID", numberOf(m.ID), known)
		w.whole("ChargePointID", p.Number, known)
		w.given("ItemURL", m.Full.URL)
		w.given("ItemThumbnailURL", m.Thumbnail.URL)
		w.text("Comment", m.Caption)
		w.truth("IsEnabled", true)
		w.truth("IsVideo", false)
		w.truth("IsFeaturedItem", false)
		w.truth("IsExternalResource", false)
		w.null("MetadataValue", "User")
		w.moment("DateCreated", m.CreatedAt)
		w.close()
	}
	w.end()
}

// feature writes a point as one of GeoJSON (RFC 7946). Where Open Charge Map's own are no valid GeoJSON, with coordinates the other way
// round, these are.
func (w *writer) feature(p *poi, at placed, in *setting, whole bool) {
	w.open("")
	w.given("type", "Feature")
	w.whole("id", p.Number, known)
	w.open("geometry")
	w.given("type", "Point")
	w.list("coordinates")
	w.number("", p.Longitude, known)
	w.number("", p.Latitude, known)
	w.end()
	w.close()
	w.open("properties")
	w.given("name", p.Name)
	w.text("description", p.Address)
	w.given("url", in.origin+"/v1/stations/"+p.ID.String())
	if best := p.strongest(); best != nil {
		w.whole("level", int64(best.level()), best.level() > 0)
		w.given("connectionType", openchargemap.ByID(openchargemap.ConnectionTypes, best.kind, func(t *openchargemap.ConnectionType) int { return t.ID }).Title)
	}
	if whole {
		w.poi("poi", p, at, in)
	}
	w.close()
	w.close()
}

// strongest is the connection of the most power, nil when there is none.
func (p *poi) strongest() (best *connection) {
	for i := range p.connections {
		if c := &p.connections[i]; best == nil || c.PowerW > best.PowerW {
			best = c
		}
	}
	return best
}
