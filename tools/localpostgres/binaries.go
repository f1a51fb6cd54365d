package localpostgres

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
)

// oldest is the first major version with everything the migrations use.
const oldest = 14

// ErrNotInstalled says how to get the binaries.
var ErrNotInstalled = errors.New("no Postgres found (14 or later: initdb and postgres). " +
	"Debian and Ubuntu: apt-get install postgresql. Fedora: dnf install postgresql-server. macOS: brew install postgresql@17. " +
	"Only its programs are used; a cluster that the package starts is not touched")

// binaries is the folder of one installed version.
type binaries struct{ folder string }

func (b binaries) path(program string) string { return filepath.Join(b.folder, program) }

// find returns the binaries of the wanted major version, or of the newest one when none is wanted.
func find(wanted string) (binaries, error) {
	var found []installed
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin/initdb", // Debian
		"/usr/pgsql-*/bin/initdb",          // the project's own packages for Red Hat
		"/opt/homebrew/opt/postgresql@*/bin/initdb",
		"/usr/local/opt/postgresql@*/bin/initdb",
	} {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			return binaries{}, fmt.Errorf("look for postgres: %w", err)
		}
		for _, match := range matches {
			found = append(found, installed{major: majorOf(match), folder: filepath.Dir(match)})
		}
	}
	found = slices.DeleteFunc(found, func(i installed) bool {
		return i.major < oldest || (wanted != "" && wanted != strconv.Itoa(i.major)) || !i.complete()
	})
	if len(found) > 0 {
		newest := slices.MaxFunc(found, func(a, b installed) int { return cmp.Compare(a.major, b.major) })
		return binaries{folder: newest.folder}, nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		if resolved, err := filepath.EvalSymlinks(path); err == nil {
			path = resolved
		}
		if i := (installed{folder: filepath.Dir(path)}); i.complete() {
			return binaries{folder: i.folder}, nil
		}
	}
	if wanted != "" {
		return binaries{}, fmt.Errorf("the kept cluster was made by Postgres %s, which is not installed any more; `make clean-state` removes the cluster", wanted)
	}
	return binaries{}, ErrNotInstalled
}

type installed struct {
	major  int
	folder string
}

func (i installed) complete() bool {
	info, err := os.Stat(filepath.Join(i.folder, "postgres"))
	return err == nil && !info.IsDir()
}

// majorOf reads the version from a path such as /usr/lib/postgresql/15/bin/initdb or …/postgresql@17/bin/initdb.
func majorOf(path string) int {
	name := filepath.Base(filepath.Dir(filepath.Dir(path)))
	digits := name
	for i := len(name); i > 0 && name[i-1] >= '0' && name[i-1] <= '9'; i-- {
		digits = name[i-1:]
	}
	major, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return major
}
