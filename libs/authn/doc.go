// Package authn knows who is calling.
//
// A Verifier checks access tokens (JWTs after RFC 9068, signed with ES256) against the keys that
// the auth service publishes, and its Middleware puts the caller's Principal into the request's
// context:
//
//	verifier, err := authn.NewVerifier(ctx, authn.Config{Issuer: …, Audience: …, JWKSURL: …})
//	app.Use(verifier.Middleware())
//	…
//	p, known := authn.FromContext(ctx)
//	if known && p.Has("plots:write") { … }
//
// Only the Authorization header with the Bearer scheme, or an API key in X-API-Key, says who somebody is;
// no other header is ever believed, whichever gateway claims to have set it. A token is taken whole or not
// at all, and every refusal is the same fault, ErrToken, whose cause is for the logs alone. An API key is
// exchanged for a token at auth (Config.Keys) and remembered while that lives; its refusals are ErrKey.
//
// Verification needs no network: keys are fetched ahead of time, kept for a day when auth is down,
// and a token that was verified is remembered for up to a minute. Package authntest issues tokens
// for tests.
package authn
