package httpapi

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/nullable"

	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/libs/webhook"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/access"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/subscription"
)

// Webhooks keeps webhooks and the log of their deliveries; libs/webhook's Store is one.
type Webhooks interface {
	Create(ctx context.Context, e webhook.Endpoint) (webhook.Endpoint, webhook.Secret, error)
	Get(ctx context.Context, id uuid.UUID, scope webhook.Scope) (webhook.Endpoint, error)
	List(ctx context.Context, scope webhook.Scope, after uuid.UUID, limit int) ([]webhook.Endpoint, error)
	Update(ctx context.Context, id uuid.UUID, scope webhook.Scope, change func(*webhook.Endpoint) error) (webhook.Endpoint, error)
	Delete(ctx context.Context, id uuid.UUID, scope webhook.Scope, check func(webhook.Endpoint) error) error
	Rotate(ctx context.Context, id uuid.UUID, scope webhook.Scope, keep time.Duration) (webhook.Endpoint, webhook.Secret, error)
	Test(ctx context.Context, id uuid.UUID, scope webhook.Scope) (webhook.Delivery, error)
	ListDeliveries(ctx context.Context, endpoint, before uuid.UUID, state webhook.State, limit int) ([]webhook.Delivery, error)
	GetDelivery(ctx context.Context, endpoint, id uuid.UUID) (webhook.Delivery, []webhook.Attempt, error)
	Redeliver(ctx context.Context, endpoint, id uuid.UUID, scope webhook.Scope) (webhook.Delivery, error)
}

// webhooksOf is whose webhooks a caller may see: their own and those of the operator they work for.
func webhooksOf(c access.Caller) webhook.Scope {
	return webhook.Scope{OwnerID: c.ID, OperatorID: c.Operator}
}

// ToAPIWebhook writes a webhook as the API says it.
func ToAPIWebhook(e webhook.Endpoint) (Webhook, error) {
	filter, err := subscription.DecodeFilter(e.Filter)
	if err != nil {
		return Webhook{}, err
	}
	out := Webhook{
		Id: e.ID, OperatorId: idOrNull(e.OperatorID), Url: e.URL, Description: e.Description, Types: make([]WebhookType, len(e.Types)),
		StationIds: append([]uuid.UUID{}, filter.StationIDs...), PlotIds: append([]uuid.UUID{}, filter.PlotIDs...),
		Enabled: e.Disabled == webhook.Enabled, DisabledReason: string(e.Disabled), FailingSince: timeOrNull(e.FailingSince),
		DeliveredAt: timeOrNull(e.DeliveredAt), OldSecretUntil: timeOrNull(e.RotatedUntil),
		CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt, Version: e.Version,
	}
	for i, t := range e.Types {
		out.Types[i] = WebhookType(t)
	}
	return out, nil
}

// ToAPIDelivery writes a delivery as the API says it.
func ToAPIDelivery(d webhook.Delivery) WebhookDelivery {
	out := WebhookDelivery{
		Id: d.ID, Type: d.Type, State: WebhookDeliveryState(d.State), Attempts: d.Attempts, NextAttemptAt: nullable.NewNullNullable[time.Time](),
		CreatedAt: d.CreatedAt, FinishedAt: timeOrNull(d.FinishedAt),
	}
	if d.State == webhook.Pending {
		out.NextAttemptAt.Set(d.DueAt)
	}
	return out
}

func fromAPITypes(types []WebhookType) []string {
	out := make([]string, len(types))
	for i, t := range types {
		out[i] = string(t)
	}
	return out
}

// ListWebhooks implements StrictServerInterface.
func (a *API) ListWebhooks(ctx context.Context, request ListWebhooksRequestObject) (ListWebhooksResponseObject, error) {
	after, err := decodeID(a.webhookCursors, request.Params.Cursor)
	if err != nil {
		return nil, err
	}
	limit := page.Size(request.Params.Limit)
	found, err := a.Webhooks.List(ctx, webhooksOf(caller(ctx)), after, limit+1)
	if err != nil {
		return nil, err
	}
	found, more := pageOf(found, limit)
	out := WebhookPage{Items: make([]Webhook, len(found))}
	for i, e := range found {
		if out.Items[i], err = ToAPIWebhook(e); err != nil {
			return nil, err
		}
	}
	if more {
		out.NextCursor = a.webhookCursors.Encode(idCursor{found[len(found)-1].ID})
	}
	return out, nil
}

// CreateWebhook implements StrictServerInterface.
func (a *API) CreateWebhook(ctx context.Context, request CreateWebhookRequestObject) (CreateWebhookResponseObject, error) {
	body, who := request.Body, caller(ctx)
	filter := subscription.Filter{StationIDs: orZero(body.StationIds), PlotIDs: orZero(body.PlotIds)}
	e, secret, err := a.Webhooks.Create(ctx, webhook.Endpoint{
		OwnerID: who.ID, OperatorID: who.Operator, URL: body.Url, Description: orZero(body.Description), Types: fromAPITypes(body.Types),
		Filter: filter.Encode(),
	})
	if err != nil {
		return nil, err
	}
	out, err := ToAPIWebhook(e)
	if err != nil {
		return nil, err
	}
	location := "/v1/webhooks/" + e.ID.String()
	return CreateWebhook201JSONResponse{
		Body: NewWebhook{Webhook: out, Secret: secret.Reveal()}, Headers: CreateWebhook201ResponseHeaders{Location: &location},
	}, nil
}

// GetWebhook implements StrictServerInterface.
func (a *API) GetWebhook(ctx context.Context, request GetWebhookRequestObject) (GetWebhookResponseObject, error) {
	e, err := a.Webhooks.Get(ctx, request.WebhookId, webhooksOf(caller(ctx)))
	if err != nil {
		return nil, err
	}
	out, err := ToAPIWebhook(e)
	return GetWebhook200JSONResponse{Body: out, Headers: GetWebhook200ResponseHeaders{ETag: etag(e.Version)}}, err
}

// UpdateWebhook implements StrictServerInterface.
func (a *API) UpdateWebhook(ctx context.Context, request UpdateWebhookRequestObject) (UpdateWebhookResponseObject, error) {
	body := request.JSONBody
	if body == nil {
		body = request.ApplicationMergePatchPlusJSONBody
	}
	if body == nil {
		return nil, errNoPatch
	}
	e, err := a.Webhooks.Update(ctx, request.WebhookId, webhooksOf(caller(ctx)), func(e *webhook.Endpoint) error {
		if err := httpserver.CheckIfMatch(request.Params.IfMatch, *etag(e.Version)); err != nil {
			return err
		}
		return patchWebhook(e, *body)
	})
	if err != nil {
		return nil, err
	}
	out, err := ToAPIWebhook(e)
	return UpdateWebhook200JSONResponse{Body: out, Headers: UpdateWebhook200ResponseHeaders{ETag: etag(e.Version)}}, err
}

func patchWebhook(e *webhook.Endpoint, body WebhookPatch) error {
	filter, err := subscription.DecodeFilter(e.Filter)
	if err != nil {
		return err
	}
	if body.Url != nil {
		e.URL = *body.Url
	}
	if body.Description != nil {
		e.Description = *body.Description
	}
	if body.Types != nil {
		e.Types = fromAPITypes(*body.Types)
	}
	if body.StationIds != nil {
		filter.StationIDs = *body.StationIds
	}
	if body.PlotIds != nil {
		filter.PlotIDs = *body.PlotIds
	}
	e.Filter = filter.Encode()
	switch {
	case body.Enabled == nil:
	case *body.Enabled:
		e.Disabled = webhook.Enabled
	case e.Disabled == webhook.Enabled:
		e.Disabled = webhook.ByOwner
	}
	return nil
}

// DeleteWebhook implements StrictServerInterface.
func (a *API) DeleteWebhook(ctx context.Context, request DeleteWebhookRequestObject) (DeleteWebhookResponseObject, error) {
	err := a.Webhooks.Delete(ctx, request.WebhookId, webhooksOf(caller(ctx)), func(e webhook.Endpoint) error {
		return httpserver.CheckIfMatch(request.Params.IfMatch, *etag(e.Version))
	})
	if err != nil {
		return nil, err
	}
	return DeleteWebhook204Response{}, nil
}

// RotateWebhookSecret implements StrictServerInterface.
func (a *API) RotateWebhookSecret(ctx context.Context, request RotateWebhookSecretRequestObject) (RotateWebhookSecretResponseObject, error) {
	keep := time.Duration(request.Body.KeepHours) * time.Hour
	e, secret, err := a.Webhooks.Rotate(ctx, request.WebhookId, webhooksOf(caller(ctx)), keep)
	if err != nil {
		return nil, err
	}
	out, err := ToAPIWebhook(e)
	return RotateWebhookSecret200JSONResponse{Webhook: out, Secret: secret.Reveal()}, err
}

// TestWebhook implements StrictServerInterface.
func (a *API) TestWebhook(ctx context.Context, request TestWebhookRequestObject) (TestWebhookResponseObject, error) {
	d, err := a.Webhooks.Test(ctx, request.WebhookId, webhooksOf(caller(ctx)))
	if err != nil {
		return nil, err
	}
	return TestWebhook202JSONResponse(ToAPIDelivery(d)), nil
}

// ListWebhookDeliveries implements StrictServerInterface.
func (a *API) ListWebhookDeliveries(ctx context.Context, request ListWebhookDeliveriesRequestObject) (ListWebhookDeliveriesResponseObject, error) {
	before, err := decodeID(a.deliveryCursors, request.Params.Cursor)
	if err != nil {
		return nil, err
	}
	if _, err := a.Webhooks.Get(ctx, request.WebhookId, webhooksOf(caller(ctx))); err != nil {
		return nil, err
	}
	limit := page.Size(request.Params.Limit)
	found, err := a.Webhooks.ListDeliveries(ctx, request.WebhookId, before, webhook.State(orZero(request.Params.State)), limit+1)
	if err != nil {
		return nil, err
	}
	found, more := pageOf(found, limit)
	out := WebhookDeliveryPage{Items: make([]WebhookDelivery, len(found))}
	for i, d := range found {
		out.Items[i] = ToAPIDelivery(d)
	}
	if more {
		out.NextCursor = a.deliveryCursors.Encode(idCursor{found[len(found)-1].ID})
	}
	return out, nil
}

// GetWebhookDelivery implements StrictServerInterface.
func (a *API) GetWebhookDelivery(ctx context.Context, request GetWebhookDeliveryRequestObject) (GetWebhookDeliveryResponseObject, error) {
	if _, err := a.Webhooks.Get(ctx, request.WebhookId, webhooksOf(caller(ctx))); err != nil {
		return nil, err
	}
	d, tries, err := a.Webhooks.GetDelivery(ctx, request.WebhookId, request.DeliveryId)
	if err != nil {
		return nil, err
	}
	out := WebhookDeliveryDetail{Delivery: ToAPIDelivery(d), Body: string(d.Body), Tries: make([]WebhookAttempt, len(tries))}
	for i, t := range tries {
		out.Tries[i] = WebhookAttempt{
			Number: t.Number, At: t.At, DurationMs: t.Duration.Milliseconds(), Status: nullable.NewNullNullable[int](), Reason: t.Reason,
		}
		if t.Status != 0 {
			out.Tries[i].Status.Set(t.Status)
		}
	}
	return GetWebhookDelivery200JSONResponse(out), nil
}

// RedeliverWebhook implements StrictServerInterface.
func (a *API) RedeliverWebhook(ctx context.Context, request RedeliverWebhookRequestObject) (RedeliverWebhookResponseObject, error) {
	d, err := a.Webhooks.Redeliver(ctx, request.WebhookId, request.DeliveryId, webhooksOf(caller(ctx)))
	if err != nil {
		return nil, err
	}
	return RedeliverWebhook202JSONResponse(ToAPIDelivery(d)), nil
}
