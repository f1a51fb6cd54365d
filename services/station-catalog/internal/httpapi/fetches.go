package httpapi

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/openapi"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/importer"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/peer"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// FetchImport has a file fetched and imported.
func (a *API) FetchImport(ctx context.Context, request FetchImportRequestObject) (FetchImportResponseObject, error) {
	own, p, err := operatorOf(ctx)
	if err != nil {
		return nil, err
	}
	in := request.Body
	imp := transfer.Import{
		Format: string(in.Format), Source: string(in.Format), Operator: own, SubmittedBy: p.Subject.String(),
		Removal: transfer.Keep, MaxRemovedShare: transfer.MaxRemovedShare,
	}
	if in.Source != nil {
		imp.Source = *in.Source
	}
	if in.Removal != nil {
		imp.Removal = transfer.Removal(*in.Removal)
	}
	if in.MaxRemovedShare != nil {
		imp.MaxRemovedShare = float64(*in.MaxRemovedShare)
	}
	imp.DryRun = in.DryRun != nil && *in.DryRun
	if faults := fetchFaults(in, imp.Removal); len(faults) > 0 {
		return nil, openapi.ErrInvalid.At(faults...)
	}
	target, token := in.Url, ""
	if in.Token != nil {
		token = *in.Token
	}
	if in.DateFrom != nil {
		if target, err = peer.Since(in.Url, *in.DateFrom); err != nil {
			return nil, err
		}
	}
	if err := a.Fetches.Check(target); err != nil {
		return nil, fault.Of(err).At(fault.Field{Pointer: "/url", Code: "address", Detail: "must lead to a public address"})
	}
	if imp.ID, err = uuid.NewV7(); err != nil {
		return nil, fmt.Errorf("id of an import: %w", err)
	}
	id, err := a.Fetches.Open(ctx, imp, target, token)
	if err != nil {
		return nil, err
	}
	return a.accepted(ctx, id)
}

// accepted answers an import that is under way.
func (a *API) accepted(ctx context.Context, id uuid.UUID) (jsonAnswer, error) {
	stored, err := a.Imports.GetImport(ctx, id)
	if err != nil {
		return jsonAnswer{}, err
	}
	return jsonAnswer{status: http.StatusAccepted, body: stored, location: importPath(id)}, nil
}

// fetchFaults names what contradicts itself.
func fetchFaults(in *FetchImportJSONRequestBody, removal transfer.Removal) []fault.Field {
	var out []fault.Field
	wrong := func(pointer, detail string) {
		out = append(out, fault.Field{Pointer: pointer, Code: "contradiction", Detail: detail})
	}
	format := string(in.Format)
	if in.Source != nil && format == importer.NDJSON {
		wrong("/source", "must be left out with ndjson, whose lines name their source")
	}
	if in.Token != nil && format != importer.OCPI {
		wrong("/token", "is for OCPI peers alone")
	}
	if in.DateFrom != nil && format != importer.OCPI {
		wrong("/date_from", "is for OCPI peers alone")
	}
	if in.DateFrom != nil && removal == transfer.Mark {
		wrong("/date_from", "must be left out when what is not listed is removed")
	}
	return out
}
