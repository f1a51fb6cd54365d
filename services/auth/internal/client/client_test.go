package client_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/client"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

func TestParseBootstrap(t *testing.T) {
	t.Parallel()
	got, err := client.ParseBootstrap(" station-catalog:one:charging-plot\r\ncharging-plot:two:station-catalog+auth:feeds:read+users:read,\n\tlast:serviceaccount=ihr/last.one:auth; ")
	if err != nil {
		t.Fatal(err)
	}
	want := []client.Client{
		{ID: "station-catalog", Name: "station-catalog", Proof: client.Proof{SecretHash: token.HashOf("one")}, Audiences: []string{"charging-plot"}, Scopes: []string{"feeds:read"}},
		{ID: "charging-plot", Name: "charging-plot", Proof: client.Proof{SecretHash: token.HashOf("two")}, Audiences: []string{"station-catalog", "auth"}, Scopes: []string{"feeds:read", "users:read"}},
		{ID: "last", Name: "last", Proof: client.Proof{ServiceAccount: "ihr/last.one"}, Audiences: []string{"auth"}, Scopes: []string{"feeds:read"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if none, err := client.ParseBootstrap(" \n"); len(none) != 0 || err != nil {
		t.Errorf("of nothing: %v, %v", none, err)
	}
}

func TestParseBootstrapNamesEveryFaultAndNoSecret(t *testing.T) {
	t.Parallel()
	_, err := client.ParseBootstrap("good:hunter2:auth nosecret::auth hunter2 Bad:hunter2:auth robot:hunter2:moon robot:hunter2:auth:root " +
		"robot:serviceaccount=ihr:auth one:serviceaccount=ihr/one:auth two:serviceaccount=ihr/one:auth")
	if err == nil {
		t.Fatal("the faults were not noticed")
	}
	for _, want := range []string{"client 2 is not", "client 3 is not", `client 4: bad_client: the id "Bad"`, `no service "moon"`, `no scope "root"`, `client 7: bad_client: the ServiceAccount "ihr" is not`, "client 9: the ServiceAccount ihr/one is that of one"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a secret is quoted: %v", err)
	}
}

func TestShortSecrets(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 32)
	if diff := cmp.Diff([]string{"b"}, client.ShortSecrets("a:"+long+":auth b:"+long[1:]+":auth c:serviceaccount=a/b:auth")); diff != "" {
		t.Error(diff)
	}
}

// The subject of a client's tokens is the same everywhere and that of no other.
func TestSubject(t *testing.T) {
	t.Parallel()
	one := client.Client{ID: "station-catalog"}.Subject()
	if one.String() != "0753050c-a6e8-5e28-98a1-5c64f56a70fd" || one == (client.Client{ID: "charging-plot"}).Subject() {
		t.Errorf("the subject is %s", one)
	}
}
