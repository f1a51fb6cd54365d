package httpapi_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite"

	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/flaskuser"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/postgres"
)

// oldSchema is what Flask-User's documentation tells people to make of SQLAlchemy models.
const oldSchema = `
	CREATE TABLE users (id INTEGER PRIMARY KEY, %[1]s BOOLEAN NOT NULL, username VARCHAR(100), password VARCHAR(255) NOT NULL DEFAULT '',
		email VARCHAR(255), email_confirmed_at TIMESTAMP, first_name VARCHAR(100) NOT NULL DEFAULT '', last_name VARCHAR(100) NOT NULL DEFAULT '');
	CREATE TABLE roles (id INTEGER PRIMARY KEY, name VARCHAR(50) UNIQUE);
	CREATE TABLE user_roles (id INTEGER PRIMARY KEY, user_id INTEGER, role_id INTEGER);
	CREATE TABLE user_emails (id INTEGER PRIMARY KEY, user_id INTEGER, email VARCHAR(255), email_confirmed_at TIMESTAMP, is_primary BOOLEAN NOT NULL);
	INSERT INTO roles (id, name) VALUES (1, 'Admin'), (2, 'Agent');`

// old is an old database of one kind.
type old struct {
	t  testing.TB
	db *sql.DB
}

func (o *old) exec(statement string, args ...any) {
	o.t.Helper()
	if _, err := o.db.ExecContext(o.t.Context(), statement, args...); err != nil {
		o.t.Fatalf("%s: %v", statement, err)
	}
}

func oldSQLite(t testing.TB) *old {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "old.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	o := &old{t: t, db: db}
	o.exec(fmt.Sprintf(oldSchema, "is_active"))
	return o
}

func oldPostgres(t testing.TB) *old {
	t.Helper()
	db := pgtest.New(t, postgres.Migrations()) // of which none has the name of an old table
	o := &old{t: t, db: db.DB.DB}
	o.exec(fmt.Sprintf(oldSchema, "active"))
	return o
}

// imports runs an import and returns "id outcome: notes" of everybody.
func (w *world) imports(o *old, change ...func(*flaskuser.Options)) (lines []string, summary flaskuser.Summary) {
	w.t.Helper()
	source, err := flaskuser.NewSource(w.t.Context(), o.db, flaskuser.DefaultNames())
	if err != nil {
		w.t.Fatal(err)
	}
	options := flaskuser.Options{Source: "old", Roles: flaskuser.DefaultRoles(), Each: func(e flaskuser.Entry) error {
		lines = append(lines, strings.TrimSuffix(e.SourceID+" "+string(e.Outcome)+": "+strings.Join(e.Notes, "; "), ": "))
		return nil
	}}
	for _, c := range change {
		c(&options)
	}
	if summary, err = flaskuser.Import(w.t.Context(), source, postgres.NewImports(w.db), options); err != nil {
		w.t.Fatal(err)
	}
	return lines, summary
}

type passlibVector struct{ Scheme, Password, Hash string }

func passlibVectors(t testing.TB) []passlibVector {
	t.Helper()
	raw, err := os.ReadFile("../credential/testdata/passlib.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []passlibVector }
	if err := json.Unmarshal(raw, &file); err != nil || len(file.Vectors) == 0 {
		t.Fatal("no vectors", err)
	}
	return file.Vectors
}

func TestImportFlaskUser(t *testing.T) {
	t.Parallel()
	for kind, open := range map[string]func(testing.TB) *old{"SQLite": oldSQLite, "Postgres": oldPostgres} {
		t.Run("every passlib scheme logs in from "+kind+" and is hashed anew", func(t *testing.T) {
			t.Parallel()
			w, o := newWorld(t), open(t)
			active := map[string]string{"SQLite": "is_active", "Postgres": "active"}[kind]
			all := passlibVectors(t)
			for i, v := range all {
				o.exec(`INSERT INTO users (id, `+active+`, username, password, email, email_confirmed_at, first_name) VALUES ($1, $2, $3, $4, $5, $6, 'Ada')`,
					i+1, true, fmt.Sprintf("ada%d", i), v.Hash, fmt.Sprintf("Ada%d@example.com", i), "2019-12-18 10:00:00")
			}
			lines, summary := w.imports(o)
			if summary[flaskuser.Imported] != len(all) {
				t.Fatal(strings.Join(lines, "\n"))
			}
			for i, v := range all {
				login := fmt.Sprintf("ada%d@EXAMPLE.com", i)
				w.post(loginPath, object{"login": login, "password": another}).want(http.StatusUnauthorized, "invalid_credentials")
				w.post(loginPath, object{"login": login, "password": v.Password}).want(http.StatusOK)
			}
			if n := w.count(`SELECT count(*) FROM accounts WHERE password_hash LIKE '$argon2id$v=19$m=8,t=1,p=1$%'`); n != len(all) {
				t.Errorf("%d of %d are hashed anew", n, len(all))
			}
			w.post(loginPath, object{"login": "ada0", "password": all[0].Password}).want(http.StatusOK)
			if again, summary := w.imports(o); summary[flaskuser.Already] != len(all) || len(summary) != 1 {
				t.Error("a second import changes something:", strings.Join(again, "\n"))
			}
		})
	}

	t.Run("what collides, waits or cannot be kept is reported, and nothing is half there", func(t *testing.T) {
		t.Parallel()
		w, o := newWorld(t), oldSQLite(t)
		w.person("here@example.com")
		hash := passlibVectors(t)[0].Hash
		person := func(id int, active bool, username, password, email string, confirmed any) {
			o.exec(`INSERT INTO users (id, is_active, username, password, email, email_confirmed_at, first_name, last_name) VALUES ($1, $2, $3, $4, $5, $6, 'A', 'B')`,
				id, active, username, password, email, confirmed)
		}
		day := "2019-12-18"
		person(1, true, "Ada", hash, "ada@example.com", day)
		person(2, true, "ada2", hash, "ADA@Example.com", day)
		person(3, true, "ADA", hash, "ada3@example.com", day)
		person(4, true, "ａｄａ", hash, "ada4@example.com", day) // the same name in full-width letters
		person(5, true, "here", hash, "five@example.com", day)
		person(6, true, "six", hash, "here@example.com", day)
		person(7, true, "seven", "$1$old$md5", "seven@example.com", day)
		person(8, true, "eight", hash, "eight@example.com", nil)
		person(9, false, "nine", hash, "nine@example.com", day)
		person(10, true, "ten", hash, "not an address", day)
		person(11, true, "eleven", hash, "", nil)
		person(12, true, "x y", hash, "twelve@example.com", day)
		o.exec(`INSERT INTO user_emails (user_id, email, email_confirmed_at, is_primary) VALUES
			(1, 'ada@example.com', '2019-12-18', 1), (1, 'ada.at.work@example.com', '2019-12-18', 0), (1, 'new@example.com', NULL, 0),
			(11, 'eleven@example.com', '2019-12-18', 1), (3, 'Ada.At.Work@example.com', '2019-12-18', 0)`)
		o.exec(`INSERT INTO user_roles (user_id, role_id) VALUES (1, 1), (1, 2), (8, 1)`)
		dry, _ := w.imports(o, func(o *flaskuser.Options) { o.DryRun = true })
		if n := w.count(`SELECT count(*) FROM accounts`) + w.count(`SELECT count(*) FROM registrations`) + w.count(`SELECT count(*) FROM imported_people`); n != 1 {
			t.Fatalf("a dry run wrote %d rows", n-1)
		}
		lines, _ := w.imports(o)
		if diff := cmp.Diff(dry, lines); diff != "" {
			t.Error("a dry run says something else:", diff)
		}
		for i, want := range []string{
			`1 imported: a further address is not kept: it was never confirmed; the role "Agent" has no counterpart: give one with --role`,
			`2 collision: user 1 has the same e-mail address, spelled alike but for case`,
			`3 imported: a further address is not kept: somebody else has it; the username is not kept: user 1 has the same, spelled alike but for case or form`,
			`4 imported: the username is not kept`,
			`5 imported: the username is not kept: somebody here has it`,
			`6 collision: the e-mail address has an account here`,
			`7 imported: the password is not kept (not a password hash that we can read): it is set anew by “forgotten password”`,
			`8 waiting: roles are granted once the address is confirmed`,
			`9 imported`,
			`10 refused: the e-mail address: `,
			`11 imported`,
			`12 imported: the username is not kept: `,
		} {
			if !strings.HasPrefix(lines[i], want) {
				t.Errorf("%s\nwant %s", lines[i], want)
			}
		}
		known := passlibVectors(t)[0].Password
		access := w.post(loginPath, object{"login": "ada.at.work@example.com", "password": known}).want(http.StatusOK).text("access_token")
		if p := w.sees(access); !slices.Contains(p.Roles, "admin") {
			t.Errorf("the roles are %v", p.Roles)
		}
		w.post(loginPath, object{"login": "nine", "password": known}).want(http.StatusForbidden, "account_disabled")
		w.post(loginPath, object{"login": "seven", "password": known}).want(http.StatusUnauthorized, "invalid_credentials")
		w.post(loginPath, object{"login": "eight", "password": known}).want(http.StatusUnauthorized, "invalid_credentials")
		w.post("/v1/auth/email/resend", object{"email": "eight@example.com"}).want(http.StatusAccepted)
		w.post("/v1/auth/email/confirm", object{"token": w.mail("eight@example.com", "confirm_email").Token}).want(http.StatusOK)
		w.post(loginPath, object{"login": "eight", "password": known}).want(http.StatusOK)
		// Who is erased does not come back.
		w.exec(`DELETE FROM accounts WHERE username = 'nine'`)
		if _, summary := w.imports(o); summary[flaskuser.Imported] != 0 || w.count(`SELECT count(*) FROM accounts WHERE username = 'nine'`) != 0 {
			t.Error("somebody came twice")
		}
	})
}

// BenchmarkImport brings a hundred thousand people over (IMPORT_PEOPLE), once.
func BenchmarkImport(b *testing.B) {
	people := 2000
	if text := os.Getenv("IMPORT_PEOPLE"); text != "" {
		people, _ = strconv.Atoi(text)
	}
	w, o := newWorld(b), oldSQLite(b)
	hash := passlibVectors(b)[0].Hash
	o.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
		INSERT INTO users (id, is_active, username, password, email, email_confirmed_at, first_name)
		SELECT i, 1, 'user' || i, $2, 'user' || i || '@example.com', '2019-12-18', 'Ada' FROM n`, people, hash)
	for b.Loop() {
		w.exec(`DELETE FROM imported_people; DELETE FROM accounts`)
		start := time.Now()
		if _, summary := w.imports(o); summary[flaskuser.Imported] != people {
			b.Fatal(summary)
		}
		b.ReportMetric(time.Since(start).Seconds(), "s/import")
		b.ReportMetric(float64(people)/time.Since(start).Seconds(), "people/s")
	}
}
