package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

const storeMessagesSQL = `
INSERT INTO charge_point_messages (charge_point_id, id, at, direction, kind, message_id, action, payload, error_code)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[])`

// StoreMessages implements journal.Store.
func (s *Store) StoreMessages(ctx context.Context, messages []chargepoint.Message) error {
	n := len(messages)
	points, list, at := make([]uuid.UUID, n), make([]uuid.UUID, n), make([]time.Time, n)
	directions, kinds, names, actions := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	payloads, codes := make([]string, n), make([]string, n)
	for i, m := range messages {
		points[i], list[i], at[i] = m.ChargePointID, m.ID, m.At.UTC()
		directions[i], kinds[i], names[i], actions[i] = string(m.Direction), string(m.Kind), m.MessageID, m.Action
		payloads[i], codes[i] = m.Payload, m.ErrorCode
	}
	_, err := s.db.ExecContext(ctx, storeMessagesSQL, ids(points), ids(list), pq.Array(at), pq.Array(directions), pq.Array(kinds),
		pq.Array(names), pq.Array(actions), pq.Array(payloads), pq.Array(codes))
	return postgres.Map(err, nil)
}

// Ids are made in order of time, so that the newest are the end of one range of the key; a time picks the partitions.
const listMessagesSQL = `
SELECT id, at, direction, kind, message_id, action, payload, error_code
FROM charge_point_messages
WHERE charge_point_id = $1 AND ($2 = '' OR direction = $2) AND ($3 = '' OR action = $3) AND ($4 = '' OR message_id = $4)
  AND ($5::timestamptz IS NULL OR at >= $5) AND ($6::timestamptz IS NULL OR at < $6) AND ($7::uuid IS NULL OR id < $7)
ORDER BY id DESC
LIMIT $8`

// ListMessages gives a selection, newest first.
func (s *Store) ListMessages(ctx context.Context, sel chargepoint.Messages) ([]chargepoint.Message, error) {
	var rows []struct {
		ID        uuid.UUID `db:"id"`
		At        time.Time `db:"at"`
		Direction string    `db:"direction"`
		Kind      string    `db:"kind"`
		MessageID string    `db:"message_id"`
		Action    string    `db:"action"`
		Payload   string    `db:"payload"`
		ErrorCode string    `db:"error_code"`
	}
	err := s.db.SelectContext(ctx, &rows, listMessagesSQL, sel.ChargePoint, string(sel.Direction), sel.Action, sel.MessageID,
		timeOrNull(sel.From), timeOrNull(sel.To), orNull(sel.Before), sel.Limit)
	if err != nil {
		return nil, postgres.Map(fmt.Errorf("read messages: %w", err), nil)
	}
	out := make([]chargepoint.Message, len(rows))
	for i, r := range rows {
		out[i] = chargepoint.Message{
			ID: r.ID, ChargePointID: sel.ChargePoint, At: r.At.UTC(), Direction: chargepoint.Direction(r.Direction),
			Kind: chargepoint.MessageKind(r.Kind), MessageID: r.MessageID, Action: r.Action, Payload: r.Payload, ErrorCode: r.ErrorCode,
		}
	}
	return out, nil
}

// messageDay names the partition of a day.
const messageDay = "charge_point_messages_20060102"

const messageDaysSQL = `
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'charge_point_messages'::regclass AND c.relname <> 'charge_point_messages_default'`

// One replica at a time makes and drops partitions; the others find it done.
const lockMessageDaysSQL = `SELECT pg_advisory_xact_lock(hashtextextended('charge_point_messages', 0))`

const trimMessagesSQL = `DELETE FROM charge_point_messages_default WHERE at < $1`

const trimCommandsSQL = `DELETE FROM charge_point_commands WHERE created_at < $1`

// RollMessages makes the partitions of the days from now on and drops those that hold nothing younger than before; commands of that age
// go with them.
func (s *Store) RollMessages(ctx context.Context, now, before time.Time) error {
	err := s.inTx(ctx, func(ctx context.Context, tx txn) error {
		if _, err := tx.Tx.ExecContext(ctx, lockMessageDaysSQL); err != nil {
			return fmt.Errorf("lock the days of messages: %w", err)
		}
		var days []string
		if err := tx.Tx.SelectContext(ctx, &days, messageDaysSQL); err != nil {
			return fmt.Errorf("read the days of messages: %w", err)
		}
		there := make(map[string]bool, len(days))
		var statements []string
		for _, name := range days {
			there[name] = true
			if day, err := time.Parse(messageDay, name); err == nil && !day.AddDate(0, 0, 1).After(before) {
				statements = append(statements, "DROP TABLE "+pq.QuoteIdentifier(name))
			}
		}
		for ahead := range 3 {
			day := now.UTC().Truncate(24*time.Hour).AddDate(0, 0, ahead)
			name := day.Format(messageDay)
			if there[name] {
				continue
			}
			// What came for the day before there was a partition for it moves there, else it could not be made.
			bounds := "FROM (" + pq.QuoteLiteral(day.Format(time.RFC3339)) + ") TO (" + pq.QuoteLiteral(day.AddDate(0, 0, 1).Format(time.RFC3339)) + ")"
			where := " WHERE at >= " + pq.QuoteLiteral(day.Format(time.RFC3339)) + " AND at < " + pq.QuoteLiteral(day.AddDate(0, 0, 1).Format(time.RFC3339))
			statements = append(statements,
				"CREATE TABLE "+name+" (LIKE charge_point_messages INCLUDING ALL)",
				"WITH moved AS (DELETE FROM charge_point_messages_default"+where+" RETURNING *) INSERT INTO "+name+" SELECT * FROM moved",
				"ALTER TABLE charge_point_messages ATTACH PARTITION "+name+" FOR VALUES "+bounds)
		}
		if len(statements) == 0 {
			return nil
		}
		_, err := tx.Tx.ExecContext(ctx, strings.Join(statements, ";\n"))
		return err
	})
	if err != nil {
		return postgres.Map(fmt.Errorf("roll the days of messages: %w", err), nil)
	}
	if _, err := s.db.ExecContext(ctx, trimMessagesSQL, before); err != nil {
		return postgres.Map(fmt.Errorf("trim messages: %w", err), nil)
	}
	_, err = s.db.ExecContext(ctx, trimCommandsSQL, before)
	return postgres.Map(err, nil)
}
