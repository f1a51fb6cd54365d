package config_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ihr-charging/charging-plot-api/libs/config"
)

type database struct {
	URL  string        `env:"DATABASE_URL,required" desc:"where the data is"`
	Wait time.Duration `env:"DATABASE_WAIT" envDefault:"5s" desc:"how long to wait"`
}

func (d database) Validate() error {
	if d.Wait < time.Second {
		return errors.New("DATABASE_WAIT: under a second")
	}
	return nil
}

type settings struct {
	Listen   string     `env:"LISTEN" envDefault:":8080" desc:"address to serve on"`
	Level    slog.Level `env:"LEVEL" envDefault:"INFO" desc:"a level | of logging"`
	Origins  []string   `env:"ORIGINS" desc:"who may call"`
	Retries  int        `env:"RETRIES" envDefault:"3" desc:"how often to try"`
	Secret   string     `env:"SECRET" desc:"a secret"`
	Database database
	Preset   any `env:"-"`
}

func (s settings) Validate() error {
	if s.Retries > 10 {
		return errors.New("RETRIES: more than 10")
	}
	return nil
}

func TestLoadFillsWhatIsSetAndKeepsDefaults(t *testing.T) {
	t.Parallel()
	var got settings
	err := config.Load(&got, []string{
		"DATABASE_URL=postgres://somewhere?a=b=c", "LEVEL=warn", "ORIGINS=https://a.test,https://b.test",
		"RETRIES=", "LISTEN=:1", "LISTEN=:2", "UNKNOWN=1", "nonsense",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := settings{
		Listen: ":2", Level: slog.LevelWarn, Origins: []string{"https://a.test", "https://b.test"}, Retries: 3,
		Database: database{"postgres://somewhere?a=b=c", 5 * time.Second},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLoadReadsFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(" two words \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var got settings
	if err := config.Load(&got, []string{"DATABASE_URL=x", "SECRET_FILE=" + path}); err != nil {
		t.Fatal(err)
	}
	if got.Secret != " two words " {
		t.Errorf("the secret is %q", got.Secret)
	}
}

func TestLoadReportsEverythingAtOnceAndNoValue(t *testing.T) {
	t.Parallel()
	err := config.Load(&settings{}, []string{
		"RETRIES=geheim1", "DATABASE_WAIT=geheim2", "LEVEL=geheim3", "SECRET_FILE=/geheim4", "LISTEN=geheim5", "LISTEN_FILE=/geheim6",
	})
	if err == nil {
		t.Fatal("all is well")
	}
	for _, want := range []string{
		"RETRIES: not a whole number", "DATABASE_WAIT: not a duration such as 1m30s", "LEVEL: not ",
		"SECRET_FILE: the file cannot be read: no such file", "DATABASE_URL: not set", "LISTEN: set as a value and as a file",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "geheim") {
		t.Errorf("a value is printed:\n%v", err)
	}
	if lines := strings.Count(err.Error(), "\n") + 1; lines != 6 {
		t.Errorf("6 faults in %d lines:\n%v", lines, err)
	}
}

func TestLoadAsksEveryPartToValidate(t *testing.T) {
	t.Parallel()
	err := config.Load(&settings{}, []string{"DATABASE_URL=x", "DATABASE_WAIT=1ms", "RETRIES=11"})
	if err == nil || err.Error() != "DATABASE_WAIT: under a second\nRETRIES: more than 10" {
		t.Errorf("got %v", err)
	}
}

func TestLoadAsksAnEmbeddedPartOnce(t *testing.T) {
	t.Parallel()
	type Database = database // so that the embedded field is an exported one
	type embedding struct{ Database }
	err := config.Load(&embedding{}, []string{"DATABASE_URL=x", "DATABASE_WAIT=1ms"})
	if err == nil || err.Error() != "DATABASE_WAIT: under a second" {
		t.Errorf("got %v", err)
	}
}

func TestLoadRefusesMistakesInTheProgram(t *testing.T) {
	t.Parallel()
	var twice struct {
		One string `env:"SAME"`
		Two string `env:"SAME"`
	}
	for name, into := range map[string]any{"a struct": settings{}, "nil": nil, "a nil pointer": (*settings)(nil), "a text": new(string), "one name twice": &twice} {
		if err := config.Load(into, nil); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestMarkdownListsTheSettings(t *testing.T) {
	t.Parallel()
	want := strings.Join([]string{
		"| variable | default | what it is |",
		"| --- | --- | --- |",
		"| `LISTEN` | `:8080` | address to serve on |",
		"| `LEVEL` | `INFO` | a level \\| of logging |",
		"| `ORIGINS` |  | who may call |",
		"| `RETRIES` | `3` | how often to try |",
		"| `SECRET` |  | a secret |",
		"| `DATABASE_URL` | required | where the data is |",
		"| `DATABASE_WAIT` | `5s` | how long to wait |",
		"",
	}, "\n")
	for _, of := range []any{settings{}, &settings{}} {
		if diff := cmp.Diff(want, config.Markdown(of)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
