package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// api is a caller of the product's public API.
type api struct {
	base   string
	token  string
	client *http.Client
}

// login makes a caller of an account.
func (a *api) login(ctx context.Context, login, password string) (*api, error) {
	var tokens struct {
		AccessToken string `json:"access_token"`
	}
	if err := a.call(ctx, http.MethodPost, "/v1/auth/login", map[string]string{"login": login, "password": password}, &tokens); err != nil {
		return nil, err
	}
	return &api{base: a.base, token: tokens.AccessToken, client: a.client}, nil
}

// open sends a request and returns the answer, which the caller closes. An answer that is no success is an error.
func (a *api) open(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var reader io.Reader = http.NoBody
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(ctx, method, a.base+path, reader)
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if a.token != "" {
		r.Header.Set("Authorization", "Bearer "+a.token)
	}
	answer, err := a.client.Do(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode >= http.StatusMultipleChoices {
		defer answer.Body.Close()
		problem, _ := io.ReadAll(io.LimitReader(answer.Body, 2000)) // what could be read of it
		return nil, fmt.Errorf("%s %s answers %d: %s", method, path, answer.StatusCode, problem)
	}
	return answer, nil
}

func (a *api) call(ctx context.Context, method, path string, body, into any) error {
	answer, err := a.open(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	return json.NewDecoder(answer.Body).Decode(into)
}
