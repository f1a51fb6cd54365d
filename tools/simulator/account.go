package simulator

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
)

// Account is a login of a driver.
type Account struct {
	Login    string `json:"login"`
	Password string `json:"password"`
}

// wallet holds the tokens of one account. It is the httpclient.TokenSource of its driver: it logs in, refreshes ahead of time, and
// logs in again when the session has ended.
type wallet struct {
	account Account
	api     *httpclient.Client

	mu      sync.Mutex
	access  string
	refresh string
	expires time.Time
}

// early is how long before its end a token is replaced.
const early = 30 * time.Second

type tokens struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int64  `json:"expires_in"`
}

// Token returns an access token that is good for a while.
func (w *wallet) Token(ctx context.Context) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.access != "" && time.Until(w.expires) > early {
		return w.access, nil
	}
	got, err := w.renew(ctx)
	if err != nil {
		return "", err
	}
	w.access, w.refresh, w.expires = got.AccessToken, got.RefreshToken, time.Now().Add(time.Duration(got.ExpiresIn)*time.Second)
	return w.access, nil
}

// renew refreshes the session, or begins one when there is none or it has ended.
func (w *wallet) renew(ctx context.Context) (got tokens, err error) {
	if w.refresh != "" {
		refresh := map[string]any{"refresh_token": w.refresh}
		err = w.api.Do(ctx, http.MethodPost, "/v1/auth/refresh", nil, refresh, &got)
		if err == nil || fault.Of(err).Kind() != fault.Unauthenticated {
			return got, err
		}
	}
	login := map[string]any{"login": w.account.Login, "password": w.account.Password, "device_name": "simulated driver"}
	err = w.api.Do(ctx, http.MethodPost, "/v1/auth/login", nil, login, &got)
	return got, err
}

// Forget drops a token that the API refused; httpclient asks for another one then.
func (w *wallet) Forget(token string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.access == token {
		w.access = ""
	}
}
