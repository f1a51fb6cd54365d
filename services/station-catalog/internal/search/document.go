package search

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"time"
)

// ID is the identity of a station, an EVSE or an operator. It has the shape of a UUID, so that
// search.ID(uuid) is a conversion; ids are ordered by their bytes, as Postgres orders the uuid type.
type ID [16]byte

// String gives the hyphenated form of a UUID.
func (id ID) String() string {
	var text [36]byte
	return string(id.append(text[:0]))
}

func (id ID) append(dst []byte) []byte {
	dst = append(hex.AppendEncode(dst, id[0:4]), '-')
	dst = append(hex.AppendEncode(dst, id[4:6]), '-')
	dst = append(hex.AppendEncode(dst, id[6:8]), '-')
	dst = append(hex.AppendEncode(dst, id[8:10]), '-')
	return hex.AppendEncode(dst, id[10:16])
}

// AppendText appends the form of String.
func (id ID) AppendText(dst []byte) ([]byte, error) { return id.append(dst), nil }

// MarshalText gives the form of String.
func (id ID) MarshalText() ([]byte, error) { return id.append(nil), nil }

// UnmarshalText reads the form of String.
func (id *ID) UnmarshalText(text []byte) error {
	if len(text) != 36 {
		return errIDText
	}
	var digits [32]byte
	n := copy(digits[:], text[0:8])
	for _, part := range [][]byte{text[9:13], text[14:18], text[19:23], text[24:36]} {
		n += copy(digits[n:], part)
	}
	if text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return errIDText
	}
	if _, err := hex.Decode(id[:], digits[:]); err != nil {
		return errIDText
	}
	return nil
}

var errIDText = errors.New("not the hyphenated form of an id")

// Compare orders ids by their bytes.
func (id ID) Compare(other ID) int {
	a, b := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(other[:8])
	if a == b {
		a, b = binary.BigEndian.Uint64(id[8:]), binary.BigEndian.Uint64(other[8:])
	}
	return cmp.Compare(a, b)
}

// halves are two numbers in the order of ids.
func (id *ID) halves() (high, low uint64) {
	return binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
}

// Document is what the index knows of a station. The index owns a document that it was given,
// slices included: a caller must not write to it afterwards.
type Document struct {
	ID ID
	// Latitude is within ±90 and Longitude within ±180 degrees, WGS 84.
	Latitude, Longitude float64
	// Version grows with every change of the station. A document older than the one held is ignored.
	Version   int64
	UpdatedAt time.Time
	// Number is another name of the station; 0 when it has none.
	Number int64

	Operator ID     // the zero ID when unknown
	Country  string // ISO 3166-1 alpha-2; empty when unknown
	Access   string // empty when unknown
	// Tags are any further properties of the whole station that searches ask for by name, such as
	// "facility:HOTEL". The index compares them byte for byte.
	Tags []string

	// PriceFrom is what its sort order and ranges go by; nil when unknown.
	PriceFrom *float64
	// Rating is that of a station that the index does not have yet; one that it has keeps the rating it was told of.
	Rating Rating

	EVSEs []EVSE

	// Text is what stations are searched for by: words that are parted by blanks. The index compares their beginnings byte for byte.
	Text string
	// Hours tell when the station is open; nil when that is not known.
	Hours *Hours

	// Item and Common are the part of the rendered search item that neither a status nor a rating changes: JSON objects, of
	// what the station has of its own, with at least one member, and of what many stations have alike;
	// empty when there is nothing. The index keeps the string, so that documents which share one cost its
	// memory once. Serving makes one object of both, and adds distance_m, rating and plots to it.
	Item   []byte
	Common string
}

// EVSE is one outlet unit of a station. It serves one plot, as others of the station may.
type EVSE struct {
	ID ID
	// Plot is the bay that a car stands in; the zero ID when not known, which counts as a bay of its own.
	Plot   ID
	Status Status
	// StatusAt is when Status was reported; zero when nobody ever reported one.
	StatusAt time.Time
	// Traits hold for every connector of the EVSE; see Connector.Traits.
	Traits     []string
	Connectors []Connector
}

// Connector is one plug or socket of an EVSE.
type Connector struct {
	Standard string // OCPI ConnectorType
	PowerW   uint32 // most electric power, below 2^24; 0 when unknown
	// Traits are properties of a plug that searches ask for by name, such as "format:CABLE".
	Traits []string
}

// Status is an OCPI EVSE status.
type Status uint8

// The statuses of OCPI 2.2.1. Only StatusAvailable counts as free.
const (
	StatusUnknown Status = iota
	StatusAvailable
	StatusBlocked
	StatusCharging
	StatusInoperative
	StatusOutOfOrder
	StatusPlanned
	StatusRemoved
	StatusReserved
)

// faulty tells that the EVSE is out of service.
func (s Status) faulty() bool { return s == StatusInoperative || s == StatusOutOfOrder }

var statusNames = [...]string{
	"UNKNOWN", "AVAILABLE", "BLOCKED", "CHARGING", "INOPERATIVE", "OUTOFORDER", "PLANNED", "REMOVED", "RESERVED",
}

// ParseStatus gives the status of that OCPI name; false when there is none.
func ParseStatus(name string) (Status, bool) {
	for i, known := range statusNames {
		if name == known {
			return Status(i), true
		}
	}
	return StatusUnknown, false
}

// String gives the OCPI name.
func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return fmt.Sprintf("Status(%d)", uint8(s))
}

// mostItem keeps the items of a page within 32 bits of length.
const mostItem = 1 << 20

// What makes the index refuse a document.
var (
	ErrPosition = errors.New("position is not on the globe")
	ErrItem     = errors.New("item is not a JSON object with members, or above 1 MiB")
	ErrNumber   = errors.New("price or power is not a number that can be")
	ErrNames    = errors.New("more names than the index can tell apart")
)

func isItem[T []byte | string](object T) bool {
	n := len(object)
	return n >= len(`{"":0}`) && n <= mostItem && object[0] == '{' && object[n-1] == '}'
}

func (d *Document) check() error {
	if !onGlobe(d.Latitude, d.Longitude) {
		return fmt.Errorf("%w: %v, %v", ErrPosition, d.Latitude, d.Longitude)
	}
	if !isItem(d.Item) || d.Common != "" && !isItem(d.Common) {
		return ErrItem
	}
	if price := d.PriceFrom; price != nil && (math.IsNaN(*price) || math.IsInf(*price, 0)) {
		return ErrNumber
	}
	for i := range d.EVSEs {
		for _, c := range d.EVSEs[i].Connectors {
			if c.PowerW > mostPowerW {
				return fmt.Errorf("%w: %d W", ErrNumber, c.PowerW)
			}
		}
	}
	return nil
}
