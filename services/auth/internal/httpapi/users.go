package httpapi

import (
	"context"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
)

// overseerOf says on whose behalf other people's accounts are looked after. A person's rights are those of this moment, not those
// that the token was given.
func (a *api) overseerOf(ctx context.Context) (account.Overseer, error) {
	where := from(ctx)
	principal, ok := authn.FromContext(ctx)
	if ok && principal.Kind == authn.Service {
		return account.Overseer{
			Actor: audit.ByClient(principal.ClientID), From: func(e audit.Event) audit.Event { return e.From(where) },
		}, nil
	}
	holder, err := holderOf(ctx)
	if err != nil {
		return account.Overseer{}, err
	}
	own, err := a.Profiles.Get(ctx, holder)
	if err != nil {
		return account.Overseer{}, err
	}
	overseer := account.Overseer{
		Account: own.ID, Actor: audit.ByAccount(own.ID), From: func(e audit.Event) audit.Event { return e.In(holder.Session).From(where) },
	}
	for _, grant := range own.Grants {
		if grant.Role == role.Admin {
			return overseer, nil
		}
	}
	for _, grant := range own.Grants {
		if grant.Role == role.OperatorAdmin && grant.Operator == principal.Operator {
			overseer.Within = grant.Operator
			return overseer, nil
		}
	}
	return account.Overseer{}, role.ErrMayNot
}

// ListUsers finds accounts.
func (a *api) ListUsers(ctx context.Context, r ListUsersRequestObject) (ListUsersResponseObject, error) {
	by, err := a.overseerOf(ctx)
	if err != nil {
		return nil, err
	}
	codec := a.Cursors.For("users")
	after, err := cursorOf[uuid.UUID](codec, r.Params.Cursor)
	if err != nil {
		return nil, err
	}
	filter := account.Filter{Disabled: r.Params.Disabled}
	if r.Params.Email != nil {
		filter.Email = *r.Params.Email
	}
	if r.Params.Username != nil {
		filter.Username = *r.Params.Username
	}
	if r.Params.Role != nil {
		filter.Role = role.Role(*r.Params.Role)
	}
	if r.Params.OperatorId != nil {
		filter.Operator = *r.Params.OperatorId
	}
	limit := page.Size(r.Params.Limit)
	found, err := a.Users.Find(ctx, by, filter, after, limit+1)
	if err != nil {
		return nil, err
	}
	found, more := cut(found, limit)
	list := UserList{Items: make([]User, len(found))}
	for i, one := range found {
		list.Items[i] = toAPIUser(one)
	}
	if more {
		list.NextCursor = optional(codec.Encode(found[limit-1].ID))
	}
	return ListUsers200JSONResponse{
		Body: list, Headers: ListUsers200ResponseHeaders{CacheControl: &noStore, Link: linkTo(ctx, list.NextCursor)},
	}, nil
}

// GetUser returns an account.
func (a *api) GetUser(ctx context.Context, r GetUserRequestObject) (GetUserResponseObject, error) {
	by, err := a.overseerOf(ctx)
	if err != nil {
		return nil, err
	}
	found, err := a.Users.Get(ctx, by, r.UserId)
	if err != nil {
		return nil, err
	}
	return GetUser200JSONResponse{userResponse(found)}, nil
}

// DisableUser switches an account off.
func (a *api) DisableUser(ctx context.Context, r DisableUserRequestObject) (DisableUserResponseObject, error) {
	by, err := a.overseerOf(ctx)
	if err != nil {
		return nil, err
	}
	changed, err := a.Users.Disable(ctx, by, r.UserId)
	if err != nil {
		return nil, err
	}
	return DisableUser200JSONResponse{userResponse(changed)}, nil
}

// EnableUser switches it on again.
func (a *api) EnableUser(ctx context.Context, r EnableUserRequestObject) (EnableUserResponseObject, error) {
	by, err := a.overseerOf(ctx)
	if err != nil {
		return nil, err
	}
	changed, err := a.Users.Enable(ctx, by, r.UserId)
	if err != nil {
		return nil, err
	}
	return EnableUser200JSONResponse{userResponse(changed)}, nil
}

// EndUserSessions ends all logins of an account.
func (a *api) EndUserSessions(ctx context.Context, r EndUserSessionsRequestObject) (EndUserSessionsResponseObject, error) {
	by, err := a.overseerOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.Users.EndSessions(ctx, by, r.UserId); err != nil {
		return nil, err
	}
	return EndUserSessions204Response{}, nil
}

// GrantRole gives a role.
func (a *api) GrantRole(ctx context.Context, r GrantRoleRequestObject) (GrantRoleResponseObject, error) {
	by, err := a.overseerOf(ctx)
	if err != nil {
		return nil, err
	}
	changed, err := a.Users.Grant(ctx, by, r.UserId, fromAPIRoleGrant(*r.Body))
	if err != nil {
		return nil, err
	}
	return GrantRole200JSONResponse{userResponse(changed)}, nil
}

// RevokeRole takes a role.
func (a *api) RevokeRole(ctx context.Context, r RevokeRoleRequestObject) (RevokeRoleResponseObject, error) {
	by, err := a.overseerOf(ctx)
	if err != nil {
		return nil, err
	}
	grant := role.Grant{Role: role.Role(r.Params.Role)}
	if r.Params.OperatorId != nil {
		grant.Operator = *r.Params.OperatorId
	}
	if err := a.Users.Revoke(ctx, by, r.UserId, grant); err != nil {
		return nil, err
	}
	return RevokeRole204Response{}, nil
}

func userResponse(a account.Account) UserJSONResponse {
	etag, cache := etagOf(a), "private, no-cache"
	return UserJSONResponse{Body: toAPIUser(a), Headers: UserResponseHeaders{ETag: &etag, CacheControl: &cache}}
}

func toAPIUser(a account.Account) User {
	user := User{
		Id: a.ID, Email: a.Email.Address(), Username: optional(a.Username.String()), Name: a.Name, Locale: optional(a.Locale),
		Roles: toAPIRoleGrants(a.Grants), Disabled: a.Disabled, CreatedAt: a.CreatedAt.UTC(), UpdatedAt: a.UpdatedAt.UTC(),
	}
	if !a.EraseAt.IsZero() {
		when := a.EraseAt.UTC()
		user.EraseAt = &when
	}
	return user
}
