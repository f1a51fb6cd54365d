package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/httpapi"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/mail"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/notice"
)

// defaultAppName is what we call ourselves.
const defaultAppName = "IHR Charging Plot"

// Who may register.
const (
	RegistrationOpen         = "open"
	RegistrationByInvitation = "invitation"
)

// The mailed links that may log in.
const (
	afterConfirm = "confirm"
	afterReset   = "reset"
)

// PeopleConfig is how the service behaves towards people.
type PeopleConfig struct {
	AppName        string        `env:"APP_NAME" envDefault:"IHR Charging Plot" desc:"what mails and pages call the product"`
	Corporation    string        `env:"CORPORATION_NAME" desc:"the company, under each mail"`
	Registration   string        `env:"REGISTRATION" envDefault:"open" desc:"who may register: open for everybody, or invitation"`
	UsernamesFixed bool          `env:"USERNAMES_FIXED" envDefault:"false" desc:"nobody may change their username"`
	ErasureGrace   time.Duration `env:"ERASURE_GRACE" envDefault:"336h" desc:"how long an account that shall be erased can still be kept"`
	AutoLoginAfter []string      `env:"AUTO_LOGIN_AFTER" desc:"the mailed links whose use logs in, with tokens in the answer: confirm, reset; an account with a second factor is not"`
	MailsOff       []string      `env:"MAILS_OFF" desc:"notices that are not sent: account_opened, password_changed, username_changed, emails_changed, second_factor_changed, device_seen"`
}

func (c PeopleConfig) withDefaults() PeopleConfig {
	if c.AppName == "" {
		c.AppName = defaultAppName
	}
	if c.Registration == "" {
		c.Registration = RegistrationOpen
	}
	if c.ErasureGrace == 0 {
		c.ErasureGrace = account.DefaultErasureGrace
	}
	return c
}

func (c PeopleConfig) validate() []error {
	var faults []error
	for name, text := range map[string]string{"APP_NAME": c.AppName, "CORPORATION_NAME": c.Corporation} {
		if len(text) > 100 || strings.ContainsFunc(text, unicode.IsControl) {
			faults = append(faults, fmt.Errorf("%s: not one line of at most 100 characters", name))
		}
	}
	if c.Registration != RegistrationOpen && c.Registration != RegistrationByInvitation {
		faults = append(faults, errors.New("REGISTRATION: neither open nor invitation"))
	}
	if c.ErasureGrace < time.Hour || c.ErasureGrace > 90*24*time.Hour {
		faults = append(faults, errors.New("ERASURE_GRACE: not from an hour to ninety days"))
	}
	for _, link := range c.AutoLoginAfter {
		if link != afterConfirm && link != afterReset {
			faults = append(faults, fmt.Errorf("AUTO_LOGIN_AFTER: %q is neither confirm nor reset", link))
		}
	}
	for _, kind := range c.MailsOff {
		if !slices.Contains(notice.Mutable(), notice.Kind(kind)) {
			faults = append(faults, fmt.Errorf("MAILS_OFF: there is no notice %q that can be switched off", kind))
		}
	}
	return faults
}

// autoLogin is which mailed links log in.
func (c PeopleConfig) autoLogin() httpapi.AutoLogin {
	return httpapi.AutoLogin{AfterConfirm: slices.Contains(c.AutoLoginAfter, afterConfirm), AfterReset: slices.Contains(c.AutoLoginAfter, afterReset)}
}

// muted are the kinds of mails that are switched off.
func (c PeopleConfig) muted() []notice.Kind {
	kinds := make([]notice.Kind, len(c.MailsOff))
	for i, kind := range c.MailsOff {
		kinds[i] = notice.Kind(kind)
	}
	return kinds
}

// brand is what mails call us.
func (c Config) brand() mail.Brand {
	return mail.Brand{From: c.MailFrom, App: c.People.AppName, Corporation: c.People.Corporation}
}
