package httpclient

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"strings"
)

// assertionJWT is the type of assertion that a ServiceAccount token is (RFC 7523, section 2.2).
const assertionJWT = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Credential is what a service proves to auth with who it is: its secret, or the token that Kubernetes has given its pod.
type Credential struct {
	ID     string
	Secret string
	// TokenPath is a file with a ServiceAccount token that is for auth. Where it is set there need be no Secret. The file is read for each
	// request, since kubelet renews it.
	TokenPath string
}

// Complete reports whether there is something to prove oneself with.
func (c Credential) Complete() bool { return c.ID != "" && (c.Secret != "" || c.TokenPath != "") }

// prove adds the proof to a form, or gives the header that is the proof.
func (c Credential) prove(form url.Values) (Option, error) {
	if c.TokenPath == "" {
		basic := base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(c.ID) + ":" + url.QueryEscape(c.Secret)))
		return Header("Authorization", "Basic "+basic), nil
	}
	token, err := os.ReadFile(c.TokenPath)
	if err != nil {
		return nil, fmt.Errorf("read the ServiceAccount token: %w", err)
	}
	form.Set("client_id", c.ID)
	form.Set("client_assertion_type", assertionJWT)
	form.Set("client_assertion", strings.TrimSpace(string(token)))
	return func(*call) {}, nil
}
