package httpapi_test

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
)

// rotateUnderLoad rotates the signing key again and again, while robots get tokens from two replicas, another service verifies them and
// people refresh and read their account. It returns how many requests were made and how many failed. pause is the time from one rotation
// to the next: verifiers ask for a key that they do not know once in ten seconds.
func rotateUnderLoad(w *world, rotations, perSecond int, pause time.Duration) (requests, failures int64) {
	w.t.Helper()
	w.service("robot", secret, []string{"charging-plot"}, []string{"feeds:read"})
	w.person("ada@example.com")
	verifier := w.verifier(issuer + "/charging-plot")
	replicas := []*world{w, w.replica()}
	var asked, failed atomic.Int64
	ctx, stop := context.WithCancel(w.t.Context())
	defer stop()
	turns := make(chan struct{})
	go func() {
		tick := time.NewTicker(time.Second / time.Duration(perSecond))
		defer tick.Stop()
		defer close(turns)
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				select {
				case turns <- struct{}{}:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	count := func(ok bool, what string) {
		asked.Add(1)
		if !ok {
			failed.Add(1)
			w.t.Log(what)
		}
	}
	var wait sync.WaitGroup
	for i := range 16 {
		replica := replicas[i%2]
		refresh := w.login("ada").text("refresh_token")
		wait.Go(func() {
			for n := 0; ; n++ {
				if _, more := <-turns; !more {
					return
				}
				if n%2 == 0 {
					a := replica.form(tokenPath, url.Values{"grant_type": {"client_credentials"}}, basic("robot", url.QueryEscape(secret)))
					_, err := verifier.Verify(w.t.Context(), a.text("access_token"))
					count(a.status == http.StatusOK && err == nil, a.raw)
					continue
				}
				a := replica.post(refreshPath, object{"refresh_token": refresh})
				refresh = a.text("refresh_token")
				me := replica.get("/v1/me", bearer(a.text("access_token")))
				count(a.status == http.StatusOK && me.status == http.StatusOK, a.raw+me.raw)
			}
		})
	}
	for range rotations {
		<-time.After(pause)
		if _, err := w.keeper.Rotate(w.t.Context(), audit.CLI, true); err != nil {
			w.t.Error(err)
		}
		if err := w.ring.Load(w.t.Context()); err != nil {
			w.t.Error(err)
		}
	}
	<-time.After(pause)
	stop()
	wait.Wait()
	return asked.Load(), failed.Load()
}

// K1: a rotation fails nobody. BenchmarkRotations makes thirty at five hundred requests a second.
func TestARotationUnderLoadFailsNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if requests, failures := rotateUnderLoad(w, 1, 200, 500*time.Millisecond); requests < 16 || failures > 0 {
		t.Errorf("%d of %d requests failed", failures, requests)
	}
}

// BenchmarkRotations takes five and a half minutes.
func BenchmarkRotations(b *testing.B) {
	for b.Loop() {
		w := newWorld(b)
		requests, failures := rotateUnderLoad(w, 30, 500, 10500*time.Millisecond)
		b.ReportMetric(float64(requests), "requests")
		b.ReportMetric(float64(failures), "failures")
	}
}
