package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

const recordCommandSQL = `
INSERT INTO charge_point_commands (id, charge_point_id, kind, request_id, arguments, asked_by, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)`

// RecordCommand implements central.Book.
func (s *Store) RecordCommand(ctx context.Context, r chargepoint.Record) error {
	arguments, err := json.Marshal(r.Command)
	if err != nil {
		return fmt.Errorf("write a command: %w", err)
	}
	_, err = s.db.ExecContext(ctx, recordCommandSQL, r.ID, r.ChargePointID, string(r.Command.Kind), r.Command.RequestID, postgres.JSON(arguments),
		orNull(r.AskedBy), r.CreatedAt)
	return postgres.Map(err, chargePointFaults)
}

const recordOutcomeSQL = `
UPDATE charge_point_commands SET answered_at = $3, outcome = $4, status = $5, fault = $6 WHERE charge_point_id = $1 AND id = $2`

// RecordOutcome implements central.Book.
func (s *Store) RecordOutcome(ctx context.Context, r chargepoint.Record) error {
	var document *string
	status := ""
	if r.Outcome != nil {
		written, err := json.Marshal(r.Outcome)
		if err != nil {
			return fmt.Errorf("write an outcome: %w", err)
		}
		text := string(written)
		document, status = &text, string(r.Outcome.Status)
	}
	_, err := s.db.ExecContext(ctx, recordOutcomeSQL, r.ChargePointID, r.ID, r.AnsweredAt, document, status, r.Fault)
	return postgres.Map(err, nil)
}

const commandColumns = `id, charge_point_id, arguments, asked_by, created_at, answered_at, outcome, fault, progress, progress_at`

const listCommandsSQL = `
SELECT ` + commandColumns + `
FROM charge_point_commands
WHERE charge_point_id = $1 AND ($2 = '' OR kind = $2) AND ($3::uuid IS NULL OR id < $3)
ORDER BY id DESC
LIMIT $4`

const getCommandSQL = `SELECT ` + commandColumns + ` FROM charge_point_commands WHERE charge_point_id = $1 AND id = $2`

type commandRow struct {
	ID            uuid.UUID  `db:"id"`
	ChargePointID uuid.UUID  `db:"charge_point_id"`
	Arguments     []byte     `db:"arguments"`
	AskedBy       *uuid.UUID `db:"asked_by"`
	CreatedAt     time.Time  `db:"created_at"`
	AnsweredAt    *time.Time `db:"answered_at"`
	Outcome       []byte     `db:"outcome"`
	Fault         string     `db:"fault"`
	Progress      string     `db:"progress"`
	ProgressAt    *time.Time `db:"progress_at"`
}

func (r commandRow) fromRow() (chargepoint.Record, error) {
	out := chargepoint.Record{
		ID: r.ID, ChargePointID: r.ChargePointID, AskedBy: orZero(r.AskedBy), CreatedAt: r.CreatedAt.UTC(),
		AnsweredAt: timeOrZero(r.AnsweredAt), Fault: r.Fault, Progress: r.Progress, ProgressAt: timeOrZero(r.ProgressAt),
	}
	if err := json.Unmarshal(r.Arguments, &out.Command); err != nil {
		return out, fmt.Errorf("read a command: %w", err)
	}
	if r.Outcome != nil {
		out.Outcome = &chargepoint.Outcome{}
		if err := json.Unmarshal(r.Outcome, out.Outcome); err != nil {
			return out, fmt.Errorf("read an outcome: %w", err)
		}
	}
	return out, nil
}

// GetCommand returns chargepoint.ErrNoCommand when the charge point was told no such thing.
func (s *Store) GetCommand(ctx context.Context, chargePoint, id uuid.UUID) (chargepoint.Record, error) {
	var row commandRow
	err := s.db.GetContext(ctx, &row, getCommandSQL, chargePoint, id)
	if errors.Is(err, sql.ErrNoRows) {
		return chargepoint.Record{}, chargepoint.ErrNoCommand
	}
	if err != nil {
		return chargepoint.Record{}, postgres.Map(fmt.Errorf("read a command: %w", err), nil)
	}
	return row.fromRow()
}

// ListCommands gives a selection, newest first.
func (s *Store) ListCommands(ctx context.Context, sel chargepoint.Records) ([]chargepoint.Record, error) {
	var rows []commandRow
	if err := s.db.SelectContext(ctx, &rows, listCommandsSQL, sel.ChargePoint, string(sel.Kind), orNull(sel.Before), sel.Limit); err != nil {
		return nil, postgres.Map(fmt.Errorf("read commands: %w", err), nil)
	}
	out := make([]chargepoint.Record, len(rows))
	for i, r := range rows {
		var err error
		if out[i], err = r.fromRow(); err != nil {
			return nil, err
		}
	}
	return out, nil
}
