package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/account"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/session"
)

// listDevices reads in the order of ids, which are of the time of the login.
const listDevices = `
	SELECT id, client_id, device_name, agent, area, remember, auth_time, last_used_at, expires_at FROM sessions
	WHERE account_id = $1 AND ended_at IS NULL AND expires_at > now() AND (id < $2 OR $2 IS NULL)
	ORDER BY id DESC LIMIT $3`

type deviceRow struct {
	ID       uuid.UUID `db:"id"`
	Client   string    `db:"client_id"`
	Name     string    `db:"device_name"`
	Agent    string    `db:"agent"`
	Area     string    `db:"area"`
	Remember bool      `db:"remember"`
	Began    time.Time `db:"auth_time"`
	LastUsed time.Time `db:"last_used_at"`
	Expires  time.Time `db:"expires_at"`
}

// ListDevices returns logins of the holder's account that go on, newest first.
func (s *Sessions) ListDevices(ctx context.Context, holder account.Holder, before uuid.UUID, limit int) ([]session.Device, error) {
	live, err := s.IsLive(ctx, holder, math.MaxInt64) // whatever rights it has
	if err != nil {
		return nil, err
	}
	if !live {
		return nil, account.ErrNone
	}
	return s.ListDevicesOf(ctx, holder.Account, before, limit)
}

// ListDevicesOf does so for whoever looks after accounts.
func (s *Sessions) ListDevicesOf(ctx context.Context, id, before uuid.UUID, limit int) ([]session.Device, error) {
	var rows []deviceRow
	if err := s.db.SelectContext(ctx, &rows, listDevices, id, optional(before), limit); err != nil {
		return nil, pg.Map(fmt.Errorf("list logins: %w", err), nil)
	}
	devices := make([]session.Device, len(rows))
	for i, row := range rows {
		devices[i] = session.Device{
			Session: row.ID, Client: row.Client, Name: row.Name, Agent: row.Agent, Area: row.Area, Remembered: row.Remember,
			Began: row.Began, LastUsed: row.LastUsed, Expires: row.Expires,
		}
	}
	return devices, nil
}

// EndDevice ends a login of the holder's account, or returns session.ErrNoDevice.
func (s *Sessions) EndDevice(ctx context.Context, holder account.Holder, id uuid.UUID, event audit.Event) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if _, err := hold(ctx, tx, holder); err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, endSession, holder.Account, id, session.EndedByOwner)
		if err != nil {
			return fmt.Errorf("end a login: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(session.ErrNoDevice, err)
		}
		return record(ctx, tx, event)
	})
}

var _ session.DeviceStore = (*Sessions)(nil)
