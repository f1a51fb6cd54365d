package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/openapi"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/mergepatch"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/photo"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// Photos are the pictures that drivers took of stations.
type Photos interface {
	Photos(ctx context.Context, viewer review.Viewer, stationID uuid.UUID, mine bool, before uuid.UUID, limit int) ([]photo.Photo, error)
	Photo(ctx context.Context, viewer review.Viewer, stationID, id uuid.UUID) (photo.Photo, error)
	Picture(ctx context.Context, viewer review.Viewer, stationID, id uuid.UUID, size photo.Size, held bool) (jpeg []byte, public bool, err error)
	// RoomForPhoto gives the photo of a file that was sent before, or a fault when there is no room for one more.
	RoomForPhoto(ctx context.Context, author, stationID uuid.UUID, digest photo.Digest) (*photo.Photo, error)
	CreatePhoto(ctx context.Context, author, stationID uuid.UUID, in photo.Taken) (out photo.Photo, made bool, err error)
	UpdatePhoto(ctx context.Context, viewer review.Viewer, stationID, id uuid.UUID, change func(photo.Photo) (caption string, err error)) (photo.Photo, error)
	RemovePhoto(ctx context.Context, viewer review.Viewer, stationID, id uuid.UUID, allow func(photo.Photo) error) error
	ModeratePhoto(ctx context.Context, moderator, stationID, id uuid.UUID, hide bool, reason string, allow func(photo.Photo) error) (photo.Photo, error)
}

const (
	photosPath  = "/v1/stations/{station_id}/photos"
	photoPath   = photosPath + "/{photo_id}"
	picturePath = photoPath + "/picture.jpg"
	// A copy of a picture is good for as long as an erasure may take to reach every copy.
	pictureCaching = "public, max-age=2592000, immutable"
	hiddenCaching  = "private, no-store"
)

// photoAnswer is a photo with the addresses of its pictures.
func (a *API) photoAnswer(p photo.Photo, status int) jsonAnswer {
	p.Locate(a.Origin)
	return jsonAnswer{status: status, body: p, etag: versionTag(p.Version)}
}

// ListPhotos lists the photos of a station, the newest first.
func (a *API) ListPhotos(ctx context.Context, request ListPhotosRequestObject) (ListPhotosResponseObject, error) {
	viewer, mine := viewerOf(ctx), request.Params.Mine != nil && *request.Params.Mine
	if mine && viewer.Person == uuid.Nil {
		return nil, errNoCaller
	}
	codec := a.photos.For(request.StationId.String() + strconv.FormatBool(mine))
	before := uuid.Max
	if request.Params.Cursor != nil {
		if err := codec.Decode(*request.Params.Cursor, &before); err != nil {
			return nil, err
		}
	}
	limit := page.Size(request.Params.Limit)
	found, err := a.Photos.Photos(ctx, viewer, request.StationId, mine, before, limit+1)
	if survivor, merged := station.Survivor(err); merged {
		at := stationPath(survivor) + "/photos"
		return ListPhotos301Response{ListPhotos301ResponseHeaders{Location: &at}}, nil
	}
	if err != nil {
		return nil, err
	}
	out := list[photo.Photo]{Items: []photo.Photo{}}
	if len(found) > limit {
		found = found[:limit]
		out.NextCursor = codec.Encode(found[limit-1].ID)
	}
	for i := range found {
		found[i].Locate(a.Origin)
	}
	out.Items = append(out.Items, found...)
	tag, err := contentTag(out)
	if err != nil {
		return nil, err
	}
	return jsonAnswer{status: http.StatusOK, body: out, next: out.NextCursor, etag: tag}, nil
}

// GetPhoto reads what is known of a photo.
func (a *API) GetPhoto(ctx context.Context, request GetPhotoRequestObject) (GetPhotoResponseObject, error) {
	p, err := a.Photos.Photo(ctx, viewerOf(ctx), request.StationId, request.PhotoId)
	if survivor, merged := station.Survivor(err); merged {
		at := photo.PathOf(survivor, request.PhotoId)
		return GetPhoto301Response{GetPhoto301ResponseHeaders{Location: &at}}, nil
	}
	if err != nil {
		return nil, err
	}
	return a.photoAnswer(p, http.StatusOK), nil
}

// getPicture answers with the picture, and not at all with one that the caller has.
func (a *API) getPicture(c *fiber.Ctx) error {
	ctx := c.UserContext()
	stationID, id, err := photoIDs(c)
	if err != nil {
		return err
	}
	size := photo.Size(c.Query("size", string(photo.Full)))
	tag := `"` + id.String() + "-" + string(size) + `"`
	held := httpserver.Holds(c, tag)
	jpeg, public, err := a.Photos.Picture(ctx, viewerOf(ctx), stationID, id, size, held)
	if survivor, merged := station.Survivor(err); merged {
		return c.Redirect(photo.PicturePath(survivor, id, size), http.StatusMovedPermanently)
	}
	if err != nil {
		return err
	}
	header := &c.Response().Header
	if header.Set(fiber.HeaderCacheControl, hiddenCaching); public {
		header.Set(fiber.HeaderCacheControl, pictureCaching)
	}
	if httpserver.NotModified(c, tag) {
		return nil
	}
	header.Set(fiber.HeaderContentDisposition, `inline; filename="`+id.String()+"-"+string(size)+`.jpg"`)
	header.SetContentType("image/jpeg")
	c.Response().SetBodyRaw(jpeg)
	return nil
}

// photoIDs are the ids in the path, which the document has checked.
func photoIDs(c *fiber.Ctx) (stationID, id uuid.UUID, err error) {
	stationID, err1 := uuid.Parse(c.Params("station_id"))
	id, err2 := uuid.Parse(c.Params("photo_id"))
	if err := errors.Join(err1, err2); err != nil {
		return stationID, id, photo.ErrNotFound.Because(err)
	}
	return stationID, id, nil
}

// createPhoto takes a picture in and shows it. Whether there is room for it is asked before the work is done, and again when it is stored.
func (a *API) createPhoto(c *fiber.Ctx) error {
	ctx := c.UserContext()
	author, err := person(ctx)
	if err != nil {
		return err
	}
	stationID, err := uuid.Parse(c.Params("station_id"))
	if err != nil {
		return station.ErrNotFound.Because(err)
	}
	if err := lookAtPhoto(c); err != nil {
		return err
	}
	if _, err := a.Store.Version(ctx, stationID); err != nil {
		return err
	}
	file, err := a.desk.Receive(ctx, author.Person, httpserver.BodyReader(c))
	if err != nil {
		return err
	}
	before, err := a.Photos.RoomForPhoto(ctx, author.Person, stationID, photo.DigestOf(file))
	if err != nil {
		return err
	}
	if before != nil {
		return a.sent(c, *before, http.StatusOK)
	}
	taken, err := a.darkroom.Develop(ctx, mediaType(c), file)
	if err != nil {
		return err
	}
	taken.Caption = c.Query("caption")
	stored, made, err := a.Photos.CreatePhoto(ctx, author.Person, stationID, taken)
	switch {
	case err != nil:
		return err
	case made:
		return a.sent(c, stored, http.StatusCreated)
	}
	return a.sent(c, stored, http.StatusOK)
}

func (a *API) sent(c *fiber.Ctx, p photo.Photo, status int) error {
	answer := a.photoAnswer(p, status)
	answer.location = photo.PathOf(p.StationID, p.ID)
	return answer.visit(c)
}

// mediaType is the type of the body, without parameters.
func mediaType(c *fiber.Ctx) string {
	name, _, _ := strings.Cut(string(c.Request().Header.ContentType()), ";")
	return strings.ToLower(strings.TrimSpace(name))
}

// lookAtPhoto gives the faults of a caption in the query.
func lookAtPhoto(c *fiber.Ctx) error {
	faults := review.CheckText("", c.Query("caption"), photo.MostCaption)
	for i := range faults {
		faults[i].Pointer, faults[i].Parameter = "", "caption"
	}
	if len(faults) > 0 {
		return openapi.ErrInvalid.At(faults...)
	}
	return nil
}

// lookAtCaption gives the faults of a caption in a body that the document refuses for others.
func lookAtCaption(c *fiber.Ctx) error {
	var said struct{ Caption string }
	if json.Unmarshal(c.Body(), &said) != nil {
		return nil //nolint:nilerr // the document says what is wrong with such a body
	}
	return checkCaption(said.Caption)
}

func checkCaption(caption string) error {
	if faults := review.CheckText("/caption", caption, photo.MostCaption); len(faults) > 0 {
		return photo.ErrInvalid.At(faults...)
	}
	return nil
}

// UpdatePhoto changes the caption of the caller's own photo.
func (a *API) UpdatePhoto(ctx context.Context, request UpdatePhotoRequestObject) (UpdatePhotoResponseObject, error) {
	author, err := person(ctx)
	if err != nil {
		return nil, err
	}
	patch := either(request.ApplicationMergePatchPlusJSONBody, request.JSONBody)
	changed, err := a.Photos.UpdatePhoto(ctx, author, request.StationId, request.PhotoId, func(p photo.Photo) (string, error) {
		if err := mayChangePhoto(author, &p, request.Params.IfMatch); err != nil {
			return "", err
		}
		out, err := mergepatch.Apply(struct {
			Caption string `json:"caption,omitempty"`
		}{p.Caption}, patch)
		if err != nil {
			return "", photo.ErrInvalid.Detailf("%s", err).Because(err)
		}
		return out.Caption, checkCaption(out.Caption)
	})
	if err != nil {
		return nil, err
	}
	return a.photoAnswer(changed, http.StatusOK), nil
}

// DeletePhoto deletes the caller's own photo.
func (a *API) DeletePhoto(ctx context.Context, request DeletePhotoRequestObject) (DeletePhotoResponseObject, error) {
	author, err := person(ctx)
	if err != nil {
		return nil, err
	}
	err = a.Photos.RemovePhoto(ctx, author, request.StationId, request.PhotoId, func(p photo.Photo) error {
		return mayChangePhoto(author, &p, request.Params.IfMatch)
	})
	if err != nil {
		return nil, err
	}
	return DeletePhoto204Response{}, nil
}

// mayChangePhoto tells whether the photo is the caller's own, and as the caller has seen it.
func mayChangePhoto(author review.Viewer, p *photo.Photo, ifMatch *string) error {
	if p.Author != author.Person {
		return photo.ErrForeign
	}
	return httpserver.CheckIfMatch(ifMatch, versionTag(p.Version))
}

// ModeratePhoto hides a photo, or shows it again.
func (a *API) ModeratePhoto(ctx context.Context, request ModeratePhotoRequestObject) (ModeratePhotoResponseObject, error) {
	p, known := authn.FromContext(ctx)
	if !known {
		return nil, errNoCaller
	}
	reason, faults := moderation(request.Body.Hidden, request.Body.Reason)
	if len(faults) > 0 {
		return nil, photo.ErrInvalid.At(faults...)
	}
	changed, err := a.Photos.ModeratePhoto(ctx, p.Subject, request.StationId, request.PhotoId, request.Body.Hidden, reason, func(p photo.Photo) error {
		return httpserver.CheckIfMatch(request.Params.IfMatch, versionTag(p.Version))
	})
	if err != nil {
		return nil, err
	}
	return a.photoAnswer(changed, http.StatusOK), nil
}
