package pki

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// A provider answers cars that want a contract certificate. It is sent the payload of OCPP's Get15118EVCertificate and answers with that of
// its response:
//
//	POST {"iso15118SchemaVersion": "urn:iso:15118:2:2013:MsgDef", "action": "Install", "exiRequest": "gJgC…"}
//	200  {"status": "Accepted", "exiResponse": "gJgC…"}
type provider struct {
	url, token string
	client     *http.Client
}

const (
	// providerPatience is how long a car is let wait. ISO 15118 gives the charge point five seconds; the pools take two or three.
	providerPatience = 8 * time.Second
	// longestEXI is OCPP's, of base64.
	longestEXI    = 5600
	longestAnswer = 16 << 10
)

// Provide implements chargepoint.Certificates' ContractCertificate.
func (o *Office) Provide(ctx context.Context, request chargepoint.ContractRequest) (chargepoint.ContractAnswer, error) {
	if o.provider == nil {
		return chargepoint.ContractAnswer{}, chargepoint.ErrNoProvider
	}
	answer, err := o.provider.ask(ctx, request)
	if err != nil {
		return answer, chargepoint.ErrNoProvider.Because(err)
	}
	return answer, nil
}

func (p *provider) ask(ctx context.Context, wish chargepoint.ContractRequest) (out chargepoint.ContractAnswer, err error) {
	body, err := json.Marshal(map[string]string{"iso15118SchemaVersion": wish.Schema, "action": wish.Action, "exiRequest": wish.EXI})
	if err != nil {
		return out, fmt.Errorf("write a request for a contract: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return out, fmt.Errorf("the provider's address: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	if p.token != "" {
		request.Header.Set("Authorization", "Bearer "+p.token)
	}
	answer, err := p.client.Do(request)
	if err != nil {
		return out, fmt.Errorf("ask the provider: %w", err)
	}
	defer answer.Body.Close()
	var said struct {
		Status      string `json:"status"`
		EXIResponse string `json:"exiResponse"`
	}
	if answer.StatusCode != http.StatusOK {
		return out, fmt.Errorf("the provider answered %d", answer.StatusCode)
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, longestAnswer)).Decode(&said); err != nil {
		return out, fmt.Errorf("read the provider's answer: %w", err)
	}
	if len(said.EXIResponse) > longestEXI {
		return out, fmt.Errorf("the provider's answer is longer than a charge point may be told")
	}
	return chargepoint.ContractAnswer{Accepted: said.Status == "Accepted", EXI: said.EXIResponse}, nil
}
