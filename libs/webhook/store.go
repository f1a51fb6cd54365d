package webhook

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/libs/publichttp"
)

// StoreOptions are what a store heeds.
type StoreOptions struct {
	Guard *publichttp.Guard // judges URLs; nil: public ones only
	Key   []byte            // that secrets are encrypted under, the same on every replica
	// KeyOf gives the key in place of Key where it must be fetched first. It is asked at each use.
	KeyOf func(ctx context.Context) ([]byte, error)
	Now   func() time.Time // time.Now when nil
	// Record writes down what was done to an endpoint, in the transaction that does it. Nothing is written when it is nil.
	Record func(ctx context.Context, tx *sqlx.Tx, done Act, endpoint uuid.UUID) error
	// PerOwner is how many endpoints one owner may have; 20.
	PerOwner int
}

// Store keeps endpoints and deliveries in Postgres. It is safe for concurrent use.
type Store struct {
	db  *postgres.DB
	opt StoreOptions
}

// NewStore makes a store on a database that has the tables of Schema.
func NewStore(db *postgres.DB, options StoreOptions) *Store {
	if options.Guard == nil {
		options.Guard = publichttp.NewGuard(publichttp.Rules{})
	}
	if options.Record == nil {
		options.Record = func(context.Context, *sqlx.Tx, Act, uuid.UUID) error { return nil }
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.PerOwner == 0 {
		options.PerOwner = 20
	}
	return &Store{db: db, opt: options}
}

func (s *Store) now() time.Time { return s.opt.Now().UTC().Truncate(time.Microsecond) }

var byConstraint = map[string]*fault.Fault{"webhook_endpoints_url_key": ErrExists}

type endpointRow struct {
	ID           uuid.UUID      `db:"id"`
	OwnerID      uuid.UUID      `db:"owner_id"`
	OperatorID   *uuid.UUID     `db:"operator_id"`
	URL          string         `db:"url"`
	Description  string         `db:"description"`
	Types        pq.StringArray `db:"types"`
	Filter       []byte         `db:"filter"`
	Disabled     string         `db:"disabled"`
	FailingSince *time.Time     `db:"failing_since"`
	DeliveredAt  *time.Time     `db:"delivered_at"`
	RotatedUntil *time.Time     `db:"previous_until"`
	CreatedAt    time.Time      `db:"created_at"`
	UpdatedAt    time.Time      `db:"updated_at"`
	Version      int64          `db:"version"`
}

const endpointColumns = `id, owner_id, operator_id, url, description, types, filter, disabled, failing_since, delivered_at,
previous_until, created_at, updated_at, version`

func (r endpointRow) fromRow(now time.Time) Endpoint {
	e := Endpoint{
		ID: r.ID, OwnerID: r.OwnerID, URL: r.URL, Description: r.Description, Types: r.Types, Filter: r.Filter, Disabled: Disabled(r.Disabled),
		FailingSince: orZero(r.FailingSince), DeliveredAt: orZero(r.DeliveredAt), RotatedUntil: orZero(r.RotatedUntil),
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(), Version: r.Version,
	}
	if r.OperatorID != nil {
		e.OperatorID = *r.OperatorID
	}
	if !e.RotatedUntil.After(now) {
		e.RotatedUntil = time.Time{}
	}
	return e
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

func orNull(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

// checkURL names the faulty member, as the guard cannot.
func (s *Store) checkURL(raw string) error {
	_, err := s.opt.Guard.CheckURL(raw)
	if f, ok := errors.AsType[*fault.Fault](err); ok {
		return f.At(fault.Field{Pointer: "/url", Code: f.Code(), Detail: "must be a URL on the public internet"})
	}
	return err
}

const createSQL = `
insert into webhook_endpoints (id, owner_id, operator_id, url, description, types, filter, secret, disabled, created_at, updated_at, version)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, 1)
returning ` + endpointColumns

// Create keeps a new endpoint and makes its secret, which is not shown again. It returns publichttp.ErrURL or ErrForbidden for a
// URL that will not be called, ErrExists when the owner has this URL already, and ErrTooMany.
func (s *Store) Create(ctx context.Context, e Endpoint) (Endpoint, Secret, error) {
	if err := s.checkURL(e.URL); err != nil {
		return Endpoint{}, Secret{}, err
	}
	sealer, err := s.sealer(ctx)
	if err != nil {
		return Endpoint{}, Secret{}, err
	}
	secret := NewSecret()
	now := s.now()
	e.ID = uuid.Must(uuid.NewV7())
	if e.Filter == nil {
		e.Filter = json.RawMessage("{}")
	}
	if e.Types == nil {
		e.Types = []string{}
	}
	var row endpointRow
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		// Those who make two at once take turns, so that neither counts without the other.
		if _, err := tx.ExecContext(ctx, `select pg_advisory_xact_lock(hashtextextended('webhooks of ' || $1::text, 0))`, e.OwnerID); err != nil {
			return err
		}
		var held int
		if err := tx.GetContext(ctx, &held, `select count(*) from webhook_endpoints where owner_id = $1`, e.OwnerID); err != nil {
			return err
		}
		if held >= s.opt.PerOwner {
			return ErrTooMany.Detailf("The most is %d.", s.opt.PerOwner)
		}
		err := tx.GetContext(ctx, &row, createSQL, e.ID, e.OwnerID, orNull(e.OperatorID), e.URL, e.Description, pq.Array(e.Types),
			postgres.JSON(e.Filter), sealer.seal(e.ID, secret), string(e.Disabled), now)
		if err != nil {
			return err
		}
		return s.opt.Record(ctx, tx, Created, e.ID)
	})
	if err != nil {
		return Endpoint{}, Secret{}, postgres.Map(err, byConstraint)
	}
	return row.fromRow(now), secret, nil
}

const inScope = `($2 or owner_id = $3 or operator_id = $4)`

func (c Scope) args() []any { return []any{c.All, orNull(c.OwnerID), orNull(c.OperatorID)} }

// Get returns ErrNotFound when there is none within the scope.
func (s *Store) Get(ctx context.Context, id uuid.UUID, scope Scope) (Endpoint, error) {
	return s.get(ctx, s.db, id, scope, "")
}

func (s *Store) get(ctx context.Context, q sqlx.QueryerContext, id uuid.UUID, scope Scope, lock string) (Endpoint, error) {
	var row endpointRow
	query := `select ` + endpointColumns + ` from webhook_endpoints where id = $1 and ` + inScope + lock
	err := sqlx.GetContext(ctx, q, &row, query, append([]any{id}, scope.args()...)...)
	if errors.Is(err, sql.ErrNoRows) {
		return Endpoint{}, ErrNotFound
	}
	return row.fromRow(s.now()), postgres.Map(err, nil)
}

// List gives up to limit endpoints within the scope after an id, in order of id.
func (s *Store) List(ctx context.Context, scope Scope, after uuid.UUID, limit int) ([]Endpoint, error) {
	return s.list(ctx, s.db, `select `+endpointColumns+` from webhook_endpoints where id > $1 and `+inScope+` order by id limit $5`,
		append(append([]any{after}, scope.args()...), limit)...)
}

// Active gives every endpoint that is enabled, for the service to choose among those that may hear of something.
func (s *Store) Active(ctx context.Context, q sqlx.QueryerContext) ([]Endpoint, error) {
	return s.list(ctx, q, `select `+endpointColumns+` from webhook_endpoints where disabled = '' order by id`)
}

func (s *Store) list(ctx context.Context, q sqlx.QueryerContext, query string, args ...any) ([]Endpoint, error) {
	var rows []endpointRow
	if err := sqlx.SelectContext(ctx, q, &rows, query, args...); err != nil {
		return nil, postgres.Map(fmt.Errorf("list webhooks: %w", err), nil)
	}
	now := s.now()
	out := make([]Endpoint, len(rows))
	for i, r := range rows {
		out[i] = r.fromRow(now)
	}
	return out, nil
}

const updateSQL = `
update webhook_endpoints
set url = $2, description = $3, types = $4, filter = $5, disabled = $6, updated_at = $7, version = version + 1,
    failures = case when $8 then 0 else failures end,
    failing_since = case when $8 then null else failing_since end,
    paused_until = case when $8 then '-infinity' else paused_until end
where id = $1
returning ` + endpointColumns

// Update lets change alter the URL, description, types, filter and whether it is disabled of an endpoint, locked; change's error is
// returned and nothing altered. One that is enabled again, or gets another URL, starts with a clean slate.
func (s *Store) Update(ctx context.Context, id uuid.UUID, scope Scope, change func(*Endpoint) error) (Endpoint, error) {
	var row endpointRow
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		before, err := s.get(ctx, tx, id, scope, " for update")
		if err != nil {
			return err
		}
		e := before
		if err := change(&e); err != nil {
			return err
		}
		if err := s.checkURL(e.URL); err != nil {
			return err
		}
		if e.Types == nil {
			e.Types = []string{}
		}
		anew := e.URL != before.URL || (e.Disabled == Enabled && before.Disabled != Enabled)
		err = tx.GetContext(ctx, &row, updateSQL, id, e.URL, e.Description, pq.Array(e.Types), postgres.JSON(e.Filter), string(e.Disabled), s.now(), anew)
		if err != nil {
			return err
		}
		return s.opt.Record(ctx, tx, Changed, id)
	})
	if err != nil {
		return Endpoint{}, postgres.Map(err, byConstraint)
	}
	return row.fromRow(s.now()), nil
}

// Delete removes an endpoint with its deliveries. check judges it before, locked; its error is returned.
func (s *Store) Delete(ctx context.Context, id uuid.UUID, scope Scope, check func(Endpoint) error) error {
	return postgres.Map(s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		e, err := s.get(ctx, tx, id, scope, " for update")
		if err != nil {
			return err
		}
		if err := check(e); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `delete from webhook_endpoints where id = $1`, id); err != nil {
			return err
		}
		return s.opt.Record(ctx, tx, Removed, id)
	}), nil)
}

// Forget removes the endpoints of an owner, also those within operators, in the transaction that forgets the owner: whose server it was
// nobody can say any more.
func Forget(ctx context.Context, tx sqlx.ExecerContext, owner uuid.UUID) error {
	if _, err := tx.ExecContext(ctx, `delete from webhook_endpoints where owner_id = $1`, owner); err != nil {
		return fmt.Errorf("forget an owner's webhooks: %w", err)
	}
	return nil
}

const rotateSQL = `
update webhook_endpoints
set previous_secret = case when $3::timestamptz is null then null else secret end, previous_until = $3, secret = $2, updated_at = $4, version = version + 1
where id = $1`

// Rotate gives an endpoint another secret. For the time of keep messages are signed by the one before as well; none keeps the old one
// alive (after a leak).
func (s *Store) Rotate(ctx context.Context, id uuid.UUID, scope Scope, keep time.Duration) (Endpoint, Secret, error) {
	sealer, err := s.sealer(ctx)
	if err != nil {
		return Endpoint{}, Secret{}, err
	}
	secret := NewSecret()
	var out Endpoint
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		if _, err := s.get(ctx, tx, id, scope, " for update"); err != nil {
			return err
		}
		now := s.now()
		var until *time.Time
		if keep > 0 {
			at := now.Add(keep)
			until = &at
		}
		if _, err := tx.ExecContext(ctx, rotateSQL, id, sealer.seal(id, secret), until, now); err != nil {
			return err
		}
		var err error
		if out, err = s.get(ctx, tx, id, scope, ""); err != nil {
			return err
		}
		return s.opt.Record(ctx, tx, Rotated, id)
	})
	if err != nil {
		return Endpoint{}, Secret{}, postgres.Map(err, nil)
	}
	return out, secret, nil
}
