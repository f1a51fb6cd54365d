package session_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/credential"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/throttle"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

var noon = time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC)

// fake is everything that the service calls; it writes down what that was.
type fake struct {
	calls     []string
	candidate session.Candidate
	turn      session.Turn
	rotation  session.Rotation
	begun     session.Beginning
	given     []throttle.Charge
	minted    token.Access
	life      time.Duration
	right     string
	refuse    error // what Take returns
	busy      error // what Verify returns
	keyless   error // what Mint returns
}

func (f *fake) FindCandidate(context.Context, account.Identity, caller.Network) (session.Candidate, error) {
	f.calls = append(f.calls, "find")
	return f.candidate, nil
}

func (f *fake) Begin(_ context.Context, b session.Beginning) error {
	f.calls = append(f.calls, "begin")
	f.begun = b
	return nil
}

func (f *fake) Rotate(_ context.Context, r session.Rotation) (session.Turn, error) {
	f.calls = append(f.calls, "rotate")
	f.rotation = r
	return f.turn, nil
}

func (f *fake) EndByToken(context.Context, token.Hash, session.Reason, audit.Event) error {
	f.calls = append(f.calls, "end by token")
	return nil
}

func (f *fake) End(_ context.Context, _ account.Holder, reason session.Reason, _ audit.Event) error {
	f.calls = append(f.calls, "end "+string(reason))
	return nil
}

func (f *fake) Take(context.Context, ...throttle.Charge) error {
	f.calls = append(f.calls, "take")
	return f.refuse
}

func (f *fake) GiveBack(_ context.Context, charges ...throttle.Charge) error {
	f.calls = append(f.calls, "give back")
	f.given = charges
	return nil
}

func (f *fake) Record(_ context.Context, event audit.Event) error {
	f.calls = append(f.calls, "record "+string(event.Kind)+" "+event.Detail["reason"])
	return nil
}

func (f *fake) Hash(_ context.Context, password string) (string, error) {
	f.calls = append(f.calls, "hash")
	return "hash of " + password, nil
}

func (f *fake) Verify(_ context.Context, hash, password string) (ok, outdated bool, err error) {
	f.calls = append(f.calls, "verify")
	return hash != "" && password == f.right, hash == "outdated", f.busy
}

func (f *fake) Mint(a token.Access, ttl time.Duration) (string, token.Access, error) {
	f.calls = append(f.calls, "mint")
	f.minted, f.life = a, ttl
	return "an access token", a, f.keyless
}

func (f *fake) Read(text string) (token.Access, error) {
	if text != "an access token" {
		return token.Access{}, token.ErrNotLive
	}
	return f.minted, nil
}

func (f *fake) service() *session.Service {
	return session.NewService(session.Needs{
		Store: f, Hasher: f, Minter: f, Throttle: f, Recorder: f, Audiences: []string{"one", "two"},
		Lifetimes: session.DefaultLifetimes, Now: func() time.Time { return noon },
	})
}

func someone(grants ...role.Grant) session.Candidate {
	return session.Candidate{Account: uuid.Must(uuid.NewV7()), PasswordHash: "current", SecurityVersion: 3, Grants: grants}
}

// E1: what is done for a login that fails is the same, step for step, whether or not there is anybody.
func TestFailedLoginsTakeTheSameSteps(t *testing.T) {
	t.Parallel()
	steps := func(candidate session.Candidate) []string {
		f := &fake{candidate: candidate, right: "right"}
		if _, err := f.service().Login(t.Context(), session.Attempt{Login: "ada", Password: "wrong"}); !errors.Is(err, session.ErrCredentials) {
			t.Errorf("Login = %v", err)
		}
		return f.calls
	}
	want := []string{"find", "take", "verify", "record session.refused credentials"}
	disabled := someone()
	disabled.Disabled = true
	known := someone()
	known.KnownNetwork = true
	for name, candidate := range map[string]session.Candidate{"nobody": {}, "somebody": someone(), "disabled": disabled, "from home": known} {
		if diff := cmp.Diff(want, steps(candidate)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestLoginBegins(t *testing.T) {
	t.Parallel()
	f := &fake{candidate: someone(role.Grant{Role: role.Driver}), right: "right"}
	tokens, err := f.service().Login(t.Context(), session.Attempt{Login: "ada", Password: "right", Remember: true, DeviceName: "a phone"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"find", "take", "verify", "mint", "begin", "give back"}, f.calls); diff != "" {
		t.Error(diff)
	}
	if hash, err := token.Parse(token.Refresh, tokens.Refresh); err != nil || hash != f.begun.Refresh {
		t.Errorf("the refresh token %q is not that of the session: %v", tokens.Refresh, err)
	}
	if f.begun.Session != f.minted.SessionID || f.begun.SecurityVersion != 3 || f.begun.Life != 90*24*time.Hour || f.begun.RefreshLife != 30*24*time.Hour {
		t.Errorf("the session is %+v", f.begun)
	}
	if tokens.AccessLife != 10*time.Minute || f.life != 10*time.Minute || !f.minted.AuthTime.Equal(noon) {
		t.Errorf("the access token lives for %s since %s", f.life, f.minted.AuthTime)
	}
	if len(f.given) != 3 || f.given[0].Units != 10 || f.given[1].Units != 1 || f.given[2].Units != 1 {
		t.Errorf("what was given back is %+v", f.given)
	}
}

func TestLogin(t *testing.T) {
	t.Parallel()
	attempt := session.Attempt{Login: "ada", Password: "right"}

	t.Run("rehashes what is outdated", func(t *testing.T) {
		t.Parallel()
		f := &fake{candidate: someone(), right: "right"}
		f.candidate.PasswordHash = "outdated"
		if _, err := f.service().Login(t.Context(), attempt); err != nil || f.begun.Rehash != "hash of right" {
			t.Errorf("Login = %v, rehash %q", err, f.begun.Rehash)
		}
	})
	t.Run("computes no hash when the budget is used up", func(t *testing.T) {
		t.Parallel()
		f := &fake{candidate: someone(), right: "right", refuse: throttle.ErrLimited}
		if _, err := f.service().Login(t.Context(), attempt); !errors.Is(err, throttle.ErrLimited) || slices.Contains(f.calls, "verify") {
			t.Errorf("Login = %v after %v", err, f.calls)
		}
	})
	t.Run("asks no common budget of a known network", func(t *testing.T) {
		t.Parallel()
		f := &fake{candidate: someone(), right: "right"}
		f.candidate.KnownNetwork = true
		if _, err := f.service().Login(t.Context(), attempt); err != nil || len(f.given) != 2 {
			t.Errorf("Login = %v, given back %d", err, len(f.given))
		}
	})
	t.Run("counts no guess that was not answered", func(t *testing.T) {
		t.Parallel()
		f := &fake{candidate: someone(), busy: credential.ErrBusy}
		if _, err := f.service().Login(t.Context(), attempt); !errors.Is(err, credential.ErrBusy) || len(f.given) != 3 || f.given[0].Units != 1 {
			t.Errorf("Login = %v, given back %+v", err, f.given)
		}
	})
	t.Run("begins no session without a key to sign with", func(t *testing.T) {
		t.Parallel()
		f := &fake{candidate: someone(), right: "right", keyless: errors.New("no key")}
		if _, err := f.service().Login(t.Context(), attempt); err == nil || slices.Contains(f.calls, "begin") {
			t.Errorf("Login = %v after %v", err, f.calls)
		}
	})
	t.Run("tells of a disabled account only whoever knows its password", func(t *testing.T) {
		t.Parallel()
		f := &fake{candidate: someone(), right: "right"}
		f.candidate.Disabled = true
		if _, err := f.service().Login(t.Context(), attempt); !errors.Is(err, session.ErrDisabled) || slices.Contains(f.calls, "begin") {
			t.Errorf("Login = %v after %v", err, f.calls)
		}
	})
}

func TestRefreshRepeatsTheSealedSuccessor(t *testing.T) {
	t.Parallel()
	presented := token.New(token.Refresh)
	first := &fake{turn: session.Turn{Outcome: session.Rotated, RefreshLife: time.Hour}}
	rotated, err := first.service().Refresh(t.Context(), presented, session.FirstParty, session.Narrowing{}, caller.Caller{})
	if err != nil || token.HashOf(rotated.Refresh) != first.rotation.Successor {
		t.Fatalf("Refresh = %v", err)
	}
	sealed := first.rotation.Sealed
	again := &fake{turn: session.Turn{Outcome: session.Repeated, RefreshLife: time.Hour, Sealed: sealed}}
	repeated, err := again.service().Refresh(t.Context(), presented, session.FirstParty, session.Narrowing{}, caller.Caller{})
	if err != nil || repeated.Refresh != rotated.Refresh {
		t.Errorf("the repetition gives %q, %v; want %q", repeated.Refresh, err, rotated.Refresh)
	}
	// What is stored opens for the holder of the presented token alone.
	for name, text := range map[string]string{"another token": token.New(token.Refresh), "the successor": rotated.Refresh} {
		other := &fake{turn: session.Turn{Outcome: session.Repeated, Sealed: sealed}}
		if _, err := other.service().Refresh(t.Context(), text, session.FirstParty, session.Narrowing{}, caller.Caller{}); err == nil {
			t.Errorf("%s opens the seal", name)
		}
	}
	for name, broken := range map[string][]byte{"cut": sealed[:5], "empty": nil, "changed": append(slices.Clone(sealed[:len(sealed)-1]), sealed[len(sealed)-1]^1)} {
		other := &fake{turn: session.Turn{Outcome: session.Repeated, Sealed: broken}}
		if _, err := other.service().Refresh(t.Context(), presented, session.FirstParty, session.Narrowing{}, caller.Caller{}); err == nil {
			t.Errorf("a seal that is %s opens", name)
		}
	}
}

func TestRefreshNarrows(t *testing.T) {
	t.Parallel()
	grants := []role.Grant{{Role: role.Driver}}
	for name, c := range map[string]struct {
		narrowing session.Narrowing
		want      error
	}{
		"to a scope that it has":       {session.Narrowing{Scopes: []string{"profile"}}, nil},
		"to an audience that it has":   {session.Narrowing{Audiences: []string{"two"}}, nil},
		"not to a scope that it lacks": {session.Narrowing{Scopes: []string{"profile", "users:write"}}, session.ErrScope},
		"not to a foreign audience":    {session.Narrowing{Audiences: []string{"three"}}, session.ErrAudience},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{turn: session.Turn{Outcome: session.Rotated, Grants: grants}}
			_, err := f.service().Refresh(t.Context(), token.New(token.Refresh), session.FirstParty, c.narrowing, caller.Caller{})
			if !errors.Is(err, c.want) {
				t.Fatalf("Refresh = %v, want %v", err, c.want)
			}
			if err == nil && c.narrowing.Scopes != nil && !slices.Equal(f.minted.Scopes, c.narrowing.Scopes) {
				t.Errorf("the scopes are %v", f.minted.Scopes)
			}
			if err == nil && c.narrowing.Audiences != nil && !slices.Equal(f.minted.Audience, c.narrowing.Audiences) {
				t.Errorf("the audiences are %v", f.minted.Audience)
			}
		})
	}
}

func TestRefreshAsksNothingAboutWhatIsNoToken(t *testing.T) {
	t.Parallel()
	f := &fake{}
	for _, text := range []string{"", "x", token.New(token.ResetPassword), token.New(token.Refresh) + "0"} {
		if _, err := f.service().Refresh(t.Context(), text, session.FirstParty, session.Narrowing{}, caller.Caller{}); !errors.Is(err, session.ErrRefresh) {
			t.Errorf("Refresh(%q) = %v", text, err)
		}
	}
	if len(f.calls) != 0 {
		t.Errorf("the store was asked: %v", f.calls)
	}
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"x":                      nil,
		token.New(token.Refresh): {"end by token"},
		"an access token":        {"end revoked"},
	} {
		f := &fake{minted: token.Access{Subject: uuid.Must(uuid.NewV7()), SessionID: uuid.Must(uuid.NewV7())}}
		if err := f.service().Revoke(t.Context(), text, caller.Caller{}); err != nil || !slices.Equal(f.calls, want) {
			t.Errorf("Revoke(%q) = %v after %v", text, err, f.calls)
		}
	}
	service := &fake{} // a token without a session
	if err := service.service().Revoke(t.Context(), "an access token", caller.Caller{}); err != nil || len(service.calls) != 0 {
		t.Errorf("Revoke of a service's token = %v after %v", err, service.calls)
	}
}
