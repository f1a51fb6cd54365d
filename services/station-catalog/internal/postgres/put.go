package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/feed"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/history"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

// putting is what put works on: the entries whose stations are to be written, beside each other in slices.
type putting struct {
	tx *sqlx.Tx
	// exclusive refuses an EVSE that another station has, instead of moving it, and tells of EVSEs that a merge brought, too: it is a
	// request, not an import.
	exclusive bool
	// by is who writes.
	by history.Author

	created, updated, unchanged, removed int64
	changes                              []feed.Change
	happened                             []happened
}

// write is a station that is to be written.
type write struct {
	entry    *transfer.Entry
	operator uuid.UUID
	id       uuid.UUID
	version  int64
	isNew    bool
	restored bool // it was a tombstone
}

// known is a station that is there.
type known struct {
	id      uuid.UUID
	hash    []byte
	version int64
	removed bool
	merged  bool // into another, where it stays
	evses   int  // that are not removed
}

// says tells whether the station is as the entry says.
func (k *known) says(e *transfer.Entry) bool {
	// A station whose source did not tell all may have EVSEs that are not in the hash.
	return !k.removed && string(k.hash) == string(e.Hash[:]) && (!e.Complete || k.evses == len(e.Station.EVSEs))
}

type identity struct{ source, sourceID string }

// put writes the stations of the entries that differ from what is there. Sources are locked until the transaction ends, so that
// two writers of one source take turns. Entries are valid and sealed; operators holds
// the ids of their operators.
func (p *putting) put(ctx context.Context, entries []transfer.Entry, operators map[party]uuid.UUID, dry bool) error {
	if len(entries) == 0 {
		return nil
	}
	there, err := p.known(ctx, entries)
	if err != nil {
		return err
	}
	var writes []write
	for i := range entries {
		e := &entries[i]
		w := write{entry: e, operator: operators[partyOf(&e.Station)]}
		k, ok := there[identity{e.Station.Source, e.Station.SourceID}]
		switch {
		case ok && (k.merged || k.says(e)):
			p.unchanged++
			continue
		case ok:
			w.id, w.version, w.restored = k.id, k.version+1, k.removed
			p.updated++
		default:
			if w.id, err = uuid.NewV7(); err != nil {
				return fmt.Errorf("id of a station: %w", err)
			}
			w.version, w.isNew = 1, true
			p.created++
		}
		writes = append(writes, w)
	}
	if dry || len(writes) == 0 {
		return nil
	}
	if err := p.compare(ctx, writes); err != nil {
		return err
	}
	if err := p.writeTariffs(ctx, writes); err != nil {
		return err
	}
	if err := p.writeStations(ctx, writes); err != nil {
		return err
	}
	return p.writeEVSEs(ctx, writes)
}

// The statements of a batch look dear to a planner that has no statistics yet, and compiling them would take longer than all else.
const lockSource = `SELECT pg_advisory_xact_lock(hashtextextended('stations of ' || $1, 0)), set_config('jit', 'off', true)`

// lock makes writers of a source take turns.
func (p *putting) lock(ctx context.Context, entries []transfer.Entry) error {
	var sources []string
	for i := range entries {
		if !slices.Contains(sources, entries[i].Station.Source) {
			sources = append(sources, entries[i].Station.Source)
		}
	}
	return p.lockSources(ctx, sources)
}

// What a merge brought is not the source's to tell of, but the operator's. The limit keeps the planner, which knows nothing yet of a table that is just being filled, from reading all of it each time.
const knownStations = `
SELECT s.source, s.source_id, s.id, s.content_hash, s.version, s.deleted_at IS NOT NULL, s.merged_into IS NOT NULL,
       (SELECT count(*) FROM evses e WHERE e.station_id = s.id AND e.removed_at IS NULL AND ($3 OR e.merged_from IS NULL))
FROM unnest($1::text[], $2::text[]) AS wanted (source, source_id)
CROSS JOIN LATERAL (
    SELECT source, source_id, id, content_hash, version, deleted_at, merged_into FROM stations WHERE source = wanted.source AND source_id = wanted.source_id LIMIT 1) AS s`

func (p *putting) known(ctx context.Context, entries []transfer.Entry) (map[identity]known, error) {
	sources, ids := make(pq.StringArray, len(entries)), make(pq.StringArray, len(entries))
	for i := range entries {
		sources[i], ids[i] = entries[i].Station.Source, entries[i].Station.SourceID
	}
	out := make(map[identity]known)
	_, err := collect(ctx, p.tx, func(rows *sql.Rows) (struct{}, error) {
		var i identity
		var k known
		err := rows.Scan(&i.source, &i.sourceID, &k.id, &k.hash, &k.version, &k.removed, &k.merged, &k.evses)
		out[i] = k
		return struct{}{}, err
	}, knownStations, sources, ids, p.exclusive)
	if err != nil {
		return nil, fmt.Errorf("look up stations: %w", err)
	}
	return out, nil
}

// publish appends what has changed to the log and to the history.
func (p *putting) publish(ctx context.Context) error {
	if err := record(ctx, p.tx, p.by, p.happened); err != nil {
		return err
	}
	if len(p.changes) == 0 {
		return nil
	}
	if err := feed.Append(ctx, p.tx, ChangeLog, p.changes...); err != nil {
		return fmt.Errorf("append to the change log: %w", err)
	}
	return nil
}
