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
	if row.PublicKeys.Valid {
		var set jwkset.JWKSMarshal
		if err := json.Unmarshal([]byte(row.PublicKeys.V), &set); err != nil {
			return client.Client{}, fmt.Errorf("read the keys of client %s: %w", row.ID, err)
		}
		c.Keys = set.Keys
	}
	return c, nil
}

// toProof returns the two columns of which one is NULL.
func toProof(secret token.Hash, keys []jwkset.JWKMarshal) (secretHash []byte, publicKeys sql.Null[string], err error) {
	if keys == nil {
		return secret[:], publicKeys, nil
	}
	set, err := json.Marshal(jwkset.JWKSMarshal{Keys: keys})
	return nil, sql.Null[string]{V: string(set), Valid: true}, err
}

func toClientRow(c client.Client) (clientRow, error) {
	secretHash, publicKeys, err := toProof(c.SecretHash, c.Keys)
	return clientRow{
		ID: c.ID, Name: c.Name, SecretHash: secretHash, PublicKeys: publicKeys, Disabled: c.Disabled,
		// An empty list, not NULL, which is what nil would be.
		Audiences: append(pq.StringArray{}, c.Audiences...), Scopes: append(pq.StringArray{}, c.Scopes...),
	}, err
}

const (
	clientColumns = `SELECT id, name, secret_hash, public_keys, audiences, scopes, disabled_at IS NOT NULL AS disabled, rights_version, created_at FROM service_clients`
	getClient     = clientColumns + ` WHERE id = $1`
	listClients   = clientColumns + ` ORDER BY id`
	insertClient  = `
		INSERT INTO service_clients (id, name, secret_hash, public_keys, audiences, scopes)
		VALUES (:id, :name, :secret_hash, :public_keys, :audiences, :scopes)`
	upsertClient = insertClient + `
		ON CONFLICT ON CONSTRAINT service_clients_pkey DO UPDATE
		SET secret_hash = excluded.secret_hash, public_keys = excluded.public_keys, audiences = excluded.audiences, scopes = excluded.scopes,
		    updated_at = now()
		WHERE (service_clients.secret_hash, service_clients.public_keys, service_clients.audiences, service_clients.scopes)
		      IS DISTINCT FROM (excluded.secret_hash, excluded.public_keys, excluded.audiences, excluded.scopes)`
	setProof     = `UPDATE service_clients SET secret_hash = $2, public_keys = $3, updated_at = now() WHERE id = $1`
	useAssertion = `
		INSERT INTO client_assertions (client_id, jti_hash, expires_at) VALUES ($1, $2, $3)
		ON CONFLICT ON CONSTRAINT client_assertions_pkey DO NOTHING`
)

// GetClient returns the client of an id and whether there is one.
func (s *Clients) GetClient(ctx context.Context, id string) (client.Client, bool, error) {
	var row clientRow
	err := s.db.GetContext(ctx, &row, getClient, id)
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

// SetProof gives a client another secret, or keys unless they are nil; what it had is worth nothing. It returns client.ErrAbsent
// when there is no such client.
func (s *Clients) SetProof(ctx context.Context, id string, secret token.Hash, keys []jwkset.JWKMarshal, event audit.Event) error {
	secretHash, publicKeys, err := toProof(secret, keys)
	if err != nil {
		return err
	}
	return s.change(ctx, event, setProof, id, secretHash, publicKeys)
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
	return pg.Map(err, map[string]*fault.Fault{"service_clients_pkey": client.ErrExists})
}

var _ client.Store = (*Clients)(nil)
