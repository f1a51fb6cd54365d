package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/status"
)

// Disagreements lists the plots whose stored status is not what everything known of them comes to.
func (s *Store) Disagreements(ctx context.Context, plots []uuid.UUID, now time.Time) ([]string, error) {
	var rows []factsRow
	if err := s.db.SelectContext(ctx, &rows, factsSQL, ids(plots), now); err != nil {
		return nil, err
	}
	var out []string
	for _, r := range rows {
		verdict := status.Decide(r.facts(now, s.opt.PushTTL))
		if string(verdict.Status) != r.Status || string(verdict.Source) != r.StatusSource {
			out = append(out, r.ID.String()+" is "+r.Status+" by "+r.StatusSource+", should be "+string(verdict.Status)+" by "+string(verdict.Source))
		}
	}
	return out, nil
}
