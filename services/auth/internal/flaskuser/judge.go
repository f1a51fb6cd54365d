package flaskuser

import (
	"strings"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/credential"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/role"
)

// Roles says which of our roles stands for an old one, by its name without regard to case. A role that is not there is reported and
// dropped.
type Roles map[string]role.Grant

// DefaultRoles are for names that mean the same here.
func DefaultRoles() Roles {
	return Roles{"admin": {Role: role.Admin}, "moderator": {Role: role.Moderator}, "driver": {Role: role.Driver}, "user": {Role: role.Driver}}
}

// judge says what becomes of a person, as far as it depends on them alone.
func judge(p Person, roles Roles) Entry {
	e := Entry{SourceID: p.ID, ID: uuid.Must(uuid.NewV7()), Outcome: Imported, Disabled: !p.Active, Grants: []role.Grant{{Role: role.Driver}}}
	address, confirmed := primary(p)
	if address == "" {
		e.Outcome = Refused
		e.note("there is no e-mail address, without which nobody can have an account here")
		return e
	}
	email, err := account.ParseEmail(address)
	if err != nil {
		e.Outcome = Refused
		e.note("the e-mail address: %s", why(err))
		return e
	}
	e.Email = email
	e.judgeMore(p, email)
	if p.Username != "" {
		if username, err := account.ParseUsername(p.Username); err != nil {
			e.note("the username is not kept: %s", why(err))
		} else {
			e.Username = username
		}
	}
	if e.Name, err = account.ParseName(p.Name); err != nil {
		e.note("the name is not kept: %s", why(err))
	}
	if _, err := credential.ParseForeign(p.Password); err != nil {
		e.Hash = credential.Unusable()
		e.note("the password is not kept (%s): it is set anew by “forgotten password”", err)
	} else {
		e.Hash = p.Password
	}
	for _, name := range p.Roles {
		grant, known := roles[strings.ToLower(name)]
		switch {
		case !known:
			e.note("the role %q has no counterpart: give one with --role", name)
		case grant.Role != role.Driver:
			e.Grants = append(e.Grants, grant)
		}
	}
	if !confirmed {
		e.Outcome = Waiting
		if len(e.Grants) > 1 {
			e.note("roles are granted once the address is confirmed")
		}
		if e.Disabled {
			e.Outcome = Refused
			e.note("the address was never confirmed and the user is switched off")
		}
	}
	return e
}

// primary returns the address to log in with: that of users, or the primary one of user_emails.
func primary(p Person) (address string, confirmed bool) {
	if p.Email != "" {
		return p.Email, p.Confirmed
	}
	for _, email := range p.Emails {
		if email.Primary {
			return email.Address, email.Confirmed
		}
	}
	return "", false
}

// judgeMore keeps further addresses that were confirmed.
func (e *Entry) judgeMore(p Person, primary account.Email) {
	seen := map[string]bool{primary.Key(): true}
	for _, more := range p.Emails {
		email, err := account.ParseEmail(more.Address)
		switch {
		case err != nil:
			e.note("a further address is not kept: %s", why(err))
		case seen[email.Key()]:
		case !more.Confirmed:
			e.note("a further address is not kept: it was never confirmed")
		default:
			e.More = append(e.More, email)
		}
		seen[email.Key()] = true
	}
}

// why is the public side of a fault.
func why(err error) string {
	f := fault.Of(err)
	if f.Detail() != "" {
		return f.Detail()
	}
	return f.Title()
}
