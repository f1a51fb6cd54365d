package token

import (
	"crypto/ecdsa"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// ErrNotLive is returned for an access token that is not ours, was changed, or has expired. Nobody is told which.
var ErrNotLive = fault.Define(fault.Unauthenticated, "token_not_live", "The token is not live")

const (
	// accessType is the `typ` of RFC 9068: an access token is never taken for an ID token, nor the reverse.
	accessType = "at+jwt"
	// maxAccess bounds what Read looks at; ours are under a kilobyte.
	maxAccess = 4096
	// leeway is how far the clocks of replicas may be apart.
	leeway = 30 * time.Second
)

// Access is what an access token says.
type Access struct {
	ID        string
	Subject   uuid.UUID
	ClientID  string
	Audience  []string
	Scopes    []string
	Roles     []string
	Operator  uuid.UUID // zero: none
	SessionID uuid.UUID // zero: a service's token
	AuthTime  time.Time // zero: a token of a service or an API key
	ACR       string    // empty: a token of a service or an API key
	AMR       []string
	Version   int64 // of the subject's rights
	// Actor is who calls on behalf of the subject (RFC 8693), and the version of its rights; zero: nobody.
	Actor        uuid.UUID
	ActorVersion int64
	Key          uuid.UUID      // the API key that it was exchanged for; zero: none
	Networks     []netip.Prefix // from which alone that may be used
	IssuedAt     time.Time
	Expires      time.Time
}

// claims is the JSON of Access.
type claims struct {
	jwt.RegisteredClaims
	ClientID string           `json:"client_id"`
	Scope    string           `json:"scope"`
	Roles    []string         `json:"roles,omitempty"`
	Operator string           `json:"org,omitempty"`
	Session  string           `json:"sid,omitempty"`
	AuthTime *jwt.NumericDate `json:"auth_time,omitempty"`
	ACR      string           `json:"acr,omitempty"`
	AMR      []string         `json:"amr,omitempty"`
	Version  int64            `json:"ver,omitempty"`
	Actor    *actor           `json:"act,omitempty"`
	Key      *uuid.UUID       `json:"key,omitempty"`
	Networks []netip.Prefix   `json:"net,omitempty"`
}

// actor is the `act` claim of RFC 8693. The version is ours.
type actor struct {
	Subject uuid.UUID `json:"sub"`
	Version int64     `json:"ver"`
}

// Keys are the keys to sign and read with.
type Keys interface {
	// Signing returns the key that signs.
	Signing() (kid string, private *ecdsa.PrivateKey, err error)
	// Public returns a published key, or nil.
	Public(kid string) *ecdsa.PublicKey
}

// Minter makes and reads access tokens. It is safe for concurrent use.
type Minter struct {
	keys   Keys
	issuer string
	now    func() time.Time
	parser *jwt.Parser
}

// NewMinter makes a minter in the name of an issuer.
func NewMinter(keys Keys, issuer string, now func() time.Time) *Minter {
	if issuer == "" {
		panic("token: a minter wants an issuer") // golang-jwt would not check the claim at all
	}
	return &Minter{keys: keys, issuer: issuer, now: now, parser: jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodES256.Alg()}),
		jwt.WithIssuer(issuer),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithStrictDecoding(),
		jwt.WithLeeway(leeway),
		jwt.WithTimeFunc(now),
	)}
}

// Issuer is in whose name tokens are made.
func (m *Minter) Issuer() string { return m.issuer }

// Mint signs an access token that lives for ttl from now. ID, IssuedAt and Expires are set by it and returned in the copy.
// It returns signingkey.ErrNotReady while there is no key.
func (m *Minter) Mint(a Access, ttl time.Duration) (text string, minted Access, err error) {
	kid, private, err := m.keys.Signing()
	if err != nil {
		return "", Access{}, err
	}
	a.ID = uuid.NewString()
	a.IssuedAt = m.now().Truncate(time.Second)
	a.Expires = a.IssuedAt.Add(ttl)
	c := claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: m.issuer, Subject: a.Subject.String(), Audience: a.Audience, ID: a.ID,
			IssuedAt: jwt.NewNumericDate(a.IssuedAt), ExpiresAt: jwt.NewNumericDate(a.Expires),
		},
		ClientID: a.ClientID, Scope: strings.Join(a.Scopes, " "), Roles: a.Roles, Version: a.Version, Networks: a.Networks,
	}
	if a.Key != uuid.Nil {
		c.Key = &a.Key
	}
	if a.Actor != uuid.Nil {
		c.Actor = &actor{a.Actor, a.ActorVersion}
	}
	if a.Operator != uuid.Nil {
		c.Operator = a.Operator.String()
	}
	if a.SessionID != uuid.Nil {
		c.Session, c.ACR, c.AMR = a.SessionID.String(), a.ACR, a.AMR
	}
	if !a.AuthTime.IsZero() {
		c.AuthTime = jwt.NewNumericDate(a.AuthTime)
	}
	unsigned := jwt.NewWithClaims(jwt.SigningMethodES256, c)
	unsigned.Header["typ"], unsigned.Header["kid"] = accessType, kid
	if text, err = unsigned.SignedString(private); err != nil {
		return "", Access{}, fmt.Errorf("sign an access token: %w", err)
	}
	return text, a, nil
}

// Read returns what an access token of ours says, whatever its audience. It returns ErrNotLive for anything else.
func (m *Minter) Read(text string) (Access, error) {
	if len(text) > maxAccess || !IsCompactJWS(text) {
		return Access{}, ErrNotLive
	}
	var c claims
	if _, err := m.parser.ParseWithClaims(text, &c, m.keyOf); err != nil {
		return Access{}, ErrNotLive.Because(err)
	}
	subject, err := uuid.Parse(c.Subject)
	if err != nil || c.ID == "" || c.IssuedAt == nil || len(c.Audience) == 0 {
		return Access{}, ErrNotLive
	}
	a := Access{
		ID: c.ID, Subject: subject, ClientID: c.ClientID, Audience: slices.Clone([]string(c.Audience)), Scopes: strings.Fields(c.Scope),
		Roles: c.Roles, ACR: c.ACR, AMR: c.AMR, Version: c.Version, IssuedAt: c.IssuedAt.Time, Expires: c.ExpiresAt.Time,
		Networks: c.Networks,
	}
	if c.Key != nil {
		a.Key = *c.Key
	}
	for text, id := range map[string]*uuid.UUID{c.Operator: &a.Operator, c.Session: &a.SessionID} {
		if text == "" {
			continue
		}
		if *id, err = uuid.Parse(text); err != nil {
			return Access{}, ErrNotLive.Because(err)
		}
	}
	if c.Actor != nil {
		a.Actor, a.ActorVersion = c.Actor.Subject, c.Actor.Version
	}
	if c.AuthTime != nil {
		a.AuthTime = c.AuthTime.Time
	}
	return a, nil
}

// CheckHeader returns an error for a header that names a key by other means than kid, or that demands extensions.
func CheckHeader(header map[string]any) error {
	for _, name := range []string{"crit", "jku", "jwk", "x5u", "x5c", "b64"} {
		if _, there := header[name]; there {
			return fmt.Errorf("header %s", name)
		}
	}
	return nil
}

// keyOf picks the key by kid alone.
func (m *Minter) keyOf(t *jwt.Token) (any, error) {
	if err := CheckHeader(t.Header); err != nil {
		return nil, err
	}
	if typ, _ := t.Header["typ"].(string); typ != accessType {
		return nil, fmt.Errorf("typ %q", typ)
	}
	kid, _ := t.Header["kid"].(string)
	if key := m.keys.Public(kid); key != nil {
		return key, nil
	}
	return nil, fmt.Errorf("kid %q", kid)
}

// IsCompactJWS reports whether the text has the characters and the two dots of a compact JWS: Go's base64 would skip line
// breaks.
func IsCompactJWS(text string) bool {
	dots := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c == '.':
			dots++
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return dots == 2
}
