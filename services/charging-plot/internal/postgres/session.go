package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/tariff"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/access"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/catalog"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/live"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/plot"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/token"
)

type sessionRow struct {
	ID              uuid.UUID     `db:"id"`
	PlotID          uuid.UUID     `db:"plot_id"`
	StationID       uuid.UUID     `db:"station_id"`
	OperatorID      uuid.UUID     `db:"operator_id"`
	EVSEID          uuid.UUID     `db:"evse_id"`
	DriverID        *uuid.UUID    `db:"driver_id"`
	ReservationID   *uuid.UUID    `db:"reservation_id"`
	ChargePointID   uuid.UUID     `db:"charge_point_id"`
	Connector       int           `db:"connector"`
	IDTag           string        `db:"id_tag"`
	TransactionID   *string       `db:"transaction_id"`
	State           string        `db:"state"`
	StateSince      time.Time     `db:"state_since"`
	Reason          string        `db:"reason"`
	RequestedAt     time.Time     `db:"requested_at"`
	StartBy         *time.Time    `db:"start_by"`
	StartedAt       *time.Time    `db:"started_at"`
	StartedSaidAt   *time.Time    `db:"started_said_at"`
	StopRequestedAt *time.Time    `db:"stop_requested_at"`
	EndedAt         *time.Time    `db:"ended_at"`
	MeterStartWh    *int64        `db:"meter_start_wh"`
	MeterStopWh     *int64        `db:"meter_stop_wh"`
	EnergyWh        *float64      `db:"energy_wh"`
	PowerW          *float64      `db:"power_w"`
	SoCPercent      *float64      `db:"soc_percent"`
	ReadAt          *time.Time    `db:"read_at"`
	Tariff          postgres.JSON `db:"tariff"`
	TimeZone        string        `db:"time_zone"`
	TokenID         *uuid.UUID    `db:"token_id"`
	Token           postgres.JSON `db:"token"`
	Reference       string        `db:"authorization_reference"`
	Vehicle         string        `db:"vehicle"`
	Limited         bool          `db:"limited"`
	LimitEnergyWh   *int64        `db:"limit_energy_wh"`
	LimitS          *int64        `db:"limit_s"`
	LimitCost       *string       `db:"limit_cost"`
	LimitSoC        *float64      `db:"limit_soc"`
	LimitReached    string        `db:"limit_reached"`
	Cost            postgres.JSON `db:"cost"`
	IdleSince       *time.Time    `db:"idle_since"`
	RollFrom        *time.Time    `db:"roll_from"`
	CreatedAt       time.Time     `db:"created_at"`
	UpdatedAt       time.Time     `db:"updated_at"`
	Version         int64         `db:"version"`
}

const sessionColumns = `
s.id, s.plot_id, s.station_id, s.operator_id, s.evse_id, s.driver_id, s.reservation_id, s.charge_point_id, s.connector, s.id_tag,
s.transaction_id, s.state, s.state_since, s.reason, s.requested_at, s.start_by, s.started_at, s.started_said_at, s.stop_requested_at,
s.ended_at, s.meter_start_wh, s.meter_stop_wh, s.energy_wh, s.power_w, s.soc_percent, s.read_at, s.tariff, s.time_zone, s.token_id,
s.token, s.authorization_reference, s.vehicle, s.limited, s.limit_energy_wh, s.limit_s, s.limit_cost, s.limit_soc, s.limit_reached, s.cost, s.idle_since, s.roll_from,
s.created_at, s.updated_at, s.version`

func (r sessionRow) fromRow() session.Session {
	out := session.Session{
		ID: r.ID, PlotID: r.PlotID, StationID: r.StationID, OperatorID: r.OperatorID, EVSEID: r.EVSEID, DriverID: orZero(r.DriverID),
		ReservationID: orZero(r.ReservationID), ChargePointID: r.ChargePointID, Connector: r.Connector, IDTag: r.IDTag,
		State: session.State(r.State), StateSince: r.StateSince.UTC(), Reason: r.Reason, RequestedAt: r.RequestedAt.UTC(),
		StartedAt: timeOrZero(r.StartedAt), StopRequestedAt: timeOrZero(r.StopRequestedAt), EndedAt: timeOrZero(r.EndedAt),
		MeterStartWh: r.MeterStartWh, MeterStopWh: r.MeterStopWh, EnergyWh: r.EnergyWh, PowerW: r.PowerW, SoCPercent: r.SoCPercent,
		ReadAt: timeOrZero(r.ReadAt), Tariff: json.RawMessage(r.Tariff), TimeZone: r.TimeZone, CreatedAt: r.CreatedAt.UTC(),
		UpdatedAt: r.UpdatedAt.UTC(), Version: r.Version,
	}
	if r.TransactionID != nil {
		out.Transaction = chargepoint.TransactionID(*r.TransactionID)
	}
	out.Reference = r.Reference
	out.Vehicle, out.Limits, out.LimitReached, out.IdleSince = r.Vehicle, r.limits(), session.Limit(r.LimitReached), timeOrZero(r.IdleSince)
	if r.Cost != nil {
		out.Cost = &session.Cost{}
		if json.Unmarshal(r.Cost, out.Cost) != nil {
			out.Cost = nil // it cannot be: nothing but a Cost is ever written there
		}
	}
	if r.Token != nil {
		out.TokenID, out.Token = orZero(r.TokenID), &token.Snapshot{}
		if json.Unmarshal(r.Token, out.Token) != nil {
			out.Token = nil // it cannot be: nothing but a Snapshot is ever written there
		}
	}
	return out
}

func (r sessionRow) limits() session.Limits {
	var out session.Limits
	if r.LimitEnergyWh != nil {
		out.EnergyWh = *r.LimitEnergyWh
	}
	if r.LimitS != nil {
		out.Duration = time.Duration(*r.LimitS) * time.Second
	}
	if r.LimitCost != nil {
		out.Cost = tariff.Number(*r.LimitCost)
	}
	if r.LimitSoC != nil {
		out.SoCPercent = *r.LimitSoC
	}
	return out
}

func (r *sessionRow) setLimits(l session.Limits) {
	r.Limited, r.LimitEnergyWh, r.LimitS, r.LimitCost, r.LimitSoC = l.Any(), nil, nil, nil, nil
	if l.EnergyWh > 0 {
		r.LimitEnergyWh = &l.EnergyWh
	}
	if s := int64(l.Duration / time.Second); s > 0 {
		r.LimitS = &s
	}
	if l.Cost != "" {
		cost := string(l.Cost)
		r.LimitCost = &cost
	}
	if l.SoCPercent > 0 {
		r.LimitSoC = &l.SoCPercent
	}
}

func tellSessions(ctx context.Context, tx txn, now time.Time, rows ...sessionRow) error {
	events := make([]live.Event, len(rows))
	for i, r := range rows {
		data, err := json.Marshal(live.SessionData{
			ID: r.ID, PlotID: r.PlotID, State: r.State, Reason: r.Reason, StartedAt: utc(r.StartedAt), EndedAt: utc(r.EndedAt),
			EnergyKWh: kilo(r.EnergyWh), PowerKW: kilo(r.PowerW), SoCPercent: r.SoCPercent, Cost: json.RawMessage(r.Cost), IdleSince: utc(r.IdleSince),
			LimitReached: r.LimitReached, Version: r.Version,
		})
		if err != nil {
			return fmt.Errorf("write a session event: %w", err)
		}
		events[i] = live.Event{
			Kind: live.SessionChanged, PlotID: r.PlotID, StationID: r.StationID, OperatorID: r.OperatorID, DriverID: private(r.DriverID),
			Data: data,
		}
	}
	return tell(ctx, tx, now, events...)
}

// private is whom a session's events are for: its driver, or with none, nobody but the operator. The zero id would mean everybody.
func private(driver *uuid.UUID) uuid.UUID {
	if driver == nil {
		return uuid.Max
	}
	return *driver
}

const insertSessionSQL = `
INSERT INTO sessions AS s (id, plot_id, station_id, operator_id, evse_id, driver_id, reservation_id, charge_point_id, connector, id_tag,
    transaction_id, state, state_since, reason, requested_at, start_by, started_at, started_said_at, stop_requested_at, ended_at,
    meter_start_wh, meter_stop_wh, energy_wh, power_w, soc_percent, read_at, tariff, time_zone, token_id, token, authorization_reference,
    vehicle, limited, limit_energy_wh, limit_s, limit_cost, limit_soc, limit_reached, cost, idle_since, roll_from, created_at, updated_at, version)
VALUES (:id, :plot_id, :station_id, :operator_id, :evse_id, :driver_id, :reservation_id, :charge_point_id, :connector, :id_tag,
    :transaction_id, :state, :state_since, :reason, :requested_at, :start_by, :started_at, :started_said_at, :stop_requested_at, :ended_at,
    :meter_start_wh, :meter_stop_wh, :energy_wh, :power_w, :soc_percent, :read_at, :tariff, :time_zone, :token_id, :token, :authorization_reference,
    :vehicle, :limited, :limit_energy_wh, :limit_s, :limit_cost, :limit_soc, :limit_reached, :cost, :idle_since, :roll_from, :created_at, :updated_at, :version)`

// Everything about a session that can change; the caller holds its plot's lock.
const updateSessionSQL = `
UPDATE sessions
SET reservation_id = :reservation_id, id_tag = :id_tag, token_id = :token_id, token = :token, transaction_id = :transaction_id, state = :state, state_since = :state_since, reason = :reason,
    start_by = :start_by, started_at = :started_at, started_said_at = :started_said_at, stop_requested_at = :stop_requested_at,
    ended_at = :ended_at, meter_start_wh = :meter_start_wh, meter_stop_wh = :meter_stop_wh, energy_wh = :energy_wh, power_w = :power_w,
    soc_percent = :soc_percent, read_at = :read_at, vehicle = :vehicle, limited = :limited, limit_energy_wh = :limit_energy_wh,
    limit_s = :limit_s, limit_cost = :limit_cost, limit_soc = :limit_soc, limit_reached = :limit_reached, cost = :cost,
    idle_since = :idle_since, roll_from = :roll_from, updated_at = :updated_at, version = :version
WHERE id = :id`

// saveSession writes the row as its next version and tells of it.
func saveSession(ctx context.Context, tx txn, now time.Time, row *sessionRow) error {
	row.UpdatedAt = now
	row.Version++
	if _, err := tx.NamedExecContext(ctx, updateSessionSQL, row); err != nil {
		return fmt.Errorf("store the session: %w", err)
	}
	return tellSessions(ctx, tx, now, *row)
}

const getSessionSQL = `SELECT ` + sessionColumns + ` FROM sessions s WHERE s.id = $1`

// GetSession returns session.ErrNotFound when there is none.
func (s *Store) GetSession(ctx context.Context, id uuid.UUID) (session.Session, error) {
	row, err := selectSession(ctx, s.db, getSessionSQL, id)
	if err != nil {
		return session.Session{}, postgres.Map(err, nil)
	}
	return row.fromRow(), nil
}

// selectSession gives the one session that a query finds, session.ErrNotFound when it finds none.
func selectSession(ctx context.Context, q sqlx.QueryerContext, query string, args ...any) (sessionRow, error) {
	var row sessionRow
	err := sqlx.GetContext(ctx, q, &row, query, args...)
	if errors.Is(err, sql.ErrNoRows) {
		return row, session.ErrNotFound
	}
	if err != nil {
		return row, fmt.Errorf("read a session: %w", err)
	}
	return row, nil
}

// Newest first; ids are made in order of time.
const listSessionsSQL = `
SELECT ` + sessionColumns + `
FROM sessions s
WHERE ($1::uuid IS NULL OR s.driver_id = $1) AND ($2::uuid IS NULL OR s.station_id = $2) AND ($3::uuid IS NULL OR s.plot_id = $3)
  AND ($4::text[] IS NULL OR s.state = ANY($4)) AND ($5::uuid IS NULL OR s.id < $5)
ORDER BY s.id DESC
LIMIT $6`

// ListSessions gives a selection, newest first.
func (s *Store) ListSessions(ctx context.Context, sel access.Selection) ([]session.Session, error) {
	var rows []sessionRow
	if err := s.db.SelectContext(ctx, &rows, listSessionsSQL, selectionArgs(sel)...); err != nil {
		return nil, postgres.Map(fmt.Errorf("list sessions: %w", err), nil)
	}
	out := make([]session.Session, len(rows))
	for i, r := range rows {
		out[i] = r.fromRow()
	}
	return out, nil
}

// A plot's outlets that a charge point serves, the connected and sound ones first.
const outletsSQL = `
SELECT p.station_id, p.operator_id, p.status, e.id AS evse_id, e.connectors, cc.charge_point_id, cc.number, cp.connected_to,
       st.tariffs, st.time_zone
FROM plots p
JOIN stations st ON st.id = p.station_id
JOIN plot_evses pe ON pe.plot_id = p.id
JOIN evses e ON e.id = pe.evse_id
LEFT JOIN charge_point_connectors cc ON cc.evse_id = e.id
LEFT JOIN charge_points cp ON cp.id = cc.charge_point_id
WHERE p.id = $1
ORDER BY e.removed, cp.connected_to IS NULL, cp.connected_to = '', cc.status IN ('Faulted', 'Unavailable'), e.uid
LIMIT 1`

type outletRow struct {
	StationID     uuid.UUID  `db:"station_id"`
	OperatorID    uuid.UUID  `db:"operator_id"`
	Status        string     `db:"status"`
	EVSEID        uuid.UUID  `db:"evse_id"`
	Connectors    []byte     `db:"connectors"`
	ChargePointID *uuid.UUID `db:"charge_point_id"`
	Number        *int       `db:"number"`
	ConnectedTo   *string    `db:"connected_to"`
	Tariffs       []byte     `db:"tariffs"`
	TimeZone      string     `db:"time_zone"`
}

func (o outletRow) tariff(at time.Time) (json.RawMessage, error) {
	var connectors []catalog.Connector
	var tariffs []json.RawMessage
	if err := errors.Join(json.Unmarshal(o.Connectors, &connectors), json.Unmarshal(o.Tariffs, &tariffs)); err != nil {
		return nil, fmt.Errorf("evse %s: its tariffs: %w", o.EVSEID, err)
	}
	return catalog.PickTariff(connectors, tariffs, at), nil
}

// Claims that run or are to come, in order. The first few decide.
const soonSQL = `
SELECT ` + reservationColumnsR + `
FROM reservations r
WHERE r.plot_id = $1 AND r.state IN ('PENDING', 'RESERVED') AND upper(r.period) > $2
ORDER BY lower(r.period)
LIMIT 5`

const openSessionSQL = `SELECT ` + sessionColumns + ` FROM sessions s WHERE s.plot_id = $1 AND s.state IN ('PENDING', 'ACTIVE')`

// OrderSession makes a PENDING session with a one-time tag, or says why it cannot be: plot.ErrNotFound, plot.ErrRemoved,
// session.ErrUnusable, ErrOccupied, ErrReserved, ErrTooEarly, ErrWrongReservation, ErrNoChargePoint, chargepoint.ErrNotConnected. With an
// idempotency key in ctx a repeated request is given the first one's answer, and fresh is false.
func (s *Store) OrderSession(ctx context.Context, order session.Order) (out session.Session, fresh bool, err error) {
	out, replayed, err := writeOnce(ctx, s, order.DriverID, func(ctx context.Context, tx txn) (session.Session, error) {
		return s.orderSession(ctx, tx, order)
	})
	return out, !replayed, err
}

func (s *Store) orderSession(ctx context.Context, tx txn, order session.Order) (session.Session, error) {
	found, err := lockPlots(ctx, tx, []uuid.UUID{order.PlotID})
	if err != nil {
		return session.Session{}, fmt.Errorf("lock the plot: %w", err)
	}
	if len(found) == 0 {
		return session.Session{}, plot.ErrNotFound
	}
	now := s.now()
	var outlet outletRow
	if err := tx.GetContext(ctx, &outlet, outletsSQL, order.PlotID); err != nil {
		return session.Session{}, fmt.Errorf("find the plot's outlet: %w", err)
	}
	if err := outlet.usable(); err != nil {
		return session.Session{}, err
	}
	switch _, err := selectSession(ctx, tx, openSessionSQL, order.PlotID); {
	case err == nil:
		return session.Session{}, session.ErrOccupied
	case !errors.Is(err, session.ErrNotFound):
		return session.Session{}, err
	}
	// A claim whose driver has not come is no longer in anybody's way, even if the scheduler has not come to it yet.
	if err := s.giveUp(ctx, tx, now, []uuid.UUID{order.PlotID}); err != nil {
		return session.Session{}, err
	}
	claim, err := s.claimFor(ctx, tx, now, order)
	if err != nil {
		return session.Session{}, err
	}
	price, err := outlet.tariff(now)
	if err != nil {
		return session.Session{}, err
	}
	tag, err := tagFor(ctx, tx, claim, *outlet.ChargePointID, *outlet.Number)
	if err != nil {
		return session.Session{}, err
	}
	startBy := now.Add(s.opt.StartTimeout)
	row := sessionRow{
		ID: newID(), PlotID: order.PlotID, StationID: outlet.StationID, OperatorID: outlet.OperatorID, EVSEID: outlet.EVSEID,
		DriverID: &order.DriverID, ReservationID: orNull(claim), ChargePointID: *outlet.ChargePointID, Connector: *outlet.Number,
		IDTag: tag, State: string(session.Pending), StateSince: now, RequestedAt: now, StartBy: &startBy,
		Tariff: postgres.JSON(price), TimeZone: outlet.TimeZone, Vehicle: order.Vehicle, Reference: order.Reference, CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	if order.Token != nil {
		if row.Token, err = json.Marshal(order.Token); err != nil {
			return session.Session{}, fmt.Errorf("write the token: %w", err)
		}
	}
	if row.setLimits(order.Limits); order.Limits.Cost != "" && price == nil {
		return session.Session{}, session.ErrNoPrice.At(
			fault.Field{Pointer: "/limits/cost", Code: "no_tariff", Detail: "must be left out where nothing says what a charge costs"})
	}
	if _, err := tx.NamedExecContext(ctx, insertSessionSQL, row); err != nil {
		return session.Session{}, fmt.Errorf("store the session: %w", err)
	}
	if err := tellSessions(ctx, tx, now, row); err != nil {
		return session.Session{}, err
	}
	return row.fromRow(), s.settle(ctx, tx, now, []uuid.UUID{order.PlotID}, nil)
}

// usable says why no session can begin at the outlet.
func (o outletRow) usable() error {
	switch st := status.Status(o.Status); {
	case st == status.Removed:
		return plot.ErrRemoved
	case !st.Usable():
		return session.ErrUnusable.Detailf("The plot is %s.", st).With("plot_status", string(st))
	case o.ChargePointID == nil:
		return session.ErrNoChargePoint
	case *o.ConnectedTo == "":
		return chargepoint.ErrNotConnected.After(time.Minute)
	case st == status.Charging:
		return session.ErrOccupied.Detailf("A car charges there.")
	}
	return nil
}

// claimFor gives the driver's own claim on the plot: the one that runs, or the next one, as early as its operator lets it begin and if
// nobody else holds the time before. It returns session.ErrReserved when somebody else's runs or begins within the guard time, ErrTooEarly
// when the driver's own does and may not begin yet, and ErrWrongReservation when the order names another one.
func (s *Store) claimFor(ctx context.Context, tx txn, now time.Time, order session.Order) (uuid.UUID, error) {
	var soon []reservationRow
	if err := tx.SelectContext(ctx, &soon, soonSQL, order.PlotID, now); err != nil {
		return uuid.Nil, fmt.Errorf("read the plot's reservations: %w", err)
	}
	named := order.ReservationID != uuid.Nil
	for i, r := range soon {
		near := !r.StartsAt.After(now.Add(s.opt.Guard))
		if r.DriverID != order.DriverID {
			if near && i == 0 {
				return uuid.Nil, session.ErrReserved.Detailf("It is reserved from %s.", r.StartsAt.UTC().Format(time.RFC3339))
			}
			break
		}
		if named && order.ReservationID != r.ID {
			continue
		}
		from, err := s.mayBeginFrom(ctx, tx, now, r)
		switch {
		case err != nil:
			return uuid.Nil, err
		case !from.After(now):
			return r.ID, nil
		case named || near:
			return uuid.Nil, session.ErrTooEarly.Detailf("It may begin at %s.", from.UTC().Format(time.RFC3339)).With("from", from.UTC())
		}
		break // it is far enough away for anybody to begin before it
	}
	if named {
		return uuid.Nil, session.ErrWrongReservation
	}
	return uuid.Nil, nil
}

// mayBeginFrom is when a session of the claim may begin at the earliest.
func (s *Store) mayBeginFrom(ctx context.Context, tx txn, now time.Time, r reservationRow) (time.Time, error) {
	if !r.StartsAt.After(now) {
		return r.StartsAt, nil
	}
	own, err := getTerms(ctx, tx, r.OperatorID, "")
	if err != nil {
		return time.Time{}, err
	}
	early := s.opt.Guard
	if own.EarlyStart != nil {
		early = *own.EarlyStart
	}
	return r.StartsAt.Add(-early), nil
}

// ChangeSession lets change decide what becomes of an open session, with its plot and itself locked, and stores that; change returns
// false to leave it. It is for the few fields that the service's own side changes: state, reason, stop requested.
func (s *Store) ChangeSession(
	ctx context.Context, id uuid.UUID, change func(session.Session, time.Time) (session.Session, bool),
) (out session.Session, err error) {
	seen, err := s.GetSession(ctx, id)
	if err != nil {
		return session.Session{}, err
	}
	err = s.write(ctx, func(ctx context.Context, tx txn) error {
		if _, err := lockPlots(ctx, tx, []uuid.UUID{seen.PlotID}); err != nil {
			return fmt.Errorf("lock the plot: %w", err)
		}
		row, err := selectSession(ctx, tx, getSessionSQL+" FOR UPDATE", id)
		if err != nil {
			return err
		}
		now := s.now()
		wanted, do := change(row.fromRow(), now)
		if !do {
			out = row.fromRow()
			return nil
		}
		if row.State != string(wanted.State) {
			row.State, row.StateSince = string(wanted.State), now
		}
		row.Reason, row.StopRequestedAt, row.EndedAt = wanted.Reason, timeOrNull(wanted.StopRequestedAt), timeOrNull(wanted.EndedAt)
		if err := saveSession(ctx, tx, now, &row); err != nil {
			return err
		}
		out = row.fromRow()
		return s.settle(ctx, tx, now, []uuid.UUID{seen.PlotID}, nil)
	})
	return out, err
}
