package httpapi_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
)

const (
	invitationsPath = "/v1/invitations"
	acceptPath      = "/v1/invitations/accept"
)

var (
	north = uuid.MustParse("0190f0a0-0000-7000-8000-000000000001")
	south = uuid.MustParse("0190f0a0-0000-7000-8000-000000000002")
)

// as logs in somebody with roles.
func (w *world) as(email string, grants ...role.Grant) with {
	w.t.Helper()
	w.person(email, grants...)
	return bearer(w.login(email).text("access_token"))
}

func staff(r role.Role, operator uuid.UUID) object {
	return object{"role": string(r), "operator_id": operator.String()}
}

func (w *world) invite(access with, email string, roles ...object) *answer {
	w.t.Helper()
	if roles == nil {
		roles = []object{}
	}
	return w.post(invitationsPath, object{"email": email, "roles": roles}, access)
}

// grantsIn are the roles in an answer, as "role@operator", sorted.
func grantsIn(a *answer) string {
	list, _ := a.body["roles"].([]any)
	var out []string
	for _, one := range list {
		m, _ := one.(map[string]any)
		text, _ := m["role"].(string)
		if operator, ok := m["operator_id"].(string); ok {
			text += "@" + operator[len(operator)-1:]
		}
		out = append(out, text)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestAColleagueIsInvitedAndJoins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *options) { o.invitedOnly = true })
	boss := w.as("boss@north.example", role.Grant{Role: role.OperatorAdmin, Operator: north})
	w.post("/v1/auth/register", object{"email": "new@north.example", "password": password}).want(http.StatusForbidden, "invitation_needed")
	sent := w.invite(boss, "New@north.example", staff(role.Operator, north)).want(http.StatusCreated)
	if sent.text("state") != "open" || grantsIn(sent) != "operator@1" {
		t.Errorf("the invitation is %s", sent.raw)
	}
	letter := w.mail("new@north.example", notice.InviteUser)
	if !strings.HasPrefix(letter.Link, issuer+acceptPath+"#token=ihr_in_") || letter.Name != "" {
		t.Errorf("the letter is %+v", letter)
	}
	// P2: reading the page consumes nothing; neither does a form with a fault.
	for range 10 {
		w.get(acceptPath).want(http.StatusOK)
	}
	w.post(acceptPath, object{"token": letter.Token}).want(http.StatusBadRequest, "password_needed").wantFaults("/password required")
	w.post(acceptPath, object{"token": letter.Token, "password": "short"}).want(http.StatusBadRequest)
	w.post(acceptPath, object{"token": letter.Token, "password": password, "username": "boss"}).want(http.StatusConflict, "username_taken")
	joined := w.post(acceptPath, object{"token": letter.Token, "password": password, "username": "newton"}).want(http.StatusOK)
	if joined.text("email") != "New@north.example" || grantsIn(joined) != "driver operator@1" {
		t.Errorf("who joins is %s", joined.raw)
	}
	w.mail("new@north.example", notice.Welcome)
	w.post(acceptPath, object{"token": letter.Token, "password": password}).want(http.StatusBadRequest, "invalid_token")
	if me := w.get("/v1/me", bearer(w.login("newton").text("access_token"))).want(http.StatusOK); grantsIn(me) != "driver operator@1" {
		t.Errorf("the account is %s", me.raw)
	}
	if list := items(w.get(invitationsPath, boss).want(http.StatusOK)); len(list) != 1 || list[0]["state"] != "accepted" {
		t.Errorf("the invitations are %v", list)
	}
}

func TestWhoHasAnAccountIsGivenTheRoles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	boss := w.as("boss@north.example", role.Grant{Role: role.OperatorAdmin, Operator: north})
	ada := w.as("ada@example.com")
	// E1: the answer is that for a stranger.
	known, unknown := w.invite(boss, "ada@example.com", staff(role.OperatorAdmin, north)).want(http.StatusCreated), w.invite(boss, "who@example.com", staff(role.OperatorAdmin, north)).want(http.StatusCreated)
	mask := func(a *answer, address string) string {
		return strings.NewReplacer(a.text("id"), "ID", a.text("created_at"), "AT", a.text("expires_at"), "TO", address, "ADDRESS").Replace(a.raw)
	}
	if mask(known, "ada@example.com") != mask(unknown, "who@example.com") {
		t.Errorf("%s differs from %s", known.raw, unknown.raw)
	}
	token := w.mail("ada@example.com", notice.InviteUser).Token
	// Of many at once one is accepted.
	var wait sync.WaitGroup
	statuses := make([]int, 8)
	for i := range statuses {
		wait.Go(func() { statuses[i] = w.post(acceptPath, object{"token": token}).status })
	}
	wait.Wait()
	slices.Sort(statuses)
	if statuses[0] != http.StatusOK || statuses[1] != http.StatusBadRequest {
		t.Errorf("the answers are %v", statuses)
	}
	if me := w.get("/v1/me", ada); grantsIn(me) != "driver operator_admin@1" {
		t.Errorf("the account is %s", me.raw)
	}
	w.login("ada") // with the password that it had
}

func TestCreateInvitation(t *testing.T) {
	t.Parallel()

	// A1: nobody gives what is not theirs.
	t.Run("403 for roles that are not one's own to give", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		boss := w.as("boss@north.example", role.Grant{Role: role.OperatorAdmin, Operator: north})
		for _, roles := range [][]object{
			{staff(role.Operator, south)},
			{staff(role.OperatorAdmin, south)},
			{{"role": "admin"}},
			{{"role": "moderator"}},
			{{"role": "driver"}},
			nil,
			{staff(role.Operator, north), {"role": "admin"}},
		} {
			w.exec(`DELETE FROM throttles`)
			w.invite(boss, "x@example.com", roles...).want(http.StatusForbidden, "role_not_yours")
		}
		for email, grants := range map[string][]role.Grant{"dri@example.com": nil, "ope@example.com": {{Role: role.Operator, Operator: north}}, "mod@example.com": {{Role: role.Moderator}}} {
			w.invite(w.as(email, grants...), "x@example.com", staff(role.Operator, north)).want(http.StatusForbidden)
		}
		w.invite(func(*http.Request) {}, "x@example.com").want(http.StatusUnauthorized)
		// A token tells what was: the right is gone with the role.
		w.exec(`DELETE FROM role_grants WHERE role = 'operator_admin'`)
		w.invite(boss, "x@example.com", staff(role.Operator, north)).want(http.StatusForbidden, "role_not_yours")
		if n := w.count(`SELECT count(*) FROM invitations`); n != 0 {
			t.Errorf("%d invitations were kept", n)
		}
	})

	t.Run("201 for an administrator, whatever the role", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		admin := w.as("root@example.com", role.Grant{Role: role.Admin})
		w.invite(admin, "a@example.com", staff(role.OperatorAdmin, south), object{"role": "moderator"}).want(http.StatusCreated)
		w.invite(admin, "b@example.com").want(http.StatusCreated)
	})

	t.Run("400 that names every fault", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		admin := w.as("root@example.com", role.Grant{Role: role.Admin})
		for _, body := range []object{
			{},
			{"email": "a@example.com"},
			{"email": "nobody", "roles": []object{}},
			{"email": "a@example.com", "roles": []object{{"role": "king"}}},
			{"email": "a@example.com", "roles": []object{{"role": "operator"}}},
			{"email": "a@example.com", "roles": []object{staff(role.Admin, north)}},
			{"email": "a@example.com", "roles": []object{staff(role.Operator, north), staff(role.Operator, south)}},
			{"email": "a@example.com", "roles": []object{}, "invited_by": uuid.NewString()},
			{"email": "a@example.com", "roles": []object{}, "locale": "!"},
			{"email": "a@example.com\r\nBcc: eve@example.com", "roles": []object{}},
		} {
			w.post(invitationsPath, body, admin).want(http.StatusBadRequest)
		}
		if n := w.count(`SELECT count(*) FROM invitations`); n != 0 {
			t.Errorf("%d invitations were kept", n)
		}
	})
}

func TestRevokeInvitation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	boss := w.as("boss@north.example", role.Grant{Role: role.OperatorAdmin, Operator: north})
	rival := w.as("rival@south.example", role.Grant{Role: role.OperatorAdmin, Operator: south})
	id := w.invite(boss, "x@example.com", staff(role.Operator, north)).want(http.StatusCreated).text("id")
	token := w.mail("x@example.com", notice.InviteUser).Token
	w.delete(invitationsPath+"/"+id, rival).want(http.StatusNotFound, "no_such_invitation")
	if list := items(w.get(invitationsPath, rival).want(http.StatusOK)); len(list) != 0 {
		t.Errorf("the rival sees %v", list)
	}
	w.delete(invitationsPath+"/"+id, boss).want(http.StatusNoContent)
	w.delete(invitationsPath+"/"+id, boss).want(http.StatusConflict, "invitation_over")
	w.delete(invitationsPath+"/"+uuid.NewString(), boss).want(http.StatusNotFound, "no_such_invitation")
	w.delete(invitationsPath + "/" + id).want(http.StatusUnauthorized)
	w.post(acceptPath, object{"token": token, "password": password}).want(http.StatusBadRequest, "invalid_token")
}

// P1: a token is for one purpose, for a time, and as long as its inviter may still give what it gives.
func TestAnInvitationDiesWithItsReason(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	boss := w.as("boss@north.example", role.Grant{Role: role.OperatorAdmin, Operator: north})
	w.invite(boss, "x@example.com", staff(role.Operator, north)).want(http.StatusCreated)
	token := w.mail("x@example.com", notice.InviteUser).Token
	for _, path := range []string{"/v1/auth/email/confirm", "/v1/me/emails/confirm"} {
		w.post(path, object{"token": token}).want(http.StatusBadRequest, "invalid_token")
	}
	w.post("/v1/auth/password/reset", object{"token": token, "password": another}).want(http.StatusBadRequest, "invalid_token")
	w.post("/v1/auth/refresh", object{"refresh_token": token}).want(http.StatusUnauthorized)
	for _, bad := range []string{token[:len(token)-1], token + "x", strings.Replace(token, "ihr_in_", "ihr_ec_", 1), "x"} {
		w.post(acceptPath, object{"token": bad, "password": password}).want(http.StatusBadRequest, "invalid_token")
	}
	accept := func() *answer { return w.post(acceptPath, object{"token": token, "password": password}) }
	w.exec(`UPDATE role_grants SET role = 'operator' WHERE role = 'operator_admin'`)
	accept().want(http.StatusBadRequest, "invalid_token")
	w.exec(`UPDATE role_grants SET role = 'operator_admin' WHERE role = 'operator'`)
	w.exec(`UPDATE accounts SET disabled_at = now()`)
	accept().want(http.StatusBadRequest, "invalid_token")
	w.exec(`UPDATE accounts SET disabled_at = NULL`)
	w.exec(`UPDATE invitations SET expires_at = now()`)
	accept().want(http.StatusBadRequest, "invalid_token")
	w.exec(`UPDATE invitations SET expires_at = now() + interval '1 hour'`)
	accept().want(http.StatusOK)
}
