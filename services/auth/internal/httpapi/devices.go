package httpapi

import (
	"context"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/session"
)

// ListSessions returns the caller's logins.
func (a *api) ListSessions(ctx context.Context, r ListSessionsRequestObject) (ListSessionsResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	codec := a.Cursors.For("sessions of " + holder.Account.String())
	before, err := cursorOf[uuid.UUID](codec, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	limit := page.Size(r.Params.Limit)
	found, err := a.Devices.List(ctx, holder, before, limit+1)
	if err != nil {
		return nil, err
	}
	found, more := cut(found, limit)
	list := SessionList{Items: make([]Session, len(found))}
	for i, one := range found {
		list.Items[i] = toAPISession(one, holder.Session)
	}
	if more {
		list.NextCursor = optional(codec.Encode(found[limit-1].Session))
	}
	return ListSessions200JSONResponse{
		Body: list, Headers: ListSessions200ResponseHeaders{CacheControl: &noStore, Link: linkTo(ctx, list.NextCursor)},
	}, nil
}

// EndSession ends one of them.
func (a *api) EndSession(ctx context.Context, r EndSessionRequestObject) (EndSessionResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.Devices.End(ctx, holder, r.SessionId, from(ctx)); err != nil {
		return nil, err
	}
	return EndSession204Response{}, nil
}

func toAPISession(d session.Device, current uuid.UUID) Session {
	return Session{
		Id: d.Session, ClientId: d.Client, DeviceName: optional(d.Name), Agent: optional(d.Agent), Area: optional(d.Area),
		Remembered: d.Remembered, Current: d.Session == current, CreatedAt: d.Began.UTC(), LastSeenAt: d.LastUsed.UTC(), ExpiresAt: d.Expires.UTC(),
	}
}
