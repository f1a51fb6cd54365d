package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/libs/openapi"
	"github.com/ihr-charging/charging-plot-api/libs/page"
	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	"github.com/ihr-charging/charging-plot-api/libs/ratelimit"
	"github.com/ihr-charging/charging-plot-api/libs/telemetry"
	"github.com/ihr-charging/charging-plot-api/libs/webhook"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/apikey"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/client"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/credential"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/httpapi"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/introspection"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/invitation"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/mfa"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/passkey"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/signingkey"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

const (
	issuer   = "https://charging.example"
	password = "four clear marbles in a jar"
	another  = "a jar of nine muddy pebbles"
	kek      = "b25lIGtleS1lbmNyeXB0aW9uIGtleSBvZiAzMiBieXQ="
)

// cheap are costs with which a test may log in a thousand times.
var cheap = credential.Params{MemoryKiB: 8, Passes: 1, Lanes: 1}

// world is the service on a database of its own, behind a real socket, with every answer checked against the document.
type world struct {
	t       testing.TB
	db      *pg.DB
	base    string
	http    *http.Client
	keeper  *signingkey.Keeper
	ring    *signingkey.Ring
	minter  *token.Minter
	apiKeys *apikey.Service
	hooks   *webhook.Store
	clients *postgres.Clients
	people  *postgres.Accounts
	courier *notice.Courier
	mailbox *mailbox
	needs   httpapi.Needs // of its replicas too
	ahead   atomic.Int64  // of the clocks of authenticator apps, in nanoseconds
}

// clock is what authenticator apps and the service go by; a test may turn both.
func (w *world) clock() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

// options of a world.
type options struct {
	params  credential.Params
	queue   int // of passwords to be hashed; 0: the service's
	limiter bool
	conns   int
	policy  credential.Policy
	muted   []notice.Kind

	usernamesFixed bool
	invitedOnly    bool
	autoLogin      httpapi.AutoLogin
}

func newWorld(t testing.TB, change ...func(*options)) *world {
	t.Helper()
	o := options{params: cheap, conns: 8, policy: credential.Policy{MinLength: credential.DefaultMinLength}}
	for _, c := range change {
		c(&o)
	}
	db := pgtest.New(t, postgres.Migrations())
	db.SetMaxOpenConns(o.conns)
	sealer, err := signingkey.NewSealer(kek)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, db: db, clients: postgres.NewClients(db), people: postgres.NewAccounts(db), mailbox: &mailbox{}}
	w.keeper = signingkey.NewKeeper(postgres.NewKeys(db), sealer, signingkey.DefaultSchedule, time.Now)
	w.ring = signingkey.NewRing(w.keeper)
	if err := w.ring.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.minter = token.NewMinter(w.ring, issuer, time.Now)
	w.courier = notice.NewCourier(postgres.NewOutbox(db), w.mailbox, notice.LinksAt(issuer), slog.New(slog.DiscardHandler))
	w.courier.Mute(o.muted...)

	hasher := credential.NewHasher(o.params, 0, o.queue)
	throttles, sessions := postgres.NewThrottles(db), postgres.NewSessions(db)
	keyStore := postgres.NewAPIKeys(db)
	w.apiKeys = apikey.NewService(keyStore, apikey.NewPepper(keyStore, sealer), w.minter, time.Now)
	w.hooks = w.hooksUnder(kek)
	verifier, err := authn.NewVerifier(t.Context(), authn.Config{
		Issuer: issuer, Audience: issuer + "/auth", JWKSURL: "http://keys.test/", Client: &http.Client{Transport: roundTrip(w.keys)},
		Keys: authn.Keys{Exchange: w.exchangeKey, From: httpserver.ClientIP},
	})
	if err != nil {
		t.Fatal(err)
	}
	factorStore := postgres.NewFactors(db)
	passkeys, err := passkey.NewService(factorStore, mfa.NewCodes, passkey.Site{ID: "charging.example", Name: "IHR", Origins: []string{issuer}}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	factors := mfa.NewService(factorStore, sealer, throttles, passkeys, "IHR", w.clock)
	needs := httpapi.Needs{
		Factors: factors, Passkeys: passkeys, Guard: sessions, APIKeys: w.apiKeys,
		Registrar:   account.NewRegistrar(w.people, hasher, o.policy, throttles, func() {}),
		Passwords:   account.NewPasswords(w.people, hasher, o.policy, throttles, func() {}),
		Profiles:    account.NewProfiles(w.people, throttles, o.usernamesFixed, func() {}),
		Emails:      account.NewEmails(w.people, throttles, func() {}),
		Erasure:     account.NewErasure(w.people, account.DefaultErasureGrace, func() {}),
		Erasures:    postgres.Erasures(db, nil),
		Devices:     session.NewDevices(sessions),
		Users:       account.NewUsers(w.people),
		Trail:       postgres.NewEvents(db),
		Webhooks:    w.hooks,
		Invitations: invitation.NewService(w.people, hasher, o.policy, throttles, func() {}),
		Cursors:     page.NewCodec([]byte("test")), AppName: "Plots & Co", AutoLogin: o.autoLogin,
		Sessions: session.NewService(session.Needs{
			Store: sessions, Hasher: hasher, Minter: w.minter, Throttle: throttles, Recorder: postgres.NewEvents(db),
			Second: sessions, Factors: factors, Passkeys: passkeys,
			Audiences: client.Audiences(issuer), Lifetimes: session.DefaultLifetimes, Now: time.Now,
		}),
		Clients:   client.NewService(w.clients, w.minter),
		Inspector: introspection.NewService(w.minter, sessions, w.clients),
		Keys:      w.ring, Issuer: issuer, Veil: caller.NewVeil([]byte("test")), Verifier: verifier, LimitScale: 1,
	}
	if o.limiter {
		needs.Limiter = ratelimit.New(nil, ratelimit.Options{Namespace: "test"})
	}
	if o.invitedOnly {
		needs.Registrar.ByInvitation()
	}
	w.needs = needs
	w.serve(needs)
	return w
}

// loadDocument reads the document that answers are checked against, once for all worlds.
var loadDocument = sync.OnceValues(func() (*openapi.Document, error) {
	spec, err := httpapi.GetSpecJSON()
	if err != nil {
		return nil, err
	}
	return openapi.Load(spec)
})

// exchangeKey has the verifier exchange API keys as the service does.
func (w *world) exchangeKey(ctx context.Context, text string) (string, error) {
	issued, err := w.apiKeys.Exchange(ctx, text, issuer+"/auth")
	if errors.Is(err, apikey.ErrUnknown) {
		return "", nil
	}
	return issued.Access, err
}

// serve starts the whole middleware stack. The loopback is a trusted proxy, so that a test may come from anywhere.
func (w *world) serve(needs httpapi.Needs) {
	w.t.Helper()
	listener, err := new(net.ListenConfig).Listen(w.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	server := httpserver.New(httpserver.Config{Listener: listener, TrustedProxies: []string{"127.0.0.1/32"}}, telemetry.Discard())
	if err := httpapi.Register(server.App(), needs); err != nil {
		w.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	w.base = "http://" + listener.Addr().String()
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	document, err := loadDocument()
	if err != nil {
		w.t.Fatal(err)
	}
	w.http = &http.Client{Transport: document.CheckingTransport(transport, func(err error) { w.t.Errorf("against the document: %v", err) })}
	w.t.Cleanup(func() {
		transport.CloseIdleConnections()
		stop()
		if err := <-ended; err != nil {
			w.t.Errorf("the server ended with %v", err)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// keys is the key set, for the verifier.
func (w *world) keys(r *http.Request) (*http.Response, error) {
	body, _, err := w.ring.JWKS()
	return &http.Response{StatusCode: http.StatusOK, Request: r, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}, err
}

// mailbox keeps what is sent.
type mailbox struct {
	mu      sync.Mutex
	letters []notice.Letter
}

// Send keeps a letter.
func (m *mailbox) Send(_ context.Context, letter notice.Letter) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.letters = append(m.letters, letter)
	return nil
}

// mails delivers what is queued and returns what has arrived at an address since the last time.
func (w *world) mails(address string) []notice.Letter {
	w.t.Helper()
	for {
		n, err := w.courier.Deliver(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	w.mailbox.mu.Lock()
	defer w.mailbox.mu.Unlock()
	var own []notice.Letter
	w.mailbox.letters = slices.DeleteFunc(w.mailbox.letters, func(l notice.Letter) bool {
		if strings.EqualFold(l.To, address) {
			own = append(own, l)
			return true
		}
		return false
	})
	return own
}

// mail is the one mail that must have arrived.
func (w *world) mail(address string, template notice.Template) notice.Letter {
	w.t.Helper()
	letters := w.mails(address)
	if len(letters) != 1 || letters[0].Template != template {
		w.t.Fatalf("%s has the mails %+v; want one %s", address, letters, template)
	}
	return letters[0]
}

// answer is a response that was read.
type answer struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	raw    string
	body   map[string]any
}

// with changes a request before it is sent.
type with func(*http.Request)

func bearer(access string) with {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+access) }
}
func header(name, value string) with { return func(r *http.Request) { r.Header.Set(name, value) } }
func from(address string) with       { return header("X-Forwarded-For", address) }
func basic(id, secret string) with   { return func(r *http.Request) { r.SetBasicAuth(id, secret) } }

func (w *world) do(method, path, contentType string, body []byte, change ...with) *answer {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.base+path, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("User-Agent", "a phone")
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for _, c := range change {
		c(r)
	}
	response, err := w.http.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	a := &answer{t: w.t, what: method + " " + path, status: response.StatusCode, header: response.Header, raw: string(raw)}
	if len(raw) > 0 && strings.HasSuffix(strings.Split(response.Header.Get("Content-Type"), ";")[0], "json") && !strings.Contains(response.Header.Get("Content-Type"), "ndjson") {
		if err := json.Unmarshal(raw, &a.body); err != nil {
			w.t.Fatalf("%s: %v in %s", a.what, err, raw)
		}
	}
	return a
}

type object map[string]any

func (w *world) post(path string, body object, change ...with) *answer {
	w.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.do(http.MethodPost, path, "application/json", raw, change...)
}

// poke posts without a body.
func (w *world) poke(path string, change ...with) *answer {
	w.t.Helper()
	return w.do(http.MethodPost, path, "", nil, change...)
}

func (w *world) form(path string, values url.Values, change ...with) *answer {
	w.t.Helper()
	return w.do(http.MethodPost, path, "application/x-www-form-urlencoded", []byte(values.Encode()), change...)
}

func (w *world) get(path string, change ...with) *answer {
	w.t.Helper()
	return w.do(http.MethodGet, path, "", nil, change...)
}

func (w *world) patchMe(body string, change ...with) *answer {
	w.t.Helper()
	return w.do(http.MethodPatch, "/v1/me", "application/merge-patch+json", []byte(body), change...)
}

// want demands a status, and of a problem its code.
func (a *answer) want(status int, code ...string) *answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: %d %s; want %d", a.what, a.status, a.raw, status)
	}
	for _, code := range code {
		if got := a.text("type"); got != "urn:ihr:problem:"+code {
			a.t.Errorf("%s: the problem is %q, want %q", a.what, got, code)
		}
	}
	return a
}

func (a *answer) text(member string) string {
	s, _ := a.body[member].(string)
	return s
}

// faults returns "pointer code" of each faulty field, sorted.
func (a *answer) faults() []string {
	var faults []string
	list, _ := a.body["errors"].([]any)
	for _, one := range list {
		m, _ := one.(map[string]any)
		where := m["pointer"]
		if where == nil {
			where = m["parameter"]
		}
		faults = append(faults, fmt.Sprint(where, " ", m["code"]))
	}
	slices.Sort(faults)
	return faults
}

func (a *answer) wantFaults(faults ...string) {
	a.t.Helper()
	slices.Sort(faults)
	if diff := cmp.Diff(faults, a.faults()); diff != "" {
		a.t.Errorf("%s: %s\n%s", a.what, diff, a.raw)
	}
}

// person writes a confirmed account and returns its id. Its password is the usual one.
func (w *world) person(email string, grants ...role.Grant) uuid.UUID {
	w.t.Helper()
	address, err := account.ParseEmail(email)
	if err != nil {
		w.t.Fatal(err)
	}
	username, err := account.ParseUsername(email[:strings.Index(email, "@")])
	if err != nil {
		w.t.Fatal(err)
	}
	hash, err := credential.NewHasher(cheap, 0, 0).Hash(w.t.Context(), password)
	if err != nil {
		w.t.Fatal(err)
	}
	id := uuid.Must(uuid.NewV7())
	grants = append([]role.Grant{{Role: role.Driver}}, grants...)
	err = w.people.CreateAccount(w.t.Context(), id, account.Registration{Email: address, Username: username, Name: "Ada", PasswordHash: hash},
		grants, audit.New(audit.Created, id, audit.CLI))
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

// login logs somebody in.
func (w *world) login(login string, change ...with) *answer {
	w.t.Helper()
	return w.post("/v1/auth/login", object{"login": login, "password": password}, change...).want(http.StatusOK)
}

// service writes a service client.
func (w *world) service(id, secret string, audiences, scopes []string) {
	w.t.Helper()
	c := client.Client{ID: id, Name: id, Proof: client.Proof{SecretHash: token.HashOf(secret)}, Audiences: audiences, Scopes: scopes}
	if err := w.clients.CreateClient(w.t.Context(), c, audit.New(audit.ClientCreated, uuid.Nil, audit.CLI)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) exec(statement string) {
	w.t.Helper()
	if _, err := w.db.ExecContext(w.t.Context(), statement); err != nil {
		w.t.Fatalf("%s: %v", statement, err)
	}
}

func (w *world) count(statement string) int {
	w.t.Helper()
	var n int
	if err := w.db.GetContext(w.t.Context(), &n, statement); err != nil {
		w.t.Fatalf("%s: %v", statement, err)
	}
	return n
}
