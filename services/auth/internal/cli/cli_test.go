package cli_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // as the program import-flask-user has it

	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	"github.com/ihr-charging/charging-plot-api/services/auth"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/cli"
)

const password = "four clear marbles in a jar"

// terminal runs commands on a database of its own.
type terminal struct {
	t       *testing.T
	db      *pg.DB
	environ []string
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	db := pgtest.New(t, auth.Migrations())
	return &terminal{t: t, db: db, environ: []string{"DATABASE_URL=" + db.Config().URL, "MAIL_FOLDER=" + t.TempDir()}}
}

// count runs a query that gives a number.
func (x *terminal) count(query string) (n int) {
	x.t.Helper()
	if err := x.db.GetContext(x.t.Context(), &n, query); err != nil {
		x.t.Fatal(err)
	}
	return n
}

// run executes a command line of auth, or of import-flask-user when it begins so, with the given standard input.
func (x *terminal) run(stdin string, arguments ...string) (code int, stdout, stderr string) {
	x.t.Helper()
	var out, errs bytes.Buffer
	program := cli.Run
	if arguments[0] == "import-flask-user" {
		program, arguments = cli.RunImport, arguments[1:]
	}
	code = program(arguments, func() []string { return x.environ }, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

// ok demands that it works and says what is wanted.
func (x *terminal) ok(stdin, want string, arguments ...string) string {
	x.t.Helper()
	code, out, errs := x.run(stdin, arguments...)
	if code != 0 || !regexp.MustCompile(want).MatchString(out) {
		x.t.Fatalf("%v: %d\n%s%s\nwant %s", arguments, code, out, errs, want)
	}
	return out
}

// fails demands that it does not.
func (x *terminal) fails(stdin, want string, arguments ...string) {
	x.t.Helper()
	code, out, errs := x.run(stdin, arguments...)
	if code != 1 || out != "" || !strings.Contains(errs, want) {
		x.t.Errorf("%v: %d\n%s%s\nwant %q", arguments, code, out, errs, want)
	}
	if strings.Contains(errs, password) {
		x.t.Errorf("%v: the message repeats the password", arguments)
	}
}

func TestUser(t *testing.T) {
	t.Parallel()
	x := newTerminal(t)
	const north = "0190f0a0-0000-7000-8000-000000000001"

	x.ok(password+"\n", `^Created .{36}: ada@example.com, roles driver, admin\.\n$`, "user", "create", "--email", "ada@example.com", "--username", "ada", "--role", "admin")
	x.ok("another good password\n", `already, now with the roles driver, admin, operator@`+north+`; its password was not changed`,
		"user", "create", "--email", "ADA@example.com", "--role", "operator@"+north)
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(password+"\r\nand more"), 0o600); err != nil {
		t.Fatal(err)
	}
	x.ok("", "Created", "user", "create", "--email", "bob@example.com", "--password-file", file)
	x.ok(password, "A mail to eve@example.com asks to confirm", "user", "create", "--email", "eve@example.com", "--unconfirmed")

	x.ok("", "ada@example.com has the role admin no more", "user", "revoke", "ada", "admin")
	x.ok("", "did not have the role admin", "user", "revoke", "ada", "admin")
	x.ok("", "bob@example.com has the role moderator now. Roles: driver, moderator.", "user", "grant", "bob@example.com", "moderator")
	x.ok("", "had the role moderator already", "user", "grant", "bob@example.com", "moderator")

	table := x.ok("", `^ID +EMAIL +USERNAME +ROLES +CREATED\n`, "user", "list")
	if strings.Count(table, "\n") != 3 || strings.Contains(table, "eve@") {
		t.Errorf("the list is\n%s", table)
	}
	var first auth.User
	line, _, _ := strings.Cut(x.ok("", "", "user", "list", "--json", "--limit", "1"), "\n")
	if err := json.Unmarshal([]byte(line), &first); err != nil || first.Email != "ada@example.com" {
		t.Errorf("the first line is %s, %v", line, err)
	}
	x.ok("", "bob@example.com", "user", "list", "--after", first.ID.String())

	x.fails("", "there is none", "user", "create", "--email", "carl@example.com")
	x.fails("short", "at least 15 characters", "user", "create", "--email", "carl@example.com")
	x.fails(password, "not an e-mail address", "user", "create", "--email", "carl")
	x.fails(password, "This username is taken", "user", "create", "--email", "carl@example.com", "--username", "ADA")
	x.fails(password, `there is no role "root"`, "user", "create", "--email", "carl@example.com", "--role", "root")
	x.fails(password, "once the address is confirmed", "user", "create", "--email", "carl@example.com", "--role", "admin", "--unconfirmed")
	x.fails(password, "unknown flag", "user", "create", "--email", "carl@example.com", "--password", "argv")
	x.fails("", "There is no such account", "user", "grant", "carl", "admin")
	x.fails("", "holds within one operator", "user", "grant", "ada", "operator")
}

func TestKey(t *testing.T) {
	t.Parallel()
	x := newTerminal(t)
	x.ok("", `^KID +STATE +CREATED +SIGNS SINCE\n$`, "key", "list")
	x.fails("", "there is no pending key yet", "key", "rotate")
	cfg, err := auth.LoadConfig(x.environ)
	if err != nil {
		t.Fatal(err)
	}
	admin, err := auth.NewAdmin(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if err := admin.MaintainKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	x.fails("", "verifiers are given 24h0m0s", "key", "rotate")
	x.ok("", "signs from now on", "key", "rotate", "--now")
	list := x.ok("", "retiring", "key", "list")
	kid := regexp.MustCompile(`(\S+) +retiring`).FindStringSubmatch(list)[1]
	x.ok("", kid+" is published no more", "key", "revoke", kid)
	x.ok("", `"state":"gone"`, "key", "list", "--json")
	x.fails("", "no published key", "key", "revoke", kid)
	x.fails("", "accepts 1 arg", "key", "revoke")
}

func TestClient(t *testing.T) {
	t.Parallel()
	x := newTerminal(t)
	out := x.ok("", `Its secret, which is kept nowhere:\nihr_cs_\w{49}\n$`, "client", "create", "robot", "--audience", "charging-plot,station-catalog", "--scope", "feeds:read")
	x.fails("", "There is a client of this id", "client", "create", "robot", "--audience", "auth")
	x.fails("", `there is no service "moon"`, "client", "create", "other", "--audience", "moon")
	x.fails("", `there is no scope "root"`, "client", "create", "other", "--audience", "auth", "--scope", "root")
	x.fails("", "lower-case letters", "client", "create", "No Good", "--audience", "auth")
	x.fails("", `"audience" not set`, "client", "create", "other")
	list := x.ok("", `robot +charging-plot,station-catalog +feeds:read`, "client", "list")
	if secret := strings.TrimSpace(out[strings.Index(out, "ihr_cs_"):]); strings.Contains(list, secret) {
		t.Error("the list has the secret")
	}
	x.ok("", `"id":"robot"`, "client", "list", "--json")
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	x := &terminal{t: t, environ: []string{"DATABASE_URL=" + pgtest.New(t, nil).Config().URL}}
	x.ok("", `0001_accounts.sql +no\n`, "migrate", "status")
	x.ok("", "The schema is up to date.", "migrate", "up")
	x.ok("", `0009_throttles.sql +20\d\d-`, "migrate", "status")
	files, err := fs.ReadDir(auth.Migrations(), ".")
	if err != nil {
		t.Fatal(err)
	}
	for range files {
		x.ok("", "was taken back", "migrate", "down")
	}
	x.ok("", `0001_accounts.sql +no\n`, "migrate", "status")
	x.ok("", "up to date", "migrate", "up")
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "0041_before.sql"), []byte("-- +goose Up\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	x.ok("", `0042_passkeys\.sql\n$`, "migrate", "create", "passkeys", "--folder", folder)
	x.fails("", "snake case", "migrate", "create", "Pass Keys", "--folder", folder)
}

func TestFaultySettingsAreNamedAllAtOnce(t *testing.T) {
	t.Parallel()
	x := &terminal{t: t, environ: []string{
		"ENVIRONMENT=production", "PUBLIC_URL=http://charging.example", "KEY_ENCRYPTION_KEY=hunter2hunter2", "SERVICE_CLIENTS=robot:hunter2:auth", "PASSWORD_MIN_LENGTH=4",
	}}
	for _, command := range [][]string{{"serve"}, {"migrate", "up"}, {"user", "list"}} {
		code, _, errs := x.run("", command...)
		for _, want := range []string{"DATABASE_URL", "PUBLIC_URL", "KEY_ENCRYPTION_KEY", "SMTP_URL", "MAIL_FROM", "SERVICE_CLIENTS", "PASSWORD_MIN_LENGTH"} {
			if code != 1 || !strings.Contains(errs, want) {
				t.Errorf("%v: %d, %s is not named in\n%s", command, code, want, errs)
			}
		}
		if strings.Contains(errs, "hunter2") {
			t.Errorf("%v: a secret is printed:\n%s", command, errs)
		}
	}
}

func TestUserShowDisableSessions(t *testing.T) {
	t.Parallel()
	x := newTerminal(t)
	created := x.ok(password, "Created", "user", "create", "--email", "ada@example.com", "--username", "ada")
	id := strings.Fields(created)[1]
	id = strings.TrimSuffix(id, ":")
	for _, login := range []string{"ada", "ADA@example.com", id} {
		x.ok("", `(?s)ada@example.com.*roles      driver.*may log in.*0 authenticator apps, 0 passkeys`, "user", "show", login)
	}
	var shown struct {
		ID       string
		Disabled bool
		Passkeys int
	}
	if err := json.Unmarshal([]byte(x.ok("", "", "user", "show", "ada", "--json")), &shown); err != nil || shown.ID != id {
		t.Error(shown, err)
	}
	x.ok("", "is switched off", "user", "disable", "ada")
	// It kills what was given out before, as over the API.
	if n := x.count(`SELECT security_version FROM accounts`); n != 2 {
		t.Errorf("the version of the account is %d", n)
	}
	if n := x.count(`SELECT count(*) FROM revocations WHERE kind = 'sub' AND version = 2`); n != 1 {
		t.Errorf("its tokens were revoked %d times", n)
	}
	x.ok("", "was so already", "user", "disable", "ada")
	x.ok("", "switched off", "user", "show", "ada")
	x.ok("", "may log in again", "user", "enable", "ada")
	x.ok("", "A mail to ada@example.com is on its way", "user", "reset-password", "ada")
	x.ok("", "^ID +DEVICE", "user", "sessions", "ada")
	x.ok("", "0 logins have ended", "user", "end-sessions", "ada")
	for _, verb := range []string{"show", "disable", "enable", "reset-password", "sessions", "end-sessions"} {
		x.fails("", "There is no such account", "user", verb, "nobody")
		x.fails("", "There is no such account", "user", verb, "0190f0a0-0000-7000-8000-000000000001")
	}

	kinds := map[string]int{}
	for line := range strings.Lines(x.ok("", "", "audit", "export", "--user", "ada", "--since", "2020-01-01")) {
		var record struct{ Kind, Actor string }
		if err := json.Unmarshal([]byte(line), &record); err != nil || record.Actor != "operator-cli" {
			t.Error(line, err)
		}
		kinds[record.Kind]++
	}
	for _, kind := range []string{"account.created", "account.disabled", "account.enabled", "password.forgotten"} {
		if kinds[kind] != 1 {
			t.Errorf("%s is in the log %d times", kind, kinds[kind])
		}
	}
	x.ok("", "^$", "audit", "export", "--until", "2020-01-01")
	x.fails("", "is neither a day", "audit", "export", "--since", "yesterday")
}

func TestClientRotateRemove(t *testing.T) {
	t.Parallel()
	x := newTerminal(t)
	first := x.ok("", "ihr_cs_", "client", "create", "robot", "--audience", "charging-plot")
	second := x.ok("", "ihr_cs_", "client", "rotate", "robot")
	if last := func(s string) string { f := strings.Fields(s); return f[len(f)-1] }; last(first) == last(second) {
		t.Error("the secret is the old one")
	}
	file := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(file, []byte(`{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	x.ok("", "robot proves itself with what .*keys.json holds", "client", "rotate", "robot", "--public-key", file)
	x.ok("", `robot +charging-plot +feeds:read +private_key_jwt`, "client", "list")
	x.ok("", `assertions that its key signs \(private_key_jwt\)\.\n$`, "client", "create", "second", "--audience", "auth", "--public-key", file)
	x.ok("", `pods of the ServiceAccount ihr/robot\.\n$`, "client", "create", "pod", "--audience", "auth", "--service-account", "ihr/robot")
	x.ok("", `pod +auth +feeds:read +service_account`, "client", "list")
	x.fails("", "is a client of this id, or of this ServiceAccount", "client", "create", "twin", "--audience", "auth", "--service-account", "ihr/robot")
	x.fails("", "not NAMESPACE/NAME", "client", "create", "third", "--audience", "auth", "--service-account", "robot")
	x.fails("", "no such file", "client", "create", "third", "--audience", "auth", "--public-key", file+"x")
	x.fails("", "neither PEM nor JSON", "client", "rotate", "robot", "--public-key", os.DevNull)
	x.ok("", "ihr_cs_", "client", "rotate", "robot")
	x.ok("", `robot +charging-plot +feeds:read +client_secret`, "client", "list")
	x.ok("", "robot is removed", "client", "remove", "robot")
	x.fails("", "There is no such service client", "client", "remove", "robot")
	x.fails("", "There is no such service client", "client", "rotate", "robot")
}

func TestImportFlaskUserCommand(t *testing.T) {
	t.Parallel()
	x := newTerminal(t)
	folder := t.TempDir()
	file := filepath.Join(folder, "old.db")
	db, err := sql.Open("sqlite", "file:"+file)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), `
		CREATE TABLE members (nr INTEGER PRIMARY KEY, enabled BOOLEAN, username TEXT, password TEXT, email TEXT, email_confirmed_at TIMESTAMP);
		INSERT INTO members VALUES (7, 1, 'ada', '$2b$04$JWlpshmJ2ThWGXTyUb3vHekCIPnAs.gQ696pIPvT68B91OkkUEsF6', 'ada@example.com', '2019-12-18'), (8, 1, 'bad', 'x', '', NULL);`)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	command := []string{
		"import-flask-user", "--database", "sqlite:" + file, "--table", "users=members", "--column", "id=nr,active=enabled", "--quiet",
	}
	x.ok("", `(?s)Nothing was written.*imported   1.*refused    1`, append(command, "--dry-run")...)
	x.fails("", "There is no such account", "user", "show", "ada")
	report := filepath.Join(folder, "report.csv")
	x.ok("", `imported   1`, append(command, "--report", report)...)
	written, err := os.ReadFile(report)
	if err != nil || !regexp.MustCompile(`^source_id,outcome,id,notes\n7,imported,.{36},\n8,refused,,"there is no e-mail address`).Match(written) {
		t.Errorf("the report is %s, %v", written, err)
	}
	x.ok("", "ada@example.com", "user", "show", "ada")
	x.ok("", `"already":1`, append(command, "--json")...)

	old := filepath.Join(folder, "settings.py")
	if err := os.WriteFile(old, []byte("USER_APP_NAME = 'Plots'\nUSER_AUTO_LOGIN = False\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	x.ok("", `(?s)USER_APP_NAME +'Plots' +APP_NAME.*USER_AUTO_LOGIN +False +- +dropped: `, "import-flask-user", "--settings", old)

	x.fails("", "give --database or --settings", "import-flask-user")
	x.fails("", "neither sqlite:FILE nor", "import-flask-user", "--database", "mysql://x")
	x.fails("", "cannot be opened", "import-flask-user", "--database", "sqlite:"+filepath.Join(folder, "none.db"))
	x.fails("", "the table users", "import-flask-user", "--database", "sqlite:"+file, "--quiet")
	x.fails("", "has no column id", "import-flask-user", "--database", "sqlite:"+file, "--table", "users=members", "--quiet")
	x.fails("", "is no name of a table", "import-flask-user", "--database", "sqlite:"+file, "--table", `users=a"; DROP`, "--quiet")
	x.fails("", "The role cannot be granted so", "import-flask-user", "--database", "sqlite:"+file, "--table", "users=members", "--column", "id=nr", "--role", "Agent=king", "--quiet")
}
