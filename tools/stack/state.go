package stack

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/ihr-charging/charging-plot-api/tools/localpostgres"
)

// state is the folder in which a stack keeps what must survive a restart.
type state struct {
	folder string
	lock   *os.File
}

// openState makes the folder and locks it: two stacks on one state would tear it apart. The kernel gives the lock back when
// this process ends, however it ends.
func openState(folder string) (*state, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	// Postgres may run as another user, who must pass through; what is secret is closed file by file.
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // See above.
		return nil, fmt.Errorf("state: %w", err)
	}
	for _, dir := range []string{"logs", "mail"} {
		if err := os.MkdirAll(filepath.Join(folder, dir), 0o700); err != nil {
			return nil, fmt.Errorf("state: %w", err)
		}
	}
	lock, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(lock.Name())
		lock.Close()
		return nil, fmt.Errorf("another stack runs on %s (process %s): stop it, or give this one another folder with --state",
			folder, strings.TrimSpace(string(holder)))
	}
	if err := lock.Truncate(0); err == nil {
		_, _ = lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0) // only for the message above
	}
	return &state{folder: folder, lock: lock}, nil
}

func (s *state) path(parts ...string) string {
	return filepath.Join(append([]string{s.folder}, parts...)...)
}

func (s *state) close() { s.lock.Close() }

// Clean removes a state folder and the cluster that belongs to it, wherever that had to be put. It refuses while a stack runs
// on it.
func Clean(ctx context.Context, folder string) error {
	if _, err := os.Stat(folder); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	s, err := openState(folder)
	if err != nil {
		return err
	}
	defer s.close()
	if err := localpostgres.Remove(ctx, s.path("postgres")); err != nil {
		return err
	}
	return os.RemoveAll(s.folder)
}

// secrets are made once for a state folder and never leave it.
type secrets struct {
	KeyEncryptionKey string            `json:"key_encryption_key"`
	Redis            string            `json:"redis"`
	ChargePoints     string            `json:"charge_points"`
	Databases        map[string]string `json:"databases"`
	Clients          map[string]string `json:"clients"`
	CursorKeys       map[string]string `json:"cursor_keys"`
}

func (s *state) secrets() (secrets, error) {
	file := s.path("secrets.json")
	var out secrets
	raw, err := os.ReadFile(file)
	switch {
	case err == nil:
		if err := json.Unmarshal(raw, &out); err != nil {
			return out, fmt.Errorf("%s is damaged (%w); `make clean-state` makes a new one", file, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return out, fmt.Errorf("secrets: %w", err)
	}
	before := out.count()
	out.fill()
	if out.count() == before {
		return out, nil
	}
	if raw, err = json.MarshalIndent(out, "", "  "); err != nil {
		return out, fmt.Errorf("secrets: %w", err)
	}
	if err := os.WriteFile(file+".new", append(raw, '\n'), 0o600); err != nil {
		return out, fmt.Errorf("secrets: %w", err)
	}
	return out, os.Rename(file+".new", file)
}

// fill makes what is missing.
func (s *secrets) fill() {
	s.KeyEncryptionKey = orKey(s.KeyEncryptionKey)
	s.Redis = orText(s.Redis)
	s.ChargePoints = orText(s.ChargePoints)
	for _, m := range []*map[string]string{&s.Databases, &s.Clients, &s.CursorKeys} {
		if *m == nil {
			*m = map[string]string{}
		}
	}
	for _, name := range Services {
		s.Databases[name] = orText(s.Databases[name])
		s.CursorKeys[name] = orKey(s.CursorKeys[name])
		s.Clients[name] = orText(s.Clients[name])
	}
}

func (s *secrets) count() int {
	n := len(s.Databases) + len(s.Clients) + len(s.CursorKeys)
	for _, text := range []string{s.KeyEncryptionKey, s.Redis, s.ChargePoints} {
		if text != "" {
			n++
		}
	}
	return n
}

// orText keeps a secret that is there, or draws a word of 130 bits.
func orText(had string) string {
	if had != "" {
		return had
	}
	return rand.Text()
}

// orKey keeps a key that is there, or draws 32 bytes, in base64.
func orKey(had string) string {
	if had != "" {
		return had
	}
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails: it ends the process when the system has no randomness
	return base64.StdEncoding.EncodeToString(key[:])
}

// ports are remembered, so that addresses in a person's shell history stay good when nobody took them meanwhile.
type ports struct {
	Postgres int            `json:"postgres"`
	Redis    int            `json:"redis"`
	Services map[string]int `json:"services"`
	OCPP     int            `json:"ocpp"`
}

func (s *state) ports() ports {
	var out ports
	if raw, err := os.ReadFile(s.path("ports.json")); err == nil {
		_ = json.Unmarshal(raw, &out) // unreadable: new ones are drawn
	}
	if out.Services == nil {
		out.Services = map[string]int{}
	}
	return out
}

func (s *state) savePorts(p ports) error {
	raw, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("ports: %w", err)
	}
	return os.WriteFile(s.path("ports.json"), append(raw, '\n'), 0o600)
}
