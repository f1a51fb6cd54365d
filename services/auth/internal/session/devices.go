package session

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/caller"
)

// ErrNoDevice is returned for a login that the account does not have, or that has ended.
var ErrNoDevice = fault.Define(fault.NotFound, "no_such_session", "There is no such login")

// Device is a login that goes on, as its owner sees it.
type Device struct {
	Session    uuid.UUID
	Client     string
	Name       string // what the owner called it; may be empty
	Agent      string // such as "Firefox on Linux"; may be empty
	Area       string // from about where; may be empty
	Remembered bool
	Began      time.Time
	LastUsed   time.Time
	Expires    time.Time
}

// DeviceStore keeps logins. Its methods return account.ErrNone for a holder whose own login has ended.
type DeviceStore interface {
	// ListDevices returns up to limit logins of the holder's account that go on and began before the one named, newest first;
	// the zero id names one after all.
	ListDevices(ctx context.Context, holder account.Holder, before uuid.UUID, limit int) ([]Device, error)
	// EndDevice ends a login of the holder's account, or returns ErrNoDevice.
	EndDevice(ctx context.Context, holder account.Holder, id uuid.UUID, event audit.Event) error
}

// Devices shows people where they are logged in.
type Devices struct {
	store DeviceStore
}

// NewDevices makes Devices.
func NewDevices(store DeviceStore) *Devices { return &Devices{store: store} }

// List returns up to limit logins that began before the one named, newest first.
func (d *Devices) List(ctx context.Context, holder account.Holder, before uuid.UUID, limit int) ([]Device, error) {
	return d.store.ListDevices(ctx, holder, before, limit)
}

// End ends a login of the holder's account, the own one too. It returns ErrNoDevice.
func (d *Devices) End(ctx context.Context, holder account.Holder, id uuid.UUID, from caller.Caller) error {
	event := audit.New(audit.LoggedOut, holder.Account, audit.ByAccount(holder.Account)).In(id).From(from).With("reason", string(EndedByOwner))
	return d.store.EndDevice(ctx, holder, id, event)
}
