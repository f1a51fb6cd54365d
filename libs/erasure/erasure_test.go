package erasure_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/erasure"
	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/libs/httpclient"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
)

// auth is as much of auth as a follower sees: a token endpoint, and the feed on a log.
type auth struct {
	*httptest.Server

	t  *testing.T
	db *postgres.DB
}

func newAuth(t *testing.T) *auth {
	t.Helper()
	a := &auth{t: t, db: pgtest.New(t, nil)}
	if _, err := a.db.ExecContext(t.Context(), feed.Schema("erasures")+feed.CursorSchema); err != nil {
		t.Fatal(err)
	}
	nobody := func(context.Context, []uuid.UUID) (map[uuid.UUID]struct{}, error) { return nil, nil } //nolint:nilnil // all are gone
	source := feed.NewSource(a.db, feed.SourceOptions[struct{}]{Table: "erasures", Load: nobody, PollInterval: 20 * time.Millisecond})
	answer := func(w http.ResponseWriter, what any) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(what); err != nil {
			t.Error(err)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth/token", func(w http.ResponseWriter, r *http.Request) {
		answer(w, map[string]any{"access_token": "for " + r.FormValue("resource"), "token_type": "Bearer", "expires_in": 300})
	})
	mux.HandleFunc("GET /v1/users/erasures", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer for https://charging.example/auth" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		limit, _ := strconv.Atoi(r.FormValue("limit"))
		page, err := source.After(r.Context(), r.FormValue("after"), limit, time.Second)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		answer(w, page)
	})
	a.Server = httptest.NewServer(mux)
	t.Cleanup(a.Close)
	return a
}

func (a *auth) erase() uuid.UUID {
	a.t.Helper()
	id := uuid.New()
	err := a.db.InTx(a.t.Context(), func(ctx context.Context, tx *sqlx.Tx) error {
		return feed.Append(ctx, tx, "erasures", feed.Change{ID: id, Op: feed.Delete, Version: 1})
	})
	if err != nil {
		a.t.Fatal(err)
	}
	return id
}

// follow follows until the returned function is called, or the test ends.
func (a *auth) follow(forget func(context.Context, uuid.UUID) error) (stop func()) {
	a.t.Helper()
	tel, err := telemetry.Start(a.t.Context(), telemetry.Config{Service: "test"})
	if err != nil {
		a.t.Fatal(err)
	}
	follower := erasure.Follow(erasure.Config{
		TokenURL: a.URL + "/oauth/token", Client: httpclient.Credential{ID: "test", Secret: "secret"}, Issuer: "https://charging.example",
		Database: a.db, Forget: forget, Telemetry: tel,
	})
	ctx, cancel := context.WithCancel(context.WithoutCancel(a.t.Context()))
	done := make(chan error, 1)
	go func() { done <- follower.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			a.t.Error(err)
		}
	})
	a.t.Cleanup(stop)
	return stop
}

// list keeps who was forgotten, and refuses the first time each.
type list struct {
	mu      sync.Mutex
	refused map[uuid.UUID]bool
	people  []uuid.UUID
}

func (l *list) forget(_ context.Context, person uuid.UUID) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.refused[person] {
		l.refused[person] = true
		return errors.New("not now")
	}
	l.people = append(l.people, person)
	return nil
}

func (l *list) has(t *testing.T, people ...uuid.UUID) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		l.mu.Lock()
		missing := slices.ContainsFunc(people, func(id uuid.UUID) bool { return !slices.Contains(l.people, id) })
		l.mu.Unlock()
		if !missing {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("forgotten are %v, want %v", l.people, people)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func TestEverybodyWhoIsErasedIsForgotten(t *testing.T) {
	t.Parallel()
	a := newAuth(t)
	first, second := a.erase(), a.erase()
	l := &list{refused: map[uuid.UUID]bool{}}
	stop := a.follow(l.forget)
	l.has(t, first, second)
	third := a.erase()
	l.has(t, third)
	for deadline := time.Now().Add(20 * time.Second); ; <-time.After(10 * time.Millisecond) {
		page, err := feed.LoadCursor(t.Context(), a.db, "erasures")
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("the place is not kept: %v", err)
		}
		if page != "" {
			break
		}
	}
	stop()

	// Whoever comes next, here two at once, goes on from there.
	fourth := a.erase()
	next := &list{refused: map[uuid.UUID]bool{}}
	a.follow(next.forget)
	a.follow(next.forget)
	next.has(t, fourth)
	next.mu.Lock()
	defer next.mu.Unlock()
	if slices.Contains(next.people, first) || slices.Contains(next.people, second) {
		t.Errorf("after a restart everybody is forgotten anew: %v", next.people)
	}
}
