package httpapi

import (
	"context"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/session"
)

// accepted is the one answer to whatever may or may not send a mail.
var accepted = AcceptedJSONResponse{Message: "If there is something to tell the owner of this address, a mail is on its way."}

// Register asks for an account.
func (a *api) Register(ctx context.Context, r RegisterRequestObject) (RegisterResponseObject, error) {
	form := account.Form{Email: r.Body.Email, Password: r.Body.Password, Locale: requestFrom(ctx).language()}
	for field, value := range map[*string]*string{&form.Username: r.Body.Username, &form.Name: r.Body.Name, &form.Locale: r.Body.Locale} {
		if value != nil {
			*field = *value
		}
	}
	if err := a.Registrar.Register(ctx, form, from(ctx)); err != nil {
		return nil, err
	}
	return Register202JSONResponse{accepted}, nil
}

// ConfirmEmail makes the account that a mailed token is for, and logs in where that is wanted.
func (a *api) ConfirmEmail(ctx context.Context, r ConfirmEmailRequestObject) (ConfirmEmailResponseObject, error) {
	confirmed, err := a.Registrar.Confirm(ctx, r.Body.Token, from(ctx))
	if err != nil {
		return nil, err
	}
	answer := Confirmation{Email: confirmed.Email.Address(), Username: optional(confirmed.Username.String())}
	if a.AutoLogin.AfterConfirm && wantsLogin(r.Body.LogIn) {
		tokens, begun, err := a.Sessions.BeginByLink(ctx, confirmed.ID, session.ByOneTimeCode, from(ctx))
		if err != nil {
			return nil, err
		}
		if begun {
			body := toAPITokens(tokens).Body
			answer.Tokens = &body
		}
	}
	return ConfirmEmail200JSONResponse{Body: answer, Headers: ConfirmEmail200ResponseHeaders{CacheControl: &noStore}}, nil
}

// ResendConfirmation sends the link again.
func (a *api) ResendConfirmation(ctx context.Context, r ResendConfirmationRequestObject) (ResendConfirmationResponseObject, error) {
	if err := a.Registrar.Resend(ctx, r.Body.Email, from(ctx)); err != nil {
		return nil, err
	}
	return ResendConfirmation202JSONResponse{accepted}, nil
}
