package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/plot"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

// pushedAtOnce is how many plots of a batch share a transaction: it holds the locks of all of them.
const pushedAtOnce = 500

// PushPlots keeps what an operator's back end says of many plots, and notes in the rows what became of each. allow judges whose plots
// they may be. Rows of one plot are taken in the order of their times. A failure of the database leaves some of them stored; sending the
// batch again is harmless, since what is known already changes nothing.
func (s *Store) PushPlots(ctx context.Context, rows []plot.PushRow, allow func(operator uuid.UUID) bool) error {
	byPlot := map[uuid.UUID][]int{}
	for i, r := range rows {
		byPlot[r.PlotID] = append(byPlot[r.PlotID], i)
	}
	plots := make([]uuid.UUID, 0, len(byPlot))
	for id, of := range byPlot {
		plots = append(plots, id)
		slices.SortStableFunc(of, func(a, b int) int { return rows[a].At.Compare(rows[b].At) })
	}
	slices.SortFunc(plots, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	for chunk := range slices.Chunk(plots, pushedAtOnce) {
		err := s.write(ctx, func(ctx context.Context, tx txn) error { return s.pushChunk(ctx, tx, rows, byPlot, chunk, allow) })
		if err != nil {
			return err
		}
	}
	return nil
}

const pushFactsSQL = `SELECT p.id, p.operator_id, p.status FROM plots p WHERE p.id = ANY($1)`

func (s *Store) pushChunk(
	ctx context.Context, tx txn, rows []plot.PushRow, byPlot map[uuid.UUID][]int, chunk []uuid.UUID, allow func(uuid.UUID) bool,
) error {
	if _, err := lockPlots(ctx, tx, chunk); err != nil {
		return fmt.Errorf("lock the plots: %w", err)
	}
	var found []plotRow
	if err := tx.SelectContext(ctx, &found, pushFactsSQL, ids(chunk)); err != nil {
		return fmt.Errorf("read the plots: %w", err)
	}
	known := make(map[uuid.UUID]plotRow, len(found))
	for _, p := range found {
		known[p.ID] = p
	}
	// The first row of each plot goes with the first of the others, the second with the second: each is a change of its own.
	for round := 0; ; round++ {
		var turn []int
		for _, id := range chunk {
			if of := byPlot[id]; round < len(of) {
				turn = append(turn, of[round])
			}
		}
		if len(turn) == 0 {
			return nil
		}
		if err := s.pushRound(ctx, tx, rows, turn, known, allow); err != nil {
			return err
		}
	}
}

const pushPlotsSQL = `
UPDATE plots p SET pushed_status = v.status, pushed_at = v.at
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[]) AS v (id, status, at)
WHERE p.id = v.id AND (p.pushed_at IS NULL OR p.pushed_at <= v.at)
RETURNING p.id`

// pushRound stores at most one row of each plot.
func (s *Store) pushRound(
	ctx context.Context, tx txn, rows []plot.PushRow, turn []int, known map[uuid.UUID]plotRow, allow func(uuid.UUID) bool,
) error {
	var list, statuses []string
	var times []time.Time
	at := make(map[uuid.UUID]time.Time, len(turn))
	for _, i := range turn {
		r := &rows[i]
		p, found := known[r.PlotID]
		r.Fault, r.Outdated = nil, false // the transaction may run twice
		switch {
		case !found:
			r.Fault = plot.ErrNotFound
		case !allow(p.OperatorID):
			r.Fault = plot.ErrForeign
		case p.Status == string(status.Removed):
			r.Fault = plot.ErrRemoved
		default:
			list, statuses, times = append(list, r.PlotID.String()), append(statuses, string(r.Status)), append(times, r.At)
			at[r.PlotID] = r.At
		}
	}
	if len(list) == 0 {
		return nil
	}
	var stored []uuid.UUID
	if err := tx.SelectContext(ctx, &stored, pushPlotsSQL, pq.Array(list), pq.Array(statuses), pq.Array(times)); err != nil {
		return postgres.Map(fmt.Errorf("store pushed statuses: %w", err), nil)
	}
	news := make(map[uuid.UUID]bool, len(stored))
	for _, id := range stored {
		news[id] = true
	}
	for _, i := range turn {
		rows[i].Outdated = rows[i].Fault == nil && !news[rows[i].PlotID]
	}
	return s.settle(ctx, tx, s.now(), stored, at)
}
