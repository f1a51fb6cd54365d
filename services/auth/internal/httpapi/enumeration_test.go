package httpapi_test

import (
	"cmp"
	"math"
	"net/http"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// twins are two requests that nobody may be able to tell apart by the answer: one about somebody, one about nobody.
type twins struct {
	name string
	ask  func(w *world, somebody bool) *answer
}

func either(somebody bool, yes, no string) string {
	if somebody {
		return yes
	}
	return no
}

// enumerable are the eight operations that could tell whether an account, a token or a passkey exists.
func enumerable(w *world) []twins {
	id := w.person("known@example.com")
	ended := w.login("known").text("refresh_token") // by the reset below
	used := ""
	w.post(forgotPath, object{"email": "known@example.com"}).want(http.StatusAccepted)
	for _, letter := range w.mails("known@example.com") {
		if letter.Template == "reset_password" {
			used = letter.Token
		}
	}
	w.post("/v1/auth/password/reset", object{"token": used, "password": another}).want(http.StatusNoContent)
	post := func(path string, body func(somebody bool) object) func(*world, bool) *answer {
		return func(w *world, somebody bool) *answer { return w.post(path, body(somebody)) }
	}
	address := func(somebody bool) string { return either(somebody, "known@example.com", "nobody@example.com") }
	return []twins{
		{"login by address", post(loginPath, func(s bool) object { return object{"login": address(s), "password": password} })},
		{"login by username", post(loginPath, func(s bool) object { return object{"login": either(s, "known", "nobody"), "password": password} })},
		{"register", post(registerPath, func(s bool) object { return object{"email": address(s), "password": another} })},
		{"resend", post("/v1/auth/email/resend", func(s bool) object { return object{"email": address(s)} })},
		{"forgot", post(forgotPath, func(s bool) object { return object{"email": address(s)} })},
		{"reset", post("/v1/auth/password/reset", func(s bool) object {
			return object{"token": either(s, used, token.New(token.ResetPassword)), "password": password}
		})},
		{"refresh", post(refreshPath, func(s bool) object { return object{"refresh_token": either(s, ended, token.New(token.Refresh))} })},
		{"passkey", func(w *world, somebody bool) *answer {
			stranger := w.device()
			stranger.auth.Options.UserHandle = id[:]
			if !somebody {
				stranger.auth.Options.UserHandle = []byte("nobody's handle!")
			}
			challenge := w.begin(passkeyLogin + "begin")
			response := stranger.signs(challenge)
			return w.finishLogin(challenge, response)
		}},
	}
}

// comparison is what a series of questions about somebody and about nobody, in turn, has shown of one operation.
type comparison struct {
	name               string
	median, difference float64 // of the times, in ms
	p, distance        float64 // Mann-Whitney, Kolmogorov-Smirnov
}

// compare asks each of the operations so often about each, demands that the answers are the same, and returns what the times say.
func compare(w *world, samples int) (all []comparison) {
	w.t.Helper()
	for _, pair := range enumerable(w) {
		var first *answer
		took := map[bool][]float64{}
		order := []bool{true, false}
		for range samples {
			slices.Reverse(order)
			for _, somebody := range order {
				w.exec(`DELETE FROM throttles`) // so that no budget ends the series
				start := time.Now()
				a := pair.ask(w, somebody)
				took[somebody] = append(took[somebody], float64(time.Since(start).Microseconds())/1000)
				delete(a.body, "request_id")
				for _, own := range []string{"Date", "X-Request-Id", "Content-Length"} {
					a.header.Del(own)
				}
				if first == nil {
					first = a
				} else if diff := gocmp.Diff(first.body, a.body) + gocmp.Diff(first.header, a.header); diff != "" || first.status != a.status {
					w.t.Fatalf("%s tells them apart: %d, %d, %s", pair.name, first.status, a.status, diff)
				}
			}
		}
		c := comparison{
			name: pair.name, median: middle(took[false]), difference: middle(took[true]) - middle(took[false]),
			p: mannWhitney(took[true], took[false]), distance: kolmogorovSmirnov(took[true], took[false]),
		}
		w.t.Logf("%-18s n=%d  median %.2f ms  difference of the medians %+.3f ms  Mann-Whitney p=%.3f  Kolmogorov-Smirnov D=%.3f",
			c.name, samples, c.median, c.difference, c.p, c.distance)
		all = append(all, c)
	}
	return all
}

// E1: eight operations, asked about somebody and about nobody in turn, are answered alike and in the same time. The suite takes few
// samples and fails only when the times fall apart altogether; BenchmarkEnumeration takes two thousand.
func TestNothingTellsWhetherAnAccountExists(t *testing.T) {
	t.Parallel()
	for _, c := range compare(newWorld(t, dear), 12) {
		if c.p < 1e-4 && math.Abs(c.difference) > 0.3*c.median {
			t.Errorf("%s takes %+.2f ms longer for somebody (p=%g)", c.name, c.difference, c.p)
		}
	}
}

// BenchmarkEnumeration prints the least p and the largest difference of eight operations with two thousand samples each; -v shows each.
func BenchmarkEnumeration(b *testing.B) {
	for b.Loop() {
		least, largest := 1.0, 0.0
		for _, c := range compare(newWorld(b, dear), 2000) {
			least, largest = min(least, c.p), max(largest, math.Abs(c.difference))
		}
		b.ReportMetric(least, "p-least")
		b.ReportMetric(largest, "ms-difference")
	}
}

func middle(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}

// mannWhitney returns the two-sided p of the hypothesis that neither sample tends to be larger, by the normal approximation.
func mannWhitney(a, b []float64) float64 {
	type observation struct {
		value float64
		first bool
	}
	all := make([]observation, 0, len(a)+len(b))
	for _, v := range a {
		all = append(all, observation{v, true})
	}
	for _, v := range b {
		all = append(all, observation{v, false})
	}
	slices.SortFunc(all, func(x, y observation) int { return cmp.Compare(x.value, y.value) })
	ranks, ties := 0.0, 0.0
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j].value == all[i].value {
			j++
		}
		rank, n := float64(i+j+1)/2, float64(j-i)
		for _, one := range all[i:j] {
			if one.first {
				ranks += rank
			}
		}
		ties += n*n*n - n
		i = j
	}
	n1, n2 := float64(len(a)), float64(len(b))
	u := ranks - n1*(n1+1)/2
	n := n1 + n2
	sigma := math.Sqrt(n1 * n2 / 12 * (n + 1 - ties/(n*(n-1))))
	if sigma == 0 {
		return 1
	}
	return math.Erfc(math.Abs(u-n1*n2/2) / sigma / math.Sqrt2)
}

// kolmogorovSmirnov returns the largest distance between the two distributions.
func kolmogorovSmirnov(a, b []float64) float64 {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	largest, i, j := 0.0, 0, 0
	for i < len(a) && j < len(b) {
		v := min(a[i], b[j])
		for i < len(a) && a[i] <= v {
			i++
		}
		for j < len(b) && b[j] <= v {
			j++
		}
		largest = max(largest, math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))))
	}
	return largest
}

func TestStatisticsTellDifferentSamplesApart(t *testing.T) {
	t.Parallel()
	var low, same, high []float64
	for i := range 40 {
		low, same, high = append(low, float64(i%7)), append(same, float64((i+3)%7)), append(high, float64(i%7+5))
	}
	if p := mannWhitney(low, same); p < 0.5 {
		t.Errorf("two samples of one distribution have p=%g", p)
	}
	if p := mannWhitney(low, high); p > 1e-6 {
		t.Errorf("two samples of two distributions have p=%g", p)
	}
	if d := kolmogorovSmirnov(low, high); d < 0.6 {
		t.Errorf("their distance is %g", d)
	}
}
