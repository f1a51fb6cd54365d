package auth

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/client"
)

// ServiceAccountConfig says whose ServiceAccount tokens prove who a service client is.
type ServiceAccountConfig struct {
	Issuer    string `env:"SERVICE_ACCOUNT_ISSUER" desc:"issuer of the ServiceAccount tokens of a Kubernetes cluster, with which its pods may prove which service client they are; none when empty"`
	JWKSURL   string `env:"SERVICE_ACCOUNT_JWKS_URL" desc:"where that issuer's keys are, https:// or a file://; /openid/v1/jwks of the issuer when empty"`
	CA        string `env:"SERVICE_ACCOUNT_CA" desc:"certificates (PEM) of who signs for that address; the system's when empty"`
	TokenPath string `env:"SERVICE_ACCOUNT_TOKEN_PATH" desc:"file with the pod's own token for that address; read anew each time"`
}

// validate names every setting that cannot be right.
func (c ServiceAccountConfig) validate() []error {
	var faults []error
	if c.Issuer == "" {
		if c.JWKSURL != "" || c.CA != "" || c.TokenPath != "" {
			faults = append(faults, errors.New("SERVICE_ACCOUNT_ISSUER: not set, but what belongs to it is"))
		}
		return faults
	}
	if keys, err := url.Parse(c.keysURL()); err != nil || keys.User != nil || (keys.Scheme != "https" || keys.Host == "") && (keys.Scheme != "file" || keys.Path == "") {
		faults = append(faults, errors.New("SERVICE_ACCOUNT_JWKS_URL: neither an https:// nor a file:// URL"))
	}
	if c.CA != "" && !x509.NewCertPool().AppendCertsFromPEM([]byte(c.CA)) {
		faults = append(faults, errors.New("SERVICE_ACCOUNT_CA: no certificate in PEM"))
	}
	return faults
}

func (c ServiceAccountConfig) keysURL() string {
	if c.JWKSURL != "" {
		return c.JWKSURL
	}
	return strings.TrimSuffix(c.Issuer, "/") + "/openid/v1/jwks"
}

// trust has clients take the cluster's ServiceAccount tokens, and follows its keys until ctx ends.
func (c ServiceAccountConfig) trust(ctx context.Context, clients *client.Service, log *slog.Logger) error {
	if c.Issuer == "" {
		return nil
	}
	keys, err := authn.FollowKeys(ctx, authn.KeySource{URL: c.keysURL(), Algorithms: client.KeyAlgorithms(), Client: c.http(), Log: log})
	if err != nil {
		return err
	}
	clients.TrustServiceAccounts(c.Issuer, func(ctx context.Context, id string) (string, crypto.PublicKey, error) {
		key, err := keys.Find(ctx, id)
		return key.Algorithm, key.Public, err
	})
	return nil
}

// http is what fetches the keys: with the pod's own token, over no proxy, and only from where the settings say.
func (c ServiceAccountConfig) http() *http.Client {
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute}
	if c.CA != "" {
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		transport.TLSClientConfig.RootCAs.AppendCertsFromPEM([]byte(c.CA)) // validate has read it
	}
	transport.RegisterProtocol("file", http.NewFileTransport(http.Dir("/"))) //nolint:gosec // the settings name the one file, nobody else does
	return &http.Client{
		Transport: bearerFile{path: c.TokenPath, next: transport}, Timeout: 5 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// bearerFile adds the token of a file, if there is a path.
type bearerFile struct {
	path string
	next http.RoundTripper
}

// RoundTrip reads the file and sends the request.
func (b bearerFile) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.path == "" {
		return b.next.RoundTrip(r)
	}
	token, err := os.ReadFile(b.path)
	if err != nil {
		return nil, fmt.Errorf("read the pod's own token: %w", err)
	}
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	return b.next.RoundTrip(r)
}
