package httpapi

import (
	"context"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/session"
)

// AutoLogin says which mailed links log in whoever uses them.
type AutoLogin struct{ AfterConfirm, AfterReset bool }

// wantsLogin reads log_in: a session whose tokens nobody keeps shall not begin.
func wantsLogin(said *LogIn) bool { return said == nil || *said }

// ForgotPassword sends a link that sets a new password.
func (a *api) ForgotPassword(ctx context.Context, r ForgotPasswordRequestObject) (ForgotPasswordResponseObject, error) {
	if err := a.Passwords.Forgot(ctx, r.Body.Email, from(ctx)); err != nil {
		return nil, err
	}
	return ForgotPassword202JSONResponse{accepted}, nil
}

// ResetPassword sets it, and logs in where that is wanted.
func (a *api) ResetPassword(ctx context.Context, r ResetPasswordRequestObject) (ResetPasswordResponseObject, error) {
	id, err := a.Passwords.Reset(ctx, r.Body.Token, r.Body.Password, from(ctx))
	if err != nil {
		return nil, err
	}
	if a.AutoLogin.AfterReset && wantsLogin(r.Body.LogIn) {
		switch tokens, begun, err := a.Sessions.BeginByLink(ctx, id, session.ByPassword, from(ctx)); {
		case err != nil:
			return nil, err
		case begun:
			return ResetPassword200JSONResponse{toAPITokens(tokens)}, nil
		}
	}
	return ResetPassword204Response{}, nil
}

// ChangePassword sets the caller's.
func (a *api) ChangePassword(ctx context.Context, r ChangePasswordRequestObject) (ChangePasswordResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.Passwords.Change(ctx, holder, r.Body.CurrentPassword, r.Body.NewPassword, from(ctx)); err != nil {
		return nil, err
	}
	return ChangePassword204Response{}, nil
}
