package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	libocpi "github.com/ihr-charging/charging-plot-api/libs/ocpi"
	"github.com/ihr-charging/charging-plot-api/libs/ocpi/ocpitest"
	"github.com/ihr-charging/charging-plot-api/libs/publichttp"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/ocpi"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres/postgrestest"
)

// keys are the keys that auth would know, and whose they are.
type keys struct {
	mu    sync.Mutex
	known map[string]authn.Principal
}

// key makes a key of an administrator, or of somebody of an operator.
func (w *world) key(operator uuid.UUID) string {
	role := "admin"
	if operator != uuid.Nil {
		role = "operator"
	}
	text := "key-" + uuid.NewString()
	w.keys.mu.Lock()
	defer w.keys.mu.Unlock()
	w.keys.known[text] = authn.Principal{Subject: uuid.New(), Key: uuid.New(), Kind: authn.User, Operator: operator, Roles: []string{role}, Scopes: []string{"ocpi"}}
	return text
}

// admit is what authn does with a key.
func (w *world) admit(c *fiber.Ctx, key string) error {
	w.keys.mu.Lock()
	p, ok := w.keys.known[key]
	w.keys.mu.Unlock()
	if !ok {
		return authn.ErrToken
	}
	c.SetUserContext(authn.NewContext(c.UserContext(), p))
	return nil
}

// rotate is what auth does with a key that is exchanged.
func (w *world) rotate(_ context.Context, key string) (string, error) {
	w.keys.mu.Lock()
	defer w.keys.mu.Unlock()
	p, ok := w.keys.known[key]
	if !ok {
		return "", errors.New("no such key")
	}
	next := "key-" + uuid.NewString()
	delete(w.keys.known, key)
	w.keys.known[next] = p
	return next, nil
}

func (w *world) speakOCPI(guard *publichttp.Guard) *ocpi.API {
	w.keys = &keys{known: map[string]authn.Principal{}}
	w.ocpi = ocpi.New(ocpi.Config{
		Lists: w.Store, Tokens: w.Store, Partners: w.Store, Pushes: w.Store, Places: w.Store, Reservations: w.Store, Terms: postgrestest.Terms, Desk: w.desk,
		Commands: w.commands, Client: publichttp.New(publichttp.Config{Guard: guard}), Rotate: w.rotate,
		CheckURL: func(url string) error { _, err := guard.CheckURL(url); return err },
		Secrets:  []byte("test"), Origin: "https://charging.test", CommandTimeout: time.Second, Now: w.Clock.Now, Log: slog.New(slog.DiscardHandler),
	})
	return w.ocpi
}

// partner is an eMSP with a server of its own, and the key that it holds.
type partner struct {
	*world

	address string
	party   string
	token   string // what it wants to be called with
	key     string
	results chan json.RawMessage
	version string // that it says it speaks

	receives func(method, path string, body []byte) int // answers what is pushed to it with a status
}

// newPartner makes a partner that has not registered.
func (w *world) newPartner(party string) *partner {
	w.t.Helper()
	p := &partner{world: w, party: party, token: "their-" + uuid.NewString(), key: w.key(uuid.Nil), results: make(chan json.RawMessage, 10), version: "2.2.1"}
	listener, err := (&net.ListenConfig{}).Listen(w.t.Context(), "tcp", "127.0.0.2:0")
	w.Must(err)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if got, _ := libocpi.Token(r.Header.Get("Authorization")); got != p.token || r.Header.Get("X-Request-ID") == "" || r.Header.Get("X-Correlation-ID") == "" {
			w.t.Errorf("a partner was called with %v", r.Header)
		}
		var data any
		switch r.URL.Path {
		case "/versions":
			data = []any{map[string]any{"version": "2.1.1", "url": p.address + "/2.1.1"}, map[string]any{"version": p.version, "url": p.address + "/2.2.1"}}
		case "/2.2.1":
			data = map[string]any{"version": "2.2.1", "endpoints": []any{
				map[string]any{"identifier": "cdrs", "role": "RECEIVER", "url": p.address + "/receiver/cdrs"},
				map[string]any{"identifier": "sessions", "role": "RECEIVER", "url": p.address + "/receiver/sessions/"},
			}}
		default:
			body, err := io.ReadAll(r.Body)
			if err != nil {
				w.t.Error(err)
			}
			if strings.HasPrefix(r.URL.Path, "/receiver/") {
				out.WriteHeader(p.receives(r.Method, r.URL.Path, body))
				break
			}
			p.results <- body
		}
		if err := json.NewEncoder(out).Encode(map[string]any{"status_code": 1000, "data": data, "timestamp": "2026-05-04T12:00:00Z"}); err != nil {
			w.t.Error(err)
		}
	}))
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	p.address = server.URL
	w.t.Cleanup(server.Close)
	return p
}

// say calls a module, and gives the data of an answer of this status and code.
func (p *partner) say(method, path string, body any, status, code int) json.RawMessage {
	p.t.Helper()
	a := p.call(method, "/ocpi/2.2.1"+path, "", body, "Authorization", libocpi.Authorization(p.key), "X-Correlation-ID", "c-1").wants(status)
	var e struct {
		Data       json.RawMessage `json:"data"`
		StatusCode int             `json:"status_code"`
	}
	a.into(&e)
	if e.StatusCode != code || a.Header.Get("X-Correlation-ID") != "c-1" {
		p.t.Fatalf("%s %s was answered %s with %v", method, path, a.Body, a.Header)
	}
	return e.Data
}

func (p *partner) credentials() map[string]any {
	return map[string]any{"token": p.token, "url": p.address + "/versions", "roles": []any{
		map[string]any{"role": "EMSP", "country_code": "NL", "party_id": p.party, "business_details": map[string]any{"name": "Their Name"}},
	}}
}

// register takes the key out of what the handshake answers.
func (p *partner) register(method string) {
	p.t.Helper()
	data := p.say(method, "/credentials", p.credentials(), http.StatusOK, 1000)
	ocpitest.Check(p.t, "Credentials", data)
	var c struct{ Token string }
	p.Must(json.Unmarshal(data, &c))
	if c.Token == p.key {
		p.t.Error("the key that was presented is still good")
	}
	p.key = c.Token
}

func (p *partner) tokenOf(uid string) map[string]any {
	return map[string]any{
		"country_code": "NL", "party_id": p.party, "uid": uid, "type": "RFID", "contract_id": "NL-" + p.party + "-" + uid, "issuer": "Them",
		"valid": true, "whitelist": "ALWAYS", "last_updated": "2026-05-04T10:00:00Z",
	}
}

// command sends a command that is taken, and gives the result that comes of it.
func (p *partner) command(name string, body map[string]any) string {
	p.t.Helper()
	body["response_url"] = p.address + "/result"
	data := p.say(http.MethodPost, "/commands/"+name, body, http.StatusOK, 1000)
	ocpitest.Check(p.t, "CommandResponse", data)
	var response struct{ Result string }
	p.Must(json.Unmarshal(data, &response))
	if response.Result != "ACCEPTED" {
		return "taken: " + response.Result
	}
	select {
	case text := <-p.results:
		ocpitest.Check(p.t, "CommandResult", text)
		p.Must(json.Unmarshal(text, &response))
		return response.Result
	case <-time.After(10 * time.Second):
		p.t.Fatalf("nobody tells what came of %s", name)
		return ""
	}
}

// list reads a list of objects, each held against the specification.
func (p *partner) list(path, object string) []map[string]any {
	p.t.Helper()
	var all []json.RawMessage
	p.Must(json.Unmarshal(p.say(http.MethodGet, path, nil, http.StatusOK, 1000), &all))
	out := make([]map[string]any, len(all))
	for i, text := range all {
		ocpitest.Check(p.t, object, text)
		p.Must(json.Unmarshal(text, &out[i]))
	}
	return out
}

func partyName() string { return strings.ToUpper(uuid.NewString()[:3]) }

// TestOCPIHandshake promises that a key of an administrator registers once, is exchanged each time, opens nothing else before, and ends
// with the registration.
func TestOCPIHandshake(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Site(1)
	p := w.newPartner(partyName())
	p.say(http.MethodGet, "/sessions", nil, http.StatusUnauthorized, 2000)
	p.say(http.MethodPut, "/credentials", p.credentials(), http.StatusMethodNotAllowed, 2000)
	p.say(http.MethodDelete, "/credentials", nil, http.StatusMethodNotAllowed, 2000)
	ocpitest.Check(t, "Credentials", p.say(http.MethodGet, "/credentials", nil, http.StatusOK, 1000))

	p.version = "2.2"
	p.say(http.MethodPost, "/credentials", p.credentials(), http.StatusOK, 3002)
	p.version = "2.2.1"
	broken := p.credentials()
	broken["url"] = p.address + "/elsewhere"
	p.say(http.MethodPost, "/credentials", broken, http.StatusOK, 3001)
	<-p.results
	broken["url"] = "http://127.0.0.1:1/versions" // where strangers must not send us
	p.say(http.MethodPost, "/credentials", broken, http.StatusOK, 2001)
	broken = p.credentials()
	broken["roles"] = []any{map[string]any{"role": "EMSP", "country_code": "NLD", "party_id": "X", "business_details": map[string]any{"name": "N"}}}
	p.say(http.MethodPost, "/credentials", broken, http.StatusOK, 2001)
	p.call(http.MethodPost, "/ocpi/2.2.1/credentials", "", "{", "Authorization", libocpi.Authorization(p.key)).wants(http.StatusBadRequest)

	p.register(http.MethodPost)
	p.say(http.MethodPost, "/credentials", p.credentials(), http.StatusMethodNotAllowed, 2000)
	p.register(http.MethodPut)
	if got := p.list("/sessions", "Session"); len(got) != 0 {
		t.Errorf("a new partner sees %v", got)
	}
	var sealed []byte
	w.Must(w.DB.GetContext(t.Context(), &sealed, `SELECT secret FROM partners WHERE url = $1`, p.address+"/versions"))
	if strings.Contains(string(sealed), p.token) {
		t.Error("the partner's token can be read in the database")
	}

	rival := w.newPartner(p.party)
	rival.say(http.MethodPost, "/credentials", rival.credentials(), http.StatusOK, 2000)
	operators := w.newPartner(partyName())
	operators.key = w.key(uuid.New())
	operators.say(http.MethodPost, "/credentials", operators.credentials(), http.StatusForbidden, 2000)

	p.say(http.MethodDelete, "/credentials", nil, http.StatusOK, 1000)
	p.say(http.MethodGet, "/credentials", nil, http.StatusUnauthorized, 2000)
}

// TestOCPITokens promises that a partner's tokens are as it last told them, hold at once, and are nobody else's to see or take.
func TestOCPITokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(1)
	p, other := w.newPartner(partyName()), w.newPartner(partyName())
	p.register(http.MethodPost)
	other.register(http.MethodPost)
	uid := strings.ToUpper(uuid.NewString()[:8])
	at := "/tokens/NL/" + p.party + "/" + uid
	p.say(http.MethodGet, at, nil, http.StatusNotFound, 2004)
	p.say(http.MethodPut, at, p.tokenOf(uid), http.StatusCreated, 1000)
	p.say(http.MethodPut, at, p.tokenOf(uid), http.StatusOK, 1000)
	ocpitest.Check(t, "Token", p.say(http.MethodGet, at+"?type=RFID", nil, http.StatusOK, 1000))
	p.say(http.MethodGet, at+"?type=APP_USER", nil, http.StatusNotFound, 2004)
	authorized := func() chargepoint.Authorization {
		word, err := w.Store.Authorize(t.Context(), site.ChargePoint.ID, uid)
		w.Must(err)
		return word
	}
	if word := authorized(); word != chargepoint.Accepted {
		t.Errorf("the token is %s", word)
	}
	p.say(http.MethodPatch, at, map[string]any{"valid": false, "last_updated": "2026-05-04T11:00:00Z"}, http.StatusOK, 1000)
	if word := authorized(); word != chargepoint.Blocked {
		t.Errorf("the token that is not valid any more is %s", word)
	}
	p.say(http.MethodPatch, at, map[string]any{"valid": true}, http.StatusOK, 2001) // since when?
	p.say(http.MethodPut, at, p.tokenOf("OTHER"), http.StatusOK, 2001)
	wrong := p.tokenOf(uid)
	wrong["whitelist"] = "SOMETIMES"
	p.say(http.MethodPut, at, wrong, http.StatusOK, 2001)
	other.say(http.MethodGet, at, nil, http.StatusNotFound, 2004)
	other.say(http.MethodPut, at, p.tokenOf(uid), http.StatusNotFound, 2004)
	other.say(http.MethodPut, "/tokens/NL/"+other.party+"/"+uid, other.tokenOf(uid), http.StatusOK, 2000)
}

// TestOCPICharge promises that a partner starts, watches and stops a charge of its contract, gets its bill, and the credit that takes it
// back with the bill that follows; and that nobody else sees any of it.
func TestOCPICharge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(1)
	p, other := w.newPartner(partyName()), w.newPartner(partyName())
	p.register(http.MethodPost)
	other.register(http.MethodPost)
	start := func() map[string]any {
		return map[string]any{"token": p.tokenOf("C1"), "location_id": site.ID, "evse_uid": site.EVSEs[0].ID, "authorization_reference": "ref-1"}
	}
	if got := other.command("START_SESSION", start()); got != "taken: REJECTED" {
		t.Errorf("with another's contract: %s", got)
	}
	if got := p.command("START_SESSION", start()); got != "ACCEPTED" {
		t.Fatalf("the start was %s", got)
	}
	if got := p.command("START_SESSION", start()); got != "EVSE_OCCUPIED" {
		t.Errorf("a second start was %s", got)
	}
	one := p.list("/sessions", "Session")
	if len(one) != 1 || one[0]["status"] != "PENDING" || one[0]["auth_method"] != "COMMAND" || one[0]["authorization_reference"] != "ref-1" || one[0]["party_id"] != "IHR" {
		t.Fatalf("the sessions are %v", one)
	}
	id := uuid.MustParse(one[0]["id"].(string))
	transaction := w.begin(site, id)
	w.meter(site, transaction, 20)
	if one = p.list("/sessions", "Session"); one[0]["status"] != "ACTIVE" || one[0]["kwh"] != 20.0 {
		t.Errorf("under way it is %v", one)
	}
	if got := other.command("STOP_SESSION", map[string]any{"session_id": id}); got != "taken: UNKNOWN_SESSION" {
		t.Errorf("another's stop was %s", got)
	}
	if got := p.command("UNLOCK_CONNECTOR", map[string]any{"location_id": site.ID, "evse_uid": site.EVSEs[0].ID, "connector_id": "1"}); got != "FAILED" {
		t.Errorf("the unlock, which the charge point answers with Accepted, was %s", got)
	}
	if got := other.command("UNLOCK_CONNECTOR", map[string]any{"location_id": site.ID, "evse_uid": site.EVSEs[0].ID, "connector_id": "1"}); got != "taken: REJECTED" {
		t.Errorf("the unlock by who has nothing there was %s", got)
	}
	if got := p.command("STOP_SESSION", map[string]any{"session_id": id}); got != "ACCEPTED" {
		t.Errorf("the stop was %s", got)
	}
	w.end(site, transaction, 20)

	bills := p.list("/cdrs", "CDR")
	if len(bills) != 1 {
		t.Fatalf("the bills are %v", bills)
	}
	bill := bills[0]
	if bill["total_energy"] != 20.0 || bill["total_cost"].(map[string]any)["excl_vat"] != 5.0 || bill["authorization_reference"] != "ref-1" ||
		bill["cdr_location"].(map[string]any)["country"] != "DEU" || len(bill["charging_periods"].([]any)) < 2 || bill["session_id"] != id.String() {
		t.Errorf("the bill is %v", bill)
	}
	energy := 0.0
	for _, period := range bill["charging_periods"].([]any) {
		for _, d := range period.(map[string]any)["dimensions"].([]any) {
			if d := d.(map[string]any); d["type"] == "ENERGY" {
				energy += d["volume"].(float64)
			}
		}
	}
	if energy != 20 {
		t.Errorf("the periods come to %v kWh", energy)
	}

	pricing := func(operator uuid.UUID) string {
		return w.issuer.Mint(authn.Principal{Scopes: []string{"tariffs:write", "sessions:read"}, Roles: []string{"operator"}, Operator: operator}, audience)
	}
	credit := "/v1/sessions/" + id.String() + "/receipt/credit"
	w.call(http.MethodPost, credit, pricing(uuid.New()), map[string]any{"reason": "wrong"}).wants(http.StatusNotFound, "session_not_found")
	w.call(http.MethodPost, credit, pricing(site.Operator.ID), map[string]any{"reason": "wrong", "tariff_id": "T9"}).wants(http.StatusBadRequest, "unknown_tariff")
	w.Clock.Move(time.Hour)
	w.call(http.MethodPost, credit, pricing(site.Operator.ID), map[string]any{"reason": "The wrong tariff", "tariff_id": "T1"}).wants(http.StatusCreated)
	since := "/cdrs?date_from=" + w.Clock.Now().Add(-time.Minute).Format(time.RFC3339)
	news := p.list(since, "CDR")
	if len(news) != 2 || news[0]["credit"] != true || news[0]["credit_reference_id"] != bill["id"] || news[0]["remark"] != "The wrong tariff" ||
		news[0]["total_cost"].(map[string]any)["excl_vat"] != -5.0 || news[0]["total_energy"] != 20.0 || news[1]["credit"] != nil || news[1]["total_cost"].(map[string]any)["excl_vat"] != 5.0 {
		t.Errorf("after the correction there are %v", news)
	}
	if all := p.list("/cdrs", "CDR"); len(all) != 3 || all[0]["total_cost"].(map[string]any)["excl_vat"] != 5.0 {
		t.Errorf("in all there are %v", all)
	}
	w.call(http.MethodPost, credit, pricing(site.Operator.ID), map[string]any{"reason": "Nothing at all"}).wants(http.StatusCreated)
	w.call(http.MethodPost, credit, pricing(site.Operator.ID), map[string]any{"reason": "Once more"}).wants(http.StatusConflict, "bill_credited")
	if got := append(other.list("/cdrs", "CDR"), other.list("/sessions", "Session")...); len(got) != 0 {
		t.Errorf("another partner sees %v", got)
	}
}

// TestOCPIPush promises that a partner is told of its contracts' charges as they stand and of their bills, each when the one before was taken,
// again when it was not, and that nobody else is told.
func TestOCPIPush(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(1)
	p, other := w.newPartner(partyName()), w.newPartner(partyName())
	p.register(http.MethodPost)
	other.register(http.MethodPost)
	other.receives = func(method, path string, _ []byte) int {
		t.Errorf("another partner was told %s %s", method, path)
		return http.StatusOK
	}
	var mu sync.Mutex
	var told []string
	status := http.StatusOK
	p.receives = func(method, path string, body []byte) int {
		mu.Lock()
		defer mu.Unlock()
		object := map[string]string{http.MethodPut: "Session", http.MethodPost: "CDR"}[method]
		ocpitest.Check(t, object, body)
		var its struct {
			ID      string
			Status  string
			KWh     float64
			Total   float64 `json:"total_energy"`
			Party   string  `json:"party_id"`
			Country string  `json:"country_code"`
		}
		w.Must(json.Unmarshal(body, &its))
		want := "/receiver/cdrs"
		if object == "Session" {
			want = "/receiver/sessions/" + its.Country + "/" + its.Party + "/" + its.ID
		}
		if path != want {
			t.Errorf("%s was told at %s, want %s", object, path, want)
		}
		told = append(told, fmt.Sprintf("%s %s %v", object, its.Status, its.KWh+its.Total))
		return status
	}
	push := func(want ...string) {
		t.Helper()
		for n := 1; n > 0; {
			var err error
			n, err = w.ocpi.Push(t.Context())
			w.Must(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if !slices.Equal(told, want) {
			t.Errorf("it was told %q, want %q", told, want)
		}
		told = nil
	}
	answers := func(with int) {
		mu.Lock()
		defer mu.Unlock()
		status = with
	}
	start := map[string]any{"token": p.tokenOf("C1"), "location_id": site.ID, "evse_uid": site.EVSEs[0].ID, "authorization_reference": "ref-1"}
	if got := p.command("START_SESSION", start); got != "ACCEPTED" {
		t.Fatalf("the start was %s", got)
	}
	push("Session PENDING 0")
	push()
	one := p.list("/sessions", "Session")
	id := uuid.MustParse(one[0]["id"].(string))
	transaction := w.begin(site, id)
	push("Session ACTIVE 0")
	w.meter(site, transaction, 20)
	push() // the energy alone has grown
	w.Clock.Move(16 * time.Second)
	push("Session ACTIVE 20")
	answers(http.StatusServiceUnavailable)
	w.end(site, transaction, 20)
	push("Session COMPLETED 20") // which it does not take: its bill waits
	push()
	w.Clock.Move(6 * time.Second)
	answers(http.StatusOK)
	push("Session COMPLETED 20", "CDR  20")
	w.Clock.Move(time.Hour)
	push()
	var kept []string
	w.Must(w.DB.SelectContext(t.Context(), &kept, `SELECT kind || ' ' || answer FROM partner_pushes WHERE session_id = $1 AND due_at IS NULL ORDER BY kind`, id))
	if want := []string{"CDR 200, 1000 ", "SESSION 200, 1000 "}; !slices.Equal(kept, want) {
		t.Errorf("what it answered is kept as %q", kept)
	}
	w.Must(w.Store.TrimPushes(t.Context(), w.Clock.Now().Add(time.Hour)))
	w.Must(w.DB.SelectContext(t.Context(), &kept, `SELECT answer FROM partner_pushes WHERE session_id = $1`, id))
	if len(kept) != 0 {
		t.Errorf("of what is over is kept %q", kept)
	}
}

// TestOCPIReservation promises that a partner holds a plot for its contract, whose token then begins the charge, and gives it back.
func TestOCPIReservation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(1)
	p, other := w.newPartner(partyName()), w.newPartner(partyName())
	p.register(http.MethodPost)
	other.register(http.MethodPost)
	hold := func(by *partner, name string) map[string]any {
		return map[string]any{
			"token": by.tokenOf("R1" + by.party), "location_id": site.ID, "evse_uid": site.EVSEs[0].ID, "reservation_id": name,
			"expiry_date": w.Clock.Now().Add(time.Hour).Format(time.RFC3339),
		}
	}
	if got := p.command("RESERVE_NOW", hold(p, "r1")); got != "ACCEPTED" {
		t.Fatalf("the reservation was %s", got)
	}
	if got := p.command("RESERVE_NOW", hold(p, "r1")); got != "ACCEPTED" {
		t.Errorf("the same again was %s", got)
	}
	if got := other.command("RESERVE_NOW", hold(other, "r1")); got != "EVSE_OCCUPIED" {
		t.Errorf("another's was %s", got)
	}
	if got := other.command("CANCEL_RESERVATION", map[string]any{"reservation_id": "r1"}); got != "UNKNOWN_RESERVATION" {
		t.Errorf("another's cancelling was %s", got)
	}
	if got := p.command("CANCEL_RESERVATION", map[string]any{"reservation_id": "r1"}); got != "ACCEPTED" {
		t.Errorf("the cancelling was %s", got)
	}
	if got := other.command("RESERVE_NOW", hold(other, "r2")); got != "ACCEPTED" {
		t.Errorf("once it is given back: %s", got)
	}
	// The contract's token is shown at the charge point.
	uid := "R1" + other.party
	other.say(http.MethodPut, "/tokens/NL/"+other.party+"/"+uid, other.tokenOf(uid), http.StatusCreated, 1000)
	started, err := w.Store.StartTransaction(t.Context(), site.ChargePoint.ID, chargepoint.TransactionStart{
		Connector: 1, IDTag: uid, MeterWh: 5000, At: w.Clock.Now(),
	}, w.Clock.Now())
	w.Must(err)
	if started.Authorization != chargepoint.Accepted {
		t.Errorf("the token was answered %s", started.Authorization)
	}
	s := other.list("/sessions", "Session")
	if len(s) != 1 || s[0]["auth_method"] != "WHITELIST" || s[0]["status"] != "ACTIVE" {
		t.Fatalf("the sessions are %v", s)
	}
	var state string
	w.Must(w.DB.GetContext(t.Context(), &state, `SELECT r.state FROM partner_reservations p JOIN reservations r ON r.id = p.reservation_id WHERE p.party_id = $1 AND p.name = 'r2'`, other.party))
	if state != "FULFILLED" {
		t.Errorf("the reservation is %s", state)
	}
	p.say(http.MethodPost, "/commands/START_SESSION", map[string]any{"response_url": p.address, "token": p.tokenOf("X"), "location_id": uuid.New()}, http.StatusOK, 2003)
	p.say(http.MethodPost, "/commands/START_SESSION", map[string]any{"response_url": "http://10.0.0.1/x", "token": p.tokenOf("X"), "location_id": site.ID}, http.StatusOK, 2001)
}
