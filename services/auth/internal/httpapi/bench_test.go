package httpapi_test

import (
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/credential"
)

// dear are the costs that people's passwords are hashed with.
func dear(o *options) { o.params = credential.DefaultParams }

// BenchmarkLogin tells how much a login takes besides the hash: the whole way through the stack, the database and back, less
// the time of one hash alone, measured in turn.
func BenchmarkLogin(b *testing.B) {
	w := newWorld(b, dear)
	w.person("ada@example.com")
	hasher := credential.NewHasher(credential.DefaultParams, 0, 0)
	w.login("ada") // hashes the password anew, with the real costs
	hash, err := hasher.Hash(b.Context(), password)
	if err != nil {
		b.Fatal(err)
	}
	var logins, hashes []time.Duration
	for b.Loop() {
		start := time.Now()
		w.login("ada")
		middle := time.Now()
		if ok, _, err := hasher.Verify(b.Context(), hash, password); !ok || err != nil {
			b.Fatal(ok, err)
		}
		logins, hashes = append(logins, middle.Sub(start)), append(hashes, time.Since(middle))
	}
	b.ReportMetric(milliseconds(median(logins)), "ms/login")
	b.ReportMetric(milliseconds(median(hashes)), "ms/hash")
	b.ReportMetric(milliseconds(median(logins)-median(hashes)), "ms/rest")
}

// BenchmarkRefresh exchanges one refresh token after the other.
func BenchmarkRefresh(b *testing.B) {
	w := newWorld(b)
	w.person("ada@example.com")
	refresh := w.login("ada").text("refresh_token")
	for b.Loop() {
		refresh = w.post(refreshPath, object{"refresh_token": refresh}).want(http.StatusOK).text("refresh_token")
	}
}

// BenchmarkClientCredentials gets one service token after the other.
func BenchmarkClientCredentials(b *testing.B) {
	w := newWorld(b)
	w.service("robot", secret, []string{"charging-plot"}, []string{"feeds:read"})
	for b.Loop() {
		w.form(tokenPath, url.Values{"grant_type": {"client_credentials"}}, basic("robot", url.QueryEscape(secret))).want(http.StatusOK)
	}
}

func median(of []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
