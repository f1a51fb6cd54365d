package httpapi

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/contribution"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/reference"
)

// Contributions are what people have said, over all stations.
type Contributions interface {
	Contributions(ctx context.Context, person uuid.UUID, kinds []string, stationID, before uuid.UUID, limit int) ([]contribution.Contribution, error)
}

// ListContributions lists what the caller has said.
func (a *API) ListContributions(ctx context.Context, request ListContributionsRequestObject) (ListContributionsResponseObject, error) {
	caller, err := person(ctx)
	if err != nil {
		return nil, err
	}
	asked := commaJoined[string](request.Params.Kind)
	var kinds []string // each once
	for _, kind := range reference.ContributionKinds {
		if len(asked) == 0 || slices.Contains(asked, kind.Value) {
			kinds = append(kinds, kind.Value)
		}
	}
	var of uuid.UUID
	if request.Params.StationId != nil {
		of = *request.Params.StationId
	}
	codec, before := a.contributions.For(fmt.Sprint(caller.Person, kinds, of)), uuid.Max
	if request.Params.Cursor != nil {
		if err := codec.Decode(*request.Params.Cursor, &before); err != nil {
			return nil, err
		}
	}
	limit := page.Size(request.Params.Limit)
	found, err := a.Contributions.Contributions(ctx, caller.Person, kinds, of, before, limit+1)
	if err != nil {
		return nil, err
	}
	for i := range found {
		if p := found[i].Photo; p != nil {
			p.Locate(a.Origin)
		}
		found[i].Link = links[found[i].Kind](found[i].Station.ID) + "/" + found[i].ID.String()
	}
	return paged(found, limit, func(last *contribution.Contribution) string { return codec.Encode(last.ID) })
}

// links are the paths of what was said of a station, by kind.
var links = map[string]func(stationID uuid.UUID) string{
	contribution.Review: reviewsPath,
	contribution.Report: reportsPath,
	contribution.Photo:  func(stationID uuid.UUID) string { return stationPath(stationID) + "/photos" },
}
