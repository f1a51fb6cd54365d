package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/httpapi"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	driver, mine := w.driver()
	_, others := w.driver()
	house := uuid.New()
	staff := w.operator(house)
	card := map[string]any{"uid": "04:A2:2B:C3", "type": "RFID", "visual_number": "IHR 1"}

	var made httpapi.Token
	created := w.call(http.MethodPost, "/v1/tokens", mine, card, "Idempotency-Key", "k").wants(http.StatusCreated)
	created.into(&made)
	path := "/v1/tokens/" + made.Id.String()
	if owner, err := made.DriverId.Get(); err != nil || owner != driver || made.ContractId != made.Uid || !made.Valid || created.Header.Get("Location") != path {
		t.Errorf("the token is %s", created.Body)
	}

	t.Run("201 for an operator", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		var issued httpapi.Token
		w.call(http.MethodPost, "/v1/tokens", staff, map[string]any{"uid": "DE-8AA-C1A2B3C4D-9", "type": "EMAID", "operator_id": house}).
			wants(http.StatusCreated).into(&issued)
		if !issued.DriverId.IsNull() {
			t.Errorf("an operator's token names the driver %v", issued.DriverId)
		}
		var page httpapi.TokenPage
		w.call(http.MethodGet, "/v1/tokens?operator_id="+house.String(), staff, nil).wants(http.StatusOK).into(&page)
		if len(page.Items) != 1 || page.Items[0].Id != issued.Id {
			t.Errorf("the operator's list is %+v", page.Items)
		}
		w.call(http.MethodGet, "/v1/tokens/"+issued.Id.String(), mine, nil).wants(http.StatusNotFound, "token_not_found")
	})
	t.Run("400", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		for name, c := range map[string]struct {
			body  any
			fault string
		}{
			"no uid":         {map[string]any{"type": "RFID"}, "/uid"},
			"no type":        {map[string]any{"uid": "04A22BC4"}, "/type"},
			"a type of ours": {map[string]any{"uid": "04A22BC4", "type": "APP_USER"}, "/type"},
			"separators":     {map[string]any{"uid": "--::--", "type": "RFID"}, "/uid"},
			"control":        {map[string]any{"uid": "04A2\n2BC4", "type": "RFID"}, "/uid"},
			"too long":       {map[string]any{"uid": "0123456789012345678901234567890123456789", "type": "RFID"}, "/uid"},
			"unknown member": {map[string]any{"uid": "04A22BC4", "type": "RFID", "driver_id": uuid.New()}, "/driver_id"},
		} {
			p := w.call(http.MethodPost, "/v1/tokens", mine, c.body).wants(http.StatusBadRequest).problem()
			if len(p.Errors) != 1 || p.Errors[0].Pointer != c.fault {
				t.Errorf("%s: %+v", name, p.Errors)
			}
		}
		w.call(http.MethodGet, "/v1/tokens?type=CARD", mine, nil).wants(http.StatusBadRequest)
		w.call(http.MethodGet, "/v1/tokens?cursor=x", mine, nil).wants(http.StatusBadRequest)
	})
	t.Run("401, 403, 404", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		w.call(http.MethodGet, "/v1/tokens", "", nil).wants(http.StatusUnauthorized)
		w.call(http.MethodPost, "/v1/tokens", others, map[string]any{"uid": "04A22BC5", "type": "RFID", "operator_id": house}).
			wants(http.StatusForbidden, "token_of_another_operator")
		w.call(http.MethodPost, "/v1/tokens", w.admin(), map[string]any{"uid": "04A22BC5", "type": "RFID", "operator_id": uuid.Nil}).
			wants(http.StatusForbidden)
		w.call(http.MethodGet, "/v1/tokens?operator_id="+house.String(), mine, nil).wants(http.StatusForbidden)
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			w.call(method, path, others, nil).wants(http.StatusNotFound, "token_not_found")
		}
		w.call(http.MethodPatch, path, others, map[string]any{"valid": false}, "If-Match", `"1"`).wants(http.StatusNotFound)
	})
	t.Run("409 for a uid that is registered, whoever asks", func(t *testing.T) {
		t.Parallel()
		w := w.in(t)
		taken, other := map[string]any{"uid": "0e22bc3a", "type": "RFID"}, uuid.New()
		w.call(http.MethodPost, "/v1/tokens", w.operator(other), map[string]any{"uid": "0E:22:BC:3A", "type": "RFID", "operator_id": other}).wants(http.StatusCreated)
		w.call(http.MethodPost, "/v1/tokens", others, taken).wants(http.StatusConflict, "token_taken")
		w.call(http.MethodPost, "/v1/tokens", mine, map[string]any{"uid": "04a22bc3", "type": "RFID"}).wants(http.StatusConflict, "token_taken")
		w.call(http.MethodPost, "/v1/tokens", mine, card, "Idempotency-Key", "k").wants(http.StatusCreated)
	})
}

func TestATokenIsProvenByAnAdministratorsWord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, mine := w.driver()
	_, others := w.driver()
	card := map[string]any{"uid": "04A22BC3", "type": "RFID"}
	var first, second httpapi.Token
	w.call(http.MethodPost, "/v1/tokens", others, card).wants(http.StatusCreated).into(&first)
	w.call(http.MethodPost, "/v1/tokens", mine, card).wants(http.StatusCreated).into(&second)
	if first.Proven || second.Proven {
		t.Error("what was typed in counts as shown")
	}
	said := map[string]any{"proven": true}
	path := "/v1/tokens/" + second.Id.String()
	w.call(http.MethodPatch, path, mine, said, "If-Match", `"1"`).wants(http.StatusForbidden, "token_unproven")
	w.call(http.MethodPatch, path, mine, map[string]any{"proven": false}, "If-Match", `"1"`).wants(http.StatusBadRequest)
	w.call(http.MethodPatch, path, w.admin(), said, "If-Match", `"1"`).wants(http.StatusOK).into(&second)
	if !second.Proven {
		t.Errorf("the token is %+v", second)
	}
	w.call(http.MethodPatch, "/v1/tokens/"+first.Id.String(), w.admin(), said, "If-Match", `"1"`).wants(http.StatusConflict, "token_taken")
}

func TestChangingAToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, mine := w.driver()
	var k httpapi.Token
	w.call(http.MethodPost, "/v1/tokens", mine, map[string]any{"uid": "04A22BC3", "type": "RFID"}).wants(http.StatusCreated).into(&k)
	path := "/v1/tokens/" + k.Id.String()
	w.call(http.MethodPatch, path, mine, map[string]any{"valid": false}).wants(http.StatusPreconditionRequired)
	w.call(http.MethodPatch, path, mine, map[string]any{"valid": false}, "If-Match", `"7"`).wants(http.StatusPreconditionFailed)
	w.call(http.MethodPatch, path, mine, map[string]any{}, "If-Match", `"1"`).wants(http.StatusBadRequest)
	w.call(http.MethodPatch, path, mine, map[string]any{"valid": false}, "If-Match", `"1"`).wants(http.StatusOK).into(&k)
	if k.Valid || k.Version != 2 {
		t.Errorf("blocked, the token is %+v", k)
	}
	w.call(http.MethodGet, path, mine, nil, "If-None-Match", `"2"`).wants(http.StatusNotModified)
	w.call(http.MethodDelete, path, mine, nil, "If-Match", `"1"`).wants(http.StatusPreconditionFailed)
	w.call(http.MethodDelete, path, mine, nil).wants(http.StatusNoContent)
	w.call(http.MethodGet, path, mine, nil).wants(http.StatusNotFound)
	var page httpapi.TokenPage
	w.call(http.MethodGet, "/v1/tokens", mine, nil).wants(http.StatusOK).into(&page)
	if len(page.Items) != 0 {
		t.Errorf("after it was removed the list is %+v", page.Items)
	}
}
