package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
)

// ListAuditEvents tells who did what.
func (a *api) ListAuditEvents(ctx context.Context, r ListAuditEventsRequestObject) (ListAuditEventsResponseObject, error) {
	by, err := a.overseerOf(ctx)
	if err != nil {
		return nil, err
	}
	if by.Within != uuid.Nil {
		return nil, role.ErrMayNot
	}
	filter := fromAPIAuditFilter(r.Params)
	// A cursor belongs to the filter that it was made with.
	codec := a.Cursors.For(fmt.Sprintf("audit events %+v", filter))
	before, err := cursorOf[audit.Place](codec, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	limit := page.Size(r.Params.Limit)
	found, err := a.Trail.List(ctx, filter, before, limit+1)
	if err != nil {
		return nil, err
	}
	found, more := cut(found, limit)
	list := AuditEventList{Items: make([]AuditEvent, len(found))}
	for i, one := range found {
		list.Items[i] = toAPIAuditEvent(one)
	}
	if more {
		last := found[limit-1]
		list.NextCursor = optional(codec.Encode(audit.Place{At: last.At, ID: last.ID}))
	}
	headers := ListAuditEvents200ResponseHeaders{CacheControl: &noStore, Link: linkTo(ctx, list.NextCursor)}
	if r.Params.Format != nil && *r.Params.Format == Ndjson {
		var lines bytes.Buffer
		encoder := json.NewEncoder(&lines)
		for _, one := range list.Items {
			if err := encoder.Encode(one); err != nil {
				return nil, fmt.Errorf("write an event: %w", err)
			}
		}
		return ListAuditEvents200ApplicationxNdjsonResponse{Body: &lines, Headers: headers, ContentLength: int64(lines.Len())}, nil
	}
	return ListAuditEvents200JSONResponse{Body: list, Headers: headers}, nil
}

func fromAPIAuditFilter(p ListAuditEventsParams) audit.Filter {
	var f audit.Filter
	if p.AccountId != nil {
		f.Account = *p.AccountId
	}
	if p.Actor != nil {
		f.Actor = *p.Actor
	}
	if p.Kind != nil {
		f.Kind = audit.Kind(*p.Kind)
	}
	if p.OperatorId != nil {
		f.Operator = *p.OperatorId
	}
	if p.From != nil {
		f.From = p.From.UTC()
	}
	if p.To != nil {
		f.To = p.To.UTC()
	}
	return f
}

func toAPIAuditEvent(e audit.Event) AuditEvent {
	event := AuditEvent{Id: e.ID, At: e.At.UTC(), Kind: string(e.Kind), Actor: e.Actor, Detail: e.Detail}
	if event.Detail == nil {
		event.Detail = map[string]string{}
	}
	for field, id := range map[**uuid.UUID]uuid.UUID{&event.AccountId: e.Account, &event.SessionId: e.Session, &event.OperatorId: e.Operator} {
		if id != uuid.Nil {
			*field = &id
		}
	}
	return event
}
