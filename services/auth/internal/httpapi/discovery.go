package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/gofiber/fiber/v2"

	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/policy"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/client"
)

// document is a JSON answer that is made once and sent as it is.
type document struct {
	body []byte
	etag string
}

// publishedFor is how long verifiers keep what they read. Keys are published for a day before they sign.
const publishedFor = "public, max-age=300"

func (d document) write(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, publishedFor)
	c.Set(fiber.HeaderAccessControlAllowOrigin, "*") // public knowledge, which libraries in browsers read too
	if httpserver.NotModified(c, d.etag) {
		return nil
	}
	c.Response().Header.SetContentType(fiber.MIMEApplicationJSON)
	c.Response().SetBodyRaw(d.body)
	return nil
}

// VisitGetJWKSResponse sends the document.
func (d document) VisitGetJWKSResponse(c *fiber.Ctx) error { return d.write(c) }

// VisitGetOpenIDConfigurationResponse sends the document.
func (d document) VisitGetOpenIDConfigurationResponse(c *fiber.Ctx) error { return d.write(c) }

// VisitGetAuthorizationServerResponse sends the document.
func (d document) VisitGetAuthorizationServerResponse(c *fiber.Ctx) error { return d.write(c) }

// GetJWKS publishes the keys.
func (a *api) GetJWKS(context.Context, GetJWKSRequestObject) (GetJWKSResponseObject, error) {
	body, etag, err := a.Keys.JWKS()
	if err != nil {
		return nil, err
	}
	return document{body: body, etag: etag}, nil
}

// GetOpenIDConfiguration says where everything is.
func (a *api) GetOpenIDConfiguration(context.Context, GetOpenIDConfigurationRequestObject) (GetOpenIDConfigurationResponseObject, error) {
	return a.discovery, nil
}

// GetAuthorizationServer says so at the address of RFC 8414.
func (a *api) GetAuthorizationServer(context.Context, GetAuthorizationServerRequestObject) (GetAuthorizationServerResponseObject, error) {
	return a.discovery, nil
}

// discoveryOf is the discovery document of an issuer. There is no authorization endpoint, so no response type but "none" is
// offered; the member itself is required by OpenID Connect Discovery.
func discoveryOf(issuer string) document {
	methods, algorithms := []string{"client_secret_basic", "client_secret_post", "private_key_jwt"}, client.KeyAlgorithms()
	docs := issuer + "/docs"
	about := OpenIDConfiguration{
		Issuer: issuer, JwksUri: issuer + "/.well-known/jwks.json",
		ResponseTypesSupported: []string{"none"}, SubjectTypesSupported: []string{"public"},
		GrantTypesSupported:              []string{grantClientCredentials, grantRefreshToken, grantTokenExchange},
		IdTokenSigningAlgValuesSupported: []string{"ES256"},
		ScopesSupported:                  policy.Scopes(), ServiceDocumentation: &docs,
	}
	about.TokenEndpoint, about.TokenEndpointAuthMethodsSupported = issuer+"/oauth/token", append(methods, "none")
	about.IntrospectionEndpoint, about.IntrospectionEndpointAuthMethodsSupported = issuer+"/oauth/introspect", &methods
	about.RevocationEndpoint, about.RevocationEndpointAuthMethodsSupported = issuer+"/oauth/revoke", &methods
	about.TokenEndpointAuthSigningAlgValuesSupported = &algorithms
	about.IntrospectionEndpointAuthSigningAlgValuesSupported, about.RevocationEndpointAuthSigningAlgValuesSupported = &algorithms, &algorithms
	body, err := json.Marshal(about)
	if err != nil {
		panic(fmt.Sprintf("httpapi: the discovery document: %v", err)) // it holds strings alone
	}
	sum := sha256.Sum256(body)
	return document{body: body, etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
}
