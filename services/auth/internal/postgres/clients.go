package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	pg "github.com/ihr-charging/charging-plot-api/libs/postgres"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/audit"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/client"
	"github.com/ihr-charging/charging-plot-api/services/auth/internal/token"
)

// Clients keeps service clients.
type Clients struct {
	db *pg.DB
}

// NewClients makes Clients.
func NewClients(db *pg.DB) *Clients { return &Clients{db: db} }

type clientRow struct {
	ID         string           `db:"id"`
	Name       string           `db:"name"`
	SecretHash []byte           `db:"secret_hash"`
	PublicKeys sql.Null[string] `db:"public_keys"`
	Account    sql.Null[string] `db:"service_account"`
	Audiences  pq.StringArray   `db:"audiences"`
	Scopes     pq.StringArray   `db:"scopes"`
	Disabled   bool             `db:"disabled"`
	Version    int64            `db:"rights_version"`
	CreatedAt  time.Time        `db:"created_at"`
}

func (row clientRow) client() (client.Client, error) {
	c := client.Client{
		ID: row.ID, Name: row.Name, Audiences: row.Audiences, Scopes: row.Scopes, Disabled: row.Disabled, Version: row.Version,
		CreatedAt: row.CreatedAt,
	}
	copy(c.SecretHash[:], row.SecretHash)
	c.ServiceAccount = row.Account.V
	if row.PublicKeys.Valid {
		var set jwkset.JWKSMarshal
		if err := json.Unmarshal([]byte(row.PublicKeys.V), &set); err != nil {
			return client.Client{}, fmt.Errorf("read the keys of client %s: %w", row.ID, err)
		}
		c.Keys = set.Keys
	}
	return c, nil
}

// prove sets the one of the three columns that is not NULL.
func (row *clientRow) prove(p client.Proof) error {
	switch {
	case p.Keys != nil:
		set, err := json.Marshal(jwkset.JWKSMarshal{Keys: p.Keys})
		row.PublicKeys = sql.Null[string]{V: string(set), Valid: true}
		return err
	case p.ServiceAccount != "":
		row.Account = sql.Null[string]{V: p.ServiceAccount, Valid: true}
	default:
		row.SecretHash = p.SecretHash[:]
	}
	return nil
}

func toClientRow(c client.Client) (clientRow, error) {
	row := clientRow{
		ID: c.ID, Name: c.Name, Disabled: c.Disabled,
		// An empty list, not NULL, which is what nil would be.
		Audiences: append(pq.StringArray{}, c.Audiences...), Scopes: append(pq.StringArray{}, c.Scopes...),
	}
	return row, row.prove(c.Proof)
}

const (
	clientColumns = `SELECT id, name, secret_hash, public_keys, service_account, audiences, scopes, disabled_at IS NOT NULL AS disabled, rights_version, created_at FROM service_clients`
	getClient     = clientColumns + ` WHERE id = $1`
	getByAccount  = clientColumns + ` WHERE service_account = $1`
	listClients   = clientColumns + ` ORDER BY id`
	insertClient  = `
		INSERT INTO service_clients (id, name, secret_hash, public_keys, service_account, audiences, scopes)
		VALUES (:id, :name, :secret_hash, :public_keys, :service_account, :audiences, :scopes)`
	upsertClient = insertClient + `
		ON CONFLICT ON CONSTRAINT service_clients_pkey DO UPDATE
		SET secret_hash = excluded.secret_hash, public_keys = excluded.public_keys, service_account = excluded.service_account,
		    audiences = excluded.audiences, scopes = excluded.scopes, updated_at = now()
		WHERE (service_clients.secret_hash, service_clients.public_keys, service_clients.service_account, service_clients.audiences, service_clients.scopes)
		      IS DISTINCT FROM (excluded.secret_hash, excluded.public_keys, excluded.service_account, excluded.audiences, excluded.scopes)`
	setProof     = `UPDATE service_clients SET secret_hash = $2, public_keys = $3, service_account = $4, updated_at = now() WHERE id = $1`
	useAssertion = `
		INSERT INTO client_assertions (client_id, jti_hash, expires_at) VALUES ($1, $2, $3)
		ON CONFLICT ON CONSTRAINT client_assertions_pkey DO NOTHING`
)

// GetClient returns the client of an id and whether there is one.
func (s *Clients) GetClient(ctx context.Context, id string) (client.Client, bool, error) {
	return s.find(ctx, getClient, id)
}

// GetClientByAccount returns the client of a ServiceAccount and whether there is one.
func (s *Clients) GetClientByAccount(ctx context.Context, account string) (client.Client, bool, error) {
	return s.find(ctx, getByAccount, account)
}

func (s *Clients) find(ctx context.Context, query, by string) (client.Client, bool, error) {
	var row clientRow
	err := s.db.GetContext(ctx, &row, query, by)
	if errors.Is(err, sql.ErrNoRows) {
		return client.Client{}, false, nil
	}
	if err != nil {
		return client.Client{}, false, pg.Map(fmt.Errorf("get client: %w", err), nil)
	}
	c, err := row.client()
	return c, err == nil, err
}

// UseAssertion notes that a client has used the assertion of an id, and reports whether it is the first time.
func (s *Clients) UseAssertion(ctx context.Context, clientID string, assertion token.Hash, until time.Time) (first bool, err error) {
	result, err := s.db.ExecContext(ctx, useAssertion, clientID, assertion[:], until)
	if err != nil {
		return false, pg.Map(fmt.Errorf("use an assertion: %w", err), nil)
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

var clientFaults = map[string]*fault.Fault{"service_clients_pkey": client.ErrExists, "service_clients_service_account_unique": client.ErrExists}

// ListClients returns all clients by id.
func (s *Clients) ListClients(ctx context.Context) ([]client.Client, error) {
	var rows []clientRow
	if err := s.db.SelectContext(ctx, &rows, listClients); err != nil {
		return nil, pg.Map(fmt.Errorf("list clients: %w", err), nil)
	}
	clients := make([]client.Client, len(rows))
	for i, row := range rows {
		var err error
		if clients[i], err = row.client(); err != nil {
			return nil, err
		}
	}
	return clients, nil
}

// CreateClient writes a client, or returns client.ErrExists.
func (s *Clients) CreateClient(ctx context.Context, c client.Client, event audit.Event) error {
	return s.write(ctx, insertClient, c, event)
}

// PutClient writes a client, whether or not there is one of its id. Nothing is recorded when nothing changes.
func (s *Clients) PutClient(ctx context.Context, c client.Client, event audit.Event) error {
	return s.write(ctx, upsertClient, c, event)
}

// SetProof gives a client another proof; what it had is worth nothing. It returns client.ErrAbsent when there is no such client, and
// client.ErrExists when the ServiceAccount is another's.
func (s *Clients) SetProof(ctx context.Context, id string, proof client.Proof, event audit.Event) error {
	var row clientRow
	if err := row.prove(proof); err != nil {
		return err
	}
	return pg.Map(s.change(ctx, event, setProof, id, row.SecretHash, row.PublicKeys, row.Account), clientFaults)
}

// RemoveClient removes a client, or returns client.ErrAbsent.
func (s *Clients) RemoveClient(ctx context.Context, id string, event audit.Event) error {
	return s.change(ctx, event, `DELETE FROM service_clients WHERE id = $1`, id)
}

func (s *Clients) change(ctx context.Context, event audit.Event, statement string, args ...any) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, statement, args...)
		if err != nil {
			return fmt.Errorf("change a client: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(client.ErrAbsent, err)
		}
		return record(ctx, tx, event)
	})
}

func (s *Clients) write(ctx context.Context, statement string, c client.Client, event audit.Event) error {
	row, err := toClientRow(c)
	if err != nil {
		return err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		result, err := tx.NamedExecContext(ctx, statement, row)
		if err != nil {
			return fmt.Errorf("write client %s: %w", c.ID, err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return err
		}
		return record(ctx, tx, event)
	})
	return pg.Map(err, clientFaults)
}

var _ client.Store = (*Clients)(nil)
