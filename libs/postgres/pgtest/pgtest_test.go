package pgtest_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/postgres/pgtest"
)

func schema(table string) fstest.MapFS {
	return fstest.MapFS{"0001_first.sql": {Data: []byte(
		"-- +goose Up\ncreate table " + table + " (id int primary key);\n-- +goose Down\ndrop table " + table + ";\n")}}
}

func TestNewGivesEachTestADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	migrations := schema("things")
	one, two := pgtest.New(t, migrations), pgtest.New(t, migrations)
	if _, err := one.Exec(`insert into things values (1)`); err != nil {
		t.Fatal(err)
	}
	var seen int
	if err := two.Get(&seen, `select count(*) from things`); err != nil {
		t.Fatal(err)
	}
	if seen != 0 {
		t.Errorf("the second database sees %d rows of the first", seen)
	}
}

func TestNewDropsTheDatabaseWhenTheTestEnds(t *testing.T) {
	t.Parallel()
	var name string
	t.Run("inner", func(t *testing.T) {
		db := pgtest.New(t, schema("inner_things"))
		if err := db.Get(&name, `select current_database()`); err != nil {
			t.Fatal(err)
		}
	})
	var left bool
	outer := pgtest.New(t, nil)
	if err := outer.Get(&left, `select exists (select from pg_database where datname = $1)`, name); err != nil {
		t.Fatal(err)
	}
	if left {
		t.Errorf("database %s is still there", name)
	}
}

func TestNewMakesOneTemplateForManyTestsAtOnce(t *testing.T) {
	t.Parallel()
	// A schema that no earlier run can have left a template of.
	migrations := schema(fmt.Sprintf("fresh_%d", time.Now().UnixNano()))
	var names sync.Map
	t.Run("many", func(t *testing.T) {
		for i := range 8 {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				db := pgtest.New(t, migrations)
				var name string
				if err := db.Get(&name, `select current_database()`); err != nil {
					t.Fatal(err)
				}
				if _, twice := names.LoadOrStore(name, true); twice {
					t.Errorf("database %s was given out twice", name)
				}
				if status, err := postgres.Status(t.Context(), db.Config(), migrations); err != nil || len(status) != 1 || !status[0].Applied {
					t.Errorf("migrations are %+v, %v", status, err)
				}
			})
		}
	})
}

// A run without a server must fail, and say what to do. It is seen from outside, in a process of
// its own.
func TestNewFailsWithoutAServer(t *testing.T) {
	t.Parallel()
	if os.Getenv("PGTEST_INNER") == "1" {
		pgtest.New(t, nil)
		return
	}
	for name, test := range map[string]struct{ address, want string }{
		"unset": {"", "TEST_DATABASE_URL is not set: run the tests with `make test`"},
		"away":  {"postgres://postgres@127.0.0.1:1/postgres?sslmode=disable", "does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			self := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestNewFailsWithoutAServer$", "-test.v")
			self.Env = append(os.Environ(), "PGTEST_INNER=1", "TEST_DATABASE_URL="+test.address)
			out, err := self.CombinedOutput()
			if err == nil {
				t.Fatalf("the inner test passed:\n%s", out)
			}
			if !strings.Contains(string(out), test.want) {
				t.Errorf("the inner test does not say %q:\n%s", test.want, out)
			}
		})
	}
}

// BenchmarkNew times the copying; the template is there already and the copies go at the end.
func BenchmarkNew(b *testing.B) {
	migrations := schema("benchmarked")
	pgtest.New(b, migrations)
	for b.Loop() {
		pgtest.New(b, migrations)
	}
}
