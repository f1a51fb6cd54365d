package httpapi

import (
	"context"
	"strings"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/mfa"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/session"
)

// CompleteLogin begins the session of a login that waits for its second factor.
func (a *api) CompleteLogin(ctx context.Context, r CompleteLoginRequestObject) (CompleteLoginResponseObject, error) {
	proof := fromAPIProof(r.Body.TotpCode, r.Body.RecoveryCode, r.Body.Passkey)
	tokens, err := a.Sessions.Complete(ctx, r.Body.MfaToken, proof, list(r.Body.Resource), from(ctx))
	if err != nil {
		return nil, err
	}
	return CompleteLogin200JSONResponse{toAPITokens(tokens)}, nil
}

func fromAPIProof(totp, recovery *string, passkey *PasskeyAnswer) mfa.Proof {
	var proof mfa.Proof
	if totp != nil {
		proof.TOTP = *totp
	}
	if recovery != nil {
		proof.Recovery = *recovery
	}
	if passkey != nil {
		proof.Ceremony, proof.Passkey = passkey.Ceremony, passkey.Credential
	}
	return proof
}

// BeginSecondFactorPasskey returns the challenge for a passkey as the second factor.
func (a *api) BeginSecondFactorPasskey(ctx context.Context, r BeginSecondFactorPasskeyRequestObject) (BeginSecondFactorPasskeyResponseObject, error) {
	challenge, err := a.Sessions.BeginSecondFactor(ctx, r.Body.MfaToken)
	if err != nil {
		return nil, err
	}
	return BeginSecondFactorPasskey200JSONResponse{toAPIChallenge(challenge)}, nil
}

// BeginPasskeyLogin returns the challenge of a login without a password.
func (a *api) BeginPasskeyLogin(ctx context.Context, _ BeginPasskeyLoginRequestObject) (BeginPasskeyLoginResponseObject, error) {
	challenge, err := a.Sessions.BeginPasskeyLogin(ctx)
	if err != nil {
		return nil, err
	}
	return BeginPasskeyLogin200JSONResponse{toAPIChallenge(challenge)}, nil
}

// FinishPasskeyLogin begins the session of whoever answered it.
func (a *api) FinishPasskeyLogin(ctx context.Context, r FinishPasskeyLoginRequestObject) (FinishPasskeyLoginResponseObject, error) {
	attempt := session.PasskeyAttempt{Ceremony: r.Body.Ceremony, Response: r.Body.Credential, Resources: list(r.Body.Resource), From: from(ctx)}
	if r.Body.RememberMe != nil {
		attempt.Remember = *r.Body.RememberMe
	}
	if r.Body.DeviceName != nil {
		attempt.DeviceName = *r.Body.DeviceName
	}
	tokens, err := a.Sessions.LoginByPasskey(ctx, attempt)
	if err != nil {
		return nil, err
	}
	return FinishPasskeyLogin200JSONResponse{toAPITokens(tokens)}, nil
}

// StepUp writes a new proof into the caller's session.
func (a *api) StepUp(ctx context.Context, r StepUpRequestObject) (StepUpResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	password := ""
	if r.Body.Password != nil {
		password = *r.Body.Password
	}
	tokens, err := a.Sessions.StepUp(ctx, holder, password, fromAPIProof(r.Body.TotpCode, r.Body.RecoveryCode, r.Body.Passkey), from(ctx))
	if err != nil {
		return nil, err
	}
	return StepUp200JSONResponse{
		Body: AccessToken{
			AccessToken: tokens.Access, TokenType: AccessTokenTokenTypeBearer, ExpiresIn: wholeSeconds(tokens.AccessLife), Scope: strings.Join(tokens.Scopes, " "),
		},
		Headers: StepUp200ResponseHeaders{CacheControl: &noStore},
	}, nil
}

// BeginStepUpPasskey returns the challenge for stepping up with a passkey.
func (a *api) BeginStepUpPasskey(ctx context.Context, _ BeginStepUpPasskeyRequestObject) (BeginStepUpPasskeyResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	challenge, err := a.Sessions.BeginStepUp(ctx, holder, from(ctx))
	if err != nil {
		return nil, err
	}
	return BeginStepUpPasskey200JSONResponse{toAPIChallenge(challenge)}, nil
}
