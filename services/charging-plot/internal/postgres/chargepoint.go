package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/central"
	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

type chargePointRow struct {
	ID             uuid.UUID  `db:"id"`
	Identity       string     `db:"identity"`
	StationID      uuid.UUID  `db:"station_id"`
	OperatorID     uuid.UUID  `db:"operator_id"`
	Boot           []byte     `db:"boot"`
	BootedAt       *time.Time `db:"booted_at"`
	LastSeenAt     *time.Time `db:"last_seen_at"`
	ConnectedTo    string     `db:"connected_to"`
	ConnectedSince *time.Time `db:"connected_since"`
	Protocol       string     `db:"protocol"`
	Profile        int        `db:"security_profile"`
	Certificate    []byte     `db:"certificate_sha256"`
	CreatedAt      time.Time  `db:"created_at"`
	UpdatedAt      time.Time  `db:"updated_at"`
	Version        int64      `db:"version"`
}

const chargePointColumns = `
c.id, c.identity, c.station_id, c.operator_id, c.boot, c.booted_at, c.last_seen_at, c.connected_to, c.connected_since, c.protocol,
c.security_profile, c.certificate_sha256, c.created_at, c.updated_at, c.version`

type connectorRow struct {
	ChargePointID uuid.UUID  `db:"charge_point_id"`
	Number        int        `db:"number"`
	EVSEID        uuid.UUID  `db:"evse_id"`
	PlotID        *uuid.UUID `db:"plot_id"`
	Status        *string    `db:"status"`
	ErrorCode     string     `db:"error_code"`
	StatusAt      *time.Time `db:"status_at"`
}

const connectorsSQL = `
SELECT cc.charge_point_id, cc.number, cc.evse_id, pe.plot_id, cc.status, cc.error_code, cc.status_at
FROM charge_point_connectors cc
LEFT JOIN plot_evses pe ON pe.evse_id = cc.evse_id
WHERE cc.charge_point_id = ANY($1)
ORDER BY cc.charge_point_id, cc.number`

func completeChargePoints(ctx context.Context, q sqlx.QueryerContext, rows []chargePointRow) ([]chargepoint.ChargePoint, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	list := make([]uuid.UUID, len(rows))
	for i, r := range rows {
		list[i] = r.ID
	}
	var connectors []connectorRow
	if err := sqlx.SelectContext(ctx, q, &connectors, connectorsSQL, ids(list)); err != nil {
		return nil, fmt.Errorf("read connectors: %w", err)
	}
	out := make([]chargepoint.ChargePoint, len(rows))
	for i, r := range rows {
		cp := chargepoint.ChargePoint{
			ID: r.ID, Identity: r.Identity, StationID: r.StationID, OperatorID: r.OperatorID, BootedAt: timeOrZero(r.BootedAt),
			LastSeenAt: timeOrZero(r.LastSeenAt), ConnectedTo: r.ConnectedTo, ConnectedSince: timeOrZero(r.ConnectedSince),
			Security: chargepoint.Security{Profile: r.Profile, Certificate: r.Certificate},
			Protocol: r.Protocol, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(), Version: r.Version,
		}
		if r.Boot != nil {
			cp.Boot = &chargepoint.BootInfo{}
			if err := json.Unmarshal(r.Boot, cp.Boot); err != nil {
				return nil, fmt.Errorf("charge point %s: its boot data: %w", r.ID, err)
			}
		}
		for _, c := range connectors {
			if c.ChargePointID != r.ID {
				continue
			}
			connector := chargepoint.Connector{
				Number: c.Number, EVSEID: c.EVSEID, PlotID: orZero(c.PlotID), ErrorCode: c.ErrorCode, StatusAt: timeOrZero(c.StatusAt),
			}
			if c.Status != nil {
				connector.Status = chargepoint.ConnectorStatus(*c.Status)
			}
			cp.Connectors = append(cp.Connectors, connector)
		}
		out[i] = cp
	}
	return out, nil
}

// chargePointFaults name the constraints that a registration may violate.
var chargePointFaults = map[string]*fault.Fault{
	"charge_points_identity":           chargepoint.ErrIdentityTaken,
	"charge_point_connectors_one_evse": chargepoint.ErrConnectorTaken,
	"charge_point_connectors_pkey":     chargepoint.ErrConnectorTaken,

	"charge_point_commands_charge_point": chargepoint.ErrNotFound,
}

const insertChargePointSQL = `
INSERT INTO charge_points (id, identity, station_id, operator_id, secret_salt, secret_hash, security_profile, certificate_sha256,
    created_at, updated_at, version)
SELECT $1, $2, s.id, s.operator_id, $4, $5, $7, $8, $6, $6, 1 FROM stations s WHERE s.id = $3 AND NOT s.removed`

const insertConnectorsSQL = `
INSERT INTO charge_point_connectors (charge_point_id, number, evse_id)
SELECT $1, t.number, e.id
FROM unnest($3::integer[], $4::uuid[]) AS t (number, evse_id)
JOIN evses e ON e.id = t.evse_id AND e.station_id = $2 AND NOT e.removed`

const plotsOfEVSEsSQL = `SELECT DISTINCT plot_id FROM plot_evses WHERE evse_id = ANY($1)`

// CreateChargePoint registers a charge point of a station under a secret. It returns chargepoint.ErrUnknownEVSE, ErrIdentityTaken or
// ErrConnectorTaken when the registration cannot be.
func (s *Store) CreateChargePoint(
	ctx context.Context, cp chargepoint.ChargePoint, secret chargepoint.Secret,
) (out chargepoint.ChargePoint, err error) {
	id := newID()
	var numbers []int64
	var evses []uuid.UUID
	for _, c := range cp.Connectors {
		numbers, evses = append(numbers, int64(c.Number)), append(evses, c.EVSEID)
	}
	err = s.inTx(ctx, func(ctx context.Context, tx txn) error {
		var plots []uuid.UUID
		if err := tx.SelectContext(ctx, &plots, plotsOfEVSEsSQL, ids(evses)); err != nil {
			return fmt.Errorf("find the plots: %w", err)
		}
		if _, err := lockPlots(ctx, tx, plots); err != nil {
			return fmt.Errorf("lock the plots: %w", err)
		}
		now := s.now()
		result, err := tx.ExecContext(ctx, insertChargePointSQL, id, cp.Identity, cp.StationID, secret.Salt, secret.Hash, now,
			cp.Security.Profile, cp.Security.Certificate)
		if err != nil {
			return fmt.Errorf("store the charge point: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, chargepoint.ErrUnknownEVSE.Detailf("There is no station %s.", cp.StationID))
		}
		result, err = tx.ExecContext(ctx, insertConnectorsSQL, id, cp.StationID, pq.Array(numbers), ids(evses))
		if err != nil {
			return fmt.Errorf("store the connectors: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || int(n) != len(evses) {
			return errors.Join(err, chargepoint.ErrUnknownEVSE.Detailf("Station %s has %d of the %d EVSEs.", cp.StationID, n, len(evses)))
		}
		// A plot that one of our charge points serves can be reserved.
		if err := touch(ctx, tx, now, plots); err != nil {
			return err
		}
		out, err = getChargePoint(ctx, tx, id)
		return err
	})
	return out, postgres.Map(err, chargePointFaults)
}

const chargePointBusySQL = `
SELECT EXISTS (SELECT FROM sessions WHERE plot_id = ANY($2) AND state IN ('PENDING', 'ACTIVE'))
    OR EXISTS (SELECT FROM reservation_holds WHERE charge_point_id = $1)`

// No charge point can name the identity of one that was removed. Whoever holds its socket finds another connection here and ends it
// (replacedSQL).
const removeChargePointSQL = `
WITH connectors AS (DELETE FROM charge_point_connectors WHERE charge_point_id = $1),
outlets AS (DELETE FROM charge_point_outlets WHERE charge_point_id = $1),
variables AS (DELETE FROM charge_point_variables WHERE charge_point_id = $1),
profiles AS (DELETE FROM charge_point_profiles WHERE charge_point_id = $1)
UPDATE charge_points
SET identity = 'removed:' || id, secret_salt = '', secret_hash = '', next_salt = NULL, next_hash = NULL, certificate_sha256 = NULL, silent = true,
    connection_id = gen_random_uuid(), connected_to = '', connected_since = NULL, removed_at = $2, updated_at = $2,
    version = version + 1
WHERE id = $1 AND removed_at IS NULL`

// RemoveChargePoint takes a charge point away when check agrees: its identity and its EVSEs may be registered again, its socket is
// ended within seconds. Its sessions stay. It returns chargepoint.ErrBusy while something is open there, ErrNotFound when there is none.
func (s *Store) RemoveChargePoint(ctx context.Context, id uuid.UUID, check func(chargepoint.ChargePoint) error) error {
	return s.write(ctx, func(ctx context.Context, tx txn) error {
		return s.withPlotsOf(ctx, tx, []uuid.UUID{id}, func() error {
			cp, err := getChargePoint(ctx, tx, id)
			if err != nil {
				return err
			}
			if err := check(cp); err != nil {
				return err
			}
			var plots []uuid.UUID
			for _, c := range cp.Connectors {
				if c.PlotID != uuid.Nil {
					plots = append(plots, c.PlotID)
				}
			}
			var busy bool
			if err := tx.GetContext(ctx, &busy, chargePointBusySQL, id, ids(plots)); err != nil {
				return fmt.Errorf("see what is open at the charge point: %w", err)
			}
			if busy {
				return chargepoint.ErrBusy.Detailf("A charge is ordered or runs there, or it holds a reservation: end that first.")
			}
			done, err := tx.ExecContext(ctx, removeChargePointSQL, id, s.now())
			if err != nil {
				return fmt.Errorf("remove the charge point: %w", err)
			}
			if n, err := done.RowsAffected(); err != nil || n == 0 {
				return errors.Join(err, chargepoint.ErrNotFound)
			}
			return touch(ctx, tx, s.now(), plots)
		})
	})
}

const getChargePointsSQL = `SELECT ` + chargePointColumns + ` FROM charge_points c WHERE c.id = ANY($1) AND c.removed_at IS NULL`

// GetChargePoint returns chargepoint.ErrNotFound when there is none.
func (s *Store) GetChargePoint(ctx context.Context, id uuid.UUID) (chargepoint.ChargePoint, error) {
	cp, err := getChargePoint(ctx, s.db, id)
	return cp, postgres.Map(err, nil)
}

func getChargePoint(ctx context.Context, q sqlx.QueryerContext, id uuid.UUID) (chargepoint.ChargePoint, error) {
	var rows []chargePointRow
	if err := sqlx.SelectContext(ctx, q, &rows, getChargePointsSQL, ids([]uuid.UUID{id})); err != nil {
		return chargepoint.ChargePoint{}, fmt.Errorf("read a charge point: %w", err)
	}
	list, err := completeChargePoints(ctx, q, rows)
	if err != nil {
		return chargepoint.ChargePoint{}, err
	}
	if len(list) == 0 {
		return chargepoint.ChargePoint{}, chargepoint.ErrNotFound
	}
	return list[0], nil
}

const listChargePointsSQL = `
SELECT ` + chargePointColumns + `
FROM charge_points c
WHERE ($1::uuid IS NULL OR c.operator_id = $1) AND ($2::uuid IS NULL OR c.station_id = $2)
  AND ($3::boolean IS NULL OR (c.connected_to <> '') = $3) AND c.id > $4 AND c.removed_at IS NULL
ORDER BY c.id
LIMIT $5`

// ListChargePoints gives a selection in order of id.
func (s *Store) ListChargePoints(ctx context.Context, sel chargepoint.Selection) ([]chargepoint.ChargePoint, error) {
	var rows []chargePointRow
	err := s.db.SelectContext(ctx, &rows, listChargePointsSQL, orNull(sel.Operator), orNull(sel.Station), sel.Connected, sel.After, sel.Limit)
	if err != nil {
		return nil, postgres.Map(fmt.Errorf("list charge points: %w", err), nil)
	}
	list, err := completeChargePoints(ctx, s.db, rows)
	return list, postgres.Map(err, nil)
}

const credentialsSQL = `SELECT ` + chargePointColumns + `, c.secret_salt, c.secret_hash, c.next_salt, c.next_hash FROM charge_points c WHERE c.identity = $1`

// Credentials implements central.Links.
func (s *Store) Credentials(ctx context.Context, identity string) (chargepoint.ChargePoint, chargepoint.Credentials, error) {
	var row struct {
		chargePointRow

		Salt     []byte `db:"secret_salt"`
		Hash     []byte `db:"secret_hash"`
		NextSalt []byte `db:"next_salt"`
		NextHash []byte `db:"next_hash"`
	}
	err := s.db.GetContext(ctx, &row, credentialsSQL, identity)
	if errors.Is(err, sql.ErrNoRows) {
		return chargepoint.ChargePoint{}, chargepoint.Credentials{}, chargepoint.ErrNotFound
	}
	if err != nil {
		return chargepoint.ChargePoint{}, chargepoint.Credentials{}, postgres.Map(fmt.Errorf("read credentials: %w", err), nil)
	}
	list, err := completeChargePoints(ctx, s.db, []chargePointRow{row.chargePointRow})
	if err != nil {
		return chargepoint.ChargePoint{}, chargepoint.Credentials{}, postgres.Map(err, nil)
	}
	credentials := chargepoint.Credentials{Secret: chargepoint.Secret{Salt: row.Salt, Hash: row.Hash}}
	if row.NextHash != nil {
		credentials.Next = &chargepoint.Secret{Salt: row.NextSalt, Hash: row.NextHash}
	}
	return list[0], credentials, nil
}

const connectedSQL = `
UPDATE charge_points
SET connected_to = $2, connection_id = $3, connected_since = $4, protocol = $5, updated_at = $4, version = version + 1
WHERE id = $1 AND removed_at IS NULL`

// Connected implements central.Links.
func (s *Store) Connected(ctx context.Context, id uuid.UUID, conn chargepoint.Connection, replica string) error {
	return s.execOne(ctx, connectedSQL, id, replica, conn.ID, s.now(), conn.Protocol)
}

const disconnectedSQL = `
UPDATE charge_points
SET connected_to = '', connection_id = NULL, connected_since = NULL, updated_at = $3, version = version + 1
WHERE id = $1 AND connection_id = $2`

// Disconnected implements central.Links.
func (s *Store) Disconnected(ctx context.Context, id uuid.UUID, conn chargepoint.Connection) error {
	_, err := s.db.ExecContext(ctx, disconnectedSQL, id, conn.ID, s.now())
	return postgres.Map(err, nil)
}

const forgetReplicaSQL = `
UPDATE charge_points
SET connected_to = '', connection_id = NULL, connected_since = NULL, updated_at = $2, version = version + 1
WHERE connected_to = $1 AND connected_since < $3`

// ForgetReplica ends every connection of a replica from before the time: one that starts holds none, whatever its predecessor at the
// same address held when it was killed.
func (s *Store) ForgetReplica(ctx context.Context, replica string, before time.Time) error {
	_, err := s.db.ExecContext(ctx, forgetReplicaSQL, replica, s.now(), before)
	return postgres.Map(err, nil)
}

const replicaOfSQL = `SELECT connected_to FROM charge_points WHERE id = $1`

// ReplicaOf gives the internal address of the replica that holds a charge point's socket, "" when none does.
func (s *Store) ReplicaOf(ctx context.Context, id uuid.UUID) (string, error) {
	var replica string
	err := s.db.GetContext(ctx, &replica, replicaOfSQL, id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", chargepoint.ErrNotFound
	}
	return replica, postgres.Map(err, nil)
}

// A charge point that has booted may be another one, as far as its software goes, and may have forgotten what it held.
const bootedSQL = `
WITH held AS (UPDATE reservation_holds SET state = 'SENT', next_at = $3 WHERE charge_point_id = $1 AND state = 'HELD')
UPDATE charge_points SET boot = $2, booted_at = $3, surveyed_at = NULL, updated_at = $3, version = version + 1 WHERE id = $1`

// Booted implements central.Links.
func (s *Store) Booted(ctx context.Context, id uuid.UUID, boot chargepoint.BootInfo) error {
	document, err := json.Marshal(boot)
	if err != nil {
		return fmt.Errorf("write boot data: %w", err)
	}
	return s.execOne(ctx, bootedSQL, id, postgres.JSON(document), s.now())
}

// execOne runs a statement that must meet one charge point.
func (s *Store) execOne(ctx context.Context, query string, args ...any) error {
	result, err := s.db.ExecContext(ctx, query, args...)
	if err != nil {
		return postgres.Map(err, nil)
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		return chargepoint.ErrNotFound
	}
	return err
}

const seenSQL = `
UPDATE charge_points SET last_seen_at = greatest(last_seen_at, $2) WHERE id = ANY($1) AND NOT silent RETURNING id`

const plotsOfChargePointsSQL = `
SELECT DISTINCT pe.plot_id
FROM charge_point_connectors cc JOIN plot_evses pe ON pe.evse_id = cc.evse_id
WHERE cc.charge_point_id = ANY($1)`

const speakAgainSQL = `UPDATE charge_points SET last_seen_at = greatest(last_seen_at, $2), silent = false WHERE id = ANY($1)`

// Seen implements central.Links. What a charge point said before it fell silent is believed again once it is heard.
func (s *Store) Seen(ctx context.Context, list []uuid.UUID, at time.Time) error {
	var heard []uuid.UUID
	if err := s.db.SelectContext(ctx, &heard, seenSQL, ids(list), at); err != nil {
		return postgres.Map(fmt.Errorf("note signs of life: %w", err), nil)
	}
	if len(heard) == len(list) {
		return nil
	}
	known := make(map[uuid.UUID]bool, len(heard))
	for _, id := range heard {
		known[id] = true
	}
	back := slices.DeleteFunc(slices.Clone(list), func(id uuid.UUID) bool { return known[id] })
	return s.write(ctx, func(ctx context.Context, tx txn) error {
		return s.withPlotsOf(ctx, tx, back, func() error {
			_, err := tx.ExecContext(ctx, speakAgainSQL, ids(back), at)
			return err
		})
	})
}

// withPlotsOf locks the plots of charge points, runs change and settles the plots.
func (s *Store) withPlotsOf(ctx context.Context, tx txn, chargePoints []uuid.UUID, change func() error) error {
	var plots []uuid.UUID
	if err := tx.SelectContext(ctx, &plots, plotsOfChargePointsSQL, ids(chargePoints)); err != nil {
		return fmt.Errorf("find the charge points' plots: %w", err)
	}
	if _, err := lockPlots(ctx, tx, plots); err != nil {
		return fmt.Errorf("lock the charge points' plots: %w", err)
	}
	if err := change(); err != nil {
		return err
	}
	return s.settle(ctx, tx, s.now(), plots, nil)
}

const quietSQL = `SELECT id FROM charge_points WHERE NOT silent AND last_seen_at < $1 ORDER BY last_seen_at LIMIT $2`

const fallSilentSQL = `UPDATE charge_points SET silent = true WHERE id = ANY($1) AND last_seen_at < $2 AND NOT silent RETURNING id`

// FallSilent stops believing charge points that have not been heard since the time, and returns how many.
func (s *Store) FallSilent(ctx context.Context, since time.Time, limit int) (int, error) {
	var quiet []uuid.UUID
	if err := s.db.SelectContext(ctx, &quiet, quietSQL, since, limit); err != nil || len(quiet) == 0 {
		return 0, postgres.Map(err, nil)
	}
	var fallen []uuid.UUID
	err := s.write(ctx, func(ctx context.Context, tx txn) error {
		return s.withPlotsOf(ctx, tx, quiet, func() error {
			return tx.SelectContext(ctx, &fallen, fallSilentSQL, ids(quiet), since)
		})
	})
	return len(fallen), err
}

// A charge point's word about itself (connector 0) is news of all its plots.
const reportedPlotsSQL = `
SELECT t.n, pe.plot_id
FROM unnest($1::uuid[], $2::integer[]) WITH ORDINALITY AS t (charge_point_id, number, n)
JOIN charge_point_connectors cc ON cc.charge_point_id = t.charge_point_id AND (cc.number = t.number OR t.number = 0)
JOIN plot_evses pe ON pe.evse_id = cc.evse_id`

const reportConnectorsSQL = `
UPDATE charge_point_connectors cc
SET status = t.status, error_code = t.error_code, info = t.info, status_at = t.at
FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::text[], $5::text[], $6::timestamptz[])
     AS t (charge_point_id, number, status, error_code, info, at)
WHERE cc.charge_point_id = t.charge_point_id AND cc.number = t.number AND (cc.status_at IS NULL OR cc.status_at <= t.at)`

const reportWholesSQL = `
UPDATE charge_points c
SET status = t.status, error_code = t.error_code, status_at = t.at
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[]) AS t (id, status, error_code, at)
WHERE c.id = t.id AND (c.status_at IS NULL OR c.status_at <= t.at)`

// ReportStatuses implements central.Plugs: one transaction for all that charge points say at a moment. A report older than the one known
// changes nothing, and one about a connector that is not registered neither.
func (s *Store) ReportStatuses(ctx context.Context, reports []central.Report) error {
	reports = latest(reports)
	return s.write(ctx, func(ctx context.Context, tx txn) error {
		points, numbers := make([]string, len(reports)), make([]int64, len(reports))
		for i, r := range reports {
			points[i], numbers[i] = r.ChargePoint.String(), int64(r.Connector)
		}
		var touched []struct {
			N      int       `db:"n"`
			PlotID uuid.UUID `db:"plot_id"`
		}
		if err := tx.SelectContext(ctx, &touched, reportedPlotsSQL, pq.Array(points), pq.Array(numbers)); err != nil {
			return fmt.Errorf("find the reported plots: %w", err)
		}
		at := make(map[uuid.UUID]time.Time, len(touched))
		var plots []uuid.UUID
		for _, t := range touched {
			when, known := at[t.PlotID]
			if !known {
				plots = append(plots, t.PlotID)
			}
			if r := reports[t.N-1]; !known || r.At.After(when) {
				at[t.PlotID] = r.At
			}
		}
		if _, err := lockPlots(ctx, tx, plots); err != nil {
			return fmt.Errorf("lock the reported plots: %w", err)
		}
		if err := storeReports(ctx, tx, reports); err != nil {
			return err
		}
		return s.settle(ctx, tx, s.now(), plots, at)
	})
}

// latest keeps the newest report of each connector, in the order in which they came.
func latest(reports []central.Report) []central.Report {
	type key struct {
		chargePoint       uuid.UUID
		connector, outlet int
	}
	at := make(map[key]int, len(reports))
	out := make([]central.Report, 0, len(reports))
	for _, r := range reports {
		k := key{r.ChargePoint, r.Connector, r.Outlet}
		if i, twice := at[k]; !twice {
			at[k] = len(out)
			out = append(out, r)
		} else if !r.At.Before(out[i].At) {
			out[i] = r
		}
	}
	return out
}

func storeReports(ctx context.Context, tx txn, reports []central.Report) error {
	var plugs outletReports
	var points, statuses, codes, infos, wholes, wholeStatuses, wholeCodes []string
	var numbers []int64
	var at, wholeAt []time.Time
	for _, r := range reports {
		if r.Connector == 0 {
			wholes, wholeStatuses = append(wholes, r.ChargePoint.String()), append(wholeStatuses, string(r.Status))
			wholeCodes, wholeAt = append(wholeCodes, r.ErrorCode), append(wholeAt, r.At)
			continue
		}
		if r.Outlet > 0 {
			plugs.points, plugs.numbers = append(plugs.points, r.ChargePoint.String()), append(plugs.numbers, int64(r.Connector))
			plugs.outlets, plugs.statuses = append(plugs.outlets, int64(r.Outlet)), append(plugs.statuses, string(r.Status))
			plugs.at = append(plugs.at, r.At)
			continue
		}
		points, numbers = append(points, r.ChargePoint.String()), append(numbers, int64(r.Connector))
		statuses, codes, infos = append(statuses, string(r.Status)), append(codes, r.ErrorCode), append(infos, r.Info)
		at = append(at, r.At)
	}
	if len(points) > 0 {
		_, err := tx.ExecContext(ctx, reportConnectorsSQL, pq.Array(points), pq.Array(numbers), pq.Array(statuses), pq.Array(codes),
			pq.Array(infos), pq.Array(at))
		if err != nil {
			return fmt.Errorf("store reports of connectors: %w", err)
		}
	}
	if len(wholes) > 0 {
		_, err := tx.ExecContext(ctx, reportWholesSQL, pq.Array(wholes), pq.Array(wholeStatuses), pq.Array(wholeCodes), pq.Array(wholeAt))
		if err != nil {
			return fmt.Errorf("store reports of charge points: %w", err)
		}
	}
	return plugs.store(ctx, tx)
}
