package pki

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/crypto/ocsp"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

const (
	// responderPatience is how long a responder may take. The charge point waits meanwhile, and the driver before it.
	responderPatience = 3 * time.Second
	// keepAtMost bounds how long an answer is kept, whatever it says itself, and keepAtLeast is for one that does not say.
	keepAtMost  = 24 * time.Hour
	keepAtLeast = 5 * time.Minute
	// mostKept answers are kept at once, of some 2 KB each.
	mostKept = 4096
	// longestResponse is the most that is read of an answer.
	longestResponse = 64 << 10
	// skew is how far a responder's clock may be ahead of ours.
	skew = 5 * time.Minute
)

// responses asks OCSP responders and keeps what they say as long as it holds.
type responses struct {
	client *http.Client
	now    func() time.Time

	mu   sync.Mutex
	kept map[chargepoint.CertificateQuery]response
}

type response struct {
	der   []byte
	until time.Time
}

func newResponses(client *http.Client, now func() time.Time) *responses {
	return &responses{client: client, now: now, kept: map[chargepoint.CertificateQuery]response{}}
}

// Status gives what the certificate's responder says of it, in DER. It returns chargepoint.ErrNoStatus when there is none to be had. Whose
// word it is is for the reader to judge.
func (o *Office) Status(ctx context.Context, asked chargepoint.CertificateQuery) ([]byte, error) {
	return o.responses.get(ctx, asked)
}

func (r *responses) get(ctx context.Context, asked chargepoint.CertificateQuery) ([]byte, error) {
	r.mu.Lock()
	known, ok := r.kept[asked]
	r.mu.Unlock()
	if ok && r.now().Before(known.until) {
		return known.der, nil
	}
	der, until, err := r.ask(ctx, asked)
	if err != nil {
		return nil, chargepoint.ErrNoStatus.Because(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for old := range r.kept { // any of them: which one hardly matters
		if len(r.kept) < mostKept {
			break
		}
		delete(r.kept, old)
	}
	r.kept[asked] = response{der: der, until: until}
	return der, nil
}

// ask asks the responder, and says until when its answer holds.
func (r *responses) ask(ctx context.Context, asked chargepoint.CertificateQuery) ([]byte, time.Time, error) {
	question, ok := requestFor(asked.CertificateHash)
	if !ok || asked.ResponderURL == "" {
		return nil, time.Time{}, fmt.Errorf("the certificate is not named well enough to ask")
	}
	body, err := question.Marshal()
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("write a question to a responder: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, responderPatience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, asked.ResponderURL, bytes.NewReader(body))
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("the responder's address: %w", err)
	}
	request.Header.Set("Content-Type", "application/ocsp-request")
	request.Header.Set("Accept", "application/ocsp-response")
	answer, err := r.client.Do(request)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("ask the responder: %w", err)
	}
	defer answer.Body.Close()
	der, err := io.ReadAll(io.LimitReader(answer.Body, longestResponse))
	if err != nil || answer.StatusCode != http.StatusOK {
		return nil, time.Time{}, fmt.Errorf("the responder answered %d: %w", answer.StatusCode, err)
	}
	said, err := ocsp.ParseResponse(der, nil)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("read the responder's answer: %w", err)
	}
	now := r.now()
	until := said.NextUpdate
	if until.IsZero() {
		until = now.Add(keepAtLeast)
	}
	if said.SerialNumber.Cmp(question.SerialNumber) != 0 || said.ThisUpdate.After(now.Add(skew)) || !now.Before(until) {
		return nil, time.Time{}, fmt.Errorf("the responder's answer is about another certificate, or of another time")
	}
	if latest := now.Add(keepAtMost); until.After(latest) {
		until = latest
	}
	return der, until, nil
}
