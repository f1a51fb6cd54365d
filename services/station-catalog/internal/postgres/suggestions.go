package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/idempotency"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/station"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/suggestion"
)

// Whose a station is, is said by the station, removed or not, once there is one. Content may be large: lists leave it out.
const suggestionColumns = `s.id, s.author, s.kind, s.state, s.station_id, s.station_version, coalesce(st.operator_id, s.operator_id),
       coalesce(st.name, s.name), s.comment, s.source_url, s.decided_as, s.decided_at, s.note, s.version, s.created_at, s.updated_at`

const fromSuggestions = `
FROM suggestions s LEFT JOIN stations st ON st.id = s.station_id
`

func scanSuggestion(rows *sql.Rows) (suggestion.Suggestion, error) { return scanMore(rows) }

// scanWhole reads what a suggestion says of the station, too.
func scanWhole(rows *sql.Rows) (suggestion.Suggestion, error) {
	var content, said []byte
	s, err := scanMore(rows, &content, &said)
	if s.Kind == suggestion.New {
		s.Station = content
	} else {
		s.Patch = content
	}
	s.Said = said
	return s, err
}

func scanMore(rows *sql.Rows, more ...any) (suggestion.Suggestion, error) {
	var s suggestion.Suggestion
	var as, note string
	var at sql.NullTime
	err := rows.Scan(append([]any{
		&s.ID, &s.Author, &s.Kind, &s.State, &s.StationID, &s.StationVersion, &s.OperatorID, &s.Name, &s.Comment, &s.SourceURL, &as, &at, &note,
		&s.Version, &s.CreatedAt, &s.UpdatedAt,
	}, more...)...)
	s.CreatedAt, s.UpdatedAt = s.CreatedAt.UTC(), s.UpdatedAt.UTC()
	if at.Valid {
		s.Decision = &suggestion.Decision{By: as, At: at.Time.UTC(), Note: note}
	}
	return s, err
}

// Suggestions of a person are counted, and held against each other, by one request at a time.
const lockAuthor = `SELECT pg_advisory_xact_lock(hashtextextended('suggestions of ' || $1, 0))`

const pendingOf = `
SELECT count(*), (array_agg(id) FILTER (WHERE fingerprint = $2))[1] FROM suggestions WHERE author = $1 AND state = 'PENDING'`

const createSuggestion = `
INSERT INTO suggestions (id, kind, author, station_id, station_version, operator_id, name, content, said, comment, source_url, fingerprint)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`

// CreateSuggestion keeps what somebody suggests, once for each idempotency key of the author. Of two that ask for the same the second is
// the first, which is then given, with false, as long as it waits. It returns suggestion.ErrInvalid with all that is wrong with it, the
// faults of Get for its station, suggestion.Outdated, suggestion.ErrTooMany, and the conflicts that Create and Update would return.
func (s *Store) CreateSuggestion(ctx context.Context, author uuid.UUID, in suggestion.Input) (out suggestion.Suggestion, made bool, err error) {
	type answer struct {
		Suggestion suggestion.Suggestion
		Made       bool
	}
	got, _, err := idempotency.Do(ctx, s.db, author.String(), func(ctx context.Context, tx *sqlx.Tx) (none answer, err error) {
		j, err := judgeSuggestion(ctx, tx, &in)
		if err != nil {
			return none, err
		}
		fingerprint, err := in.Fingerprint()
		if err != nil {
			return none, err
		}
		if _, err := tx.ExecContext(ctx, lockAuthor, author.String()); err != nil {
			return none, fmt.Errorf("lock suggestions of a person: %w", err)
		}
		var pending int
		var first *uuid.UUID
		if err := tx.QueryRowContext(ctx, pendingOf, author, fingerprint).Scan(&pending, &first); err != nil {
			return none, fmt.Errorf("suggestions that wait: %w", err)
		}
		switch {
		case first != nil:
			there, err := showSuggestion(ctx, tx, *first)
			return answer{Suggestion: there}, err
		case pending >= suggestion.MostPending:
			return none, suggestion.ErrTooMany
		}
		id, err := uuid.NewV7()
		if err != nil {
			return none, fmt.Errorf("id of a suggestion: %w", err)
		}
		if _, err := tx.ExecContext(ctx, createSuggestion, id, in.Kind, author, in.StationID, in.StationVersion, j.operator, j.name, text(in.Content()),
			text(j.said), in.Comment, in.SourceURL, fingerprint); err != nil {
			return none, fmt.Errorf("create suggestion: %w", err)
		}
		out, err := showSuggestion(ctx, tx, id)
		return answer{out, true}, err
	})
	return got.Suggestion, got.Made, postgres.Map(err, nil)
}

// text is JSON as a parameter: null where there is none.
func text(raw json.RawMessage) any {
	if raw == nil {
		return nil
	}
	return string(raw)
}

const listSuggestions = `
SELECT ` + suggestionColumns + fromSuggestions + matching

// What is somebody's to decide is told as by Viewer.Decides and Suggestion.Open.
const matching = `WHERE CASE WHEN $1 THEN $2 OR $3::uuid IS NOT NULL
    AND (coalesce(st.operator_id, s.operator_id) = $3 OR s.kind = 'new' AND s.state = 'PENDING' AND s.operator_id IS NULL)
    ELSE s.author = $4 END
  AND (cardinality($5::text[]) = 0 OR s.state = ANY ($5::text[])) AND ($6 = '' OR s.kind = $6) AND ($7::uuid IS NULL OR s.station_id = $7)
  AND ($8::uuid IS NULL OR coalesce(st.operator_id, s.operator_id) = $8)`

func matchingArgs(q *suggestion.Query) []any {
	states := make(pq.StringArray, len(q.States))
	for i, state := range q.States {
		states[i] = string(state)
	}
	var own *uuid.UUID
	if q.Operator != uuid.Nil {
		own = &q.Operator
	}
	return []any{q.Decidable, q.All, own, q.Person, states, string(q.Kind), q.StationID, q.OperatorID}
}

// Suggestions gives suggestions without what they say of the station, the newest before an id first; every one is before uuid.Max.
func (s *Store) Suggestions(ctx context.Context, q suggestion.Query, before uuid.UUID, limit int) ([]suggestion.Suggestion, error) {
	found, err := collect(ctx, s.db, scanSuggestion, listSuggestions+` AND s.id < $9 ORDER BY s.id DESC LIMIT $10`, append(matchingArgs(&q), before, limit)...)
	if err != nil {
		return nil, postgres.Map(fmt.Errorf("list suggestions: %w", err), nil)
	}
	return found, nil
}

// WaitingSuggestions gives those that wait for a decision, without what they say of the station, the oldest after an id first, and how
// many there are in all.
func (s *Store) WaitingSuggestions(ctx context.Context, q suggestion.Query, after uuid.UUID, limit int) (found []suggestion.Suggestion, count int, err error) {
	q.Decidable, q.States = true, []suggestion.State{suggestion.Pending}
	err = s.reading(ctx, func(tx *sqlx.Tx) error {
		args := matchingArgs(&q)
		if err := tx.GetContext(ctx, &count, `SELECT count(*)`+fromSuggestions+matching, args...); err != nil {
			return err
		}
		found, err = collect(ctx, tx, scanSuggestion, listSuggestions+` AND s.id > $9 ORDER BY s.id LIMIT $10`, append(args, after, limit)...)
		return err
	})
	if err != nil {
		return nil, 0, postgres.Map(fmt.Errorf("suggestions that wait: %w", err), nil)
	}
	return found, count, nil
}

const selectSuggestion = `
SELECT ` + suggestionColumns + `, s.content, s.said` + fromSuggestions + `WHERE s.id = $1`

const forChange = ` FOR UPDATE OF s`

// suggestionOf gives a suggestion, or suggestion.ErrNotFound.
func suggestionOf(ctx context.Context, tx *sqlx.Tx, id uuid.UUID, lock string) (suggestion.Suggestion, error) {
	found, err := collect(ctx, tx, scanWhole, selectSuggestion+lock, id)
	switch {
	case err != nil:
		return suggestion.Suggestion{}, fmt.Errorf("find suggestion: %w", err)
	case len(found) == 0:
		return suggestion.Suggestion{}, suggestion.ErrNotFound
	}
	return found[0], nil
}

// showSuggestion gives a suggestion, and of one that waits what it would do now.
func showSuggestion(ctx context.Context, tx *sqlx.Tx, id uuid.UUID) (suggestion.Suggestion, error) {
	out, err := suggestionOf(ctx, tx, id, "")
	if err != nil || out.State != suggestion.Pending {
		return out, err
	}
	p := &putting{tx: tx, exclusive: true}
	switch out.Kind {
	case suggestion.New:
		var in station.Input
		if err := json.Unmarshal(out.Station, &in); err != nil {
			return out, fmt.Errorf("station of a suggestion: %w", err)
		}
		st := in.Station()
		if out.OperatorID != nil {
			st.Operator.ID = *out.OperatorID
		}
		out.Nearby, err = nearby(ctx, tx, &st)
	case suggestion.Change:
		var st station.Station
		if st, err = stationOf(ctx, tx, *out.StationID); err != nil {
			break
		}
		if out.Conflicts, err = st.Since(out.Said); err != nil {
			break
		}
		_, out.Changes, err = p.patched(ctx, &st, out.Patch)
	case suggestion.Removal:
	}
	if errors.Is(err, station.ErrNotFound) || errors.Is(err, station.ErrInvalid) {
		err = nil // the station is no more, or the change no longer fits it: there is nothing to be shown
	}
	return out, err
}

// Suggestion gives a suggestion that the function lets the caller see, and of one that waits what it would do now. It returns
// suggestion.ErrNotFound.
func (s *Store) Suggestion(ctx context.Context, id uuid.UUID, allow func(*suggestion.Suggestion) error) (out suggestion.Suggestion, err error) {
	err = s.reading(ctx, func(tx *sqlx.Tx) error {
		if out, err = showSuggestion(ctx, tx, id); err != nil {
			return err
		}
		return allow(&out)
	})
	return out, postgres.Map(err, nil)
}

const updateSuggestion = `
UPDATE suggestions
SET station_version = $2, operator_id = $3, name = $4, content = $5, said = $6, comment = $7, source_url = $8, fingerprint = $9, version = version + 1,
    updated_at = now()
WHERE id = $1`

const sameSuggestion = `
SELECT id FROM suggestions WHERE author = $1 AND fingerprint = $2 AND state = 'PENDING' AND id <> $3`

// UpdateSuggestion changes a suggestion that the function lets the caller change. It returns the faults of CreateSuggestion, and
// suggestion.Twice where another one of the author asks for the same.
func (s *Store) UpdateSuggestion(
	ctx context.Context, id uuid.UUID, patch suggestion.Patch, allow func(*suggestion.Suggestion) error,
) (out suggestion.Suggestion, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		before, err := suggestionOf(ctx, tx, id, forChange)
		if err != nil {
			return err
		}
		if err := allow(&before); err != nil {
			return err
		}
		in, substance, err := patch.Apply(before.Input)
		if err != nil {
			return err
		}
		if !in.Same(&before.Input) {
			if err := rewrite(ctx, tx, &before, &in, substance); err != nil {
				return err
			}
		}
		out, err = showSuggestion(ctx, tx, id)
		return err
	})
	return out, postgres.Map(err, nil)
}

// rewrite stores what a suggestion says now. Where only what is written beside it is another, the station is not asked again.
func rewrite(ctx context.Context, tx *sqlx.Tx, before *suggestion.Suggestion, in *suggestion.Input, substance bool) error {
	j := &judging{in: in, said: before.Said}
	if in.Kind == suggestion.New {
		j.operator, j.name = before.OperatorID, before.Name
	}
	if substance {
		var err error
		if j, err = judgeSuggestion(ctx, tx, in); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, lockAuthor, before.Author.String()); err != nil {
			return fmt.Errorf("lock suggestions of a person: %w", err)
		}
	} else if faults := in.ValidateTexts(); len(faults) > 0 {
		return suggestion.ErrInvalid.At(faults...)
	}
	fingerprint, err := in.Fingerprint()
	if err != nil {
		return err
	}
	if substance {
		same, err := collect(ctx, tx, scanID, sameSuggestion, before.Author, fingerprint, before.ID)
		if err != nil {
			return fmt.Errorf("same suggestion: %w", err)
		}
		if len(same) > 0 {
			return suggestion.Twice(same[0])
		}
	}
	_, err = tx.ExecContext(ctx, updateSuggestion, before.ID, in.StationVersion, j.operator, j.name, text(in.Content()), text(j.said), in.Comment, in.SourceURL, fingerprint)
	if err != nil {
		return fmt.Errorf("change suggestion: %w", err)
	}
	return nil
}

const withdrawSuggestion = `
UPDATE suggestions SET state = 'WITHDRAWN', version = version + 1 WHERE id = $1`

// WithdrawSuggestion takes back a suggestion that the function lets the caller take back. It returns suggestion.ErrNotFound.
func (s *Store) WithdrawSuggestion(ctx context.Context, id uuid.UUID, allow func(*suggestion.Suggestion) error) error {
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		before, err := suggestionOf(ctx, tx, id, forChange)
		if err != nil {
			return err
		}
		if err := allow(&before); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, withdrawSuggestion, id); err != nil {
			return fmt.Errorf("withdraw suggestion: %w", err)
		}
		return nil
	})
	return postgres.Map(err, nil)
}

const lockSuggestions = `
SELECT FROM suggestions WHERE station_id = $1 AND state = 'PENDING' ORDER BY id FOR UPDATE`

// Changes follow to the survivor, where what they touch is held against what they were made from, as everywhere: nothing of the survivor
// is changed by chance. What asks for the duplicate's removal stays with it. Whoever decides has to read what moved again.
const mergeSuggestions = `
UPDATE suggestions SET station_id = $2, version = version + 1 WHERE station_id = $1 AND kind = 'change' AND state = 'PENDING'`
