// Package event names what others may be told has happened to the people of this service.
//
// An Event follows from an audit event (Of) and is written beside it in the same transaction, so that no flow has to remember
// to tell and none can tell of what was rolled back. It holds ids, never addresses, names or secrets: whoever is told asks for
// the rest with their own rights.
package event

import (
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
)

// Kind is what happened.
type Kind string

// The kinds. Each is about an account, the Subject.
const (
	UserRegistered             Kind = "user.registered" // the account exists from now on
	UserEmailConfirmed         Kind = "user.email_confirmed"
	UserProfileChanged         Kind = "user.profile_changed"
	UserUsernameChanged        Kind = "user.username_changed"
	UserEmailAdded             Kind = "user.email_added" // and confirmed
	UserEmailRemoved           Kind = "user.email_removed"
	UserPrimaryEmailChanged    Kind = "user.primary_email_changed"
	UserErasureScheduled       Kind = "user.erasure_scheduled"
	UserErasureCanceled        Kind = "user.erasure_canceled"
	UserErased                 Kind = "user.erased" // whoever holds anything about the Subject erases it now
	UserDataExported           Kind = "user.data_exported"
	UserDisabled               Kind = "user.disabled"
	UserEnabled                Kind = "user.enabled"
	UserInvited                Kind = "user.invited" // the Subject has invited somebody
	UserInvitationRevoked      Kind = "user.invitation_revoked"
	UserInvitationAccepted     Kind = "user.invitation_accepted" // the Subject has accepted
	UserPasswordChanged        Kind = "user.password_changed"
	UserPasswordReset          Kind = "user.password_reset"
	UserPasswordResetRequested Kind = "user.password_reset_requested"
	UserLoggedIn               Kind = "user.logged_in"
	UserLoggedOut              Kind = "user.logged_out"
	UserTokenReused            Kind = "user.token_reused"    //nolint:gosec // the name of an event
	UserAPIKeyCreated          Kind = "user.api_key_created" //nolint:gosec // the name of an event
	UserAPIKeyRotated          Kind = "user.api_key_rotated" //nolint:gosec // the name of an event
	UserAPIKeyRemoved          Kind = "user.api_key_removed" //nolint:gosec // the name of an event
	UserRoleGranted            Kind = "user.role_granted"
	UserRoleRevoked            Kind = "user.role_revoked"
)

// following says which events follow from an audit event. What is not here is nobody else's business.
var following = map[audit.Kind][]Kind{
	audit.Created:            {UserRegistered},
	audit.Confirmed:          {UserRegistered, UserEmailConfirmed},
	audit.ProfileChanged:     {UserProfileChanged},
	audit.UsernameChanged:    {UserUsernameChanged},
	audit.EmailConfirmed:     {UserEmailAdded, UserEmailConfirmed},
	audit.EmailRemoved:       {UserEmailRemoved},
	audit.EmailMadePrimary:   {UserPrimaryEmailChanged},
	audit.ErasureAsked:       {UserErasureScheduled},
	audit.ErasureCanceled:    {UserErasureCanceled},
	audit.Erased:             {UserErased},
	audit.DataExported:       {UserDataExported},
	audit.Disabled:           {UserDisabled},
	audit.Enabled:            {UserEnabled},
	audit.Invited:            {UserInvited},
	audit.InvitationRevoked:  {UserInvitationRevoked},
	audit.InvitationAccepted: {UserInvitationAccepted},
	audit.PasswordChanged:    {UserPasswordChanged},
	audit.PasswordReset:      {UserPasswordReset},
	audit.ResetMailed:        {UserPasswordResetRequested},
	audit.LoggedIn:           {UserLoggedIn},
	audit.LoggedOut:          {UserLoggedOut},
	audit.TokenReused:        {UserTokenReused},
	audit.APIKeyCreated:      {UserAPIKeyCreated},
	audit.APIKeyRotated:      {UserAPIKeyRotated},
	audit.APIKeyRemoved:      {UserAPIKeyRemoved},
	audit.RoleGranted:        {UserRoleGranted},
	audit.RoleRevoked:        {UserRoleRevoked},
}

// Kinds returns every kind that others can be told of, sorted.
func Kinds() []Kind {
	var all []Kind
	for _, kinds := range following {
		all = append(all, kinds...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Event is something that happened.
type Event struct {
	ID       uuid.UUID
	Kind     Kind
	Subject  uuid.UUID         // the account
	Operator uuid.UUID         // zero: none
	Data     map[string]string // the detail of the audit event, and "session" when it happened in one
}

// Of returns the events that follow from an audit event, if any.
func Of(source audit.Event) []Event {
	kinds := following[source.Kind]
	events := make([]Event, len(kinds))
	for i, kind := range kinds {
		data := maps.Clone(source.Detail)
		if source.Session != uuid.Nil {
			if data == nil {
				data = map[string]string{}
			}
			data["session"] = source.Session.String()
		}
		events[i] = Event{ID: uuid.Must(uuid.NewV7()), Kind: kind, Subject: source.Account, Operator: source.Operator, Data: data}
	}
	return events
}
