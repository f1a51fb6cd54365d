package authn

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

const (
	maxTokenBytes = 4 << 10
	maxKeyIDBytes = 128
	leeway        = 30 * time.Second
	tokenType     = "at+jwt"
)

// What a caller can be told about a token.
var (
	// ErrToken is the one answer to every token that is not right.
	ErrToken = fault.Define(fault.Unauthenticated, "invalid_token", "The access token is not valid")
	// ErrKeys says that no keys to verify with could be fetched yet, or for a day.
	ErrKeys = fault.Define(fault.Unavailable, "auth_keys_unavailable", "Access tokens cannot be checked at the moment")
)

// Config says whose tokens are believed.
type Config struct {
	Issuer   string `env:"AUTH_ISSUER" desc:"issuer that access tokens must name: the public URL of the product"`
	Audience string `env:"-"` // this service's name in a token's aud
	JWKSURL  string `env:"AUTH_JWKS_URL" desc:"where auth publishes its keys; /.well-known/jwks.json of the issuer when empty"`

	// Revocations are asked about every token. Without them (no Redis is configured) tokens are good until they expire, and
	// privileged requests are confirmed one by one if there is Introspect.
	Revocations *Revocations `env:"-"`
	// Introspect asks auth whether a token is live, when the revocations are not known to be complete. Without it privileged
	// requests are refused then.
	Introspect func(ctx context.Context, token string) (live bool, err error) `env:"-"`

	// Keys is how API keys become access tokens. Without Exchange none is taken.
	Keys Keys `env:"-"`

	Client *http.Client     `env:"-"` // fetches the keys; one with a timeout of 5 s when nil
	Log    *slog.Logger     `env:"-"` // hears of keys that cannot be fetched; silent when nil
	Now    func() time.Time `env:"-"` // time.Now when nil; tests travel with it
}

// Verifier checks access tokens. It is safe for concurrent use.
type Verifier struct {
	parser *jwt.Parser
	keys   *KeySet
	cache  *claimsCache
	now    func() time.Time

	revocations *Revocations
	introspect  func(ctx context.Context, token string) (bool, error)
	confirmed   confirmations
	keyring     keyring
}

// NewVerifier makes a verifier that fetches keys until ctx ends. It does not wait for them, so a
// service starts while auth is down. It fails when issuer or audience is missing: an empty one
// would switch its check off.
func NewVerifier(ctx context.Context, cfg Config) (*Verifier, error) {
	var faults []error
	if strings.TrimSpace(cfg.Issuer) == "" {
		faults = append(faults, errors.New("authn: no issuer"))
	}
	if strings.TrimSpace(cfg.Audience) == "" {
		faults = append(faults, errors.New("authn: no audience"))
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	if cfg.JWKSURL == "" {
		cfg.JWKSURL = strings.TrimSuffix(cfg.Issuer, "/") + "/.well-known/jwks.json"
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	v := &Verifier{
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodES256.Alg()}),
			jwt.WithIssuer(cfg.Issuer),
			jwt.WithAudience(cfg.Audience),
			jwt.WithExpirationRequired(),
			jwt.WithIssuedAt(),
			jwt.WithLeeway(leeway),
			jwt.WithStrictDecoding(),
			jwt.WithTimeFunc(cfg.Now),
		),
		cache: newClaimsCache(),
		now:   cfg.Now,

		revocations: cfg.Revocations, introspect: cfg.Introspect, keyring: keyring{Keys: cfg.Keys},
	}
	keys, err := newKeySet(ctx, KeySource{URL: cfg.JWKSURL, Algorithms: []string{jwt.SigningMethodES256.Alg()}, Client: cfg.Client, Log: cfg.Log, Now: cfg.Now}, v.cache.clear)
	if err != nil {
		return nil, err
	}
	v.keys = keys
	if v.revocations != nil {
		v.revocations.whenKeyEnds(func(string) { //nolint:contextcheck // the fetch belongs to no request
			v.cache.clear()
			keys.fetch(nil)
		})
	}
	return v, nil
}

// Verify returns the principal that the token speaks for, ErrToken when the token is not right in
// every way, or ErrKeys when there is nothing to check it with.
func (v *Verifier) Verify(ctx context.Context, token string) (Principal, error) {
	if len(token) > maxTokenBytes {
		return Principal{}, ErrToken.Because(errors.New("the token is too long"))
	}
	// The text of a token is canonical only after the checks below, so nothing but this cache,
	// where a variant is merely a miss, is keyed by it.
	sum := sha256.Sum256([]byte(token))
	now := v.now()
	p, cached := v.cache.get(sum, now)
	if !cached {
		var err error
		if p, err = v.verify(ctx, token); err != nil {
			return Principal{}, err
		}
		v.cache.put(sum, p, now)
	}
	// The cache remembers that a token was well made, which stays true. Whether it was revoked is asked each time.
	if v.ended(p) {
		return Principal{}, ErrToken.Detailf("The access token was revoked")
	}
	return p, nil
}

// ended tells whether the principal's token is known to be revoked.
func (v *Verifier) ended(p Principal) bool { return v.revocations != nil && v.revocations.ended(p) }

func (v *Verifier) verify(ctx context.Context, token string) (Principal, error) {
	header, payload, err := split(token)
	if err != nil {
		return Principal{}, ErrToken.Because(err)
	}
	if err := strictObject(header, "alg", "typ", "kid"); err != nil {
		return Principal{}, ErrToken.Because(fmt.Errorf("header: %w", err))
	}
	// Unknown claims are allowed, so that auth can add some before the services know them.
	if err := strictObject(payload); err != nil {
		return Principal{}, ErrToken.Because(fmt.Errorf("claims: %w", err))
	}
	var said claims
	_, err = v.parser.ParseWithClaims(token, &said, func(t *jwt.Token) (any, error) {
		if t.Header["typ"] != tokenType {
			return nil, errors.New("the token is not an access token")
		}
		kid, _ := t.Header["kid"].(string)
		if kid == "" || len(kid) > maxKeyIDBytes {
			return nil, errors.New("the token names no key")
		}
		if v.revocations.keyEnded(kid) {
			return nil, errors.New("the token names a key that was revoked")
		}
		key, err := v.keys.Find(ctx, kid)
		return key.Public, err
	})
	switch {
	case errors.Is(err, ErrKeys):
		return Principal{}, ErrKeys.After(keysRetryAfter).Because(err)
	case errors.Is(err, jwt.ErrTokenExpired):
		// The signature has been checked by now, so this tells nothing to a forger.
		return Principal{}, ErrToken.Detailf("The access token has expired").Because(err)
	case err != nil:
		return Principal{}, ErrToken.Because(err)
	}
	return said.principal(), nil
}

// split checks the token's characters and decodes its first two parts. Base64 decoders pass over
// line breaks and some take padding, so the alphabet is checked here.
func split(token string) (header, payload []byte, err error) {
	dots := 0
	for i := range len(token) {
		switch c := token[i]; {
		case c == '.':
			dots++
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return nil, nil, errors.New("the token has a character that none may have")
		}
	}
	if dots != 2 {
		return nil, nil, errors.New("the token has not three parts")
	}
	first, rest, _ := strings.Cut(token, ".")
	second, _, _ := strings.Cut(rest, ".")
	strict := base64.RawURLEncoding.Strict()
	if header, err = strict.DecodeString(first); err != nil {
		return nil, nil, err
	}
	if payload, err = strict.DecodeString(second); err != nil {
		return nil, nil, err
	}
	return header, payload, nil
}

// strictObject demands one JSON object whose keys are plain and not doubled, so that no two readers
// can read it in two ways. With names given, no other keys may be there.
func strictObject(data []byte, names ...string) error {
	if !json.Valid(data) || data[0] != '{' {
		return errors.New("not a JSON object")
	}
	var room [16]string
	seen := room[:0]
	for key := range outerKeys(data) {
		switch {
		case !plainKey(key):
			return errors.New("a key is not of lower-case letters, digits and underscores")
		case slices.Contains(seen, key):
			return errors.New("a key is doubled")
		case len(names) > 0 && !slices.Contains(names, key):
			return errors.New("a key is not known")
		}
		seen = append(seen, key)
	}
	return nil
}

// outerKeys yields the keys of a valid JSON object as they are written, escapes and all.
func outerKeys(object []byte) iter.Seq[string] {
	return func(yield func(string) bool) {
		depth, wantKey := 0, false
		for i := 0; i < len(object); i++ {
			switch object[i] {
			case '{', '[':
				depth++
				wantKey = depth == 1
			case '}', ']':
				depth--
			case ',':
				wantKey = depth == 1
			case '"':
				start := i + 1
				for i = start; object[i] != '"'; i++ {
					if object[i] == '\\' {
						i++
					}
				}
				if wantKey && !yield(string(object[start:i])) {
					return
				}
				wantKey = false
			}
		}
	}
}

// plainKey keeps out what encoding/json would take for another key: capitals, escapes, and the few
// letters beyond ASCII that fold to one.
func plainKey(key string) bool {
	for i := range len(key) {
		if c := key[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return key != ""
}

// claims are what an access token says; see RFC 9068, section 2.2.
type claims struct {
	jwt.RegisteredClaims

	ClientID  string           `json:"client_id"`
	Scope     string           `json:"scope"`
	SessionID string           `json:"sid"`
	AuthTime  *jwt.NumericDate `json:"auth_time"`
	ACR       string           `json:"acr"`
	AMR       []string         `json:"amr"`
	Roles     []string         `json:"roles"`
	Operator  *uuid.UUID       `json:"org"`
	Version   int64            `json:"ver"`
	Actor     *actor           `json:"act"`
	Key       *uuid.UUID       `json:"key"`
	Networks  []netip.Prefix   `json:"net"`
}

// actor is RFC 8693's, section 4.1; the version is ours.
type actor struct {
	Subject uuid.UUID `json:"sub"`
	Version int64     `json:"ver"`
}

// Validate demands what the library takes as optional. The library calls it after its own checks.
func (c *claims) Validate() error {
	if id, err := uuid.Parse(c.Subject); err != nil || id == uuid.Nil || len(c.Subject) != 36 {
		return errors.New("sub is not a UUID")
	}
	if c.IssuedAt == nil {
		return errors.New("no iat")
	}
	if c.ID == "" {
		return errors.New("no jti")
	}
	if c.ClientID == "" {
		return errors.New("no client_id")
	}
	return nil
}

func (c *claims) principal() Principal {
	p := Principal{
		Subject: uuid.MustParse(c.Subject), Kind: Service, ClientID: c.ClientID,
		Scopes: strings.Fields(c.Scope), Roles: c.Roles, ACR: c.ACR, AMR: c.AMR,
		SessionID: c.SessionID, TokenID: c.ID, Expires: c.ExpiresAt.Time, Version: c.Version, Networks: c.Networks,
	}
	if c.SessionID != "" {
		p.Kind = User
	}
	if c.AuthTime != nil {
		p.AuthTime = c.AuthTime.Time
	}
	if c.Operator != nil {
		p.Operator = *c.Operator
	}
	if c.Key != nil {
		p.Key = *c.Key
	}
	if c.Actor != nil {
		p.Actor, p.ActorVersion = c.Actor.Subject, c.Actor.Version
	}
	return p
}
