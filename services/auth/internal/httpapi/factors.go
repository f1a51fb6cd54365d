package httpapi

import (
	"context"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/mfa"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/passkey"
)

// GetMfa tells what protects the caller's account.
func (a *api) GetMfa(ctx context.Context, _ GetMfaRequestObject) (GetMfaResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	all, err := a.Factors.Overview(ctx, holder)
	if err != nil {
		return nil, err
	}
	body := Mfa{Enabled: all.Enabled(), Passkeys: all.Passkeys, RecoveryCodesLeft: all.CodesLeft, Totp: make([]Totp, len(all.Apps))}
	for i, app := range all.Apps {
		body.Totp[i] = toAPITotp(app)
	}
	return GetMfa200JSONResponse{Body: body, Headers: GetMfa200ResponseHeaders{CacheControl: &noStore}}, nil
}

func toAPITotp(app mfa.App) Totp {
	return Totp{Id: app.ID, Name: app.Name, CreatedAt: app.CreatedAt.UTC(), LastUsedAt: optionalTime(app.LastUsedAt)}
}

// optionalTime turns the zero time into an absent member.
func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// EnrolTotp begins to set up an authenticator app.
func (a *api) EnrolTotp(ctx context.Context, r EnrolTotpRequestObject) (EnrolTotpResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	e, err := a.Factors.Enrol(ctx, holder, r.Body.Name, from(ctx))
	if err != nil {
		return nil, err
	}
	return EnrolTotp201JSONResponse{
		Body:    TotpEnrolment{Id: e.App.ID, Name: e.App.Name, Secret: e.Secret, OtpauthUri: e.URI, QrPng: e.QR},
		Headers: EnrolTotp201ResponseHeaders{CacheControl: &noStore},
	}, nil
}

// ConfirmTotp finishes it.
func (a *api) ConfirmTotp(ctx context.Context, r ConfirmTotpRequestObject) (ConfirmTotpResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	codes, err := a.Factors.Confirm(ctx, holder, r.Id, r.Body.Code, from(ctx))
	if err != nil {
		return nil, err
	}
	return ConfirmTotp200JSONResponse{
		Body: FirstFactor{RecoveryCodes: optionalCodes(codes)}, Headers: ConfirmTotp200ResponseHeaders{CacheControl: &noStore},
	}, nil
}

func optionalCodes(codes []string) *[]RecoveryCode {
	if codes == nil {
		return nil
	}
	return &codes
}

// RemoveTotp removes an authenticator app.
func (a *api) RemoveTotp(ctx context.Context, r RemoveTotpRequestObject) (RemoveTotpResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.Factors.Remove(ctx, holder, r.Id, from(ctx)); err != nil {
		return nil, err
	}
	return RemoveTotp204Response{}, nil
}

// ReplaceRecoveryCodes draws new ones.
func (a *api) ReplaceRecoveryCodes(ctx context.Context, _ ReplaceRecoveryCodesRequestObject) (ReplaceRecoveryCodesResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	codes, err := a.Factors.Regenerate(ctx, holder, from(ctx))
	if err != nil {
		return nil, err
	}
	return ReplaceRecoveryCodes200JSONResponse{
		Body: RecoveryCodes{RecoveryCodes: codes}, Headers: ReplaceRecoveryCodes200ResponseHeaders{CacheControl: &noStore},
	}, nil
}

// ListPasskeys returns the caller's.
func (a *api) ListPasskeys(ctx context.Context, _ ListPasskeysRequestObject) (ListPasskeysResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	all, err := a.Passkeys.List(ctx, holder)
	if err != nil {
		return nil, err
	}
	body := PasskeyList{Items: make([]Passkey, len(all))}
	for i, one := range all {
		body.Items[i] = toAPIPasskey(one)
	}
	return ListPasskeys200JSONResponse{Body: body, Headers: ListPasskeys200ResponseHeaders{CacheControl: &noStore}}, nil
}

func toAPIPasskey(p passkey.Passkey) Passkey {
	return Passkey{
		Id: p.ID, Name: p.Name, Synchronised: p.Credential.Flags.BackupEligible, CreatedAt: p.CreatedAt.UTC(), LastUsedAt: optionalTime(p.LastUsedAt),
	}
}

// BeginPasskey returns the challenge for a new one.
func (a *api) BeginPasskey(ctx context.Context, _ BeginPasskeyRequestObject) (BeginPasskeyResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	challenge, err := a.Passkeys.BeginRegistration(ctx, holder)
	if err != nil {
		return nil, err
	}
	return BeginPasskey200JSONResponse{toAPIChallenge(challenge)}, nil
}

func toAPIChallenge(c passkey.Challenge) PasskeyRequestJSONResponse {
	return PasskeyRequestJSONResponse{
		Body:    PasskeyChallenge{Ceremony: c.Token, ExpiresIn: wholeSeconds(c.Life), PublicKey: c.Options},
		Headers: PasskeyRequestResponseHeaders{CacheControl: &noStore},
	}
}

// FinishPasskey registers the passkey that answered.
func (a *api) FinishPasskey(ctx context.Context, r FinishPasskeyRequestObject) (FinishPasskeyResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	made, codes, err := a.Passkeys.FinishRegistration(ctx, holder, r.Body.Ceremony, r.Body.Name, r.Body.Credential, from(ctx))
	if err != nil {
		return nil, err
	}
	return FinishPasskey201JSONResponse{
		Body:    RegisteredPasskey{Passkey: toAPIPasskey(made), RecoveryCodes: optionalCodes(codes)},
		Headers: FinishPasskey201ResponseHeaders{CacheControl: &noStore},
	}, nil
}

// RenamePasskey gives one another name.
func (a *api) RenamePasskey(ctx context.Context, r RenamePasskeyRequestObject) (RenamePasskeyResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	renamed, err := a.Passkeys.Rename(ctx, holder, r.Id, r.Body.Name, from(ctx))
	if err != nil {
		return nil, err
	}
	return RenamePasskey200JSONResponse(toAPIPasskey(renamed)), nil
}

// RemovePasskey removes one.
func (a *api) RemovePasskey(ctx context.Context, r RemovePasskeyRequestObject) (RemovePasskeyResponseObject, error) {
	holder, err := holderOf(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.Passkeys.Remove(ctx, holder, r.Id, from(ctx)); err != nil {
		return nil, err
	}
	return RemovePasskey204Response{}, nil
}
