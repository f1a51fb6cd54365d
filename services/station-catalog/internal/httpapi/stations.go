package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/photo"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// GetStation answers the document from the cache, or the database, with the plots, the rating, the photos and the reports as they are now.
func (a *API) GetStation(ctx context.Context, request GetStationRequestObject) (GetStationResponseObject, error) {
	st, err := a.station(ctx, request.StationId)
	if survivor, merged := station.Survivor(err); merged {
		at := stationPath(survivor)
		return GetStation301Response{GetStation301ResponseHeaders{Location: &at}}, nil
	}
	if err != nil {
		return nil, err
	}
	return a.show(ctx, st, http.StatusOK)
}

// station reads a document from the cache, or the database. The version is asked for each time, and is part of the key: what was
// cached of an older one is never found again.
func (a *API) station(ctx context.Context, id uuid.UUID) (station.Station, error) {
	var st station.Station
	version, err := a.Store.Version(ctx, id)
	if err != nil {
		return st, err
	}
	key := id.String() + "/" + strconv.FormatInt(version, 10)
	text, err := a.Cache.Get(ctx, key, func(ctx context.Context) ([]byte, error) {
		st, err := a.Store.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		return json.Marshal(st)
	})
	if err != nil {
		return st, err
	}
	if err := json.Unmarshal(text, &st); err != nil {
		return st, fmt.Errorf("cached station %s: %w", key, err)
	}
	return st, nil
}

// show answers a station with the plots, the rating, the photos and the reports as they are now.
func (a *API) show(ctx context.Context, st station.Station, status int) (jsonAnswer, error) {
	ids := make([]uuid.UUID, len(st.EVSEs))
	for i := range st.EVSEs {
		ids[i] = st.EVSEs[i].ID
	}
	statuses, asOf, err := a.Store.Statuses(ctx, ids)
	if err != nil {
		return jsonAnswer{}, err
	}
	st.Apply(statuses, asOf)
	rating, photos, reports, err := a.Store.Said(ctx, st.ID, photo.MostOfDocument)
	if err != nil {
		return jsonAnswer{}, err
	}
	if rating.Count > 0 {
		st.Rating = &rating
	}
	for i := range photos {
		photos[i].Locate(a.Origin)
		st.Photos = append(st.Photos, photos[i].Shown)
	}
	st.OpenReports = reports
	return jsonAnswer{status: status, body: st, etag: liveTag(&st, photos)}, nil
}

// liveTag is the ETag of a station with its plots: the version, and a fingerprint of what the plots, the ratings, the photos and the reports say.
// Changing a station asks for the version alone.
func liveTag(st *station.Station, photos []photo.Photo) string {
	var h strings.Builder
	for i := range st.EVSEs {
		e := &st.EVSEs[i]
		h.WriteString(string(e.Status))
		if e.PlotID != nil {
			h.Write(e.PlotID[:])
		}
		if e.StatusSince != nil {
			h.WriteString(strconv.FormatInt(e.StatusSince.UnixNano(), 36))
		}
	}
	if st.StatusesAsOf != nil {
		h.WriteString(st.StatusesAsOf.Format(time.RFC3339))
	}
	if st.Rating != nil {
		h.WriteString(strconv.FormatFloat(st.Rating.Average, 'g', -1, 64) + "/" + strconv.FormatInt(st.Rating.Count, 10))
	}
	for _, kind := range slices.Sorted(maps.Keys(st.OpenReports)) {
		h.WriteString(kind + strconv.FormatInt(st.OpenReports[kind], 10))
	}
	for i := range photos {
		h.Write(photos[i].ID[:])
		h.WriteString(strconv.FormatInt(photos[i].Version, 36))
	}
	return `"` + strconv.FormatInt(st.Version, 10) + "." + strconv.FormatUint(fnv(h.String()), 36) + `"`
}

// fnv is FNV-1a: the same on every replica.
func fnv(s string) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * prime
	}
	return h
}

// checkVersion holds an If-Match against the version of a station, whatever its plots say.
func checkVersion(header *string, version int64) error {
	return sameVersion(header, version, station.ErrStale)
}

// sameVersion holds an If-Match against the version that an ETag begins with, whatever follows it.
func sameVersion(header *string, version int64, stale error) error {
	if header == nil {
		return httpserver.ErrPreconditionRequired
	}
	for tag := range strings.SplitSeq(*header, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == "*" {
			return nil
		}
		seen, _, _ := strings.Cut(strings.Trim(tag, `"`), ".")
		if seen == strconv.FormatInt(version, 10) {
			return nil
		}
	}
	return stale
}

// operatorOf is the operator that the caller acts for, or nil when it may act for all.
func operatorOf(ctx context.Context) (*uuid.UUID, authn.Principal, error) {
	p, ok := authn.FromContext(ctx)
	switch {
	case !ok:
		return nil, p, errNoCaller
	case p.Unbound():
		return nil, p, nil
	case p.Operator != uuid.Nil:
		return &p.Operator, p, nil
	}
	return nil, p, errNoOperator
}

var (
	errNoCaller   = fault.Define(fault.Unauthenticated, "unauthenticated", "This needs a bearer token")
	errNoOperator = fault.Define(fault.Forbidden, "no_operator", "The token belongs to no operator")
	errWhose      = fault.Define(fault.Invalid, "operator_required", "It must be said whose station it is")
)

// CreateStation makes a station of the caller's operator; an administrator names one.
func (a *API) CreateStation(ctx context.Context, request CreateStationRequestObject) (CreateStationResponseObject, error) {
	own, p, err := operatorOf(ctx)
	if err != nil {
		return nil, err
	}
	in := request.Body
	switch {
	case own == nil && in.OperatorID == nil:
		return nil, errWhose.At(fault.Field{Pointer: "/operator_id", Code: "required", Detail: "must name the operator, since the token has none"})
	case own == nil:
		own = in.OperatorID
	case in.OperatorID != nil && *in.OperatorID != *own:
		return nil, station.ErrForeign.At(fault.Field{Pointer: "/operator_id", Code: "foreign", Detail: "must be your own operator"})
	}
	created, err := a.Store.Create(ctx, author(p), *own, in.Station())
	if err != nil {
		return nil, err
	}
	answer, err := a.show(ctx, created, http.StatusCreated)
	answer.location = stationPath(created.ID)
	return answer, err
}

// lookAtStation gives the faults of a station's body, or of a patch's, that the document refuses for others: what is wrong with the
// members that can be read. Whether a tariff is known cannot be told from the body alone.
func lookAtStation(c *fiber.Ctx) error {
	if faults := stationFaults(c.Body()); len(faults) > 0 {
		return station.ErrInvalid.At(faults...)
	}
	return nil
}

// stationFaults are those of the members of a station, or of a patch, that can be read.
func stationFaults(text []byte) []fault.Field {
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil || len(members) > mostMembers {
		return nil // the document says what is wrong with it
	}
	st := station.Station{Operator: station.Operator{CountryCode: "ZZ", PartyID: "ZZZ"}}
	for name, value := range members {
		one, err := json.Marshal(map[string]json.RawMessage{name: value})
		if err != nil {
			continue // the document says what is wrong with it
		}
		if with, err := st.Patched(one); err == nil {
			st = with
		}
	}
	return slices.DeleteFunc(st.Validate(), func(f fault.Field) bool {
		name, _, _ := strings.Cut(strings.TrimPrefix(f.Pointer, "/"), "/")
		_, given := members[name]
		return !given || name == "source_id" || f.Code == "unknown"
	})
}

// mostMembers is more than a station has.
const mostMembers = 50

// UpdateStation changes a station of the caller's operator.
func (a *API) UpdateStation(ctx context.Context, request UpdateStationRequestObject) (UpdateStationResponseObject, error) {
	own, p, err := operatorOf(ctx)
	if err != nil {
		return nil, err
	}
	patch := request.ApplicationMergePatchPlusJSONBody
	if patch == nil {
		patch = request.JSONBody
	}
	changed, err := a.Store.Update(ctx, author(p), request.StationId, func(st station.Station) (station.Station, error) {
		if err := mayChange(own, &st, request.Params.IfMatch); err != nil {
			return st, err
		}
		return st.Patched(*patch)
	})
	if err != nil {
		return nil, err
	}
	return a.show(ctx, changed, http.StatusOK)
}

// DeleteStation removes a station of the caller's operator.
func (a *API) DeleteStation(ctx context.Context, request DeleteStationRequestObject) (DeleteStationResponseObject, error) {
	own, p, err := operatorOf(ctx)
	if err != nil {
		return nil, err
	}
	err = a.Store.Remove(ctx, author(p), request.StationId, func(st station.Station) error {
		return mayChange(own, &st, request.Params.IfMatch)
	})
	if err != nil {
		return nil, err
	}
	return DeleteStation204Response{}, nil
}

// mayChange tells whether the caller may change the station, and knows it as it is.
func mayChange(own *uuid.UUID, st *station.Station, ifMatch *string) error {
	if own != nil && *own != st.Operator.ID {
		return station.ErrForeign
	}
	return checkVersion(ifMatch, st.Version)
}

// author is the caller as histories know it.
func author(p authn.Principal) history.Author { return history.Author{Subject: p.Subject.String()} }

func stationPath(id uuid.UUID) string { return "/v1/stations/" + id.String() }
