package httpclient

import (
	"context"
	"net/url"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// expiryMargin is how long before its end a token is no longer used.
	expiryMargin = 30 * time.Second
	tokenTimeout = 5 * time.Second
)

// ClientCredentials gets a service's tokens from auth's token endpoint (RFC 6749, section 4.4),
// for one audience (the resource parameter of RFC 8707). A token is used until half a minute before
// it ends and renewed in the background for some time before that, so that calls seldom wait; many
// callers at once ask once.
func ClientCredentials(tokenURL string, proof Credential, audience string) TokenSource {
	return &credentials{
		client:   New(Config{BaseURL: tokenURL, Timeout: tokenTimeout}),
		proof:    proof,
		audience: audience,
		now:      time.Now,
	}
}

type credentials struct {
	client   *Client
	proof    Credential
	audience string
	now      func() time.Time
	flights  singleflight.Group

	mu     sync.Mutex
	token  string
	renew  time.Time // from when on another one is fetched in the background
	expiry time.Time // from when on this one is no longer used
}

// Token gives a token that is good for a while yet.
func (c *credentials) Token(ctx context.Context) (string, error) {
	c.mu.Lock()
	token, renew, expiry := c.token, c.renew, c.expiry
	c.mu.Unlock()
	now := c.now()
	if token != "" && now.Before(renew) {
		return token, nil
	}
	// The fetch belongs to all who wait for it, so it does not end with the first of them.
	flight := c.flights.DoChan("", func() (any, error) { return c.fetch(context.WithoutCancel(ctx)) })
	if token != "" && now.Before(expiry) {
		return token, nil
	}
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case result := <-flight:
		if result.Err != nil {
			return "", result.Err
		}
		token, _ := result.Val.(string)
		return token, nil
	}
}

// Forget drops a token that was refused.
func (c *credentials) Forget(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token == token {
		c.token = ""
	}
}

func (c *credentials) fetch(ctx context.Context) (string, error) {
	asked := c.now()
	c.mu.Lock()
	token, renew := c.token, c.renew
	c.mu.Unlock()
	if token != "" && asked.Before(renew) { // the flight before this one has just brought it
		return token, nil
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	if c.audience != "" {
		form.Set("resource", c.audience)
	}
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	proven, err := c.proof.prove(form)
	if err != nil {
		return "", err
	}
	// Asking twice for a token does no harm, so this POST may be repeated.
	repeatable := func(call *call) { call.retry = true }
	if err := c.client.Do(ctx, "POST", "", nil, form, &answer, proven, repeatable); err != nil {
		return "", err
	}
	if answer.AccessToken == "" {
		return "", ErrAnswer.Detailf("The token endpoint gave no token")
	}
	life := time.Duration(answer.ExpiresIn) * time.Second
	c.mu.Lock()
	defer c.mu.Unlock()
	c.token = answer.AccessToken
	c.expiry = asked.Add(life - expiryMargin)
	c.renew = asked.Add((life - expiryMargin) * 8 / 10)
	return c.token, nil
}
