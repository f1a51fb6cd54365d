package credential_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/credential"
)

type vector struct {
	Scheme   string `json:"scheme"`
	Password string `json:"password"`
	Hash     string `json:"hash"`
}

// vectors are hashes that others made: passlib, and crypt(3).
func vectors(t testing.TB) []vector {
	t.Helper()
	raw, err := os.ReadFile("testdata/passlib.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []vector `json:"vectors"`
	}
	if err := json.Unmarshal(raw, &file); err != nil || len(file.Vectors) < 30 {
		t.Fatalf("%d vectors: %v", len(file.Vectors), err)
	}
	return file.Vectors
}

func TestEveryPasslibSchemeVerifiesAndIsOutdated(t *testing.T) {
	t.Parallel()
	h := credential.NewHasher(cheap, 0, 0)
	seen := map[string]int{}
	for _, v := range vectors(t) {
		seen[v.Scheme]++
		foreign, err := credential.ParseForeign(v.Hash)
		if err != nil || foreign.Scheme != v.Scheme {
			t.Errorf("%s: the scheme is %q: %v", v.Hash, foreign.Scheme, err)
			continue
		}
		if ok, outdated, err := h.Verify(t.Context(), v.Hash, v.Password); !ok || !outdated || err != nil {
			t.Errorf("%s: Verify = %t, %t, %v", v.Hash, ok, outdated, err)
		}
		for _, other := range []string{"", strings.ToUpper(v.Password), "y" + v.Password[1:]} {
			if ok, outdated, err := h.Verify(t.Context(), v.Hash, other); ok || outdated || err != nil {
				t.Errorf("%s: Verify(%q) = %t, %t, %v", v.Hash, other, ok, outdated, err)
			}
		}
	}
	for _, scheme := range []string{"bcrypt", "bcrypt_sha256", "pbkdf2_sha256", "pbkdf2_sha512", "sha512_crypt", "sha256_crypt", "argon2"} {
		if seen[scheme] == 0 {
			t.Errorf("there is no vector of %s", scheme)
		}
	}
}

func TestAForeignHashOfAnotherFormOrCostIsRefused(t *testing.T) {
	t.Parallel()
	h := credential.NewHasher(cheap, 0, 0)
	for _, hash := range []string{
		"plain text", "$1$salt$qJH7.N4xYta3aEG/dfqo/0", "{SSHA}abc", "$apr1$x$y", "$2b$17$" + strings.Repeat("a", 53), "$2b$04$short",
		"$pbkdf2-sha256$99999999$c2FsdA$" + strings.Repeat("a", 43), "$6$rounds=99999999$salt$" + strings.Repeat("a", 86),
		"$argon2i$v=19$m=9999999,t=1,p=1$c2FsdHNhbHQ$c3Vtc3Vtc3Vtc3Vtc3VtIQ", "$argon2d$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$c3Vtc3Vtc3Vtc3Vtc3VtIQ",
	} {
		_, err := credential.ParseForeign(hash)
		if err == nil {
			t.Errorf("%q is read", hash)
		} else if strings.Contains(err.Error(), hash) {
			t.Errorf("the error quotes the hash: %v", err)
		}
		if ok, _, err := h.Verify(t.Context(), hash, "x"); ok || err == nil || errors.Is(err, credential.ErrBusy) {
			t.Errorf("Verify(%q) = %t, %v", hash, ok, err)
		}
	}
}
