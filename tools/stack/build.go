package stack

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Build compiles the three services' own binaries into a folder. With race they carry the race detector, which writes what it
// finds to the service's log.
func Build(ctx context.Context, root, into string, race bool) error {
	args := []string{"build", "-buildvcs=false", "-o", into + string(os.PathSeparator)}
	if race {
		args = append(args, "-race")
	}
	for _, name := range Services {
		args = append(args, "./"+filepath.Join("services", name, "cmd", name))
	}
	if err := os.MkdirAll(into, 0o755); err != nil { //nolint:gosec // Programs are no secret.
		return fmt.Errorf("build: %w", err)
	}
	compile := exec.CommandContext(ctx, "go", args...)
	compile.Dir = root
	var output bytes.Buffer
	compile.Stdout, compile.Stderr = &output, &output
	if err := compile.Run(); err != nil {
		return fmt.Errorf("build the services: %w\n%s", err, output.String())
	}
	return nil
}

// Root finds the repository's root above a folder: where go.work is.
func Root(from string) (string, error) {
	dir, err := filepath.Abs(from)
	if err != nil {
		return "", fmt.Errorf("root: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.work in %s or above: run this inside the repository", from)
		}
		dir = filepath.Dir(dir)
	}
}
