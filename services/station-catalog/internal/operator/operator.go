// Package operator holds the companies that run stations: OCPI parties, and the tenants that data belongs to.
package operator

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/tariff"
)

// The faults of operators.
var (
	ErrNotFound = fault.Define(fault.NotFound, "operator_not_found", "There is no such operator")
	ErrInvalid  = fault.Define(fault.Invalid, "invalid_operator", "The operator is not valid")
	ErrTaken    = fault.Define(fault.Conflict, "operator_taken", "There is an operator of this country code and party id")
	ErrInUse    = fault.Define(fault.Conflict, "operator_in_use", "The operator has stations")
	ErrForeign  = fault.Define(fault.Forbidden, "foreign_operator", "The operator is another than yours")
	ErrNoCode   = fault.Define(fault.Conflict, "no_operator_code", "All codes for operators that are known by name are taken")
)

// Operator is known by country code and party id.
type Operator struct {
	ID          uuid.UUID `json:"id"`
	Number      int64     `json:"-"` // what Open Charge Map's clients know it by; 0 before the database has given it
	Name        string    `json:"name"`
	CountryCode string    `json:"country_code"` // ISO 3166-1 alpha-2
	PartyID     string    `json:"party_id"`     // three capital letters or digits, OCPI
	Website     string    `json:"website,omitempty"`
	Phone       string    `json:"phone,omitempty"`
	Email       string    `json:"email,omitempty"`
	Version     int64     `json:"version"`
	UpdatedAt   time.Time `json:"updated_at"`
}

// Code is the operator's eMI3 prefix with a star, such as "FR*PD1". It is the name of an operator whose name nobody told.
func (o *Operator) Code() string { return o.CountryCode + "*" + o.PartyID }

var (
	countryPattern = regexp.MustCompile(`^[A-Z]{2}$`)
	partyPattern   = regexp.MustCompile(`^[A-Z0-9]{3}$`)
)

// Validate gives every fault of the operator as JSON pointers into it.
func (o *Operator) Validate() []fault.Field {
	var out []fault.Field
	wrong := func(pointer, code, detail string) {
		out = append(out, fault.Field{Pointer: pointer, Code: code, Detail: detail})
	}
	if !countryPattern.MatchString(o.CountryCode) {
		wrong("/country_code", "pattern", "must be an ISO 3166-1 alpha-2 code")
	}
	if !partyPattern.MatchString(o.PartyID) {
		wrong("/party_id", "pattern", "must be three capital letters or digits")
	}
	if strings.TrimSpace(o.Name) == "" {
		wrong("/name", "required", "must not be empty")
	}
	for pointer, text := range map[string]struct {
		value string
		most  int
	}{"/name": {o.Name, 255}, "/website": {o.Website, 255}, "/phone": {o.Phone, 40}, "/email": {o.Email, 255}} {
		if utf8.RuneCountInString(text.value) > text.most || strings.ContainsFunc(text.value, unicode.IsControl) {
			wrong(pointer, "text", fmt.Sprintf("must be at most %d characters on one line", text.most))
		}
	}
	if o.Website != "" {
		if u, err := url.Parse(o.Website); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			wrong("/website", "format", "must be an http or https URL")
		}
	}
	return out
}

// Told is the operator without what is ours: what its history compares.
func (o Operator) Told() Operator {
	o.ID, o.Version, o.UpdatedAt = uuid.Nil, 0, time.Time{}
	return o
}

// OwnedTariff is a tariff with whose it is.
type OwnedTariff struct {
	Operator uuid.UUID
	Version  int64
	Tariff   tariff.Tariff
}

// DatedTariff is a tariff with when it last changed.
type DatedTariff struct {
	Tariff    tariff.Tariff
	UpdatedAt time.Time
}
