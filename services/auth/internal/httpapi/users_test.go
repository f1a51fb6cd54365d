package httpapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
)

// emailsIn are the addresses of the accounts in a list.
func emailsIn(a *answer) string {
	var out []string
	for _, one := range items(a) {
		text, _ := one["email"].(string)
		out = append(out, text)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestListUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.as("root@example.com", role.Grant{Role: role.Admin})
	boss := w.as("boss@north.example", role.Grant{Role: role.OperatorAdmin, Operator: north})
	w.person("hand@north.example", role.Grant{Role: role.Operator, Operator: north}, role.Grant{Role: role.Operator, Operator: south})
	w.person("rival@south.example", role.Grant{Role: role.OperatorAdmin, Operator: south})
	w.person("ada@example.com")

	for query, want := range map[string]string{
		"":                               "ada@example.com boss@north.example hand@north.example rival@south.example root@example.com",
		"?email=ADA@example.com":         "ada@example.com",
		"?email=nobody@example.com":      "",
		"?username=Hand":                 "hand@north.example",
		"?role=operator_admin":           "boss@north.example rival@south.example",
		"?operator_id=" + south.String(): "hand@north.example rival@south.example",
		"?role=operator&operator_id=" + north.String(): "hand@north.example",
		"?disabled=true": "",
	} {
		if got := emailsIn(w.get("/v1/users"+query, admin).want(http.StatusOK)); got != want {
			t.Errorf("%q finds %s, want %s", query, got, want)
		}
	}
	// A1: an operator's administrator sees the own staff, and of it the own roles.
	for query, want := range map[string]string{
		"": "boss@north.example hand@north.example", "?email=ada@example.com": "", "?operator_id=" + south.String(): "", "?role=admin": "",
	} {
		if got := emailsIn(w.get("/v1/users"+query, boss).want(http.StatusOK)); got != want {
			t.Errorf("the operator's %q finds %s, want %s", query, got, want)
		}
	}
	hand, _ := items(w.get("/v1/users?username=hand", boss))[0]["id"].(string)
	if got := grantsIn(w.get("/v1/users/"+hand, boss).want(http.StatusOK)); got != "operator@1" {
		t.Errorf("the operator's administrator sees %s", got)
	}
	if got := grantsIn(w.get("/v1/users/"+hand, admin).want(http.StatusOK)); got != "driver operator@1 operator@2" {
		t.Errorf("the administrator sees %s", got)
	}
	ada, _ := items(w.get("/v1/users?username=ada", admin))[0]["id"].(string)
	w.get("/v1/users/"+ada, boss).want(http.StatusNotFound, "no_such_account")
	w.get("/v1/users/"+uuid.NewString(), admin).want(http.StatusNotFound, "no_such_account")

	first := w.get("/v1/users?limit=3", admin).want(http.StatusOK)
	second := w.get("/v1/users?limit=3&cursor="+first.text("next_cursor"), admin).want(http.StatusOK)
	if len(items(first)) != 3 || len(items(second)) != 2 || second.text("next_cursor") != "" || first.header.Get("Link") == "" {
		t.Errorf("the pages are %s and %s", first.raw, second.raw)
	}
	// S1: what is forged or hostile is a 400, and finds nobody.
	for _, query := range []string{
		"?cursor=AAAA", "?limit=0", "?limit=501", "?role=king", "?operator_id=x", "?disabled=maybe", "?email=%27%20OR%201=1--@x.example", "?username=%25",
		"?sort=id", "?email=a@example.com&email=b@example.com",
	} {
		w.get("/v1/users"+query, admin).want(http.StatusBadRequest)
	}
	w.get("/v1/users").want(http.StatusUnauthorized)
	w.get("/v1/users", bearer(w.login("ada").text("access_token"))).want(http.StatusForbidden)
	// The right goes with the role, not with the token.
	w.exec(`DELETE FROM role_grants WHERE role = 'admin'`)
	w.get("/v1/users", admin).want(http.StatusForbidden)
}

// A2: who is switched off is out at once.
func TestDisableUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.as("root@example.com", role.Grant{Role: role.Admin})
	root, _ := items(w.get("/v1/users?username=root", admin))[0]["id"].(string)
	boss := w.as("boss@north.example", role.Grant{Role: role.OperatorAdmin, Operator: north})
	id := w.person("ada@example.com", role.Grant{Role: role.Operator, Operator: north}).String()
	ada := w.login("ada")
	w.poke("/v1/users/"+id+"/disable", boss).want(http.StatusForbidden)
	w.poke("/v1/users/"+id+"/disable", bearer(ada.text("access_token"))).want(http.StatusForbidden)
	w.poke("/v1/users/" + id + "/disable").want(http.StatusUnauthorized)
	before := w.get("/v1/users/"+id, admin).header.Get("ETag")
	off := w.poke("/v1/users/"+id+"/disable", admin).want(http.StatusOK)
	if off.body["disabled"] != true || off.header.Get("ETag") == before {
		t.Errorf("the account is %s", off.raw)
	}
	w.poke("/v1/users/"+id+"/disable", admin).want(http.StatusOK) // so it stays
	w.get("/v1/me", bearer(ada.text("access_token"))).want(http.StatusUnauthorized, "session_ended")
	w.post("/v1/auth/refresh", object{"refresh_token": ada.text("refresh_token")}).want(http.StatusUnauthorized)
	w.post("/v1/auth/login", object{"login": "ada", "password": password}).want(http.StatusForbidden, "account_disabled")
	if got := emailsIn(w.get("/v1/users?disabled=true", admin)); got != "ada@example.com" {
		t.Errorf("switched off are %s", got)
	}
	if n := w.count(`SELECT count(*) FROM events WHERE kind = 'user.disabled'`); n != 1 {
		t.Errorf("it is told %d times", n)
	}
	w.poke("/v1/users/"+id+"/enable", admin).want(http.StatusOK)
	w.login("ada")
	w.poke("/v1/users/"+root+"/disable", admin).want(http.StatusConflict, "own_account")
	w.poke("/v1/users/"+uuid.NewString()+"/disable", admin).want(http.StatusNotFound, "no_such_account")
	w.poke("/v1/users/x/disable", admin).want(http.StatusBadRequest)
}

func TestEndUserSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.as("root@example.com", role.Grant{Role: role.Admin})
	id := w.person("ada@example.com").String()
	ada := w.login("ada")
	w.delete("/v1/users/"+id+"/sessions", bearer(ada.text("access_token"))).want(http.StatusForbidden)
	w.delete("/v1/users/"+id+"/sessions", admin).want(http.StatusNoContent)
	w.delete("/v1/users/"+id+"/sessions", admin).want(http.StatusNoContent)
	w.get("/v1/me", bearer(ada.text("access_token"))).want(http.StatusUnauthorized, "session_ended")
	w.delete("/v1/users/"+uuid.NewString()+"/sessions", admin).want(http.StatusNotFound, "no_such_account")
}

func TestRoles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.as("root@example.com", role.Grant{Role: role.Admin})
	root, _ := items(w.get("/v1/users?username=root", admin))[0]["id"].(string)
	boss := w.as("boss@north.example", role.Grant{Role: role.OperatorAdmin, Operator: north})
	own, _ := items(w.get("/v1/users?username=boss", admin))[0]["id"].(string)
	id := w.person("ada@example.com").String()
	path := "/v1/users/" + id + "/roles"
	for _, grant := range []object{staff(role.Operator, north), staff(role.Operator, north), staff(role.Operator, south), {"role": "moderator"}} {
		w.post(path, grant, admin).want(http.StatusOK)
	}
	if got := grantsIn(w.get("/v1/users/"+id, admin)); got != "driver moderator operator@1 operator@2" {
		t.Errorf("the roles are %s", got)
	}
	for _, bad := range []object{{}, {"role": "king"}, {"role": "operator"}, staff(role.Admin, north), {"role": "admin", "granted_by": "me"}} {
		w.post(path, bad, admin).want(http.StatusBadRequest)
	}
	w.post(path, staff(role.Operator, north), boss).want(http.StatusForbidden)
	w.post("/v1/users/"+uuid.NewString()+"/roles", object{"role": "admin"}, admin).want(http.StatusNotFound, "no_such_account")

	w.delete(path+"?role=operator&operator_id="+south.String(), boss).want(http.StatusNotFound)
	w.delete(path+"?role=moderator", boss).want(http.StatusNotFound)
	w.delete(path+"?role=operator&operator_id="+north.String(), boss).want(http.StatusNoContent)
	w.delete(path+"?role=operator&operator_id="+north.String(), boss).want(http.StatusNotFound) // no colleague any more
	w.delete(path+"?role=moderator", admin).want(http.StatusNoContent)
	w.delete(path+"?role=moderator", admin).want(http.StatusNoContent)
	w.delete(path+"?role=operator", admin).want(http.StatusBadRequest)
	w.delete(path, admin).want(http.StatusBadRequest)
	if got := grantsIn(w.get("/v1/users/"+id, admin)); got != "driver operator@2" {
		t.Errorf("the roles are %s", got)
	}
	w.delete("/v1/users/"+root+"/roles?role=admin", admin).want(http.StatusConflict, "own_account")
	w.delete("/v1/users/"+own+"/roles?role=operator_admin&operator_id="+north.String(), boss).want(http.StatusConflict, "own_account")
}
