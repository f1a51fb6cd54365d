package httpapi_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
)

const trailPath = "/v1/audit-events"

func TestListAuditEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin := w.as("root@example.com", role.Grant{Role: role.Admin})
	boss := w.as("boss@north.example", role.Grant{Role: role.OperatorAdmin, Operator: north})
	id := w.person("ada@example.com").String()
	for range 5 {
		w.login("ada")
	}
	w.post("/v1/users/"+id+"/roles", staff(role.Operator, north), admin).want(http.StatusOK)
	w.post("/v1/auth/login", object{"login": "ada", "password": another}).want(http.StatusUnauthorized)
	tomorrow := time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)

	for query, want := range map[string]int{
		"?account_id=" + id: 8, "?account_id=" + id + "&kind=session.began": 5, "?kind=session.refused": 1, "?actor=operator-cli": 3, "?actor=nobody": 0,
		"?operator_id=" + north.String(): 1, "?operator_id=" + south.String(): 0, "?from=" + tomorrow: 0, "?account_id=" + id + "&to=" + tomorrow: 8,
	} {
		if got := items(w.get(trailPath+query, admin).want(http.StatusOK)); len(got) != want {
			t.Errorf("%q finds %d events, want %d: %v", query, len(got), want, got)
		}
	}

	// Page by page, as lines, it is the whole log in its order.
	var kinds []string
	last, path := "", trailPath+"?account_id="+id+"&format=ndjson&limit=3"
	for pages := 0; path != ""; pages++ {
		page := w.get(path, admin).want(http.StatusOK)
		if !strings.HasPrefix(page.header.Get("Content-Type"), "application/x-ndjson") || page.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("the header is %v", page.header)
		}
		for lines := bufio.NewScanner(strings.NewReader(page.raw)); lines.Scan(); {
			var event struct{ ID, At, Kind, Actor string }
			if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
				t.Fatalf("%v in %s", err, lines.Text())
			}
			if last != "" && event.At > last {
				t.Errorf("%s comes after %s", event.At, last)
			}
			last, kinds = event.At, append(kinds, event.Kind)
		}
		if path = strings.TrimSuffix(strings.TrimPrefix(page.header.Get("Link"), "<"), `>; rel="next"`); pages > 5 {
			t.Fatal("it never ends")
		}
	}
	if want := "session.refused role.granted session.began session.began session.began session.began session.began account.created"; strings.Join(kinds, " ") != want {
		t.Errorf("the log is %v", kinds)
	}

	// S1: a cursor is of its own list and filter.
	cursor := w.get(trailPath+"?account_id="+id+"&limit=1", admin).text("next_cursor")
	w.get(trailPath+"?limit=1&cursor="+cursor, admin).want(http.StatusBadRequest, "bad_cursor")
	for _, query := range []string{
		"?account_id=1", "?kind=%27", "?kind=", "?from=yesterday", "?limit=501", "?format=xml", "?cursor=x", "?order=asc", "?actor=" + strings.Repeat("a", 201),
	} {
		w.get(trailPath+query, admin).want(http.StatusBadRequest)
	}
	w.get(trailPath).want(http.StatusUnauthorized)
	w.get(trailPath, boss).want(http.StatusForbidden)
	// G1: nothing personal is in it.
	all := w.get(trailPath+"?limit=500", admin).want(http.StatusOK).raw
	if strings.Contains(all, "example") || strings.Contains(all, "127.0.0.1") || strings.Contains(all, "ihr_") {
		t.Errorf("the log tells too much: %s", all)
	}
}
