package webhook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/publichttp"
	"github.com/ihr-charging/charging-plot-api/libs/webhook"
)

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner := uuid.New()
	for url, want := range map[string]error{
		"http://10.0.0.1/hook": publichttp.ErrForbidden, "http://169.254.169.254/": publichttp.ErrForbidden, "http://localhost/": publichttp.ErrForbidden,
		"ftp://example.com/": publichttp.ErrURL, "": publichttp.ErrURL,
	} {
		_, _, err := w.store.Create(t.Context(), webhook.Endpoint{OwnerID: owner, URL: url})
		if !errors.Is(err, want) || len(fault.Of(err).Fields()) != 1 || fault.Of(err).Fields()[0].Pointer != "/url" {
			t.Errorf("%q: %v, wanted %v at /url", url, err, want)
		}
	}
	w.endpoint("/1", owner)
	if _, _, err := w.store.Create(t.Context(), webhook.Endpoint{OwnerID: owner, URL: w.url + "/1"}); !errors.Is(err, webhook.ErrExists) {
		t.Errorf("the same URL again: %v", err)
	}
	w.endpoint("/1", uuid.New()) // which is somebody else's business
	// Two at once for the last two places, and one too many.
	var wg sync.WaitGroup
	failed := make(chan error, 4)
	for _, path := range []string{"/2", "/3", "/4", "/5"} {
		wg.Go(func() {
			_, _, err := w.store.Create(context.WithoutCancel(t.Context()), webhook.Endpoint{OwnerID: owner, URL: w.url + path})
			failed <- err
		})
	}
	wg.Wait()
	tooMany := 0
	for range 4 {
		if err := <-failed; errors.Is(err, webhook.ErrTooMany) {
			tooMany++
		} else if err != nil {
			t.Errorf("an endpoint within the number: %v", err)
		}
	}
	if tooMany != 2 {
		t.Errorf("%d of four were too many, wanted 2", tooMany)
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	owner, operator := uuid.New(), uuid.New()
	own, _ := w.endpoint("/own", owner)
	shared, _, err := w.store.Create(t.Context(), webhook.Endpoint{OwnerID: uuid.New(), OperatorID: operator, URL: w.url + "/shared"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		scope       webhook.Scope
		own, shared bool
	}{
		"nobody":              {webhook.Scope{}, false, false},
		"the owner":           {webhook.Scope{OwnerID: owner}, true, false},
		"a colleague":         {webhook.Scope{OwnerID: uuid.New(), OperatorID: operator}, false, true},
		"somebody else":       {webhook.Scope{OwnerID: uuid.New(), OperatorID: uuid.New()}, false, false},
		"an administrator":    {everything, true, true},
		"no operator at all":  {webhook.Scope{OwnerID: uuid.New()}, false, false},
		"owner and colleague": {webhook.Scope{OwnerID: owner, OperatorID: operator}, true, true},
	} {
		for e, sees := range map[*webhook.Endpoint]bool{&own: c.own, &shared: c.shared} {
			_, err := w.store.Get(t.Context(), e.ID, c.scope)
			_, errTest := w.store.Test(t.Context(), e.ID, c.scope)
			_, _, errRotate := w.store.Rotate(t.Context(), e.ID, c.scope, 0)
			_, errUpdate := w.store.Update(t.Context(), e.ID, c.scope, func(*webhook.Endpoint) error { return nil })
			stop := errors.New("stop")
			errDelete := w.store.Delete(t.Context(), e.ID, c.scope, func(webhook.Endpoint) error { return stop })
			if sees && (err != nil || errTest != nil || errRotate != nil || errUpdate != nil || !errors.Is(errDelete, stop)) {
				t.Errorf("%s does not reach %s: %v %v %v %v %v", name, e.URL, err, errTest, errRotate, errUpdate, errDelete)
			}
			for _, err := range []error{err, errTest, errRotate, errUpdate, errDelete} {
				if !sees && !errors.Is(err, webhook.ErrNotFound) {
					t.Errorf("%s reaches %s: %v", name, e.URL, err)
				}
			}
		}
		list, err := w.store.List(t.Context(), c.scope, uuid.Nil, 10)
		want := 0
		for _, sees := range []bool{c.own, c.shared} {
			if sees {
				want++
			}
		}
		if err != nil || len(list) != want {
			t.Errorf("%s is shown %d webhooks, wanted %d: %v", name, len(list), want, err)
		}
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e, old := w.endpoint("/hook", uuid.New())
	rotated, fresh, err := w.store.Rotate(t.Context(), e.ID, everything, 24*time.Hour)
	if err != nil || !rotated.RotatedUntil.Equal(w.clock.now().Add(24*time.Hour)) || rotated.Version != 2 {
		t.Fatalf("rotated: %+v, %v", rotated, err)
	}
	w.work(webhook.WorkerConfig{})
	verify := func(when string, secret webhook.Secret, want bool) {
		t.Helper()
		w.enqueue(e, "a", 1)
		m := w.next()
		if err := webhook.Verify(m.header, m.raw, w.clock.now(), secret); (err == nil) != want {
			t.Errorf("%s: %v", when, err)
		}
	}
	verify("the old secret, while both hold", old, true)
	verify("the new secret, while both hold", fresh, true)
	w.clock.advance(25 * time.Hour)
	verify("the old secret, afterwards", old, false)
	verify("the new secret, afterwards", fresh, true)
	if !w.get(e).RotatedUntil.IsZero() {
		t.Error("the rotation does not end")
	}
	if _, newest, err := w.store.Rotate(t.Context(), e.ID, everything, 0); err != nil {
		t.Error(err)
	} else {
		verify("a secret that leaked", fresh, false)
		verify("the one after it", newest, true)
	}
}

func TestSecretsAreNotReadableAtRest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e, secret := w.endpoint("/hook", uuid.New())
	var stored []byte
	if err := w.db.GetContext(t.Context(), &stored, `select secret from webhook_endpoints where id = $1`, e.ID); err != nil {
		t.Fatal(err)
	}
	raw := parse(t, secret.Reveal()).Reveal()
	if bytes.Contains(stored, []byte(raw[6:20])) || len(stored) != 12+32+16 {
		t.Errorf("%d bytes are stored", len(stored))
	}
}

func TestTestAndRedeliver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e, _ := w.endpoint("/hook", uuid.New())
	d, err := w.store.Test(t.Context(), e.ID, everything)
	if err != nil || d.Type != webhook.TestType || d.State != webhook.Pending {
		t.Fatalf("a test: %+v, %v", d, err)
	}
	if _, err := w.store.Redeliver(t.Context(), e.ID, d.ID, everything); !errors.Is(err, webhook.ErrUnderWay) {
		t.Errorf("again before it has ended: %v", err)
	}
	w.answers(func(message) int { return http.StatusTeapot })
	w.work(webhook.WorkerConfig{Backoff: []time.Duration{}})
	if m := w.next(); m.body.Type != webhook.TestType || m.id != d.ID.String() {
		t.Errorf("came %s", m.raw)
	}
	w.until("the test has failed", func() bool { return w.deliveries(e)[0].State == webhook.Failed })
	w.answers(nil)
	again, err := w.store.Redeliver(t.Context(), e.ID, d.ID, everything)
	if err != nil || again.State != webhook.Pending || !again.FinishedAt.IsZero() {
		t.Errorf("again: %+v, %v", again, err)
	}
	if m := w.next(); m.id != d.ID.String() {
		t.Errorf("it came under another id")
	}
	w.until("it is delivered", func() bool { return w.deliveries(e)[0].State == webhook.Delivered })
	if a := w.attempts(d); len(a) != 2 || a[0].Status != http.StatusTeapot || a[1].Status != http.StatusNoContent {
		t.Errorf("on record are %+v", a)
	}
	other, _ := w.endpoint("/other", uuid.New())
	if _, err := w.store.Redeliver(t.Context(), other.ID, d.ID, everything); !errors.Is(err, webhook.ErrDeliveryNotFound) {
		t.Errorf("a delivery of another webhook: %v", err)
	}
	if _, _, err := w.store.GetDelivery(t.Context(), other.ID, d.ID); !errors.Is(err, webhook.ErrDeliveryNotFound) {
		t.Errorf("a delivery of another webhook: %v", err)
	}
}

func TestUpdateAndDelete(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	e, _ := w.endpoint("/hook", uuid.New())
	changed, err := w.store.Update(t.Context(), e.ID, everything, func(e *webhook.Endpoint) error {
		e.Types, e.Filter, e.Description, e.Disabled = []string{"a.b"}, json.RawMessage(`{"x": 1}`), "ours", webhook.ByOwner
		return nil
	})
	if err != nil || changed.Version != 2 || changed.Description != "ours" || changed.Wants("a.b") {
		t.Fatalf("changed: %+v, %v", changed, err)
	}
	if active, err := w.store.Active(t.Context(), w.db); err != nil || len(active) != 0 {
		t.Errorf("active is %+v, %v", active, err)
	}
	for _, want := range []error{publichttp.ErrForbidden} {
		if _, err := w.store.Update(t.Context(), e.ID, everything, func(e *webhook.Endpoint) error {
			e.URL = "http://127.1/"
			return nil
		}); !errors.Is(err, want) {
			t.Errorf("to an address inside: %v", err)
		}
	}
	if got := w.get(e); got.URL != e.URL || got.Version != 2 || string(got.Filter) != `{"x": 1}` {
		t.Errorf("kept is %+v", got)
	}
	enabled, err := w.store.Update(t.Context(), e.ID, everything, func(e *webhook.Endpoint) error {
		e.Disabled = webhook.Enabled
		return nil
	})
	if err != nil || !enabled.Wants("a.b") || enabled.Wants("a.c") {
		t.Errorf("enabled: %+v, %v", enabled, err)
	}
	w.enqueue(e, "a", 1)
	if err := w.store.Delete(t.Context(), e.ID, everything, func(webhook.Endpoint) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if len(w.deliveries(e)) != 0 {
		t.Error("its deliveries outlive it")
	}
	w.enqueue(e, "a", 2) // somebody read the endpoints before it went
	if len(w.deliveries(e)) != 0 {
		t.Error("what is gone is sent something")
	}
}
