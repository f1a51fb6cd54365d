package httpapi

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/openapi"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// startImport stages the body as it arrives and leaves the rest to a worker.
func (a *API) startImport(c *fiber.Ctx) error {
	ctx := c.UserContext()
	own, p, err := operatorOf(ctx)
	if err != nil {
		return err
	}
	name := c.Query("format")
	format, ok := a.Formats[name]
	if !ok {
		return transfer.ErrFormat
	}
	source := c.Query("source", name)
	if name == "ndjson" && c.Query("source") != "" {
		return openapi.ErrInvalid.At(fault.Field{Parameter: "source", Code: "unknown", Detail: "must be left out with ndjson, whose lines name their source"})
	}
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("id of an import: %w", err)
	}
	imp := transfer.Import{
		ID: id, Format: name, Source: source, DryRun: c.Query("dry_run") == "true", Operator: own, SubmittedBy: p.Subject.String(),
		Removal: transfer.Removal(c.Query("removal", string(transfer.Keep))), MaxRemovedShare: transfer.MaxRemovedShare,
	}
	if share := c.Query("max_removed_share"); share != "" {
		if imp.MaxRemovedShare, err = strconv.ParseFloat(share, 64); err != nil {
			return openapi.ErrInvalid.At(fault.Field{Parameter: "max_removed_share", Code: "range", Detail: "must be a number from 0 to 1"})
		}
	}
	if err := a.Imports.CreateImport(ctx, imp); err != nil {
		return err
	}
	body := &countingReader{r: httpserver.BodyReader(c)}
	if err := a.receive(ctx, format, imp, body); err != nil {
		return err
	}
	a.Submitted()
	answer, err := a.accepted(ctx, id)
	if err != nil {
		return err
	}
	return answer.visit(c)
}

// receive takes the file in. An import whose file did not arrive says so from then on.
func (a *API) receive(ctx context.Context, format transfer.Format, imp transfer.Import, body *countingReader) error {
	err := transfer.Receive(ctx, a.Imports, format, imp, body, nil)
	if err == nil && body.n == 0 {
		err = transfer.ErrFile.Detailf("the file is empty")
	}
	if err == nil {
		err = a.Imports.Submit(ctx, imp)
	}
	if err == nil {
		return nil
	}
	// The caller may be gone, and the import is to say why it failed.
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if ferr := a.Imports.Finish(stop, imp.ID, transfer.Message(err)); ferr != nil {
		a.Log.ErrorContext(ctx, "the failure of an import was not recorded", "import_id", imp.ID, "error", ferr)
	}
	return err
}

// countingReader counts what was read.
type countingReader struct {
	r io.Reader
	n int64
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.n += int64(n)
	return n, err
}

// visible gives an import that the caller may see; any other is not there.
func (a *API) visible(ctx context.Context, id uuid.UUID) (transfer.Import, error) {
	own, _, err := operatorOf(ctx)
	if err != nil {
		return transfer.Import{}, err
	}
	imp, err := a.Imports.GetImport(ctx, id)
	if err != nil {
		return imp, err
	}
	if own != nil && (imp.Operator == nil || *imp.Operator != *own) {
		return imp, transfer.ErrNotFound
	}
	return imp, nil
}

// GetImport reads an import.
func (a *API) GetImport(ctx context.Context, request GetImportRequestObject) (GetImportResponseObject, error) {
	imp, err := a.visible(ctx, request.ImportId)
	if err != nil {
		return nil, err
	}
	tag, err := contentTag(imp)
	if err != nil {
		return nil, err
	}
	return jsonAnswer{status: http.StatusOK, body: imp, etag: tag}, nil
}

// ListImportFindings reads the report of an import.
func (a *API) ListImportFindings(ctx context.Context, request ListImportFindingsRequestObject) (ListImportFindingsResponseObject, error) {
	if _, err := a.visible(ctx, request.ImportId); err != nil {
		return nil, err
	}
	codec := a.findings.For(request.ImportId.String())
	var place transfer.FindingPlace
	if request.Params.Cursor != nil {
		if err := codec.Decode(*request.Params.Cursor, &place); err != nil {
			return nil, err
		}
	}
	limit := page.Size(request.Params.Limit)
	found, last, err := a.Imports.ListFindings(ctx, request.ImportId, place, limit)
	if err != nil {
		return nil, err
	}
	out := list[transfer.Finding]{Items: append([]transfer.Finding{}, found...)}
	if len(found) == limit {
		more, _, err := a.Imports.ListFindings(ctx, request.ImportId, last, 1)
		if err != nil {
			return nil, err
		}
		if len(more) > 0 {
			out.NextCursor = codec.Encode(last)
		}
	}
	return jsonAnswer{status: http.StatusOK, body: out, next: out.NextCursor}, nil
}
