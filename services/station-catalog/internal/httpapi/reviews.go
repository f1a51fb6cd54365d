package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/libs/policy"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/mergepatch"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/reference"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/review"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
)

// Reviews are what drivers say of stations.
type Reviews interface {
	Reviews(ctx context.Context, viewer review.Viewer, stationID uuid.UUID, mine bool, before uuid.UUID, limit int) ([]review.Review, error)
	Review(ctx context.Context, viewer review.Viewer, stationID, id uuid.UUID) (review.Review, error)
	CreateReview(ctx context.Context, author, stationID uuid.UUID, in review.Input) (review.Review, error)
	UpdateReview(ctx context.Context, viewer review.Viewer, stationID, id uuid.UUID, change func(review.Review) (review.Input, error)) (review.Review, error)
	RemoveReview(ctx context.Context, viewer review.Viewer, stationID, id uuid.UUID, allow func(review.Review) error) error
	ModerateReview(ctx context.Context, moderator, stationID, id uuid.UUID, hide bool, reason string, allow func(review.Review) error) (review.Review, error)
}

var errPeopleOnly = fault.Define(fault.Forbidden, "people_only", "Only people say something of stations")

// viewerOf is the caller as reviews and photos know it.
func viewerOf(ctx context.Context) review.Viewer {
	p, known := authn.FromContext(ctx)
	if !known {
		return review.Viewer{}
	}
	return review.Viewer{Person: p.Subject, Moderator: p.May(policy.ReviewsModerate, policy.Row{})}
}

// person is a caller who says something of stations.
func person(ctx context.Context) (review.Viewer, error) {
	p, known := authn.FromContext(ctx)
	switch {
	case !known:
		return review.Viewer{}, errNoCaller
	case p.Kind != authn.User:
		return review.Viewer{}, errPeopleOnly
	}
	return viewerOf(ctx), nil
}

// ListReviews lists the reviews of a station, the newest first.
func (a *API) ListReviews(ctx context.Context, request ListReviewsRequestObject) (ListReviewsResponseObject, error) {
	viewer, mine := viewerOf(ctx), request.Params.Mine != nil && *request.Params.Mine
	if mine && viewer.Person == uuid.Nil {
		return nil, errNoCaller
	}
	codec := a.reviews.For(request.StationId.String() + strconv.FormatBool(mine))
	before := uuid.Max
	if request.Params.Cursor != nil {
		if err := codec.Decode(*request.Params.Cursor, &before); err != nil {
			return nil, err
		}
	}
	limit := page.Size(request.Params.Limit)
	found, err := a.Reviews.Reviews(ctx, viewer, request.StationId, mine, before, limit+1)
	if survivor, merged := station.Survivor(err); merged {
		at := reviewsPath(survivor)
		return ListReviews301Response{ListReviews301ResponseHeaders{Location: &at}}, nil
	}
	if err != nil {
		return nil, err
	}
	ratings, err := a.Store.Ratings(ctx, []uuid.UUID{request.StationId})
	if err != nil {
		return nil, err
	}
	out := struct {
		list[review.Review]
		Rating *review.Rating `json:"rating"`
	}{list: list[review.Review]{Items: []review.Review{}}}
	if rating, rated := ratings[request.StationId]; rated {
		out.Rating = &rating
	}
	if len(found) > limit {
		found = found[:limit]
		out.NextCursor = codec.Encode(found[limit-1].ID)
	}
	out.Items = append(out.Items, found...)
	tag, err := contentTag(out)
	if err != nil {
		return nil, err
	}
	return jsonAnswer{status: http.StatusOK, body: out, next: out.NextCursor, etag: tag}, nil
}

// GetReview reads one review.
func (a *API) GetReview(ctx context.Context, request GetReviewRequestObject) (GetReviewResponseObject, error) {
	r, err := a.Reviews.Review(ctx, viewerOf(ctx), request.StationId, request.ReviewId)
	if err != nil {
		return nil, err
	}
	return jsonAnswer{status: http.StatusOK, body: r, etag: versionTag(r.Version)}, nil
}

// CreateReview stores the caller's review of a station.
func (a *API) CreateReview(ctx context.Context, request CreateReviewRequestObject) (CreateReviewResponseObject, error) {
	author, err := person(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.checkReview(request.Body); err != nil {
		return nil, err
	}
	made, err := a.Reviews.CreateReview(ctx, author.Person, request.StationId, *request.Body)
	if err != nil {
		return nil, err
	}
	return jsonAnswer{
		status: http.StatusCreated, body: made, etag: versionTag(made.Version), location: reviewsPath(made.StationID) + "/" + made.ID.String(),
	}, nil
}

// checkReview tells what is wrong with a review, its vehicle included, which the domain does not know.
func (a *API) checkReview(in *review.Input) error {
	faults := in.Validate()
	if in.Vehicle != "" {
		if _, err := a.Vehicles.Get(in.Vehicle); err != nil {
			faults = append(faults, fault.Field{
				Pointer: "/vehicle", Code: "enum", Detail: strconv.Quote(in.Vehicle) + " is not known; GET /v1/reference lists the values",
			})
		}
	}
	if len(faults) > 0 {
		return review.ErrInvalid.At(faults...)
	}
	return nil
}

// lookAtReview gives the faults of a review's body, or of a patch's, that the document refuses for others: what is wrong with the texts.
func (a *API) lookAtReview(c *fiber.Ctx) error {
	var members map[string]json.RawMessage
	if json.Unmarshal(c.Body(), &members) != nil {
		return nil //nolint:nilerr // the document says what is wrong with such a body
	}
	in := review.Input{Outcome: reference.VisitOutcomes[0].Value}
	for name, text := range map[string]*string{"comment": &in.Comment, "connector": &in.Connector, "vehicle": &in.Vehicle} {
		_ = json.Unmarshal(members[name], text) // the document says what is wrong with what is no text
	}
	return a.checkReview(&in)
}

// UpdateReview changes the caller's own review.
func (a *API) UpdateReview(ctx context.Context, request UpdateReviewRequestObject) (UpdateReviewResponseObject, error) {
	author, err := person(ctx)
	if err != nil {
		return nil, err
	}
	patch := either(request.ApplicationMergePatchPlusJSONBody, request.JSONBody)
	changed, err := a.Reviews.UpdateReview(ctx, author, request.StationId, request.ReviewId, func(r review.Review) (review.Input, error) {
		if err := mayChangeReview(author, &r, request.Params.IfMatch); err != nil {
			return r.Input, err
		}
		out, err := mergepatch.Apply(r.Input, patch)
		if err != nil {
			return r.Input, review.ErrInvalid.Detailf("%s", err).Because(err)
		}
		if out.Vehicle == r.Vehicle { // it was known when it was written
			return out, nil
		}
		return out, a.checkReview(&out)
	})
	if err != nil {
		return nil, err
	}
	return jsonAnswer{status: http.StatusOK, body: changed, etag: versionTag(changed.Version)}, nil
}

// DeleteReview deletes the caller's own review.
func (a *API) DeleteReview(ctx context.Context, request DeleteReviewRequestObject) (DeleteReviewResponseObject, error) {
	author, err := person(ctx)
	if err != nil {
		return nil, err
	}
	err = a.Reviews.RemoveReview(ctx, author, request.StationId, request.ReviewId, func(r review.Review) error {
		return mayChangeReview(author, &r, request.Params.IfMatch)
	})
	if err != nil {
		return nil, err
	}
	return DeleteReview204Response{}, nil
}

// mayChangeReview tells whether the review is the caller's own, and as the caller has seen it.
func mayChangeReview(author review.Viewer, r *review.Review, ifMatch *string) error {
	if r.Author != author.Person {
		return review.ErrForeign
	}
	return httpserver.CheckIfMatch(ifMatch, versionTag(r.Version))
}

// ModerateReview hides a review, or shows it again.
func (a *API) ModerateReview(ctx context.Context, request ModerateReviewRequestObject) (ModerateReviewResponseObject, error) {
	p, known := authn.FromContext(ctx)
	if !known {
		return nil, errNoCaller
	}
	reason, faults := moderation(request.Body.Hidden, request.Body.Reason)
	if len(faults) > 0 {
		return nil, review.ErrInvalid.At(faults...)
	}
	changed, err := a.Reviews.ModerateReview(ctx, p.Subject, request.StationId, request.ReviewId, request.Body.Hidden, reason, func(r review.Review) error {
		return httpserver.CheckIfMatch(request.Params.IfMatch, versionTag(r.Version))
	})
	if err != nil {
		return nil, err
	}
	return jsonAnswer{status: http.StatusOK, body: changed, etag: versionTag(changed.Version)}, nil
}

// moderation reads what a moderator says, and tells what is wrong with it.
func moderation(hidden bool, said *string) (reason string, faults []fault.Field) {
	if said != nil {
		reason = *said
	}
	faults = review.CheckText("/reason", reason, review.MostReason)
	if reason != "" && !hidden {
		faults = append(faults, fault.Field{Pointer: "/reason", Code: "dependency", Detail: "must stand beside hidden: true"})
	}
	return reason, faults
}

func reviewsPath(stationID uuid.UUID) string { return stationPath(stationID) + "/reviews" }
