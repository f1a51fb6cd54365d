package httpapi_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/publichttp"
	"github.com/ihr-charging/charging-plot-api/libs/webhook"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/apikey"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/event"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/httpapi"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/signingkey"
)

const hooksPath = "/v1/auth/webhooks"

// stranger lets webhooks reach the one address where receivers of tests listen.
var stranger = publichttp.NewGuard(publichttp.Rules{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}})

// hooksUnder keeps webhooks as a process with these key-encryption keys does.
func (w *world) hooksUnder(keys string) *webhook.Store {
	w.t.Helper()
	pepper := w.pepperUnder(keys)
	return webhook.NewStore(w.db, webhook.StoreOptions{
		Guard: stranger, KeyOf: func(ctx context.Context) ([]byte, error) { return pepper.Derive(ctx, "webhooks") },
		Record: postgres.RecordWebhooks(httpapi.WebhookAudit),
	})
}

func (w *world) pepperUnder(keys string) *apikey.Pepper {
	w.t.Helper()
	sealer, err := signingkey.NewSealer(keys)
	if err != nil {
		w.t.Fatal(err)
	}
	return apikey.NewPepper(postgres.NewAPIKeys(w.db), sealer)
}

// tellWebhooks hands events on and sends them, as a replica does, until the test ends.
func (w *world) tellWebhooks(hooks *webhook.Store) {
	w.t.Helper()
	worker := webhook.NewWorker(hooks, publichttp.New(publichttp.Config{Guard: stranger}), webhook.WorkerConfig{
		Poll: 5 * time.Millisecond, Backoff: []time.Duration{20 * time.Millisecond, 20 * time.Millisecond, time.Hour},
	})
	teller := webhook.NewDispatcher(postgres.NewWebhookQueue(w.db, hooks), 5*time.Millisecond, worker.Wake, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(context.WithoutCancel(w.t.Context()))
	ended := make(chan error, 2)
	for _, run := range []func(context.Context) error{worker.Run, teller.Run} {
		go func() { ended <- run(ctx) }()
	}
	w.t.Cleanup(func() {
		stop()
		for range 2 {
			if err := <-ended; err != nil {
				w.t.Error(err)
			}
		}
	})
}

// heard is a message that came, signed as it should be.
type heard struct {
	ID   string // the webhook-id
	Type string
	Data struct {
		Event   uuid.UUID         `json:"event_id"`
		Account uuid.UUID         `json:"account_id"`
		Detail  map[string]string `json:"detail"`
	}
}

// receiver is somebody else's server.
type receiver struct {
	t        *testing.T
	address  string
	secret   atomic.Pointer[webhook.Secret]
	failures atomic.Int64 // how many of the next messages are answered 500
	inbox    chan heard   // of the others
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t, inbox: make(chan heard, 100)}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(r.receive), ReadHeaderTimeout: time.Minute}}
	server.Start()
	t.Cleanup(server.Close)
	r.address = server.URL + "/accounts"
	return r
}

func (r *receiver) receive(out http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	message := heard{ID: request.Header.Get(webhook.HeaderID)}
	if err == nil {
		err = webhook.Verify(request.Header, body, time.Now(), *r.secret.Load())
	}
	if err == nil {
		err = json.Unmarshal(body, &message)
	}
	if err != nil {
		r.t.Errorf("a message: %v in %s", err, body)
	}
	if r.failures.Add(-1) >= 0 {
		out.WriteHeader(http.StatusInternalServerError)
		return
	}
	out.WriteHeader(http.StatusNoContent)
	r.inbox <- message
}

// next is the message that must come.
func (r *receiver) next() heard {
	r.t.Helper()
	select {
	case message := <-r.inbox:
		return message
	case <-time.After(30 * time.Second):
		r.t.Fatal("no message came")
		return heard{}
	}
}

// subscribe has the receiver told, and returns the path of its webhook.
func (w *world) subscribe(r *receiver, admin with, types ...string) string {
	w.t.Helper()
	made := w.post(hooksPath, object{"url": r.address, "types": append([]string{}, types...)}, admin).want(http.StatusCreated)
	r.trust(made)
	hook, _ := made.body["webhook"].(map[string]any)
	id, _ := hook["id"].(string)
	return hooksPath + "/" + id
}

func (r *receiver) trust(a *answer) {
	r.t.Helper()
	secret, err := webhook.ParseSecret(a.text("secret"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.secret.Store(&secret)
}

// What Flask-User's signals told the program itself is told to others: signed, of one person in its order whatever fails, and once,
// although two replicas hand it on.
func TestWebhooksTellEverySignal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.as("root@example.com", role.Grant{Role: role.Admin})
	r := newReceiver(t)
	path := w.subscribe(r, admin)
	r.failures.Store(2)
	w.tellWebhooks(w.hooks)
	w.tellWebhooks(w.hooks)

	ada, session := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	events := postgres.NewEvents(w.db)
	for _, kind := range []audit.Kind{
		audit.Created, audit.EmailConfirmed, audit.LoggedIn, audit.UsernameChanged, audit.PasswordChanged, audit.Invited, audit.LoggedOut,
		audit.ResetMailed, audit.PasswordReset,
	} {
		if err := events.Record(t.Context(), audit.New(kind, ada, audit.ByAccount(ada)).In(session)); err != nil {
			t.Fatal(err)
		}
	}
	want := []event.Kind{
		event.UserRegistered, event.UserEmailAdded, event.UserEmailConfirmed, event.UserLoggedIn, event.UserUsernameChanged,
		event.UserPasswordChanged, event.UserInvited, event.UserLoggedOut, event.UserPasswordResetRequested, event.UserPasswordReset,
	}
	var got []event.Kind
	var first heard
	for i := range want {
		message := r.next()
		if got = append(got, event.Kind(message.Type)); i == 0 {
			first = message
		}
		if message.Data.Account != ada || message.Data.Detail["session"] != session.String() || message.Data.Event == uuid.Nil {
			t.Errorf("%s tells %+v", message.Type, message.Data)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	// The log has each once, page by page, and every try.
	log := w.get(path+"/deliveries?limit=6", admin).want(http.StatusOK)
	link := strings.TrimSuffix(strings.TrimPrefix(log.header.Get("Link"), "<"), `>; rel="next"`)
	entries := append(items(log), items(w.get(link, admin).want(http.StatusOK))...)
	if len(entries) != len(want) || len(items(log)) != 6 {
		t.Errorf("the log has %d entries, the first page %d", len(entries), len(items(log)))
	}
	oldest := entries[len(entries)-1]
	detail := w.get(path+"/deliveries/"+first.ID, admin).want(http.StatusOK)
	tries, _ := detail.body["tries"].([]any)
	if oldest["id"] != first.ID || oldest["attempts"] != 3.0 || len(tries) != 3 || !strings.Contains(detail.text("body"), ada.String()) {
		t.Errorf("the first delivery is %v: %s", oldest, detail.raw)
	}

	// One that is sent anew comes under the id that it had.
	w.poke(path+"/deliveries/"+first.ID+"/redeliver", admin).want(http.StatusAccepted)
	if again := r.next(); again.ID != first.ID || again.Type != first.Type {
		t.Errorf("anew came %+v, not %+v", again, first)
	}
}

func TestWebhooksAreLookedAfter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.as("root@example.com", role.Grant{Role: role.Admin})
	r := newReceiver(t)
	path := w.subscribe(r, admin, "user.logged_out", "user.disabled")
	w.tellWebhooks(w.hooks)
	ada := w.person("ada@example.com").String()

	// It hears of what it wants, and of nothing else.
	w.poke("/v1/users/"+ada+"/disable", admin).want(http.StatusOK)
	if m := r.next(); m.Type != "user.disabled" || m.Data.Account.String() != ada {
		t.Errorf("it hears of %+v", m)
	}
	w.post(hooksPath, object{"url": r.address}, admin).want(http.StatusConflict, "webhook_exists")

	// Another secret: the old one holds beside it for as long as was asked.
	r.trust(w.post(path+"/secret", object{"keep_hours": 0}, admin).want(http.StatusOK))
	w.poke(path+"/test", admin).want(http.StatusAccepted)
	if m := r.next(); m.Type != webhook.TestType {
		t.Errorf("the test is %+v", m)
	}
	w.post(path+"/secret", object{"keep_hours": 1}, admin).want(http.StatusOK)
	w.poke(path+"/test", admin).want(http.StatusAccepted)
	r.next() // by the secret before

	// Changed by its version, and gone by it.
	etag := w.get(path, admin).want(http.StatusOK).header.Get("ETag")
	patch := func(body string, change ...with) *answer {
		return w.do(http.MethodPatch, path, "application/merge-patch+json", []byte(body), append(change, admin)...)
	}
	patch(`{"enabled":false}`).want(http.StatusPreconditionRequired)
	off := patch(`{"enabled":false,"description":"for the CRM","types":[]}`, header("If-Match", etag)).want(http.StatusOK)
	if off.text("disabled_reason") != "owner" || off.text("description") != "for the CRM" {
		t.Errorf("switched off is %s", off.raw)
	}
	patch(`{"enabled":true}`, header("If-Match", etag)).want(http.StatusPreconditionFailed)
	w.poke(path+"/test", admin).want(http.StatusConflict, "webhook_disabled")
	etag = off.header.Get("ETag")
	patch(`{"url":"http://169.254.169.254/latest"}`, header("If-Match", etag)).want(http.StatusBadRequest).wantFaults("/url forbidden_address")
	if on := patch(`{"enabled":true}`, header("If-Match", etag)).want(http.StatusOK); on.text("disabled_reason") != "" {
		t.Errorf("switched on is %s", on.raw)
	}
	if list := items(w.get(hooksPath, admin).want(http.StatusOK)); len(list) != 1 || list[0]["url"] != r.address {
		t.Errorf("the list is %v", list)
	}
	etag = w.get(path, admin).want(http.StatusOK).header.Get("ETag")
	w.do(http.MethodDelete, path, "", nil, admin, header("If-Match", etag)).want(http.StatusNoContent)
	w.get(path, admin).want(http.StatusNotFound, "webhook_not_found")

	// The log says who did all of that, and nothing of what was refused.
	var done []string
	for _, one := range items(w.get(trailPath, admin).want(http.StatusOK)) {
		if kind, _ := one["kind"].(string); strings.HasPrefix(kind, "webhook.") {
			detail, _ := one["detail"].(map[string]any)
			if actor, _ := one["actor"].(string); !strings.HasPrefix(actor, "account:") || fmt.Sprint(hooksPath, "/", detail["webhook"]) != path {
				t.Errorf("the log says %v", one)
			}
			done = append(done, kind)
		}
	}
	want := []string{"webhook.removed", "webhook.changed", "webhook.changed", "webhook.rotated", "webhook.rotated", "webhook.created"}
	if diff := cmp.Diff(want, done); diff != "" {
		t.Error(diff)
	}
}

// SSRF: what is not on the public internet is not called, whatever it is called.
func TestWebhooksStayOutOfOurNetwork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.as("root@example.com", role.Grant{Role: role.Admin})
	for _, url := range []string{
		"http://127.0.0.1/hook", "http://10.1.2.3/hook", "http://[::1]/hook", "http://169.254.169.254/latest/meta-data", "http://localhost/hook",
		"http://2130706433/hook", "file:///etc/passwd",
	} {
		w.post(hooksPath, object{"url": url}, admin).want(http.StatusBadRequest)
	}
	if n := w.count(`SELECT count(*) FROM webhook_endpoints`); n != 0 {
		t.Errorf("%d were made", n)
	}
}

func TestWhoMayHaveWebhooks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.as("root@example.com", role.Grant{Role: role.Admin})
	boss := w.as("boss@north.example", role.Grant{Role: role.OperatorAdmin, Operator: north})
	r := newReceiver(t)
	path := w.subscribe(r, admin)
	w.get(hooksPath).want(http.StatusUnauthorized)
	w.get(hooksPath, boss).want(http.StatusForbidden)
	w.post(hooksPath, object{"url": r.address}, boss).want(http.StatusForbidden)
	w.get(path, boss).want(http.StatusForbidden)

	// An API key reads and tries; what decides who is told wants a person, who proves anew who they are.
	_, text := w.makeKey(admin, object{"scopes": []string{"users:write"}})
	w.get(path+"/deliveries", key(text)).want(http.StatusOK)
	w.poke(path+"/test", key(text)).want(http.StatusAccepted)
	w.post(hooksPath, object{"url": r.address + "/more"}, key(text)).want(http.StatusForbidden, "api_key_not_taken")
	access, _ := w.old(w.login("root").text("refresh_token"))
	for what, body := range map[string]object{
		"POST " + hooksPath: {"url": r.address + "/more"}, "PATCH " + path: {"url": r.address + "/more"}, "DELETE " + path: {},
		"POST " + path + "/secret": {"keep_hours": 0},
	} {
		method, where, _ := strings.Cut(what, " ")
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		w.do(method, where, "application/json", raw, bearer(access)).want(http.StatusUnauthorized, "step_up_required")
	}
}

// Secrets lie under what outlives the key-encryption key: a webhook is told on when that was changed and the old one is gone.
func TestWebhooksOutliveTheKeyEncryptionKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.as("root@example.com", role.Grant{Role: role.Admin})
	r := newReceiver(t)
	path := w.subscribe(r, admin)
	const next = "YW5vdGhlciBrZXktZW5jcnlwdGlvbiBrZXkgMzIgYnQ="
	if done, err := w.pepperUnder(next + "," + kek).Reseal(t.Context()); err != nil || !done {
		t.Fatalf("sealed anew: %t, %v", done, err)
	}
	w.tellWebhooks(w.hooksUnder(next))
	w.poke(path+"/test", admin).want(http.StatusAccepted)
	if m := r.next(); m.Type != webhook.TestType {
		t.Errorf("it hears of %+v", m)
	}
	var stored []byte
	if err := w.db.GetContext(t.Context(), &stored, `SELECT secret FROM webhook_endpoints`); err != nil {
		t.Fatal(err)
	}
	plain, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.secret.Load().Reveal(), "whsec_"))
	if err != nil || len(plain) < 24 || bytes.Contains(stored, plain) {
		t.Errorf("the secret %x (%v) lies there as %x", plain, err, stored)
	}
}

// The contract names every kind, so that none can be asked for that is never told.
func TestTheContractNamesEveryEvent(t *testing.T) {
	t.Parallel()
	spec, err := httpapi.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	var named []event.Kind
	for _, one := range spec.Components.Schemas["WebhookType"].Value.Enum {
		kind, _ := one.(string)
		named = append(named, event.Kind(kind))
	}
	if diff := cmp.Diff(event.Kinds(), named); diff != "" {
		t.Error(diff)
	}
}

// Whose server it was nobody can say any more: with the administrator who is erased go the webhooks of that person, and what waits for them.
func TestWebhooksOfAnErasedAdministratorAreForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	leaving := w.as("root@example.com", role.Grant{Role: role.Admin})
	staying := w.as("keeper@example.com", role.Grant{Role: role.Admin})
	gone, kept := newReceiver(t), newReceiver(t)
	path := w.subscribe(gone, leaving)
	w.poke(path+"/test", leaving).want(http.StatusAccepted)
	keeps := w.subscribe(kept, staying)
	export, _ := w.get("/v1/me/export", leaving).want(http.StatusOK).body["data"].(map[string]any)
	if hooks, _ := export["webhooks"].([]any); len(hooks) != 1 {
		t.Errorf("the export tells of %v", export["webhooks"])
	}
	w.delete("/v1/me", leaving).want(http.StatusAccepted)
	w.exec(`UPDATE accounts SET erase_at = now() WHERE erase_at IS NOT NULL`)
	if n, err := postgres.NewJanitor(w.db).Erase(t.Context()); n != 1 || err != nil {
		t.Fatalf("%d are erased, %v", n, err)
	}
	w.get(path, staying).want(http.StatusNotFound)
	w.get(keeps, staying).want(http.StatusOK)
	if n := w.count(`SELECT count(*) FROM webhook_deliveries`); n != 0 {
		t.Errorf("%d messages still wait", n)
	}
}
