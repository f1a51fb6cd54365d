package event_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/event"
)

func TestAnEventFollowsFromWhatIsRecordedAndHasItsIDs(t *testing.T) {
	t.Parallel()
	who, in, operator := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	source := audit.New(audit.LoggedOut, who, audit.ByAccount(who)).In(in).Within(operator).With("reason", "logged_out")
	got := event.Of(source)
	if len(got) != 1 {
		t.Fatalf("%d events follow from a logout: %+v", len(got), got)
	}
	want := event.Event{
		ID: got[0].ID, Kind: event.UserLoggedOut, Subject: who, Operator: operator,
		Data: map[string]string{"reason": "logged_out", "session": in.String()},
	}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Error(diff)
	}
	if _, leaked := source.Detail["session"]; leaked {
		t.Error("the audit event was changed")
	}
}

func TestOneRecordMayBeSeveralEventsOrNone(t *testing.T) {
	t.Parallel()
	confirmed := event.Of(audit.New(audit.Confirmed, uuid.Must(uuid.NewV7()), audit.Anonymous))
	if len(confirmed) != 2 || confirmed[0].Kind != event.UserRegistered || confirmed[1].Kind != event.UserEmailConfirmed || confirmed[0].ID == confirmed[1].ID {
		t.Errorf("a confirmation is followed by %+v", confirmed)
	}
	if got := event.Of(audit.New(audit.LoginFailed, uuid.Nil, audit.Anonymous)); len(got) != 0 {
		t.Errorf("a failed login is told: %+v", got)
	}
}

func TestKindsAreEachThereOnce(t *testing.T) {
	t.Parallel()
	kinds := event.Kinds()
	if !slices.IsSorted(kinds) || len(slices.Compact(slices.Clone(kinds))) != len(kinds) || !slices.Contains(kinds, event.UserRegistered) {
		t.Errorf("the kinds are %v", kinds)
	}
}

// Whoever listened to Flask-User's signals finds each of them here.
func TestEverySignalHasAnEvent(t *testing.T) {
	t.Parallel()
	for signal, follows := range map[string]struct {
		from audit.Kind
		want event.Kind
	}{
		"user_registered":       {audit.Created, event.UserRegistered},
		"user_confirmed_email":  {audit.Confirmed, event.UserEmailConfirmed},
		"user_logged_in":        {audit.LoggedIn, event.UserLoggedIn},
		"user_logged_out":       {audit.LoggedOut, event.UserLoggedOut},
		"user_forgot_password":  {audit.ResetMailed, event.UserPasswordResetRequested},
		"user_changed_password": {audit.PasswordChanged, event.UserPasswordChanged},
		"user_reset_password":   {audit.PasswordReset, event.UserPasswordReset},
		"user_changed_username": {audit.UsernameChanged, event.UserUsernameChanged},
		"user_sent_invitation":  {audit.Invited, event.UserInvited},
	} {
		told := event.Of(audit.New(follows.from, uuid.Must(uuid.NewV7()), audit.Anonymous))
		if !slices.ContainsFunc(told, func(e event.Event) bool { return e.Kind == follows.want }) {
			t.Errorf("%s: %s tells %+v", signal, follows.from, told)
		}
	}
}
