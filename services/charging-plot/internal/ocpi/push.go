package ocpi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/ocpi"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/roaming"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

// Pushes are what partners are to be told without asking.
type Pushes interface {
	TakePushes(ctx context.Context, limit int) ([]roaming.Push, error)
	Pushed(ctx context.Context, p roaming.Push, answer string) error
	PushFailed(ctx context.Context, p roaming.Push, answer string) error
	TrimPushes(ctx context.Context, before time.Time) error
	Charge(ctx context.Context, id uuid.UUID) (roaming.Charge, error)
	Bill(ctx context.Context, id uuid.UUID) (session.CDR, error)
}

const (
	pushesAtOnce = 32
	trimEvery    = time.Hour
	// keepPushes is how long what a partner answered is kept.
	keepPushes = 30 * 24 * time.Hour
	// longestAnswer is the most that is read, and longestNote that is kept, of what a partner answers.
	longestAnswer = 64 << 10
	longestNote   = 500
)

// RunPushes tells partners of their contracts' charges and bills, where they have a receiver for them, until ctx ends. It returns nil.
func (a *API) RunPushes(ctx context.Context, poll time.Duration) error {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	var trimmed time.Time
	for {
		n, err := a.Push(ctx)
		if now := a.Now(); err == nil && now.Sub(trimmed) > trimEvery {
			trimmed = now
			err = a.Pushes.TrimPushes(ctx, now.Add(-keepPushes))
		}
		if err != nil && ctx.Err() == nil {
			a.Log.WarnContext(ctx, "partners could not be told of charges", "error", err)
		}
		if n == pushesAtOnce && ctx.Err() == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Push tells partners what is due, each on its own, and returns how much that was.
func (a *API) Push(ctx context.Context) (int, error) {
	due, err := a.Pushes.TakePushes(ctx, pushesAtOnce)
	if err != nil {
		return 0, err
	}
	of := map[uuid.UUID][]roaming.Push{}
	for _, p := range due {
		of[p.Partner] = append(of[p.Partner], p)
	}
	var all sync.WaitGroup
	for id, its := range of {
		all.Go(func() { a.pushAll(ctx, id, its) })
	}
	all.Wait()
	return len(due), nil
}

// pushAll tells one partner. Where it cannot be reached, the rest waits with what was tried.
func (a *API) pushAll(ctx context.Context, id uuid.UUID, due []roaming.Push) {
	partner, err := a.registeredPartner(ctx, id)
	for _, p := range due {
		answer := ""
		if err == nil {
			answer, err = a.push(ctx, partner, p)
		}
		var noted error
		if err == nil {
			noted = a.Pushes.Pushed(ctx, p, answer)
		} else {
			a.Log.WarnContext(ctx, "a partner was not told", "partner", id, "kind", string(p.Kind), "id", p.Object, "tries", p.Tries+1, "error", err)
			noted = a.Pushes.PushFailed(ctx, p, ocpi.Cut(err.Error(), longestNote))
		}
		if noted != nil && ctx.Err() == nil {
			a.Log.WarnContext(ctx, "what a partner answered could not be kept", "partner", id, "error", noted)
		}
		if refused := (refusal{}); errors.As(err, &refused) { // this one alone: the partner is there
			err = nil
		}
	}
}

// A refusal is an answer that says no.
type refusal struct{ what string }

func (r refusal) Error() string { return r.what }

// push tells a partner one thing, as it is now, and gives what it answered.
func (a *API) push(ctx context.Context, partner roaming.Partner, p roaming.Push) (string, error) {
	var object any
	method, target := http.MethodPost, partner.Endpoint("cdrs", "RECEIVER")
	switch p.Kind {
	case roaming.PushCDR:
		bill, err := a.Pushes.Bill(ctx, p.Object)
		if err != nil {
			return "", err
		}
		object = ToCDR(bill)
	case roaming.PushSession:
		charge, err := a.Pushes.Charge(ctx, p.Object)
		if err != nil {
			return "", err
		}
		s := ToSession(charge)
		object, method, target = s, http.MethodPut, partner.Endpoint("sessions", "RECEIVER")
		if target != "" {
			if target, err = url.JoinPath(target, s.CountryCode, s.PartyID, s.ID); err != nil {
				return "", refusal{"the receiver's address cannot be read"}
			}
		}
	}
	if target == "" {
		return "the partner has no receiver for it any more", nil
	}
	body, err := json.Marshal(object)
	if err != nil {
		return "", fmt.Errorf("write what a partner is told: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return "", refusal{"the receiver's address cannot be read"}
	}
	request.Header.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	sign(request, partner.Token, "")
	return a.told(request)
}

// told sends a request and gives what was answered.
func (a *API) told(request *http.Request) (string, error) {
	answer, err := a.Client.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	var said struct {
		StatusCode    ocpi.Status `json:"status_code"`
		StatusMessage string      `json:"status_message"`
	}
	broken := json.NewDecoder(io.LimitReader(answer.Body, longestAnswer)).Decode(&said)
	note := fmt.Sprintf("%d, %d %s", answer.StatusCode, said.StatusCode, said.StatusMessage)
	switch {
	case answer.StatusCode >= http.StatusInternalServerError || answer.StatusCode == http.StatusTooManyRequests:
		return "", errors.New(note) // the partner itself, whatever it is told
	case answer.StatusCode/100 != 2 || broken != nil || said.StatusCode/1000 != 1:
		return "", refusal{note}
	}
	return ocpi.Cut(note, longestNote), nil
}
