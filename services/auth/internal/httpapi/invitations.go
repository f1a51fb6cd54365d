package httpapi

import (
	"context"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/invitation"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
)

// CreateInvitation invites somebody.
func (a *api) CreateInvitation(ctx context.Context, r CreateInvitationRequestObject) (CreateInvitationResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	grants := make([]role.Grant, len(r.Body.Roles))
	for i, one := range r.Body.Roles {
		grants[i] = fromAPIRoleGrant(one)
	}
	locale := ""
	if r.Body.Locale != nil {
		locale = *r.Body.Locale
	}
	sent, err := a.Invitations.Invite(ctx, holder, r.Body.Email, locale, grants, from(ctx))
	if err != nil {
		return nil, err
	}
	return CreateInvitation201JSONResponse(toAPIInvitation(sent)), nil
}

// ListInvitations returns those that the caller may revoke.
func (a *api) ListInvitations(ctx context.Context, r ListInvitationsRequestObject) (ListInvitationsResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	codec := a.Cursors.For("invitations")
	before, err := cursorOf[uuid.UUID](codec, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	limit := page.Size(r.Params.Limit)
	found, err := a.Invitations.List(ctx, holder, before, limit+1)
	if err != nil {
		return nil, err
	}
	found, more := cut(found, limit)
	list := InvitationList{Items: make([]Invitation, len(found))}
	for i, one := range found {
		list.Items[i] = toAPIInvitation(one)
	}
	if more {
		list.NextCursor = optional(codec.Encode(found[limit-1].ID))
	}
	return ListInvitations200JSONResponse{
		Body: list, Headers: ListInvitations200ResponseHeaders{CacheControl: &noStore, Link: linkTo(ctx, list.NextCursor)},
	}, nil
}

// RevokeInvitation takes one back.
func (a *api) RevokeInvitation(ctx context.Context, r RevokeInvitationRequestObject) (RevokeInvitationResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.Invitations.Revoke(ctx, holder, r.InvitationId, from(ctx)); err != nil {
		return nil, err
	}
	return RevokeInvitation204Response{}, nil
}

// AcceptInvitation gives whoever has the mailed token what it promises.
func (a *api) AcceptInvitation(ctx context.Context, r AcceptInvitationRequestObject) (AcceptInvitationResponseObject, error) {
	acceptance := invitation.Acceptance{Token: r.Body.Token, Locale: requestFrom(ctx).language()}
	for field, value := range map[*string]*string{
		&acceptance.Password: r.Body.Password, &acceptance.Username: r.Body.Username, &acceptance.Name: r.Body.Name, &acceptance.Locale: r.Body.Locale,
	} {
		if value != nil {
			*field = *value
		}
	}
	accepted, err := a.Invitations.Accept(ctx, acceptance, from(ctx))
	if err != nil {
		return nil, err
	}
	return AcceptInvitation200JSONResponse{
		Email: accepted.Email.Address(), Username: optional(accepted.Username.String()), Roles: toAPIRoleGrants(accepted.Grants),
	}, nil
}

func toAPIInvitation(i invitation.Invitation) Invitation {
	return Invitation{
		Id: i.ID, Email: i.Email.Address(), Roles: toAPIRoleGrants(i.Grants), State: InvitationState(i.State()), InvitedBy: i.InvitedBy,
		CreatedAt: i.CreatedAt.UTC(), ExpiresAt: i.ExpiresAt.UTC(),
	}
}
