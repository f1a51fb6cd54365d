package importer

import (
	"fmt"
	"io"
	"iter"
	"math"
	"strconv"
	"strings"

	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/openchargemap"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// ocm is the format of Open Charge Map's points of interest, as its API answers them (verbose or compact) and its exports have
// them: an array, or an object a line.
type ocm struct{ wholes }

// Rows reads points of interest.
func (ocm) Rows(r io.Reader, _ string) iter.Seq2[transfer.Row, error] { return sitesOf(r, readPOI) }

// ocmRef is something that is named by its id alone, or told whole.
type ocmRef struct {
	ID word `json:"ID"`
}

// poi is a point of interest as far as it is read.
type poi struct {
	ID           word `json:"ID"`
	OperatorID   word `json:"OperatorID"`
	OperatorInfo *struct {
		ID      word   `json:"ID"`
		Title   string `json:"Title"`
		Website string `json:"WebsiteURL"`
		Phone   word   `json:"PhonePrimaryContact"`
		Email   string `json:"ContactEmail"`
	} `json:"OperatorInfo"`
	UsageTypeID word    `json:"UsageTypeID"`
	UsageType   *ocmRef `json:"UsageType"`
	UsageCost   string  `json:"UsageCost"`
	AddressInfo struct {
		Title     string `json:"Title"`
		Line1     string `json:"AddressLine1"`
		Line2     string `json:"AddressLine2"`
		Town      string `json:"Town"`
		State     string `json:"StateOrProvince"`
		Postcode  word   `json:"Postcode"`
		CountryID word   `json:"CountryID"`
		Country   *struct {
			ISOCode string `json:"ISOCode"`
		} `json:"Country"`
		Latitude  word `json:"Latitude"`
		Longitude word `json:"Longitude"`
	} `json:"AddressInfo"`
	StatusTypeID       word            `json:"StatusTypeID"`
	StatusType         *ocmRef         `json:"StatusType"`
	SubmissionStatusID word            `json:"SubmissionStatusTypeID"`
	SubmissionStatus   *ocmRef         `json:"SubmissionStatus"`
	NumberOfPoints     word            `json:"NumberOfPoints"`
	Connections        []ocmConnection `json:"Connections"`
}

type ocmConnection struct {
	ID               word    `json:"ID"`
	ConnectionTypeID word    `json:"ConnectionTypeID"`
	ConnectionType   *ocmRef `json:"ConnectionType"`
	CurrentTypeID    word    `json:"CurrentTypeID"`
	CurrentType      *ocmRef `json:"CurrentType"`
	StatusTypeID     word    `json:"StatusTypeID"`
	Amps             word    `json:"Amps"`
	Voltage          word    `json:"Voltage"`
	PowerKW          word    `json:"PowerKW"`
	Quantity         word    `json:"Quantity"`
}

// either is the id, alone or of the object.
func either(id word, ref *ocmRef) int {
	if id == "" && ref != nil {
		id = ref.ID
	}
	return id.whole()
}

func readPOI(s *site, in *poi) {
	st := &s.Station
	if st.SourceID = tidy(string(in.ID)); st.SourceID == "" {
		s.reject("missing_id", "the point has no ID")
		return
	}
	s.Complete = true
	if status := either(in.StatusTypeID, in.StatusType); openchargemap.IsGone(status) {
		s.reject("unpublished", "the point is planned or removed (status %d)", status)
		return
	}
	if state := either(in.SubmissionStatusID, in.SubmissionStatus); state != 0 && state != openchargemap.Imported && state != openchargemap.Published {
		s.reject("unpublished", "the point is not published (submission status %d)", state)
		return
	}
	a := &in.AddressInfo
	if a.Country != nil && a.Country.ISOCode != "" {
		s.country(a.Country.ISOCode)
	} else {
		country, _ := openchargemap.CountryOf(a.CountryID.whole())
		s.country(country.ISOCode)
	}
	s.place(string(a.Latitude), string(a.Longitude))
	s.ocmOperator(in)
	if st.Name = s.short(a.Title, "AddressInfo.Title", 255); st.Name == "" {
		st.Name = "Open Charge Map " + st.SourceID
	}
	street := a.Line1
	if a.Line2 != "" {
		street += ", " + a.Line2
	}
	st.Address, st.City = s.short(street, "AddressInfo.AddressLine1", 255), s.short(a.Town, "AddressInfo.Town", 100)
	st.State, st.PostalCode = s.short(a.State, "AddressInfo.StateOrProvince", 64), s.short(string(a.Postcode), "AddressInfo.Postcode", 16)
	st.TimeZone = zoneFor(st.Country, st.State, st.Latitude, st.Longitude)
	usage := either(in.UsageTypeID, in.UsageType)
	st.Access = openchargemap.AccessOf(usage)
	if cost := s.short(in.UsageCost, "UsageCost", 2000); cost != "" || usage == openchargemap.PayAtLocation {
		if st.Payment = (&station.Payment{Text: cost}); strings.EqualFold(cost, openchargemap.Free) {
			st.Payment.Free, st.Payment.Text = &yes, ""
		}
		if usage == openchargemap.PayAtLocation {
			st.Payment.AdHoc = &yes
		}
	}
	for i := range in.Connections {
		s.ocmConnection(&in.Connections[i], i)
	}
	if len(st.EVSEs) > station.MaxEVSEs {
		st.EVSEs = st.EVSEs[:station.MaxEVSEs]
		s.find(transfer.Adjusted, "too_many", "the point has more than %d connections; the rest was left out", station.MaxEVSEs)
	}
}

func (s *site) ocmOperator(in *poi) {
	o := in.OperatorInfo
	name := ""
	if o != nil {
		name = o.Title
		s.Operator.Website, s.Operator.Email = s.short(o.Website, "OperatorInfo.WebsiteURL", 255), s.short(o.Email, "OperatorInfo.ContactEmail", 255)
		s.Operator.Phone = phone(tidy(string(o.Phone)))
	}
	if id := in.OperatorID.whole(); name == "" && id > 0 {
		name = fmt.Sprintf("Open Charge Map operator %d", id)
	}
	s.runBy(name)
}

// mostAlike is how many EVSEs a single connection may stand for.
const mostAlike = 200

// ocmConnection makes an EVSE of each piece of a connection. Open Charge Map does not tell which plugs share an EVSE.
func (s *site) ocmConnection(in *ocmConnection, place int) {
	if openchargemap.IsGone(in.StatusTypeID.whole()) {
		return
	}
	uid := tidy(string(in.ID))
	if uid == "" || uid == "0" {
		uid = "c" + strconv.Itoa(place+1)
	}
	quantity := in.Quantity.whole()
	if quantity > mostAlike {
		s.find(transfer.Adjusted, "too_many", "connection %s is there %d times; %d were taken", uid, quantity, mostAlike)
		quantity = mostAlike
	}
	connectors := []station.Connector{}
	kind := either(in.ConnectionTypeID, in.ConnectionType)
	if plug, ok := openchargemap.PlugOf(kind); ok {
		connectors = append(connectors, ocmConnector(plug, in))
	} else {
		s.find(transfer.Adjusted, "unknown_value", "connection type %d has no OCPI standard; the EVSE has no connector", kind)
	}
	for n := range max(1, quantity) {
		s.Station.EVSEs = append(s.Station.EVSEs, station.EVSE{
			UID: s.Station.SourceID + "-" + uid + "-" + strconv.Itoa(n+1), Connectors: connectors,
		})
	}
}

func ocmConnector(p openchargemap.Plug, in *ocmConnection) station.Connector {
	c := station.Connector{ID: "1", Standard: p.Standard, Format: "SOCKET", PowerType: "AC_1_PHASE"}
	if p.Cable {
		c.Format = "CABLE"
	}
	kw := in.PowerKW.number()
	if kw > 0 && kw <= mostKW {
		c.PowerW = int(math.Round(kw * wattsPerKW))
	}
	switch current := either(in.CurrentTypeID, in.CurrentType); {
	case p.Direct || current == openchargemap.Direct:
		c.PowerType = "DC"
	case current == openchargemap.ThreePhase, current != openchargemap.SinglePhase && c.PowerW > singlePhaseW:
		c.PowerType = "AC_3_PHASE"
	}
	if volts := in.Voltage.whole(); volts > 0 && volts <= 2000 {
		c.Voltage = openchargemap.ToNeutral(volts, c.PowerType)
	}
	if amps := in.Amps.whole(); amps > 0 && amps <= 2000 {
		c.Amperage = amps
	}
	return c
}
