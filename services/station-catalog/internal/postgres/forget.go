package postgres

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/erasure"
	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/idempotency"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
)

// ErrImporting is a person who cannot be forgotten yet, since an import of theirs still writes who made it.
var ErrImporting = fault.Define(fault.Conflict, "import_running", "An import of the person is still running; it is forgotten after that")

const importsRunning = `
SELECT EXISTS (SELECT FROM imports WHERE submitted_by = $1 AND state IN ('receiving', 'running'))`

// What a person wrote of stations goes, and their ratings with it, and so do the person's photos.
const (
	forgetReviews = `DELETE FROM reviews WHERE author = $1`
	forgetPhotos  = `DELETE FROM photos WHERE author = $1`
)

// What was decided stays, without its author. What was not, goes.
const forgetSuggestions = `DELETE FROM suggestions WHERE author = $1 AND state IN ('PENDING', 'WITHDRAWN')`

// forgetSaid treats what a person said. It comes before forgetActs, so that a suggestion which is just being decided is not passed over by both.
var forgetSaid = append([]string{forgetReviews, forgetPhotos, forgetSuggestions}, forgetReports...)

var forgetActs = []string{
	`UPDATE suggestions SET author = $2::uuid WHERE author = $1::uuid AND state IN ('ACCEPTED', 'REJECTED')`,
	`UPDATE suggestions SET decided_by = $2::uuid WHERE decided_by = $1::uuid`,
	`UPDATE reviews SET hidden_by = $2::uuid WHERE hidden_by = $1::uuid`,
	`UPDATE reports SET handled_by = $2::uuid WHERE handled_by = $1::uuid`,
	`UPDATE photos SET hidden_by = $2::uuid WHERE hidden_by = $1::uuid`,
	`UPDATE imports SET submitted_by = $2 WHERE submitted_by = $1`,
	`UPDATE import_uploads SET submitted_by = $2 WHERE submitted_by = $1`,
}

// An import leaves as many entries as it has stations, so that they are written some at a time.
const forgetActor = `
UPDATE catalog_history SET actor = $2
WHERE ctid = ANY (ARRAY(SELECT ctid FROM catalog_history WHERE actor = $1 LIMIT $3 FOR UPDATE))`

const forgottenAtOnce = 5000

// Forget deletes the reviews and photos of a person who was erased and the suggestions that nobody has decided, takes the person and the words from
// reports that are not settled, deletes the others, and puts erasure.Anonymous in the person's place in the history, and as who submitted
// imports and uploads, hid reviews or photos, handled reports, or made or decided suggestions. What was changed stays. The second time there is nothing
// left to do. It returns ErrImporting while an import of the person runs.
func (s *Store) Forget(ctx context.Context, person uuid.UUID) error {
	subject, nobody := person.String(), erasure.Anonymous.String()
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		var running bool
		if err := tx.GetContext(ctx, &running, importsRunning, subject); err != nil {
			return fmt.Errorf("find a person's imports: %w", err)
		}
		if running {
			return ErrImporting
		}
		for _, statement := range forgetSaid {
			if _, err := tx.ExecContext(ctx, statement, person); err != nil {
				return fmt.Errorf("forget what a person said: %w", err)
			}
		}
		for _, statement := range forgetActs {
			if _, err := tx.ExecContext(ctx, statement, subject, nobody); err != nil {
				return fmt.Errorf("forget who acted: %w", err)
			}
		}
		return idempotency.Forget(ctx, tx, subject)
	})
	for err == nil {
		var n int64
		if n, err = s.forgetSome(ctx, subject, nobody); n < forgottenAtOnce {
			break
		}
	}
	return postgres.Map(err, nil)
}

func (s *Store) forgetSome(ctx context.Context, subject, nobody string) (int64, error) {
	result, err := s.db.ExecContext(ctx, forgetActor, subject, nobody, forgottenAtOnce)
	if err != nil {
		return 0, fmt.Errorf("forget who changed: %w", err)
	}
	return result.RowsAffected()
}
