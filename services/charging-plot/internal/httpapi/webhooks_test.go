package httpapi_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/publichttp"
	"github.com/ihr-charging/charging-plot-api/libs/webhook"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/httpapi"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/live"
)

// hear is a stranger's server, at the one address that the world's webhooks may reach. Each message is checked with the secret that is
// current and comes out of the channel.
func (w *world) hear(secret *webhook.Secret) (address string, messages <-chan []byte) {
	w.t.Helper()
	inbox := make(chan []byte, 100)
	listener, err := (&net.ListenConfig{}).Listen(w.t.Context(), "tcp", "127.0.0.2:0")
	w.Must(err)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = webhook.Verify(r.Header, body, w.Clock.Now(), *secret)
		}
		if err != nil {
			w.t.Errorf("a message: %v", err)
		}
		out.WriteHeader(http.StatusNoContent)
		inbox <- body
	}))
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	w.t.Cleanup(server.Close)
	return server.URL, inbox
}

// tellWebhooks runs what hands events on and what sends them until the test ends.
func (w *world) tellWebhooks() {
	w.t.Helper()
	guard := publichttp.NewGuard(publichttp.Rules{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}})
	worker := webhook.NewWorker(w.hooks, publichttp.New(publichttp.Config{Guard: guard}), webhook.WorkerConfig{Poll: 5 * time.Millisecond})
	dispatcher := webhook.NewDispatcher(w.Store.Dispatch(w.hooks), 5*time.Millisecond, worker.Wake, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(context.WithoutCancel(w.t.Context()))
	done := make(chan error, 2)
	for _, run := range []func(context.Context) error{worker.Run, dispatcher.Run} {
		go func() { done <- run(ctx) }()
	}
	w.t.Cleanup(func() {
		stop()
		for range 2 {
			if err := <-done; err != nil {
				w.t.Error(err)
			}
		}
	})
}

type told struct {
	Type string
	Data struct {
		live.StatusData

		State string
	}
}

func (w *world) nextMessage(messages <-chan []byte) (m told) {
	w.t.Helper()
	select {
	case body := <-messages:
		w.Must(json.Unmarshal(body, &m))
	case <-time.After(30 * time.Second):
		w.t.Fatal("no message came")
	}
	return m
}

func TestWebhooksTellWhatHappens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site, other := w.Site(1), w.Site(1)
	var secret webhook.Secret
	address, messages := w.hear(&secret)
	token := w.operator(site.Operator.ID)
	w.Clock.Move(time.Minute) // what came before is not told
	var made httpapi.NewWebhook
	w.call(http.MethodPost, "/v1/webhooks", token, map[string]any{
		"url": address + "/hook", "types": []string{"plot.status", "reservation.changed"}, "station_ids": []uuid.UUID{site.ID},
	}).wants(http.StatusCreated).into(&made)
	var err error
	secret, err = webhook.ParseSecret(made.Secret)
	w.Must(err)
	w.Report(other, 1, chargepoint.Faulted) // which is not asked for
	w.tellWebhooks()
	driver, _ := w.driver()
	_, err = w.Reserve(t.Context(), site.PlotIDs[0], driver, time.Hour)
	w.Must(err)
	w.Report(site, 1, chargepoint.Faulted)
	// A claim begins with its own event; the fault is told before the claim that it fails.
	var got []string
	for range 4 {
		m := w.nextMessage(messages)
		got = append(got, m.Type+" "+m.Data.State+m.Data.Status)
	}
	want := []string{"reservation.changed RESERVED", "plot.status RESERVED", "plot.status OUTOFORDER", "reservation.changed FAILED"}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("told was %v, wanted %v", got, want)
		}
	}
	path := "/v1/webhooks/" + made.Webhook.Id.String()
	var log httpapi.WebhookDeliveryPage
	w.call(http.MethodGet, path+"/deliveries?limit=3", token, nil).wants(http.StatusOK).into(&log)
	if len(log.Items) != 3 || log.NextCursor == "" || log.Items[0].Type != "reservation.changed" {
		t.Errorf("the log is %+v", log)
	}
	w.call(http.MethodGet, path+"/deliveries?cursor="+log.NextCursor, token, nil).wants(http.StatusOK).into(&log)
	if len(log.Items) != 1 {
		t.Errorf("the log goes on with %+v", log)
	}
	delivery := path + "/deliveries/" + log.Items[0].Id.String()
	var detail httpapi.WebhookDeliveryDetail
	w.call(http.MethodGet, delivery, token, nil).wants(http.StatusOK).into(&detail)
	if len(detail.Tries) != 1 || detail.Tries[0].Status.MustGet() != http.StatusNoContent || detail.Delivery.State != httpapi.WebhookDeliveryStateDELIVERED {
		t.Errorf("the delivery is %+v", detail)
	}
	w.call(http.MethodPost, delivery+"/redeliver", token, nil).wants(http.StatusAccepted)
	if m := w.nextMessage(messages); m.Type != "reservation.changed" || m.Data.State != "RESERVED" {
		t.Errorf("delivered again is %+v", m)
	}
	w.call(http.MethodPost, path+"/test", token, nil).wants(http.StatusAccepted)
	if m := w.nextMessage(messages); m.Type != webhook.TestType {
		t.Errorf("the test is %+v", m)
	}
}

func TestWebhookByStatus(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, token := w.driver()
	_, stranger := w.driver()
	input := func(path string) map[string]any {
		return map[string]any{"url": "http://127.0.0.2:9" + path, "types": []string{"plot.status"}}
	}
	var made httpapi.NewWebhook
	w.call(http.MethodPost, "/v1/webhooks", token, input("/a")).wants(http.StatusCreated).into(&made)
	path := "/v1/webhooks/" + made.Webhook.Id.String()
	t.Run("400 for addresses that are not public", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		for _, url := range []string{
			"http://127.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://[::ffff:10.0.0.1]/", "http://2130706433/", "http://localhost:8080/",
			"http://postgres.default.svc.cluster.local/", "http://[fd00::1]/",
		} {
			p := w.call(http.MethodPost, "/v1/webhooks", token, map[string]any{"url": url, "types": []string{"plot.status"}}).
				wants(http.StatusBadRequest, "forbidden_address").problem()
			if len(p.Errors) != 1 || p.Errors[0].Pointer != "/url" {
				t.Errorf("%s: the faults named are %+v", url, p.Errors)
			}
		}
		w.call(http.MethodPost, "/v1/webhooks", token, map[string]any{"url": "ftp://example.com/", "types": []string{"plot.status"}}).
			wants(http.StatusBadRequest, "bad_url")
	})
	t.Run("400 naming every fault", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		p := w.call(http.MethodPost, "/v1/webhooks", token, `{"types":["everything"],"plot_ids":["x"],"secret":"mine"}`).wants(http.StatusBadRequest).problem()
		if len(p.Errors) != 4 {
			t.Errorf("the faults named are %+v, want 4", p.Errors)
		}
	})
	t.Run("401 and 404", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		for _, c := range [][2]string{
			{http.MethodGet, path},
			{http.MethodPost, path + "/test"},
			{http.MethodGet, path + "/deliveries"},
			{http.MethodGet, path + "/deliveries/" + uuid.NewString()},
			{http.MethodPost, path + "/deliveries/" + uuid.NewString() + "/redeliver"},
		} {
			w.call(c[0], c[1], "", nil).wants(http.StatusUnauthorized)
			w.call(c[0], c[1], stranger, nil).wants(http.StatusNotFound, "webhook_not_found")
		}
		w.call(http.MethodPost, path+"/secret", stranger, `{"keep_hours":1}`).wants(http.StatusNotFound, "webhook_not_found")
		w.call(http.MethodPatch, path, stranger, `{"enabled":false}`, "If-Match", `"1"`).wants(http.StatusNotFound, "webhook_not_found")
		w.call(http.MethodDelete, path, stranger, nil, "If-Match", `"1"`).wants(http.StatusNotFound, "webhook_not_found")
		var page httpapi.WebhookPage
		w.call(http.MethodGet, "/v1/webhooks", stranger, nil).wants(http.StatusOK).into(&page)
		if len(page.Items) != 0 {
			t.Errorf("a stranger is shown %+v", page.Items)
		}
	})
	t.Run("409 for the same address", func(t *testing.T) {
		t.Parallel()
		w.in(t).call(http.MethodPost, "/v1/webhooks", token, input("/a")).wants(http.StatusConflict, "webhook_exists")
	})
	t.Run("200 and 204 for changes that know what they change", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		_, token := w.driver()
		var made httpapi.NewWebhook
		w.call(http.MethodPost, "/v1/webhooks", token, input("/b")).wants(http.StatusCreated).into(&made)
		path := "/v1/webhooks/" + made.Webhook.Id.String()
		tag := w.call(http.MethodGet, path, token, nil).wants(http.StatusOK).Header.Get("ETag")
		w.call(http.MethodPatch, path, token, `{"enabled":false}`).wants(http.StatusPreconditionRequired)
		var hook httpapi.Webhook
		plot := uuid.New()
		a := w.call(http.MethodPatch, path, token, map[string]any{"enabled": false, "plot_ids": []uuid.UUID{plot}}, "If-Match", tag).wants(http.StatusOK)
		a.into(&hook)
		if hook.Enabled || hook.DisabledReason != "owner" || hook.PlotIds[0] != plot || hook.Types[0] != httpapi.WebhookPlotStatus {
			t.Errorf("the webhook is %+v", hook)
		}
		w.call(http.MethodPost, path+"/test", token, nil).wants(http.StatusConflict, "webhook_disabled")
		w.call(http.MethodPatch, path, token, `{"enabled":true}`, "If-Match", tag).wants(http.StatusPreconditionFailed)
		w.call(http.MethodPatch, path, token, `{"url":"http://10.1.2.3/"}`, "If-Match", a.Header.Get("ETag")).wants(http.StatusBadRequest, "forbidden_address")
		var rotated httpapi.NewWebhook
		w.call(http.MethodPost, path+"/secret", token, `{"keep_hours":24}`).wants(http.StatusOK).into(&rotated)
		if rotated.Secret == made.Secret || rotated.Webhook.OldSecretUntil.IsNull() {
			t.Errorf("rotated is %+v", rotated)
		}
		tag = w.call(http.MethodGet, path, token, nil).wants(http.StatusOK).Header.Get("ETag")
		w.call(http.MethodDelete, path, token, nil).wants(http.StatusPreconditionRequired)
		w.call(http.MethodDelete, path, token, nil, "If-Match", tag).wants(http.StatusNoContent)
		w.call(http.MethodGet, path, token, nil).wants(http.StatusNotFound)
	})
}
