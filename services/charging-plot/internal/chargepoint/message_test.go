package chargepoint_test

import (
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

func TestRedactPayloadBlotsOutTagsAndSecrets(t *testing.T) {
	t.Parallel()
	for payload, want := range map[string]string{
		`{"idTag":"CARD","meterStart":12}`:                                                                  `{"idTag":"***","meterStart":12}`,
		`{"idTagInfo":{"status":"Accepted","parentIdTag":"CARD"}}`:                                          `{"idTagInfo":{"parentIdTag":"***","status":"Accepted"}}`,
		`{"idToken":{"idToken":"CARD","type":"ISO14443"}}`:                                                  `{"idToken":{"idToken":"***","type":"ISO14443"}}`,
		`{"localAuthorizationList":[{"idTag":"CARD"}]}`:                                                     `{"localAuthorizationList":[{"idTag":"***"}]}`,
		`{"key":"AuthorizationKey","value":"PASS"}`:                                                         `{"key":"AuthorizationKey","value":"***"}`,
		`{"key":"HeartbeatInterval","value":"60"}`:                                                          `{"key":"HeartbeatInterval","value":"60"}`,
		`{"configurationKey":[{"key":"AuthorizationKey","readonly":false,"value":"PASS"}]}`:                 `{"configurationKey":[{"key":"AuthorizationKey","readonly":false,"value":"***"}]}`,
		`{"setVariableData":[{"attributeValue":"PASS","variable":{"name":"BasicAuthPassword"}}]}`:           `{"setVariableData":[{"attributeValue":"***","variable":{"name":"BasicAuthPassword"}}]}`,
		`{"reportData":[{"variable":{"name":"BasicAuthPassword"},"variableAttribute":[{"value":"PASS"}]}]}`: `{"reportData":[{"variable":{"name":"BasicAuthPassword"},"variableAttribute":[{"value":"***"}]}]}`,
		`{"location":"ftp://user:PASS@files.example/a?key=PASS"}`:                                           `{"location":"ftp://user@files.example/a?***"}`,
		`{"value":12345678901234567890}`:                                                                    `{"value":12345678901234567890}`,
		`PASS`:                                                                                              ``,
		``:                                                                                                  ``,
	} {
		if got := chargepoint.RedactPayload([]byte(payload)); got != want {
			t.Errorf("%s becomes %s, want %s", payload, got, want)
		}
	}
	long := chargepoint.RedactPayload([]byte(`{"data":"` + strings.Repeat("é", 10_000) + `"}`))
	if len(long) > chargepoint.LongestPayload || strings.ContainsRune(long, '\uFFFD') {
		t.Errorf("a long payload is kept with %d bytes", len(long))
	}
}
