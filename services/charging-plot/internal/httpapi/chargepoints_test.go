package httpapi_test

import (
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/authn"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/httpapi"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/postgres/postgrestest"
)

func registration(identity string, station uuid.UUID, evses ...uuid.UUID) map[string]any {
	var list []map[string]any
	for i, e := range evses {
		list = append(list, map[string]any{"evse_id": e, "ocpp_connector_id": i + 1})
	}
	return map[string]any{"identity": identity, "station_id": station, "evses": list}
}

func TestCreateChargePoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("201 with a password that fits OCPP, shown once and kept as a hash", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		st := postgrestest.Station(2)
		w.Apply(st)
		token := w.operator(st.Operator.ID)
		var made httpapi.NewChargePoint
		a := w.call(http.MethodPost, "/v1/charge-points", token, registration("CP-201", st.ID, st.EVSEs[0].ID, st.EVSEs[1].ID)).wants(http.StatusCreated)
		a.into(&made)
		if !regexp.MustCompile(`^[A-Za-z0-9_-]{40}$`).MatchString(made.Password) {
			t.Errorf("the password is %q", made.Password)
		}
		if len(made.ChargePoint.Evses) != 2 || made.ChargePoint.Connected || !made.ChargePoint.Boot.IsNull() {
			t.Errorf("the charge point is %+v", made.ChargePoint)
		}
		_, secret, err := w.Store.Credentials(t.Context(), "CP-201")
		w.Must(err)
		if !secret.Secret.Matches(made.Password) || secret.Secret.Matches(made.Password+"x") {
			t.Error("the stored hash is not the password's")
		}
		w.call(http.MethodGet, a.Header.Get("Location"), token, nil).wants(http.StatusOK)
	})
	t.Run("201 with the password that the charge point came with", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		st := postgrestest.Station(1)
		w.Apply(st)
		body := registration("CP-own", st.ID, st.EVSEs[0].ID)
		body["password"] = "0123456789abcdef0123456789abcdef01234567"
		var made httpapi.NewChargePoint
		w.call(http.MethodPost, "/v1/charge-points", w.admin(), body).wants(http.StatusCreated).into(&made)
		if made.Password != body["password"] {
			t.Errorf("the password is %q", made.Password)
		}
	})
	t.Run("400", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		body := registration("not an identity", uuid.New(), uuid.New())
		body["password"] = "short"
		if p := w.call(http.MethodPost, "/v1/charge-points", w.admin(), body).wants(http.StatusBadRequest).problem(); len(p.Errors) != 2 {
			t.Errorf("the faults named are %+v", p.Errors)
		}
	})
	t.Run("401 and 403", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		_, driver := w.driver()
		body := registration("CP-403", uuid.New(), uuid.New())
		w.call(http.MethodPost, "/v1/charge-points", "", body).wants(http.StatusUnauthorized)
		w.call(http.MethodPost, "/v1/charge-points", driver, body).wants(http.StatusForbidden)
	})
	t.Run("409 for an identity or an EVSE that is taken", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		st := postgrestest.Station(2)
		w.Apply(st)
		token := w.admin()
		w.call(http.MethodPost, "/v1/charge-points", token, registration(site.ChargePoint.Identity, st.ID, st.EVSEs[0].ID)).
			wants(http.StatusConflict, "charge_point_identity_taken")
		w.call(http.MethodPost, "/v1/charge-points", token, registration("CP-a", site.ID, site.EVSEs[0].ID)).
			wants(http.StatusConflict, "evse_served_already")
		w.call(http.MethodPost, "/v1/charge-points", token, registration("CP-b", st.ID, st.EVSEs[0].ID, st.EVSEs[0].ID)).
			wants(http.StatusConflict, "evse_served_already")
	})
	t.Run("422 for what is not there, or another operator's", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		st, other := postgrestest.Station(1), postgrestest.Station(1)
		w.Apply(st, other)
		for _, body := range []map[string]any{
			registration("CP-c", uuid.New(), uuid.New()),
			registration("CP-d", other.ID, other.EVSEs[0].ID),
			registration("CP-e", st.ID, other.EVSEs[0].ID),
		} {
			w.call(http.MethodPost, "/v1/charge-points", w.operator(st.Operator.ID), body).wants(http.StatusUnprocessableEntity, "unknown_evse")
		}
	})
}

func TestListChargePoints(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(1)
	t.Run("200 with those of one's operator", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		second := postgrestest.Station(1)
		second.Operator = site.Operator
		w.Apply(second)
		token := w.operator(site.Operator.ID)
		w.call(http.MethodPost, "/v1/charge-points", token, registration("CP-second", second.ID, second.EVSEs[0].ID)).wants(http.StatusCreated)
		count := func(token, query string) (n int, next string) {
			var page httpapi.ChargePointPage
			w.call(http.MethodGet, "/v1/charge-points"+query, token, nil).wants(http.StatusOK).into(&page)
			return len(page.Items), page.NextCursor
		}
		for _, c := range []struct {
			token, query string
			want         int
		}{
			{token, "", 2},
			{token, "?connected=true", 1},
			{token, "?connected=false", 1},
			{token, "?station_id=" + site.ID.String(), 1},
			{w.operator(uuid.New()), "", 0},
			{w.operator(uuid.Nil), "", 0},
			{w.admin(), "?station_id=" + site.ID.String(), 1},
		} {
			if n, _ := count(c.token, c.query); n != c.want {
				t.Errorf("%q shows %d charge points, want %d", c.query, n, c.want)
			}
		}
		_, next := count(token, "?limit=1")
		if n, end := count(token, "?limit=1&cursor="+url.QueryEscape(next)); n != 1 || end != "" {
			t.Errorf("the second page has %d and the cursor %q", n, end)
		}
	})
	t.Run("401 and 403", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		_, driver := w.driver()
		w.call(http.MethodGet, "/v1/charge-points", "", nil).wants(http.StatusUnauthorized)
		w.call(http.MethodGet, "/v1/charge-points", driver, nil).wants(http.StatusForbidden)
	})
}

func TestGetChargePoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("304 for who holds it, until it changes", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		token, path := w.operator(site.Operator.ID), "/v1/charge-points/"+site.ChargePoint.ID.String()
		for _, of := range []string{"", "/configuration", "/charging-profiles"} {
			tag := w.call(http.MethodGet, path+of, token, nil).wants(http.StatusOK).Header.Get("ETag")
			w.call(http.MethodGet, path+of, token, nil, "If-None-Match", tag).wants(http.StatusNotModified)
		}
		before := w.call(http.MethodGet, path, token, nil).wants(http.StatusOK).Header.Get("ETag")
		w.Clock.Move(time.Second)
		w.Report(site, 1, chargepoint.Faulted)
		w.call(http.MethodGet, path, token, nil, "If-None-Match", before).wants(http.StatusOK)
	})
	t.Run("200 with what it said of itself", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		w.Must(w.Store.Booted(t.Context(), site.ChargePoint.ID, chargepoint.BootInfo{Vendor: "Maker", Model: "M1", FirmwareVersion: "2.0"}))
		var cp httpapi.ChargePoint
		w.call(http.MethodGet, "/v1/charge-points/"+site.ChargePoint.ID.String(), w.operator(site.Operator.ID), nil).wants(http.StatusOK).into(&cp)
		boot := cp.Boot.MustGet()
		if !cp.Connected || cp.Protocol.MustGet() != "ocpp1.6" || boot.Vendor != "Maker" || *boot.FirmwareVersion != "2.0" ||
			cp.Evses[0].PlotId.MustGet() != site.PlotIDs[0] || cp.Evses[0].Status.MustGet() != "Available" || cp.LastSeenAt.IsNull() {
			t.Errorf("the charge point is %+v", cp)
		}
	})
	t.Run("401, 403, and 404 for another operator's", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		_, driver := w.driver()
		path := "/v1/charge-points/" + w.Site(1).ChargePoint.ID.String()
		w.call(http.MethodGet, path, "", nil).wants(http.StatusUnauthorized)
		w.call(http.MethodGet, path, driver, nil).wants(http.StatusForbidden)
		w.call(http.MethodGet, path, w.operator(uuid.New()), nil).wants(http.StatusNotFound, "charge_point_not_found")
		w.call(http.MethodGet, "/v1/charge-points/"+uuid.NewString(), w.admin(), nil).wants(http.StatusNotFound)
	})
}

func TestDeleteChargePoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("204, and its identity and EVSEs are free", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		token, path := w.operator(site.Operator.ID), "/v1/charge-points/"+site.ChargePoint.ID.String()
		first := w.call(http.MethodGet, path, token, nil).wants(http.StatusOK).Header.Get("ETag")
		w.Clock.Move(time.Second)
		w.Report(site, 1, chargepoint.Faulted)
		w.call(http.MethodDelete, path, token, nil, "If-Match", first).wants(http.StatusPreconditionFailed)
		tag := w.call(http.MethodGet, path, token, nil).wants(http.StatusOK).Header.Get("ETag")
		w.call(http.MethodDelete, path, token, nil, "If-Match", tag).wants(http.StatusNoContent)
		w.call(http.MethodGet, path, token, nil).wants(http.StatusNotFound, "charge_point_not_found")
		w.call(http.MethodDelete, path, token, nil).wants(http.StatusNotFound, "charge_point_not_found")
		var list httpapi.ChargePointPage
		w.call(http.MethodGet, "/v1/charge-points?station_id="+site.ID.String(), token, nil).wants(http.StatusOK).into(&list)
		if len(list.Items) != 0 {
			t.Errorf("it is still listed: %+v", list.Items)
		}
		if _, _, err := w.Store.Credentials(t.Context(), site.ChargePoint.Identity); !errors.Is(err, chargepoint.ErrNotFound) {
			t.Errorf("its password is still known: %v", err)
		}
		var plot httpapi.Plot
		w.call(http.MethodGet, "/v1/plots/"+site.PlotIDs[0].String(), "", nil).wants(http.StatusOK).into(&plot)
		if plot.Status == httpapi.PlotStatusOUTOFORDER {
			t.Error("the plot is still what the charge point said of it")
		}
		body := registration(site.ChargePoint.Identity, site.ID, site.EVSEs[0].ID)
		w.call(http.MethodPost, "/v1/charge-points", token, body).wants(http.StatusCreated)
	})
	t.Run("409 while a charge runs there, then 204, and the charge stays", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		site := w.Site(1)
		_, driver := w.driver()
		var s httpapi.Session
		w.call(http.MethodPost, "/v1/sessions", driver, map[string]any{"plot_id": site.PlotIDs[0]}).wants(http.StatusAccepted).into(&s)
		token, path := w.operator(site.Operator.ID), "/v1/charge-points/"+site.ChargePoint.ID.String()
		w.call(http.MethodDelete, path, token, nil).wants(http.StatusConflict, "charge_point_busy")
		w.call(http.MethodGet, path, token, nil).wants(http.StatusOK)
		w.call(http.MethodPost, "/v1/sessions/"+s.Id.String()+"/stop", driver, nil).wants(http.StatusAccepted)
		w.call(http.MethodDelete, path, token, nil).wants(http.StatusNoContent)
		w.call(http.MethodGet, "/v1/sessions/"+s.Id.String(), driver, nil).wants(http.StatusOK)
	})
	t.Run("401, 403, and 404 for another operator's", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		_, driver := w.driver()
		path := "/v1/charge-points/" + w.Site(1).ChargePoint.ID.String()
		w.call(http.MethodDelete, path, "", nil).wants(http.StatusUnauthorized)
		w.call(http.MethodDelete, path, driver, nil).wants(http.StatusForbidden)
		w.call(http.MethodDelete, path, w.operator(uuid.New()), nil).wants(http.StatusNotFound, "charge_point_not_found")
		w.call(http.MethodGet, path, w.admin(), nil).wants(http.StatusOK)
	})
}

func TestCommandChargePoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.Site(1)
	path, token := "/v1/charge-points/"+site.ChargePoint.ID.String()+"/commands", w.operator(site.Operator.ID)
	t.Run("200 with what the charge point answered", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		for body, want := range map[string]chargepoint.Command{
			`{"command":"reset","hard":true}`:                                                    {Kind: chargepoint.Reset, Hard: true},
			`{"command":"unlock","ocpp_connector_id":1}`:                                         {Kind: chargepoint.UnlockConnector, Connector: 1},
			`{"command":"change_availability","operative":false}`:                                {Kind: chargepoint.ChangeAvailability},
			`{"command":"trigger_message","message":"StatusNotification","ocpp_connector_id":1}`: {Kind: chargepoint.TriggerMessage, Message: "StatusNotification", Connector: 1},
			`{"command":"change_availability","operative":true,"ocpp_connector_id":1}`:           {Kind: chargepoint.ChangeAvailability, Operative: true, Connector: 1},
		} {
			w.commands.answers(func(id uuid.UUID, command chargepoint.Command) (chargepoint.Outcome, error) {
				command.RequestID = 0
				if id != site.ChargePoint.ID || !reflect.DeepEqual(command, want) {
					return chargepoint.Outcome{Status: chargepoint.CommandRejected}, nil
				}
				return chargepoint.Outcome{Status: chargepoint.CommandScheduled}, nil
			})
			var out httpapi.CommandOutcome
			w.call(http.MethodPost, path, token, body).wants(http.StatusOK).into(&out)
			if out.Status != "Scheduled" {
				t.Errorf("%s: the charge point was told something else", body)
			}
		}
		for err, c := range map[error]struct {
			status int
			code   string
		}{
			chargepoint.ErrNotConnected:  {http.StatusServiceUnavailable, "charge_point_offline"},
			chargepoint.ErrNoAnswer:      {http.StatusGatewayTimeout, "charge_point_silent"},
			chargepoint.ErrCommandFailed: {http.StatusConflict, "charge_point_error"},
			errors.New("unknown"):        {http.StatusInternalServerError, "internal"},
		} {
			w.commands.answers(func(uuid.UUID, chargepoint.Command) (chargepoint.Outcome, error) { return chargepoint.Outcome{}, err })
			w.call(http.MethodPost, path, token, `{"command":"reset"}`).wants(c.status, c.code)
		}
	})
	t.Run("400 for what lacks something", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		for _, body := range []string{`{"command":"unlock"}`, `{"command":"change_availability"}`, `{"command":"trigger_message"}`} {
			w.call(http.MethodPost, path, token, body).wants(http.StatusBadRequest, "incomplete_command")
		}
		w.call(http.MethodPost, path, token, `{"command":"explode"}`).wants(http.StatusBadRequest)
	})
	t.Run("401, 403 and 404", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		_, driver := w.driver()
		w.call(http.MethodPost, path, "", `{"command":"reset"}`).wants(http.StatusUnauthorized)
		w.call(http.MethodPost, path, driver, `{"command":"reset"}`).wants(http.StatusForbidden)
		w.call(http.MethodPost, path, w.operator(uuid.New()), `{"command":"reset"}`).wants(http.StatusNotFound)
	})
}

func TestOtherReplicasCommands(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path := "/internal/v1/charge-points/" + uuid.NewString() + "/commands"
	own := w.issuer.Mint(authn.Principal{Kind: authn.Service, ClientID: "charging-plot"}, audience)
	t.Run("200 with the service's own token", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		w.call(http.MethodPost, path, own, chargepoint.Command{Kind: chargepoint.Reset}).wants(http.StatusOK)
	})
	t.Run("400, 401, 403 for everybody else, 404", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		w.call(http.MethodPost, path, own, `not JSON`).wants(http.StatusBadRequest)
		w.call(http.MethodPost, path, "", `{}`).wants(http.StatusUnauthorized)
		w.call(http.MethodPost, path, w.admin(), `{}`).wants(http.StatusForbidden)
		other := w.issuer.Mint(authn.Principal{Kind: authn.Service, ClientID: "station-catalog"}, audience)
		w.call(http.MethodPost, path, other, `{}`).wants(http.StatusForbidden)
		user := w.issuer.Mint(authn.Principal{ClientID: "charging-plot"}, audience)
		w.call(http.MethodPost, path, user, `{}`).wants(http.StatusForbidden)
		w.call(http.MethodPost, "/internal/v1/charge-points/x/commands", own, `{}`).wants(http.StatusNotFound)
	})
}
