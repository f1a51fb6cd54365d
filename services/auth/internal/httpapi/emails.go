package httpapi

import (
	"context"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
)

// ListEmails returns the caller's addresses.
func (a *api) ListEmails(ctx context.Context, _ ListEmailsRequestObject) (ListEmailsResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	found, err := a.Emails.List(ctx, holder)
	if err != nil {
		return nil, err
	}
	list := EmailList{Items: make([]OwnEmail, len(found))}
	for i, one := range found {
		list.Items[i] = toAPIOwnEmail(one)
	}
	return ListEmails200JSONResponse{Body: list, Headers: ListEmails200ResponseHeaders{CacheControl: &noStore}}, nil
}

// AddEmail lets an address wait to be confirmed.
func (a *api) AddEmail(ctx context.Context, r AddEmailRequestObject) (AddEmailResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	added, err := a.Emails.Add(ctx, holder, r.Body.Email, from(ctx))
	if err != nil {
		return nil, err
	}
	return AddEmail201JSONResponse(toAPIOwnEmail(added)), nil
}

// ConfirmAddedEmail gives an account the address that a mailed token is for.
func (a *api) ConfirmAddedEmail(ctx context.Context, r ConfirmAddedEmailRequestObject) (ConfirmAddedEmailResponseObject, error) {
	confirmed, err := a.Emails.Confirm(ctx, r.Body.Token, from(ctx))
	if err != nil {
		return nil, err
	}
	return ConfirmAddedEmail200JSONResponse(toAPIOwnEmail(confirmed)), nil
}

// ResendAddedEmail sends the link again.
func (a *api) ResendAddedEmail(ctx context.Context, r ResendAddedEmailRequestObject) (ResendAddedEmailResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.Emails.Resend(ctx, holder, r.EmailId, from(ctx)); err != nil {
		return nil, err
	}
	return ResendAddedEmail202JSONResponse{accepted}, nil
}

// MakeEmailPrimary makes a confirmed address the primary one.
func (a *api) MakeEmailPrimary(ctx context.Context, r MakeEmailPrimaryRequestObject) (MakeEmailPrimaryResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.Emails.MakePrimary(ctx, holder, r.EmailId, from(ctx)); err != nil {
		return nil, err
	}
	return MakeEmailPrimary204Response{}, nil
}

// RemoveEmail removes an address.
func (a *api) RemoveEmail(ctx context.Context, r RemoveEmailRequestObject) (RemoveEmailResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.Emails.Remove(ctx, holder, r.EmailId, from(ctx)); err != nil {
		return nil, err
	}
	return RemoveEmail204Response{}, nil
}

func toAPIOwnEmail(e account.OwnEmail) OwnEmail {
	return OwnEmail{Id: e.ID, Email: e.Email.Address(), Primary: e.Primary, Confirmed: e.Confirmed, Since: e.At.UTC()}
}
