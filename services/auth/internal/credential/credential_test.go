package credential_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/credential"
)

// cheap are costs with which a test may hash a thousand times.
var cheap = credential.Params{MemoryKiB: 8, Passes: 1, Lanes: 1}

func TestHashVerifiesThePasswordAndNoOther(t *testing.T) {
	t.Parallel()
	h := credential.NewHasher(cheap, 0, 0)
	for _, password := range []string{"correct horse battery staple", "ein Löffel voll Honig", strings.Repeat("x", 128), "\x00\x01"} {
		hash, err := h.Hash(t.Context(), password)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(hash, "$argon2id$v=19$m=8,t=1,p=1$") || strings.Contains(hash, password) {
			t.Errorf("the hash is %q", hash)
		}
		if ok, outdated, err := h.Verify(t.Context(), hash, password); !ok || outdated || err != nil {
			t.Errorf("Verify(%q) = %t, %t, %v", password, ok, outdated, err)
		}
		for _, other := range []string{"", password + " ", password[:len(password)-1], strings.ToUpper(password) + "!"} {
			if ok, _, err := h.Verify(t.Context(), hash, other); ok || err != nil {
				t.Errorf("Verify(%q) with the hash of %q = %t, %v", other, password, ok, err)
			}
		}
	}
}

func TestVerifyTakesEitherSpellingOfAnAccent(t *testing.T) {
	t.Parallel()
	h := credential.NewHasher(cheap, 0, 0)
	hash, err := h.Hash(t.Context(), "caf\u00e9 au lait, s'il vous pla\u00eet")
	if err != nil {
		t.Fatal(err)
	}
	if ok, _, err := h.Verify(t.Context(), hash, "cafe\u0301 au lait, s'il vous plai\u0302t"); !ok || err != nil {
		t.Errorf("Verify = %t, %v", ok, err)
	}
}

func TestVerifyFindsOutdatedCosts(t *testing.T) {
	t.Parallel()
	hash, err := credential.NewHasher(cheap, 0, 0).Hash(t.Context(), "a long enough password")
	if err != nil {
		t.Fatal(err)
	}
	dearer := credential.NewHasher(credential.Params{MemoryKiB: 16, Passes: 1, Lanes: 1}, 0, 0)
	if ok, outdated, err := dearer.Verify(t.Context(), hash, "a long enough password"); !ok || !outdated || err != nil {
		t.Errorf("Verify = %t, %t, %v", ok, outdated, err)
	}
}

func TestVerifyOfNobodyIsFalse(t *testing.T) {
	t.Parallel()
	h := credential.NewHasher(cheap, 0, 0)
	for _, password := range []string{"", "anything"} {
		if ok, outdated, err := h.Verify(t.Context(), "", password); ok || outdated || err != nil {
			t.Errorf("Verify of nobody = %t, %t, %v", ok, outdated, err)
		}
	}
}

func TestVerifyRefusesHashesThatCostTooMuch(t *testing.T) {
	t.Parallel()
	h := credential.NewHasher(cheap, 0, 0)
	for _, hash := range []string{
		"x", "$2b$12$abcdefghijklmnopqrstuv", "$argon2d$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$c3Vtc3Vtc3Vtc3Vtc3VtIQ",
		"$argon2id$v=18$m=8,t=1,p=1$c2FsdHNhbHQ$c3Vtc3Vtc3Vtc3Vtc3VtIQ",
		"$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHQ$c3Vtc3Vtc3Vtc3Vtc3VtIQ",
		"$argon2id$v=19$m=8,t=4000000,p=1$c2FsdHNhbHQ$c3Vtc3Vtc3Vtc3Vtc3VtIQ",
		"$argon2id$v=19$m=8,t=1,p=0$c2FsdHNhbHQ$c3Vtc3Vtc3Vtc3Vtc3VtIQ",
		"$argon2id$v=19$m=8,t=1,p=1$$c3Vtc3Vtc3Vtc3Vtc3VtIQ", "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$",
	} {
		if ok, _, err := h.Verify(t.Context(), hash, "x"); ok || err == nil {
			t.Errorf("Verify(%q) = %t, %v; want an error", hash, ok, err)
		}
	}
}

// The bound of memory: as many hashes at once as were allowed, as many waiting, the rest turned away.
func TestHasherTurnsAwayWhatItCannotComputeInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := credential.NewHasher(cheap, 1, 2)
		release := h.Occupy() // the one slot
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wait sync.WaitGroup
		results := make(chan error, 2)
		for range 2 {
			wait.Go(func() {
				_, err := h.Hash(ctx, "waits for the slot")
				results <- err
			})
		}
		synctest.Wait() // both stand in the queue
		if _, err := h.Hash(ctx, "finds the queue full"); !errors.Is(err, credential.ErrBusy) {
			t.Errorf("the third = %v, want ErrBusy", err)
		}
		release()
		wait.Wait()
		for range 2 {
			if err := <-results; err != nil {
				t.Errorf("one that waited = %v", err)
			}
		}
		defer h.Occupy()()
		if _, err := h.Hash(ctx, "waits until its deadline"); !errors.Is(err, credential.ErrBusy) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("one past its deadline = %v", err)
		}
	})
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	policy := credential.Policy{MinLength: credential.DefaultMinLength}
	about := []string{"ada.lovelace@example.com", "countess", "Ada Lovelace"}
	for password, code := range map[string]string{
		"four clear marbles in a jar":             "",
		"zwölf Boxkämpfer jagen Viktor":           "",
		"ツバメが低く飛ぶと雨になると言われる":                      "",
		"nQ7vX2pL9rT4wZ6":                         "",
		"               ":                         "too_common",
		"marbles":                                 "too_short",
		"fourteen chars":                          "too_short",
		strings.Repeat("marble jar ", 12):         "too_long",
		"\xff\xfe not text at all":                "encoding",
		"passwordpassword":                        "too_common",
		"Passw0rd-Passw0rd":                       "too_common",
		"P@ssword123456789":                       "too_common",
		"123456789012345":                         "too_common",
		"987654321098765":                         "too_common",
		"qwertyuiopasdfgh":                        "too_common",
		"1qaz2wsx3edc4rfv":                        "too_common",
		"aaaaaaaaaaaaaaaaaaaa":                    "too_common",
		"abcdefghijklmnopq":                       "too_common",
		"Summer2024Summer2024":                    "too_common",
		"iloveyouiloveyou!!!":                     "too_common",
		"correct horse battery staple":            "too_common",
		"Welcome-Welcome-1":                       "too_common",
		"ada.lovelace1815":                        "too_personal",
		"ada.lovelace@example.com":                "too_personal",
		"countesscountess1":                       "too_personal",
		"Ada Lovelace, 12!":                       "too_personal",
		"countess of four clear marbles in a jar": "",
	} {
		err := policy.Check("/password", password, about...)
		if code == "" {
			if err != nil {
				t.Errorf("Check(%q) = %v", password, err)
			}
			continue
		}
		if !errors.Is(err, credential.ErrWeak) {
			t.Errorf("Check(%q) = %v, want %s", password, err, code)
			continue
		}
		got := fault.Of(err).Fields()[0]
		if diff := cmp.Diff([]string{"/password", code}, []string{got.Pointer, got.Code}); diff != "" {
			t.Errorf("Check(%q): %s", password, diff)
		}
		if strings.Contains(fault.Of(err).Error(), password) {
			t.Errorf("the fault repeats the password %q", password)
		}
	}
}

func BenchmarkHash(b *testing.B) {
	h := credential.NewHasher(credential.DefaultParams, 0, 0)
	for b.Loop() {
		if _, err := h.Hash(b.Context(), "four clear marbles in a jar"); err != nil {
			b.Fatal(err)
		}
	}
}
