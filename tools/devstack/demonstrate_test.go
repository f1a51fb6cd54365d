package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	"github.com/ihr-charging/charging-plot-api/tools/stack"
)

func TestSettingsOfSortsVariablesByService(t *testing.T) {
	t.Parallel()
	got := settingsOf([]string{"PATH=/bin", "AUTH__DATABASE_URL=postgres://a", "STATION_CATALOG__DATABASE_URL=postgres://c", "AUTHOR=ada"})
	want := map[string][]string{stack.Auth: {"DATABASE_URL=postgres://a"}, stack.StationCatalog: {"DATABASE_URL=postgres://c"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestReachableWantsEveryServiceAndHeedsTheEnd(t *testing.T) {
	t.Parallel()
	up := http.NewServeMux()
	for _, path := range []string{"/.well-known/jwks.json", "/v1/stations", "/v1/plots"} {
		up.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{}`)) })
	}
	all := httptest.NewServer(up)
	t.Cleanup(all.Close)
	if err := reachable(t.Context(), all.URL); err != nil {
		t.Errorf("with every service there: %v", err)
	}
	none := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(none.Close)
	ended, end := context.WithCancel(t.Context())
	end()
	if err := reachable(ended, none.URL); err == nil {
		t.Error("a product without services counts as reachable")
	}
}
