package httpapi

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/libs/webhook"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
)

// allWebhooks is what whoever may look after accounts sees: webhooks are the installation's, whoever made them.
var allWebhooks = webhook.Scope{All: true}

// WebhookAudit is the audit event of what the caller does to a webhook.
func WebhookAudit(ctx context.Context, kind audit.Kind) audit.Event {
	who, _ := authn.FromContext(ctx)
	if who.Kind == authn.Service {
		return audit.New(kind, uuid.Nil, audit.ByClient(who.ClientID)).From(from(ctx))
	}
	done := audit.New(kind, who.Subject, audit.ByAccount(who.Subject)).From(from(ctx))
	if session, err := uuid.Parse(who.SessionID); err == nil {
		done = done.In(session)
	}
	return done
}

// ListWebhooks returns who is told.
func (a *api) ListWebhooks(ctx context.Context, r ListWebhooksRequestObject) (ListWebhooksResponseObject, error) {
	codec := a.Cursors.For("webhooks")
	after, err := cursorOf[uuid.UUID](codec, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	limit := page.Size(r.Params.Limit)
	found, err := a.Webhooks.List(ctx, allWebhooks, after, limit+1)
	if err != nil {
		return nil, err
	}
	found, more := cut(found, limit)
	list := WebhookList{Items: make([]Webhook, len(found))}
	for i, one := range found {
		list.Items[i] = toAPIWebhook(one)
	}
	if more {
		list.NextCursor = optional(codec.Encode(found[limit-1].ID))
	}
	return ListWebhooks200JSONResponse{
		Body: list, Headers: ListWebhooks200ResponseHeaders{CacheControl: &noStore, Link: linkTo(ctx, list.NextCursor)},
	}, nil
}

// CreateWebhook has an address told.
func (a *api) CreateWebhook(ctx context.Context, r CreateWebhookRequestObject) (CreateWebhookResponseObject, error) {
	who, _ := authn.FromContext(ctx)
	made, secret, err := a.Webhooks.Create(ctx, webhook.Endpoint{
		OwnerID: who.Subject, URL: r.Body.Url, Description: value(r.Body.Description), Types: fromAPITypes(r.Body.Types),
	})
	if err != nil {
		return nil, err
	}
	return CreateWebhook201JSONResponse{toAPIWebhookSecret(made, secret)}, nil
}

// GetWebhook returns one.
func (a *api) GetWebhook(ctx context.Context, r GetWebhookRequestObject) (GetWebhookResponseObject, error) {
	found, err := a.Webhooks.Get(ctx, r.WebhookId, allWebhooks)
	if err != nil {
		return nil, err
	}
	etag := etagOfWebhook(found)
	return GetWebhook200JSONResponse{WebhookJSONResponse{Body: toAPIWebhook(found), Headers: WebhookResponseHeaders{CacheControl: &noStore, ETag: &etag}}}, nil
}

// UpdateWebhook changes one.
func (a *api) UpdateWebhook(ctx context.Context, r UpdateWebhookRequestObject) (UpdateWebhookResponseObject, error) {
	patch := r.JSONBody
	if patch == nil {
		patch = r.ApplicationMergePatchPlusJSONBody
	}
	changed, err := a.Webhooks.Update(ctx, r.WebhookId, allWebhooks, func(e *webhook.Endpoint) error {
		if err := httpserver.CheckIfMatch(r.Params.IfMatch, etagOfWebhook(*e)); err != nil {
			return err
		}
		patchWebhook(e, patch)
		return nil
	})
	if err != nil {
		return nil, err
	}
	etag := etagOfWebhook(changed)
	return UpdateWebhook200JSONResponse{WebhookJSONResponse{Body: toAPIWebhook(changed), Headers: WebhookResponseHeaders{CacheControl: &noStore, ETag: &etag}}}, nil
}

func patchWebhook(e *webhook.Endpoint, patch *WebhookPatch) {
	if patch.Url != nil {
		e.URL = *patch.Url
	}
	if patch.Description != nil {
		e.Description = *patch.Description
	}
	if patch.Types != nil {
		e.Types = fromAPITypes(patch.Types)
	}
	switch {
	case patch.Enabled == nil:
	case *patch.Enabled:
		e.Disabled = webhook.Enabled
	case e.Disabled == webhook.Enabled:
		e.Disabled = webhook.ByOwner
	}
}

// DeleteWebhook ends the telling.
func (a *api) DeleteWebhook(ctx context.Context, r DeleteWebhookRequestObject) (DeleteWebhookResponseObject, error) {
	err := a.Webhooks.Delete(ctx, r.WebhookId, allWebhooks, func(e webhook.Endpoint) error {
		return httpserver.CheckIfMatch(r.Params.IfMatch, etagOfWebhook(e))
	})
	if err != nil {
		return nil, err
	}
	return DeleteWebhook204Response{}, nil
}

// RotateWebhookSecret gives one another secret.
func (a *api) RotateWebhookSecret(ctx context.Context, r RotateWebhookSecretRequestObject) (RotateWebhookSecretResponseObject, error) {
	rotated, secret, err := a.Webhooks.Rotate(ctx, r.WebhookId, allWebhooks, time.Duration(r.Body.KeepHours)*time.Hour)
	if err != nil {
		return nil, err
	}
	return RotateWebhookSecret200JSONResponse{toAPIWebhookSecret(rotated, secret)}, nil
}

// TestWebhook sends a message that tells of nothing.
func (a *api) TestWebhook(ctx context.Context, r TestWebhookRequestObject) (TestWebhookResponseObject, error) {
	d, err := a.Webhooks.Test(ctx, r.WebhookId, allWebhooks)
	if err != nil {
		return nil, err
	}
	return TestWebhook202JSONResponse(toAPIDelivery(d)), nil
}

// ListWebhookDeliveries returns the log.
func (a *api) ListWebhookDeliveries(ctx context.Context, r ListWebhookDeliveriesRequestObject) (ListWebhookDeliveriesResponseObject, error) {
	codec := a.Cursors.For("deliveries of " + r.WebhookId.String())
	before, err := cursorOf[uuid.UUID](codec, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	if _, err := a.Webhooks.Get(ctx, r.WebhookId, allWebhooks); err != nil {
		return nil, err
	}
	state := webhook.State("")
	if r.Params.State != nil {
		state = webhook.State(*r.Params.State)
	}
	limit := page.Size(r.Params.Limit)
	found, err := a.Webhooks.ListDeliveries(ctx, r.WebhookId, before, state, limit+1)
	if err != nil {
		return nil, err
	}
	found, more := cut(found, limit)
	list := WebhookDeliveryList{Items: make([]WebhookDelivery, len(found))}
	for i, one := range found {
		list.Items[i] = toAPIDelivery(one)
	}
	if more {
		list.NextCursor = optional(codec.Encode(found[limit-1].ID))
	}
	return ListWebhookDeliveries200JSONResponse{
		Body: list, Headers: ListWebhookDeliveries200ResponseHeaders{CacheControl: &noStore, Link: linkTo(ctx, list.NextCursor)},
	}, nil
}

// GetWebhookDelivery returns one with its tries.
func (a *api) GetWebhookDelivery(ctx context.Context, r GetWebhookDeliveryRequestObject) (GetWebhookDeliveryResponseObject, error) {
	if _, err := a.Webhooks.Get(ctx, r.WebhookId, allWebhooks); err != nil {
		return nil, err
	}
	d, tries, err := a.Webhooks.GetDelivery(ctx, r.WebhookId, r.DeliveryId)
	if err != nil {
		return nil, err
	}
	out := WebhookDeliveryDetail{Delivery: toAPIDelivery(d), Body: string(d.Body), Tries: make([]WebhookAttempt, len(tries))}
	for i, try := range tries {
		out.Tries[i] = WebhookAttempt{Number: try.Number, At: try.At.UTC(), DurationMs: try.Duration.Milliseconds(), Reason: try.Reason}
		if try.Status != 0 {
			out.Tries[i].Status = &try.Status
		}
	}
	return GetWebhookDelivery200JSONResponse{Body: out, Headers: GetWebhookDelivery200ResponseHeaders{CacheControl: &noStore}}, nil
}

// RedeliverWebhook sends one anew.
func (a *api) RedeliverWebhook(ctx context.Context, r RedeliverWebhookRequestObject) (RedeliverWebhookResponseObject, error) {
	d, err := a.Webhooks.Redeliver(ctx, r.WebhookId, r.DeliveryId, allWebhooks)
	if err != nil {
		return nil, err
	}
	return RedeliverWebhook202JSONResponse(toAPIDelivery(d)), nil
}

func fromAPITypes(types *[]WebhookType) []string {
	if types == nil {
		return nil
	}
	out := make([]string, len(*types))
	for i, kind := range *types {
		out[i] = string(kind)
	}
	return out
}

func etagOfWebhook(e webhook.Endpoint) string { return `"` + strconv.FormatInt(e.Version, 10) + `"` }

func toAPIWebhook(e webhook.Endpoint) Webhook {
	out := Webhook{
		Id: e.ID, Url: e.URL, Description: e.Description, Types: make([]WebhookType, len(e.Types)), Enabled: e.Disabled == webhook.Enabled,
		DisabledReason: optional(string(e.Disabled)), FailingSince: optionalTime(e.FailingSince), DeliveredAt: optionalTime(e.DeliveredAt),
		OldSecretUntil: optionalTime(e.RotatedUntil), CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt,
	}
	for i, kind := range e.Types {
		out.Types[i] = WebhookType(kind)
	}
	return out
}

func toAPIWebhookSecret(e webhook.Endpoint, secret webhook.Secret) WebhookSecretJSONResponse {
	etag := etagOfWebhook(e)
	return WebhookSecretJSONResponse{
		Body:    WebhookSecret{Webhook: toAPIWebhook(e), Secret: secret.Reveal()},
		Headers: WebhookSecretResponseHeaders{CacheControl: &noStore, ETag: &etag},
	}
}

func toAPIDelivery(d webhook.Delivery) WebhookDelivery {
	out := WebhookDelivery{
		Id: d.ID, Type: d.Type, State: WebhookDeliveryState(d.State), Attempts: d.Attempts, CreatedAt: d.CreatedAt.UTC(),
		FinishedAt: optionalTime(d.FinishedAt),
	}
	if d.State == webhook.Pending {
		out.NextAttemptAt = optionalTime(d.DueAt)
	}
	return out
}
