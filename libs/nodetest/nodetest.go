// Package nodetest runs programs of other people's JavaScript libraries in tests: judges that share no line with our own code.
package nodetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Install copies a folder that holds a package.json, its lock file and programs to a place of the test's own, installs the packages at
// the versions and hashes that the lock file pins, without running a script of theirs, and returns the place.
//
// Without npm there is nobody to judge: on the machine that decides (CI is set) that is a failure, elsewhere the test says that it was
// left out.
func Install(t testing.TB, folder string) (place string) {
	t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		if os.Getenv("CI") != "" { //nolint:forbidigo // no setting of a service: CI says of itself that it decides
			t.Fatal("npm is wanted: other people's libraries judge here")
		}
		t.Skip("NOT CHECKED: npm is not here, and other people's libraries judge here")
	}
	place = t.TempDir()
	if err := os.CopyFS(place, os.DirFS(filepath.Clean(folder))); err != nil {
		t.Fatal(err)
	}
	install := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline")
	install.Dir = place
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	return place
}
