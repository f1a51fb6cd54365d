package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

const connectorPlotSQL = `
SELECT pe.plot_id, cc.evse_id
FROM charge_point_connectors cc JOIN plot_evses pe ON pe.evse_id = cc.evse_id
WHERE cc.charge_point_id = $1 AND cc.number = $2`

const repeatedStartSQL = `
SELECT ` + sessionColumns + `
FROM sessions s
WHERE s.charge_point_id = $1 AND s.connector = $2 AND s.started_said_at = $3 AND s.id_tag = $4`

const orderedSQL = `
SELECT ` + sessionColumns + `
FROM sessions s
WHERE s.charge_point_id = $1 AND s.id_tag = $2 AND s.driver_id IS NOT NULL AND s.token_id IS NULL AND s.plot_id = $3
FOR UPDATE`

// StartTransaction implements central.Plugs. The tag of a session that waits makes it ACTIVE; so does the tag of one that was given up
// because nothing began in time or the charge point did not answer, as long as nobody else has the plot: the car is there and energy
// flows. A token that holds there begins a session of whoever's it is. Any other tag gets a session that nobody answers for, which ends
// INVALID. Whatever was open on the plot ends with it.
func (s *Store) StartTransaction(
	ctx context.Context, id uuid.UUID, start chargepoint.TransactionStart, at time.Time,
) (out chargepoint.TransactionStarted, err error) {
	said := start.At.UTC().Truncate(time.Microsecond)
	if start.At.IsZero() {
		said = at
	}
	at = at.UTC().Truncate(time.Microsecond)
	var place struct {
		PlotID uuid.UUID `db:"plot_id"`
		EVSEID uuid.UUID `db:"evse_id"`
	}
	err = s.db.GetContext(ctx, &place, connectorPlotSQL, id, start.Connector)
	if errors.Is(err, sql.ErrNoRows) {
		// There is no plot that this could be a session of; the charge point is answered all the same, so that it can stop.
		return chargepoint.TransactionStarted{Transaction: number(start), Authorization: chargepoint.Invalid}, nil
	}
	if err != nil {
		return out, fmt.Errorf("find the connector's plot: %w", err)
	}
	err = s.write(ctx, func(ctx context.Context, tx txn) error {
		if _, err := lockPlots(ctx, tx, []uuid.UUID{place.PlotID}); err != nil {
			return fmt.Errorf("lock the plot: %w", err)
		}
		repeated, err := selectSession(ctx, tx, repeatedStartSQL, id, start.Connector, said, start.IDTag)
		if err == nil {
			out = started(repeated)
			return nil
		}
		if !errors.Is(err, session.ErrNotFound) {
			return err
		}
		row, err := s.begin(ctx, tx, id, place.PlotID, place.EVSEID, start, said, at)
		if err != nil {
			return err
		}
		out = started(row)
		return nil
	})
	return out, err
}

func started(row sessionRow) chargepoint.TransactionStarted {
	out := chargepoint.TransactionStarted{Authorization: chargepoint.Accepted}
	if row.TransactionID != nil {
		out.Transaction = chargepoint.TransactionID(*row.TransactionID)
	}
	if !row.known() {
		out.Authorization = chargepoint.Invalid
	}
	return out
}

// number allots a transaction id where the station has not chosen one: a positive number of 31 bits, drawn at random because a counter
// would be one row that every start in the network waits for. Ids need to differ within one charge point only, where a constraint sees
// to it.
func number(start chargepoint.TransactionStart) chargepoint.TransactionID {
	if start.Transaction != "" {
		return start.Transaction
	}
	//nolint:gosec // it names a transaction and protects nothing
	return chargepoint.TransactionID(strconv.Itoa(1 + rand.IntN(math.MaxInt32-1)))
}

// begin makes the session of the transaction ACTIVE and returns it.
func (s *Store) begin(
	ctx context.Context, tx txn, id, plotID, evseID uuid.UUID, start chargepoint.TransactionStart, said, at time.Time,
) (sessionRow, error) {
	now := s.now()
	ordered, err := selectSession(ctx, tx, orderedSQL, id, start.IDTag, plotID)
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		return sessionRow{}, err
	}
	known := err == nil && mayBegin(ordered)
	open, err := selectSession(ctx, tx, openSessionSQL+" FOR UPDATE", plotID)
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		return sessionRow{}, err
	}
	occupied := err == nil
	claim, err := heldFor(ctx, tx, id, start.IDTag, start.ReservationID)
	if err != nil {
		return sessionRow{}, err
	}
	row := ordered
	if !known && claim != nil && claim.IDTag == start.IDTag { // nobody but its driver's app and the charge point knows the tag
		if _, err := tx.ExecContext(ctx, retireTagSQL, id, start.IDTag); err != nil {
			return sessionRow{}, fmt.Errorf("free the claim's tag: %w", err)
		}
		if row, err = s.unordered(ctx, tx, now, unordered{chargePoint: id, plot: plotID, evse: evseID, start: start, claim: claim}); err != nil {
			return sessionRow{}, err
		}
	} else if !known {
		if occupied && open.State == string(session.Pending) && open.DriverID != nil {
			if err := proveToken(ctx, tx, now, *open.DriverID, start.IDTag); err != nil {
				return sessionRow{}, err
			}
		}
		shown, err := s.show(ctx, tx, at, id, plotID, start.IDTag)
		if err != nil {
			return sessionRow{}, err
		}
		if shown != nil && occupied && shown.begins(open) { // ordered by an app, and begun by the driver's card
			row, known = open, true
			shown.mark(&row, start.IDTag)
		} else if row, err = s.unordered(ctx, tx, now, unordered{chargePoint: id, plot: plotID, evse: evseID, start: start, shown: shown}); err != nil {
			return sessionRow{}, err
		}
	}
	if occupied && open.ID != row.ID {
		if err := s.supersede(ctx, tx, now, at, open, start.MeterWh); err != nil {
			return sessionRow{}, err
		}
	}
	if !known {
		if _, err := tx.NamedExecContext(ctx, insertSessionSQL, row); err != nil {
			return sessionRow{}, fmt.Errorf("store a session that was not ordered: %w", err)
		}
	}
	transaction := string(number(start))
	energy := 0.0
	row.State, row.StateSince, row.Reason, row.EndedAt, row.StartBy = string(session.Active), now, "", nil, nil
	row.TransactionID, row.StartedAt, row.StartedSaidAt = &transaction, &at, &said
	row.MeterStartWh, row.EnergyWh, row.ReadAt, row.RollFrom = &start.MeterWh, &energy, &at, &at
	if start.NoMeter {
		row.MeterStartWh = nil
	}
	if claim != nil && row.ReservationID == nil && orZero(row.DriverID) == claim.DriverID { // the charge point says whose it is
		row.ReservationID = &claim.ID
	}
	if row.ReservationID != nil {
		if _, err := tx.ExecContext(ctx, usedHoldSQL, *row.ReservationID, id, start.Connector); err != nil {
			return sessionRow{}, fmt.Errorf("use up what the charge point held: %w", err)
		}
		if err := fulfill(ctx, tx, now, at, *row.ReservationID); err != nil {
			return sessionRow{}, err
		}
	}
	if err := s.displace(ctx, tx, now, plotID); err != nil {
		return sessionRow{}, err
	}
	if err := saveSession(ctx, tx, now, &row); err != nil {
		return sessionRow{}, err
	}
	first := session.Reading{
		At: at, RegisterWh: float64(start.MeterWh),
		PowerW: math.NaN(), CurrentA: math.NaN(), VoltageV: math.NaN(), SoCPercent: math.NaN(),
	}
	if start.NoMeter {
		first.RegisterWh = math.NaN()
	}
	if err := insertReadings(ctx, tx, row.ID, []session.Reading{first}); err != nil {
		return sessionRow{}, err
	}
	err = s.settle(ctx, tx, now, []uuid.UUID{plotID}, map[uuid.UUID]time.Time{plotID: at})
	return row, err
}

// mayBegin tells whether a transaction may still begin an ordered session.
func mayBegin(row sessionRow) bool {
	return row.State == string(session.Pending) || row.State == string(session.Invalid) && row.StartedAt == nil &&
		(row.Reason == session.ReasonTimeout || row.Reason == session.ReasonOffline)
}

// supersede ends the session that was open on a plot when the charge point begins another there without having ended it. What it took in
// is known up to its last reading, and at most up to where the new one begins.
func (s *Store) supersede(ctx context.Context, tx txn, now, at time.Time, open sessionRow, meterWh int64) error {
	if open.State == string(session.Pending) {
		open.State, open.StateSince, open.Reason, open.EndedAt = string(session.Invalid), now, session.ReasonSuperseded, &now
		return saveSession(ctx, tx, now, &open)
	}
	stop := meterWh
	if open.MeterStartWh != nil && stop < *open.MeterStartWh { // the register was reset meanwhile
		stop = *open.MeterStartWh
		if open.EnergyWh != nil {
			stop += int64(math.Round(*open.EnergyWh))
		}
	}
	return s.finish(ctx, tx, now, open, chargepoint.TransactionStop{MeterWh: stop, Reason: session.ReasonSuperseded}, at)
}

const transactionSQL = `SELECT ` + sessionColumns + ` FROM sessions s WHERE s.charge_point_id = $1 AND s.transaction_id = $2`

// A plug that charged until now and has not said what it does after holds a car that is done.
const finishingSQL = `
UPDATE charge_point_connectors SET status = 'Finishing', status_at = greatest(status_at, $3)
WHERE charge_point_id = $1 AND number = $2 AND status IN ('Charging', 'SuspendedEV', 'SuspendedEVSE') AND status_at <= $3`

// StopTransaction implements central.Plugs. A second stop of a session changes nothing; one of a transaction that is not known is
// logged.
func (s *Store) StopTransaction(ctx context.Context, id uuid.UUID, stop chargepoint.TransactionStop, at time.Time) error {
	at = at.UTC().Truncate(time.Microsecond)
	seen, err := selectSession(ctx, s.db, transactionSQL, id, string(stop.Transaction))
	if errors.Is(err, session.ErrNotFound) {
		s.opt.Log.WarnContext(ctx, "a transaction that is not known has ended", "charge_point_id", id, "transaction", string(stop.Transaction))
		return nil
	}
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, tx txn) error {
		if _, err := lockPlots(ctx, tx, []uuid.UUID{seen.PlotID}); err != nil {
			return fmt.Errorf("lock the plot: %w", err)
		}
		row, err := selectSession(ctx, tx, getSessionSQL+" FOR UPDATE", seen.ID)
		if err != nil {
			return err
		}
		if row.State != string(session.Active) {
			return nil
		}
		now := s.now()
		if err := s.finish(ctx, tx, now, row, stop, at); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, finishingSQL, id, row.Connector, at); err != nil {
			return fmt.Errorf("note the plug's end: %w", err)
		}
		return s.settle(ctx, tx, now, []uuid.UUID{row.PlotID}, map[uuid.UUID]time.Time{row.PlotID: at})
	})
}

// finish ends an active session: its last readings, its state, its CDR. The caller settles the plot.
func (s *Store) finish(
	ctx context.Context, tx txn, now time.Time, row sessionRow, stop chargepoint.TransactionStop, at time.Time,
) error {
	if row.StartedAt != nil && at.Before(*row.StartedAt) {
		at = row.StartedAt.UTC()
	}
	readings := session.Readings(stop.Samples)
	stop = measured(row, stop, readings)
	row.MeterStartWh = begun(row, stop, readings)
	last := session.Reading{
		At: at, RegisterWh: float64(stop.MeterWh),
		PowerW: math.NaN(), CurrentA: math.NaN(), VoltageV: math.NaN(), SoCPercent: math.NaN(),
	}
	stored := append(slices.Clone(readings), last)
	for _, r := range stored {
		if row.RollFrom == nil || r.At.Before(*row.RollFrom) {
			row.RollFrom = &r.At
		}
	}
	if err := insertReadings(ctx, tx, row.ID, stored); err != nil {
		return err
	}
	row.State, row.Reason = string(session.Completed), stop.Reason
	if stop.Reason == "" {
		row.Reason = "Local"
	}
	if row.LimitReached != "" && stop.Reason == "Remote" {
		row.Reason = session.ReasonLimit + row.LimitReached
	}
	if !row.known() {
		row.State = string(session.Invalid)
	}
	row.StateSince, row.EndedAt, row.MeterStopWh, row.PowerW = now, &at, &stop.MeterWh, nil
	if row.MeterStartWh != nil {
		energy := float64(max(0, stop.MeterWh-*row.MeterStartWh))
		row.EnergyWh = &energy
	}
	if len(readings) > 0 {
		if soc := readings[len(readings)-1].SoCPercent; !math.IsNaN(soc) {
			row.SoCPercent = &soc
		}
	}
	row.ReadAt = &at
	var cdr session.CDR
	if row.known() {
		var err error
		if cdr, err = s.bill(ctx, tx, now, row.fromRow()); err != nil {
			return err
		}
		energy := cdr.EnergyWh()
		row.EnergyWh = &energy
		if cost, err := costOf(cdr); err != nil {
			return err
		} else if cost != nil {
			row.Cost = cost
		}
	}
	if err := saveSession(ctx, tx, now, &row); err != nil {
		return err
	}
	if row.ReservationID != nil {
		if err := release(ctx, tx, now, *row.ReservationID); err != nil {
			return err
		}
	}
	if !row.known() {
		return nil
	}
	return storeCDR(ctx, tx, cdr)
}

// measured fills in the register of a stop that did not read it: what the session's last reading came to.
func measured(row sessionRow, stop chargepoint.TransactionStop, readings []session.Reading) chargepoint.TransactionStop {
	if !stop.NoMeter {
		return stop
	}
	for _, r := range slices.Backward(readings) {
		if !math.IsNaN(r.RegisterWh) {
			stop.MeterWh = int64(math.Round(r.RegisterWh))
			return stop
		}
	}
	if row.MeterStartWh != nil && row.EnergyWh != nil {
		stop.MeterWh = *row.MeterStartWh + int64(math.Round(*row.EnergyWh))
	}
	return stop
}

// begun is the register at a session's beginning, or what stands in for it where the beginning did not read it: the first that was read.
func begun(row sessionRow, stop chargepoint.TransactionStop, readings []session.Reading) *int64 {
	if row.MeterStartWh != nil {
		return row.MeterStartWh
	}
	first := stop.MeterWh
	for _, r := range slices.Backward(readings) {
		if !math.IsNaN(r.RegisterWh) {
			first = int64(math.Round(r.RegisterWh))
		}
	}
	return &first
}
