package auth_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/ihr-charging/charging-plot-api/libs/config"
	"github.com/ihr-charging/charging-plot-api/services/auth"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/httpapi"
)

const (
	database = "DATABASE_URL=postgres://localhost/auth?sslmode=disable"
	kek      = "KEY_ENCRYPTION_KEY=b25lIGtleS1lbmNyeXB0aW9uIGtleSBvZiAzMiBieXQ="
)

func production(t *testing.T, change ...string) []string {
	t.Helper()
	clients := filepath.Join(t.TempDir(), "clients")
	if err := os.WriteFile(clients, []byte("robot:0123456789abcdef0123456789abcdef:auth\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return append([]string{
		"ENVIRONMENT=production", database, kek, "PUBLIC_URL=https://charging.example", "SMTP_URL=smtp://mailer:secret@mail.example:587",
		"MAIL_FROM=IHR <no-reply@charging.example>", "SERVICE_CLIENTS_FILE=" + clients,
	}, change...)
}

func TestDevelopmentNeedsADatabaseAndNothingElse(t *testing.T) {
	t.Parallel()
	if _, err := auth.LoadConfig([]string{database}); err != nil {
		t.Error(err)
	}
	if _, err := auth.LoadConfig(nil); err == nil || !strings.Contains(err.Error(), "DATABASE_URL") {
		t.Errorf("without a database: %v", err)
	}
}

func TestProductionRefusesWhatIsForDevelopers(t *testing.T) {
	t.Parallel()
	if _, err := auth.LoadConfig(production(t)); err != nil {
		t.Fatal(err)
	}
	short := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(short, []byte("robot:tooshort:auth"), 0o600); err != nil {
		t.Fatal(err)
	}
	for change, want := range map[string]string{
		"KEY_ENCRYPTION_KEY=": "KEY_ENCRYPTION_KEY: not set",
		"KEY_ENCRYPTION_KEY=ZGV2ZWxvcG1lbnQga2V5LWVuY3J5cHRpb24ga2V5ISE=": "KEY_ENCRYPTION_KEY: this is the key of developers' machines",
		"KEY_ENCRYPTION_KEY=c2VjcmV0":                                     "KEY_ENCRYPTION_KEY: key-encryption key 1 is not 32 bytes",
		"PUBLIC_URL=http://charging.example":                              "PUBLIC_URL: production wants https",
		"PUBLIC_URL=https://u:p@charging.example":                         "PUBLIC_URL: not the address of a site",
		"SMTP_URL=":                      "SMTP_URL: not set",
		"SMTP_URL=ftp://mail.example":    "SMTP_URL: the mail server's URL",
		"MAIL_FOLDER=/tmp/mail":          "SMTP_URL and MAIL_FOLDER: only one of them",
		"MAIL_FROM=":                     "MAIL_FROM: not set",
		"MAIL_FROM=nobody":               "MAIL_FROM: the sender of mails is no address",
		"SERVICE_CLIENTS_FILE=" + short:  "SERVICE_CLIENTS: the secrets of robot have fewer than 32 characters",
		"PASSWORD_MIN_LENGTH=7":          "PASSWORD_MIN_LENGTH: not from 8 to 64",
		"ENVIRONMENT=staging":            "ENVIRONMENT: neither development nor production",
		"MIGRATIONS=maybe":               "MIGRATIONS: neither startup nor off",
		"AUTO_LOGIN_AFTER=confirm,login": `AUTO_LOGIN_AFTER: "login" is neither confirm nor reset`,
	} {
		if _, err := auth.LoadConfig(production(t, change)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", change, err, want)
		}
	}
	inline := append([]string{}, production(t)[:6]...)
	inline = append(inline, "SERVICE_CLIENTS=robot:0123456789abcdef0123456789abcdef:auth")
	if _, err := auth.LoadConfig(inline); err == nil || !strings.Contains(err.Error(), "SERVICE_CLIENTS_FILE only") || strings.Contains(err.Error(), "0123456789") {
		t.Errorf("clients in the environment: %v", err)
	}
}

func TestTheREADMEListsEverySetting(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(readme), "<!-- settings -->\n")
	table, _, end := strings.Cut(rest, "<!-- /settings -->")
	if !ok || !end {
		t.Fatal("the README has no place for the settings")
	}
	if diff := cmp.Diff(config.Markdown(auth.Config{}), table); diff != "" {
		t.Errorf("the README is out of date (-want +got):\n%s", diff)
	}
}

// Each path of the document belongs to exactly one route of this service's own table, which the gateway reads.
func TestEveryPathHasOneRoute(t *testing.T) {
	t.Parallel()
	raw, err := fs.ReadFile(os.DirFS("../../deploy/helm/auth/files"), "routes.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		Routes []struct{ Path, Type, Port string }
	}
	if err := yaml.Unmarshal(raw, &table); err != nil {
		t.Fatal(err)
	}
	spec, err := httpapi.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	paths := append(spec.Paths.InMatchingOrder(), "/openapi/auth.json")
	used := map[string]bool{}
	for _, path := range paths {
		var matching []string
		for _, route := range table.Routes {
			if route.Path == path || route.Type == "prefix" && strings.HasPrefix(path, route.Path+"/") {
				matching = append(matching, route.Path)
				used[route.Path] = true
			}
		}
		if len(matching) != 1 {
			t.Errorf("%s belongs to the routes %v", path, matching)
		}
	}
	for _, route := range table.Routes {
		if !used[route.Path] || route.Port != "http" {
			t.Errorf("the route %+v is of no use", route)
		}
	}
}
