package localpostgres

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/ihr-charging/charging-plot-api/tools/process"
)

// place is the folder of a cluster: data/ for Postgres itself, beside it the superuser's password and the server's log.
type place struct {
	folder  string
	account *process.User // who runs Postgres; nil is this process' own user
}

func (p *place) data() string         { return filepath.Join(p.folder, "data") }
func (p *place) log() string          { return filepath.Join(p.folder, "server.log") }
func (p *place) passwordFile() string { return filepath.Join(p.folder, "password") }

// candidates are the folders in which a cluster may live, the wanted one first.
func candidates(folder string) []string {
	sum := sha256.Sum256([]byte(folder))
	name := "charging-plot-postgres-" + hex.EncodeToString(sum[:6])
	out := []string{folder}
	// The system's folder for files that are kept over a reboot comes before the one for those that are not.
	for _, temp := range []string{"/var/tmp", os.TempDir()} {
		if info, err := os.Stat(temp); err == nil && info.IsDir() {
			out = append(out, filepath.Join(temp, name))
		}
	}
	return out
}

// settle makes the first folder that the account can reach, and refuses one that belongs to somebody else.
func settle(folder string, account *process.User) (*place, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, fmt.Errorf("postgres folder: %w", err)
	}
	for _, candidate := range candidates(folder) {
		if candidate == folder {
			if err := os.MkdirAll(filepath.Dir(candidate), 0o755); err != nil { //nolint:gosec // Postgres' user must pass through it.
				return nil, fmt.Errorf("postgres folder: %w", err)
			}
		}
		if !account.CanReach(candidate) {
			continue
		}
		err := os.Mkdir(candidate, 0o700)
		switch {
		case err == nil:
			if err := give(candidate, account); err != nil {
				return nil, err
			}
		case errors.Is(err, fs.ErrExist):
			if !account.Owns(candidate) {
				return nil, fmt.Errorf("postgres folder %s exists and belongs to somebody else; move it away", candidate)
			}
		default:
			return nil, fmt.Errorf("postgres folder: %w", err)
		}
		return &place{folder: candidate, account: account}, nil
	}
	return nil, fmt.Errorf("postgres must run as %s, who can reach neither %s nor the folder for temporary files", account.Name, folder)
}

func give(path string, account *process.User) error {
	if account == nil {
		return nil
	}
	if err := os.Chown(path, int(account.UID), int(account.GID)); err != nil {
		return fmt.Errorf("give %s to %s: %w", path, account.Name, err)
	}
	return nil
}

// version is the major version that made the cluster, or "" when there is none yet.
func (p *place) version() string {
	raw, err := os.ReadFile(filepath.Join(p.data(), "PG_VERSION"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}

// password reads the superuser's password that initialise wrote.
func (p *place) password() (string, error) {
	raw, err := os.ReadFile(p.passwordFile())
	if err != nil {
		return "", fmt.Errorf("postgres password: %w", err)
	}
	return strings.TrimSpace(string(raw)), nil
}

// initialise makes the cluster if there is none. It is made beside its place and moved there when it is whole, so that an
// interrupted one is never mistaken for a good one.
func (p *place) initialise(ctx context.Context, binaries binaries) error {
	if p.version() != "" {
		return nil
	}
	fresh := p.data() + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("make cluster: %w", err)
	}
	if err := os.WriteFile(p.passwordFile(), []byte(newPassword()+"\n"), 0o600); err != nil {
		return fmt.Errorf("make cluster: %w", err)
	}
	if err := give(p.passwordFile(), p.account); err != nil {
		return err
	}
	var output bytes.Buffer
	initdb, err := process.Start(process.Spec{
		Name: "initdb", Path: binaries.path("initdb"),
		Args: []string{
			"--pgdata=" + fresh, "--username=" + Superuser, "--pwfile=" + p.passwordFile(),
			"--auth=scram-sha-256", "--encoding=UTF8", "--locale=" + locale(), "--no-sync", "--no-instructions",
		},
		Env: []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}, Dir: p.folder, Output: &output, User: p.account,
	})
	if err != nil {
		return err
	}
	select {
	case <-initdb.Ended():
	case <-ctx.Done():
		initdb.Kill()
		return ctx.Err()
	}
	if err := initdb.Err(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, output.String())
	}
	if err := os.Rename(fresh, p.data()); err != nil {
		return fmt.Errorf("make cluster: %w", err)
	}
	return nil
}

// clearStale stops a server that an earlier run left on this cluster, and removes a postmaster.pid whose process is gone or
// is, by chance of the number, something else: Postgres itself refuses to start on the latter.
func (p *place) clearStale(ctx context.Context) error {
	file := filepath.Join(p.data(), "postmaster.pid")
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("stale postgres: %w", err)
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err == nil && pid > 1 && strings.Contains(process.CommandLine(ctx, pid), p.data()) {
		ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
		defer cancel()
		if !process.StopStranger(ctx, pid, syscall.SIGINT) {
			return fmt.Errorf("a postgres of an earlier run (pid %d) does not stop", pid)
		}
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("stale postgres: %w", err)
	}
	return nil
}
