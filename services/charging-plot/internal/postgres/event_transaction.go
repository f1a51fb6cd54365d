package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/session"
)

// A name that begins again after its session has ended is another transaction: some stations count from 1 after a reset.
const transactionAtSQL = `
SELECT connector FROM sessions
WHERE charge_point_id = $1 AND transaction_id = $2 AND NOT ($3 AND state IN ('COMPLETED', 'INVALID') AND ended_at < $4)`

// TransactionAt implements central.Plugs.
func (s *Store) TransactionAt(ctx context.Context, id uuid.UUID, event chargepoint.TransactionEvent) (connector int, known bool, err error) {
	err = s.db.GetContext(ctx, &connector, transactionAtSQL, id, string(event.Transaction), event.Kind == chargepoint.EventStarted, event.At)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return connector, err == nil, postgres.Map(err, nil)
}

const retireTransactionSQL = `
UPDATE sessions SET transaction_id = transaction_id || '@' || id
WHERE charge_point_id = $1 AND transaction_id = $2 AND state IN ('COMPLETED', 'INVALID') AND ended_at < $3`

// Who handles the events of one transaction; two replicas may for a moment, when a charge point reconnects.
const lockTransactionSQL = `SELECT pg_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 0))`

// A repeat of an event is the event.
const keepEventSQL = `
INSERT INTO transaction_events (charge_point_id, transaction_id, seq, event, received_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING`

const keptEventsSQL = `SELECT event FROM transaction_events WHERE charge_point_id = $1 AND transaction_id = $2 ORDER BY seq`

const dropEventsSQL = `DELETE FROM transaction_events WHERE charge_point_id = $1 AND transaction_id = $2`

// BeginTransaction implements central.Plugs. A session wants the first event, for the time and the register at its beginning, and a tag,
// for whose it is; without a tag it is begun only when the transaction has ended, as energy that nobody ordered.
func (s *Store) BeginTransaction(
	ctx context.Context, id uuid.UUID, event chargepoint.TransactionEvent,
) (word chargepoint.Authorization, err error) {
	document, err := json.Marshal(event)
	if err != nil {
		return "", fmt.Errorf("write an event: %w", err)
	}
	err = s.write(ctx, func(ctx context.Context, tx txn) error {
		if _, err := tx.ExecContext(ctx, lockTransactionSQL, id, string(event.Transaction)); err != nil {
			return fmt.Errorf("lock the transaction: %w", err)
		}
		if event.Kind == chargepoint.EventStarted {
			if _, err := tx.ExecContext(ctx, retireTransactionSQL, id, string(event.Transaction), event.At); err != nil {
				return fmt.Errorf("tell a transaction from an earlier one: %w", err)
			}
		}
		// Somebody may have begun it while we waited.
		begun, err := selectSession(ctx, tx, transactionSQL, id, string(event.Transaction))
		if err == nil {
			word = started(begun).Authorization
			return nil
		}
		if !errors.Is(err, session.ErrNotFound) {
			return err
		}
		if _, err := tx.ExecContext(ctx, keepEventSQL, id, string(event.Transaction), event.Seq, postgres.JSON(document), s.now()); err != nil {
			return fmt.Errorf("keep an event: %w", err)
		}
		word, err = s.beginKept(ctx, tx, id, event.Transaction, false)
		return err
	})
	return word, err
}

// beginKept begins a session by the events that are kept of a transaction, and ends it when they say so. stray does without the first
// event. It returns "" when it is too early.
func (s *Store) beginKept(
	ctx context.Context, tx txn, id uuid.UUID, transaction chargepoint.TransactionID, stray bool,
) (chargepoint.Authorization, error) {
	events, err := keptEvents(ctx, tx, id, transaction)
	if err != nil || len(events) == 0 {
		return "", err
	}
	first, last := events[0], events[len(events)-1]
	ended := last.Kind == chargepoint.EventEnded
	start := whole(events)
	if start.IDTag == "" && start.RemoteStart > 0 {
		if start.IDTag, err = s.orderedTag(ctx, tx, id, start.RemoteStart); err != nil {
			return "", err
		}
		start.Shown = start.IDTag != ""
	}
	if stray && start.Connector == 0 { // whoever ordered it said where
		err := tx.GetContext(ctx, &start.Connector, orderedAtSQL, id, start.IDTag)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return "", fmt.Errorf("find the order of a transaction: %w", err)
		}
	}
	if first.Kind != chargepoint.EventStarted && !stray || !start.Shown && !ended || start.Connector == 0 && !stray {
		if ended {
			s.opt.Log.WarnContext(ctx, "a transaction has ended whose beginning is not known", "charge_point_id", id, "transaction", string(transaction))
		}
		return "", nil
	}
	if _, err := tx.ExecContext(ctx, dropEventsSQL, id, string(transaction)); err != nil {
		return "", fmt.Errorf("drop the events kept: %w", err)
	}
	if !start.Shown && !flowed(events) { // a cable that was plugged in and pulled out again
		return "", nil
	}
	var place struct {
		PlotID uuid.UUID `db:"plot_id"`
		EVSEID uuid.UUID `db:"evse_id"`
	}
	err = tx.GetContext(ctx, &place, connectorPlotSQL, id, start.Connector)
	if errors.Is(err, sql.ErrNoRows) { // there is no plot that this could be a session of
		return chargepoint.Invalid, nil
	}
	if err != nil {
		return "", fmt.Errorf("find the EVSE's plot: %w", err)
	}
	if _, err := lockPlots(ctx, tx, []uuid.UUID{place.PlotID}); err != nil {
		return "", fmt.Errorf("lock the plot: %w", err)
	}
	row, err := s.begin(ctx, tx, id, place.PlotID, place.EVSEID, start.Start(), start.At, start.At.UTC().Truncate(time.Microsecond))
	if err != nil {
		return "", err
	}
	word := started(row).Authorization
	if err := s.catchUp(ctx, tx, row, events); err != nil {
		return "", err
	}
	if !ended {
		return word, nil
	}
	if row, err = selectSession(ctx, tx, getSessionSQL+" FOR UPDATE", row.ID); err != nil {
		return "", err
	}
	now, at := s.now(), last.At.UTC().Truncate(time.Microsecond)
	if err := s.finish(ctx, tx, now, row, last.Stop(), at); err != nil {
		return "", err
	}
	return word, s.settle(ctx, tx, now, []uuid.UUID{row.PlotID}, map[uuid.UUID]time.Time{row.PlotID: at})
}

func keptEvents(ctx context.Context, tx txn, id uuid.UUID, transaction chargepoint.TransactionID) ([]chargepoint.TransactionEvent, error) {
	var documents [][]byte
	if err := tx.SelectContext(ctx, &documents, keptEventsSQL, id, string(transaction)); err != nil {
		return nil, fmt.Errorf("read the events kept: %w", err)
	}
	events := make([]chargepoint.TransactionEvent, len(documents))
	for i, document := range documents {
		if err := json.Unmarshal(document, &events[i]); err != nil {
			return nil, fmt.Errorf("read an event: %w", err)
		}
	}
	// The end is the last, whatever number it bears.
	slices.SortStableFunc(events, func(a, b chargepoint.TransactionEvent) int { return rank(a.Kind) - rank(b.Kind) })
	return events, nil
}

func rank(kind chargepoint.EventKind) int {
	return map[chargepoint.EventKind]int{chargepoint.EventUpdated: 1, chargepoint.EventEnded: 2}[kind]
}

// whole is the first event, with what later ones say that it did not: whose it is, where, and the register.
func whole(events []chargepoint.TransactionEvent) chargepoint.TransactionEvent {
	start := events[0]
	start.Samples = slices.Clone(start.Samples)
	for _, e := range events {
		if !start.Shown && e.Shown {
			start.IDTag, start.Shown = e.IDTag, true
		}
		if start.RemoteStart == 0 {
			start.RemoteStart = e.RemoteStart
		}
		if start.Connector == 0 {
			start.Connector = e.Connector
		}
		if start.ReservationID == 0 {
			start.ReservationID = e.ReservationID
		}
		if _, read := start.Register(); !read {
			start.Samples = append(start.Samples, e.Samples...)
		}
	}
	start.Kind = chargepoint.EventStarted
	return start
}

// flowed tells whether the register moved.
func flowed(events []chargepoint.TransactionEvent) bool {
	lowest, highest := math.Inf(1), math.Inf(-1)
	for _, e := range events {
		if wh, read := e.Register(); read {
			lowest, highest = min(lowest, wh), max(highest, wh)
		}
	}
	return highest > lowest
}

// catchUp stores what was read while the session had not begun.
func (s *Store) catchUp(ctx context.Context, tx txn, row sessionRow, events []chargepoint.TransactionEvent) error {
	var readings []session.Reading
	for _, e := range events {
		readings = append(readings, session.Readings(e.Samples)...)
	}
	if len(readings) == 0 {
		return nil
	}
	var columns saidColumns
	if err := columns.add(row.ID, 0, "", readings, false); err != nil {
		return err
	}
	_, err := columns.store(ctx, tx, sessionsSaidSQL, s.now(), false)
	return err
}

const waitingTagsSQL = `SELECT id_tag FROM sessions WHERE charge_point_id = $1 AND driver_id IS NOT NULL AND requested_at > $2`

const orderedAtSQL = `SELECT connector FROM sessions WHERE charge_point_id = $1 AND id_tag = $2 AND driver_id IS NOT NULL`

// remembered is how far back an order is looked for by the number of its start.
const remembered = 24 * time.Hour

// orderedTag finds the tag of the order that a remote start's number stands for, "" when there is none.
func (s *Store) orderedTag(ctx context.Context, tx txn, id uuid.UUID, remoteStart int) (string, error) {
	var tags []string
	if err := tx.SelectContext(ctx, &tags, waitingTagsSQL, id, s.now().Add(-remembered)); err != nil {
		return "", fmt.Errorf("find the order of a start: %w", err)
	}
	for _, tag := range tags {
		if chargepoint.RemoteStartID(tag) == remoteStart {
			return tag, nil
		}
	}
	return "", nil
}

const strayedSQL = `
SELECT charge_point_id, transaction_id
FROM transaction_events
GROUP BY charge_point_id, transaction_id
HAVING max(received_at) < $1 AND bool_or(event ->> 'Kind' = 'Ended' OR (event ->> 'Shown')::boolean)
   AND NOT bool_or(event ->> 'Kind' = 'Started')
LIMIT $2`

// Events of a transaction that never began to matter to anybody, such as a cable that was plugged in and pulled out again.
const forgetEventsSQL = `DELETE FROM transaction_events WHERE received_at < $1`

// forgetAfter is how long events are kept that nothing comes of.
const forgetAfter = 7 * 24 * time.Hour

// SettleStrayed implements central.Plugs. Replicas that try at once do the work once: the second finds no events any more.
func (s *Store) SettleStrayed(ctx context.Context, since time.Time, limit int) (int, error) {
	var strayed []struct {
		ChargePointID uuid.UUID `db:"charge_point_id"`
		Transaction   string    `db:"transaction_id"`
	}
	if err := s.db.SelectContext(ctx, &strayed, strayedSQL, since, limit); err != nil {
		return 0, postgres.Map(fmt.Errorf("find strayed transactions: %w", err), nil)
	}
	for _, stray := range strayed {
		err := s.write(ctx, func(ctx context.Context, tx txn) error {
			if _, err := tx.ExecContext(ctx, lockTransactionSQL, stray.ChargePointID, stray.Transaction); err != nil {
				return fmt.Errorf("lock the transaction: %w", err)
			}
			_, err := s.beginKept(ctx, tx, stray.ChargePointID, chargepoint.TransactionID(stray.Transaction), true)
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	_, err := s.db.ExecContext(ctx, forgetEventsSQL, since.Add(-forgetAfter))
	return len(strayed), postgres.Map(err, nil)
}

// A plug's own status, and what the EVSE's is by those of its plugs: one that is occupied occupies it, one that is free frees it.
const reportOutletsSQL = `
INSERT INTO charge_point_outlets AS o (charge_point_id, number, outlet, status, status_at)
SELECT t.id, t.number, t.outlet, t.status, t.at
FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[], $5::timestamptz[]) AS t (id, number, outlet, status, at)
JOIN charge_point_connectors cc ON cc.charge_point_id = t.id AND cc.number = t.number
ON CONFLICT (charge_point_id, number, outlet) DO UPDATE SET status = excluded.status, status_at = excluded.status_at
WHERE o.status_at <= excluded.status_at`

const combineOutletsSQL = `
UPDATE charge_point_connectors cc
SET status = o.status, status_at = o.at, error_code = '', info = ''
FROM (
    SELECT charge_point_id, number, max(status_at) AS at, (array_agg(status ORDER BY CASE status
        WHEN 'Occupied' THEN 1 WHEN 'Reserved' THEN 2 WHEN 'Available' THEN 3 WHEN 'Faulted' THEN 4 ELSE 5 END))[1] AS status
    FROM charge_point_outlets
    WHERE (charge_point_id, number) IN (SELECT * FROM unnest($1::uuid[], $2::integer[]))
    GROUP BY charge_point_id, number
) o
WHERE cc.charge_point_id = o.charge_point_id AND cc.number = o.number AND (cc.status_at IS NULL OR cc.status_at <= o.at)`

// outletReports are reports of plugs, as columns.
type outletReports struct {
	points, statuses []string
	numbers, outlets []int64
	at               []time.Time
}

func (r *outletReports) store(ctx context.Context, tx txn) error {
	if len(r.points) == 0 {
		return nil
	}
	_, err := tx.ExecContext(ctx, reportOutletsSQL, pq.Array(r.points), pq.Array(r.numbers), pq.Array(r.outlets), pq.Array(r.statuses), pq.Array(r.at))
	if err != nil {
		return fmt.Errorf("store reports of plugs: %w", err)
	}
	if _, err := tx.ExecContext(ctx, combineOutletsSQL, pq.Array(r.points), pq.Array(r.numbers)); err != nil {
		return fmt.Errorf("store what plugs come to: %w", err)
	}
	return nil
}
