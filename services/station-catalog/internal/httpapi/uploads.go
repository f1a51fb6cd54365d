package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/openapi"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/importer"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// The headers of uploads that can be resumed (draft-ietf-httpbis-resumable-upload).
const (
	headerUploadOffset   = "Upload-Offset"
	headerUploadComplete = "Upload-Complete"
	complete             = "?1"
	incomplete           = "?0"
)

// uploadAnswer is an upload, in its headers and as a document.
type uploadAnswer struct {
	transfer.Upload
	status int
}

func (u uploadAnswer) visit(c *fiber.Ctx) error {
	tellUpload(c, u.Length, u.Complete)
	c.Set(fiber.HeaderCacheControl, "no-store")
	at := uploadPath(u.ID)
	if u.ImportID != nil {
		at = importPath(*u.ImportID)
	}
	return jsonAnswer{status: u.status, body: u.Upload, location: at}.visit(c)
}

func (u uploadAnswer) VisitOpenImportUploadResponse(c *fiber.Ctx) error { return u.visit(c) }
func (u uploadAnswer) VisitGetImportUploadResponse(c *fiber.Ctx) error  { return u.visit(c) }

func tellUpload(c *fiber.Ctx, length int64, whole bool) {
	c.Set(headerUploadOffset, strconv.FormatInt(length, 10))
	said := incomplete
	if whole {
		said = complete
	}
	c.Set(headerUploadComplete, said)
}

func uploadPath(id uuid.UUID) string { return "/v1/imports/uploads/" + id.String() }

func importPath(id uuid.UUID) string { return "/v1/imports/" + id.String() }

// OpenImportUpload begins an upload.
func (a *API) OpenImportUpload(ctx context.Context, request OpenImportUploadRequestObject) (OpenImportUploadResponseObject, error) {
	own, p, err := operatorOf(ctx)
	if err != nil {
		return nil, err
	}
	in := request.Body
	u := transfer.Upload{
		Format: string(in.Format), Source: string(in.Format), DryRun: in.DryRun != nil && *in.DryRun, Operator: own,
		SubmittedBy: p.Subject.String(), Removal: transfer.Keep, MaxRemovedShare: transfer.MaxRemovedShare,
	}
	if in.Source != nil {
		if u.Source = *in.Source; u.Format == importer.NDJSON {
			return nil, openapi.ErrInvalid.At(fault.Field{Pointer: "/source", Code: "contradiction", Detail: "must be left out with ndjson, whose lines name their source"})
		}
	}
	if in.Removal != nil {
		u.Removal = transfer.Removal(*in.Removal)
	}
	if in.MaxRemovedShare != nil {
		u.MaxRemovedShare = float64(*in.MaxRemovedShare)
	}
	if u.ID, err = uuid.NewV7(); err != nil {
		return nil, fmt.Errorf("id of an upload: %w", err)
	}
	if u, err = a.Uploads.OpenUpload(ctx, u); err != nil {
		return nil, err
	}
	return uploadAnswer{u, http.StatusCreated}, nil
}

// upload gives an upload of the caller's; any other is not there.
func (a *API) upload(ctx context.Context, id uuid.UUID) (transfer.Upload, error) {
	_, p, err := operatorOf(ctx)
	if err != nil {
		return transfer.Upload{}, err
	}
	u, err := a.Uploads.GetUpload(ctx, id)
	if err == nil && u.SubmittedBy != p.Subject.String() {
		err = transfer.ErrUploadNotFound
	}
	return u, err
}

// GetImportUpload tells how much has arrived.
func (a *API) GetImportUpload(ctx context.Context, request GetImportUploadRequestObject) (GetImportUploadResponseObject, error) {
	u, err := a.upload(ctx, request.UploadId)
	if err != nil {
		return nil, err
	}
	return uploadAnswer{u, http.StatusOK}, nil
}

// DropImportUpload forgets an upload.
func (a *API) DropImportUpload(ctx context.Context, request DropImportUploadRequestObject) (DropImportUploadResponseObject, error) {
	u, err := a.upload(ctx, request.UploadId)
	if err != nil {
		return nil, err
	}
	if err := a.Uploads.DropUpload(ctx, u.ID); err != nil {
		return nil, err
	}
	return DropImportUpload204Response{}, nil
}

// appendImportUpload stores the body as it arrives, and stages the file when that was its end. Whoever is not told how that went
// sends an empty end again: nothing is lost until the import is there.
func (a *API) appendImportUpload(c *fiber.Ctx) error {
	ctx := c.UserContext()
	id, err := uuid.Parse(c.Params("upload_id"))
	if err != nil {
		return transfer.ErrUploadNotFound
	}
	u, err := a.upload(ctx, id)
	if err != nil {
		return err
	}
	if u.Complete || c.Get(headerUploadOffset) != strconv.FormatInt(u.Length, 10) {
		return transfer.ErrUploadOffset.With("upload_offset", u.Length)
	}
	if u.Length, err = transfer.Append(ctx, a.Uploads, u, httpserver.BodyReader(c)); err != nil {
		return err
	}
	if c.Get(headerUploadComplete) != complete {
		tellUpload(c, u.Length, false)
		return c.SendStatus(http.StatusNoContent)
	}
	answer, err := a.stage(ctx, u)
	if err != nil {
		return err
	}
	tellUpload(c, u.Length, true)
	return answer.visit(c)
}

// stage makes an import of a whole upload. One that cannot be read stays a failed import; what failed for a passing reason may be
// ended again.
func (a *API) stage(ctx context.Context, u transfer.Upload) (jsonAnswer, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return jsonAnswer{}, fmt.Errorf("id of an import: %w", err)
	}
	imp := u.Import(id)
	if err := a.Imports.CreateImport(ctx, imp); err != nil {
		return jsonAnswer{}, err
	}
	err = a.receive(ctx, a.Formats[u.Format], imp, &countingReader{r: u.Reader(ctx, a.Uploads)})
	if err == nil || transfer.Hopeless(err) {
		if ended := a.Uploads.EndUpload(ctx, u.ID, id); ended != nil {
			return jsonAnswer{}, ended
		}
	}
	if err != nil {
		return jsonAnswer{}, err
	}
	a.Submitted()
	return a.accepted(ctx, id)
}
