package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"github.com/ihr-charging/charging-plot-api/e2e/browsertest"
)

// TestPasskeysInABrowser (W1) registers a passkey with a browser's own authenticator, logs in with it alone, and then attacks: what the
// browser does not refuse itself, auth does.
func TestPasskeysInABrowser(t *testing.T) {
	tab := browsertest.Open(t, "en")
	driver, _ := newDriver(t)
	me := get[account](driver, "/v1/me")
	// A passkey belongs to a domain, and an address is none: the product of a developer's machine is localhost.
	home := strings.Replace(world.baseURL, "127.0.0.1", "localhost", 1)
	elsewhere := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(elsewhere.Close)
	otherPort := strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1) // to the browser it is the same domain
	visit := func(page string) { tab.Do(chromedp.Navigate(page + "/")) }

	visit(home)
	browsertest.Call(tab, webauthn.Enable, webauthn.EnableParams{})
	device := newAuthenticator(tab)

	// Registered, from the product's page alone.
	register := func(by *client) (challenge, json.RawMessage, error) {
		c := want[challenge](by, http.StatusOK, http.MethodPost, "/v1/me/passkeys/begin", nil)
		made, err := answerOf(tab, "create", "parseCreationOptionsFromJSON", c)
		return c, made, err
	}
	keep := func(c challenge, made json.RawMessage) answer {
		return driver.do(http.MethodPost, "/v1/me/passkeys/finish", map[string]any{"ceremony": c.Ceremony, "credential": made, "name": "a browser"})
	}
	visit(otherPort)
	c, made, err := register(driver)
	if err != nil {
		t.Fatal(err)
	}
	wantProblem(t, keep(c, made), http.StatusBadRequest, "passkey_refused")
	visit(home)
	if c, made, err = register(driver); err != nil {
		t.Fatal(err)
	}
	if a := keep(c, made); a.status != http.StatusCreated {
		t.Fatalf("the browser's passkey is answered %s", a)
	}
	kept := device.passkeys()
	if len(kept) != 1 || kept[0].Domain != "localhost" {
		t.Fatalf("the browser has %d passkeys: %+v", len(kept), kept)
	}

	begin := func() challenge {
		return want[challenge](anonymous(t), http.StatusOK, http.MethodPost, "/v1/auth/passkeys/login/begin", nil)
	}
	finish := func(c challenge, signed json.RawMessage) answer {
		return anonymous(t).do(http.MethodPost, "/v1/auth/passkeys/login/finish", map[string]any{"ceremony": c.Ceremony, "credential": signed})
	}
	sign := func(c challenge) json.RawMessage {
		t.Helper()
		signed, err := answerOf(tab, "get", "parseRequestOptionsFromJSON", c)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	logsIn := func() (c challenge, signed json.RawMessage, as *client) {
		t.Helper()
		c = begin()
		signed = sign(c)
		a := finish(c, signed)
		var given tokens
		if err := json.Unmarshal(a.body, &given); err != nil || a.status != http.StatusOK {
			t.Fatalf("the browser's answer is answered %s", a)
		}
		as = anonymous(t).with(given.AccessToken)
		if in := get[account](as, "/v1/me"); in != me {
			t.Fatalf("%+v is logged in; want %+v", in, me)
		}
		return c, signed, as
	}
	refused := func(why string) {
		t.Helper()
		c := begin()
		if a := finish(c, sign(c)); a.status != http.StatusBadRequest || !strings.Contains(string(a.body), "passkey_refused") {
			t.Errorf("%s: answered %s", why, a)
		}
	}

	// Logged in without a name or a password; the answer is good once, and for its own challenge.
	c, signed, driver := logsIn()
	wantProblem(t, finish(c, signed), http.StatusBadRequest, "passkey_refused")
	wantProblem(t, finish(begin(), signed), http.StatusBadRequest, "passkey_refused")
	if _, _, err := register(driver); err == nil || !strings.Contains(err.Error(), "InvalidStateError") {
		t.Errorf("the browser makes a second passkey for the same account: %v", err)
	}

	// What the browser lets happen, auth refuses.
	visit(otherPort)
	refused("a page of another port")
	visit(home)
	yes := true
	for why, bits := range map[string]webauthn.SetResponseOverrideBitsParams{
		"the user is not verified":   {IsBadUV: &yes},
		"the user is not present":    {IsBadUP: &yes},
		"the signature is not right": {IsBogusSignature: &yes},
	} {
		bits.AuthenticatorID = device.id
		browsertest.Call(tab, webauthn.SetResponseOverrideBits, bits)
		refused(why)
	}
	browsertest.Call(tab, webauthn.SetResponseOverrideBits, webauthn.SetResponseOverrideBitsParams{AuthenticatorID: device.id})
	logsIn()

	// What auth asks for, the browser holds to.
	browsertest.Call(tab, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: device.id})
	if _, err := answerOf(tab, "get", "parseRequestOptionsFromJSON", begin()); err == nil || !strings.Contains(err.Error(), "NotAllowedError") {
		t.Errorf("the browser signs for somebody whom it has not verified: %v", err)
	}
	visit(elsewhere.URL)
	if _, err := answerOf(tab, "get", "parseRequestOptionsFromJSON", begin()); err == nil || !strings.Contains(err.Error(), "SecurityError") {
		t.Errorf("the browser signs for another site's page: %v", err)
	}
	visit(home)

	// Copies of the passkey: as it was, with a count that is behind; for another account; and as good as the first.
	device.remove()
	stranger, _ := newDriver(t)
	handle, err := get[account](stranger, "/v1/me").ID.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	behind, others, ahead := kept[0], kept[0], kept[0]
	others.UserHandle, others.Count, ahead.Count = handle, 100, 200
	for why, stolen := range map[string]passkey{"a count that went back": behind, "another account's passkey": others} {
		thief := newAuthenticator(tab)
		thief.add(stolen)
		refused(why)
		thief.remove()
	}
	newAuthenticator(tab).add(ahead)
	logsIn()
}

// challenge is a ceremony that waits for an authenticator's answer.
type challenge struct {
	Ceremony  string          `json:"ceremony"`
	PublicKey json.RawMessage `json:"public_key"`
}

// answerOf lets the page that is open answer a challenge, as any page's script would.
func answerOf(tab *browsertest.Tab, call, parse string, c challenge) (json.RawMessage, error) {
	answer, err := browsertest.Try[string](tab, fmt.Sprintf(
		`navigator.credentials.%s({publicKey: PublicKeyCredential.%s(%s)}).then((made) => JSON.stringify(made))`, call, parse, c.PublicKey))
	return json.RawMessage(answer), err
}

// authenticator is what a laptop has built in: it keeps passkeys and verifies its user.
type authenticator struct {
	tab *browsertest.Tab
	id  webauthn.AuthenticatorID
}

func newAuthenticator(tab *browsertest.Tab) authenticator {
	return authenticator{tab: tab, id: browsertest.Call(tab, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
		Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
		},
	}).AuthenticatorID}
}

// passkey is a passkey as an authenticator has it. cdproto's own type always has keys of an extension with it, which Chromium refuses
// for authenticators that have none.
type passkey struct {
	ID         []byte `json:"credentialId"`
	Resident   bool   `json:"isResidentCredential"`
	Domain     string `json:"rpId"`
	PrivateKey []byte `json:"privateKey"`
	UserHandle []byte `json:"userHandle"`
	Count      int    `json:"signCount"`
}

// passkeys are what the authenticator has, private keys and all.
func (a authenticator) passkeys() []passkey {
	type kept struct {
		Passkeys []passkey `json:"credentials"`
	}
	command := cdp.Command[webauthn.GetCredentialsParams, kept]{Method: webauthn.CommandGetCredentials}
	return browsertest.Call(a.tab, command, webauthn.GetCredentialsParams{AuthenticatorID: a.id}).Passkeys
}

func (a authenticator) add(p passkey) {
	type added struct {
		AuthenticatorID webauthn.AuthenticatorID `json:"authenticatorId"`
		Passkey         passkey                  `json:"credential"`
	}
	browsertest.Call(a.tab, cdp.Command[added, cdp.Empty]{Method: webauthn.CommandAddCredential}, added{a.id, p})
}

func (a authenticator) remove() {
	browsertest.Call(a.tab, webauthn.RemoveVirtualAuthenticator, webauthn.RemoveVirtualAuthenticatorParams{AuthenticatorID: a.id})
}
