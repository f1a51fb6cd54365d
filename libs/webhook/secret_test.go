package webhook_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/webhook"
)

// The example of the specification's reference implementations.
const (
	exampleSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	exampleID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	exampleBody      = `{"test": 2432232314}`
	exampleSignature = "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

var exampleTime = time.Unix(1614265330, 0)

func parse(t *testing.T, s string) webhook.Secret {
	t.Helper()
	secret, err := webhook.ParseSecret(s)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func TestSignsAsTheSpecificationDoes(t *testing.T) {
	t.Parallel()
	header := http.Header{}
	webhook.Sign(header, exampleID, exampleTime, []byte(exampleBody), parse(t, exampleSecret))
	if got := header.Get(webhook.HeaderSignature); got != "v1,"+exampleSignature {
		t.Errorf("signature %q", got)
	}
	if header.Get(webhook.HeaderID) != exampleID || header.Get(webhook.HeaderTimestamp) != "1614265330" {
		t.Errorf("headers %v", header)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	secret, other := parse(t, exampleSecret), webhook.NewSecret()
	header := func(change func(http.Header)) http.Header {
		h := http.Header{}
		webhook.Sign(h, exampleID, exampleTime, []byte(exampleBody), secret)
		change(h)
		return h
	}
	set := func(name, value string) func(http.Header) { return func(h http.Header) { h.Set(name, value) } }
	for name, c := range map[string]struct {
		change  func(http.Header)
		body    string
		now     time.Time
		secrets []webhook.Secret
		want    error
	}{
		"as it was sent":                {},
		"just within the tolerance":     {now: exampleTime.Add(webhook.Tolerance)},
		"a sender a little ahead":       {now: exampleTime.Add(-webhook.Tolerance)},
		"by one of two secrets":         {secrets: []webhook.Secret{other, secret}},
		"among other signatures":        {change: set(webhook.HeaderSignature, "v1a,abc v1,AAAA v1,"+exampleSignature)},
		"another body":                  {body: exampleBody + " ", want: webhook.ErrSignature},
		"another secret":                {secrets: []webhook.Secret{other}, want: webhook.ErrSignature},
		"no secret":                     {secrets: []webhook.Secret{}, want: webhook.ErrSignature},
		"another id":                    {change: set(webhook.HeaderID, "msg_other"), want: webhook.ErrSignature},
		"no id":                         {change: set(webhook.HeaderID, ""), want: webhook.ErrSignature},
		"another time":                  {change: set(webhook.HeaderTimestamp, "1614265331"), want: webhook.ErrSignature},
		"a time that is none":           {change: set(webhook.HeaderTimestamp, "soon"), want: webhook.ErrSignature},
		"a time in another notation":    {change: set(webhook.HeaderTimestamp, "+1614265330"), want: webhook.ErrSignature},
		"no signature":                  {change: set(webhook.HeaderSignature, ""), want: webhook.ErrSignature},
		"another scheme":                {change: set(webhook.HeaderSignature, "v2,"+exampleSignature), want: webhook.ErrSignature},
		"a cut signature":               {change: set(webhook.HeaderSignature, "v1,"+exampleSignature[:40]), want: webhook.ErrSignature},
		"an empty signature":            {change: set(webhook.HeaderSignature, "v1,"), want: webhook.ErrSignature},
		"too old":                       {now: exampleTime.Add(webhook.Tolerance + time.Second), want: webhook.ErrTimestamp},
		"of the future":                 {now: exampleTime.Add(-webhook.Tolerance - time.Second), want: webhook.ErrTimestamp},
		"a time beyond all that can be": {change: set(webhook.HeaderTimestamp, "9223372036854775807"), want: webhook.ErrTimestamp},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.change == nil {
				c.change = func(http.Header) {}
			}
			if c.body == "" {
				c.body = exampleBody
			}
			if c.now.IsZero() {
				c.now = exampleTime
			}
			if c.secrets == nil {
				c.secrets = []webhook.Secret{secret}
			}
			if err := webhook.Verify(header(c.change), []byte(c.body), c.now, c.secrets...); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("%v, wanted %v", err, c.want)
			}
		})
	}
}

func TestSecretsAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	secret := webhook.NewSecret()
	if again := parse(t, secret.Reveal()); again.Reveal() != secret.Reveal() || secret.Reveal() == webhook.NewSecret().Reveal() {
		t.Error("a secret is not read as it was written, or is everybody's")
	}
	for _, bad := range []string{"", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ", "whsec_!!!!", exampleSecret + "\n", "whsec_" + strings.Repeat("A", 88)} {
		if _, err := webhook.ParseSecret(bad); !errors.Is(err, webhook.ErrSecret) {
			t.Errorf("%q: %v, wanted ErrSecret", bad, err)
		}
	}
	for _, shown := range []string{fmt.Sprint(secret), fmt.Sprintf("%#v %+v %s", secret, secret, &secret)} {
		if strings.Contains(shown, secret.Reveal()[6:]) {
			t.Errorf("a log would show %s", shown)
		}
	}
}
