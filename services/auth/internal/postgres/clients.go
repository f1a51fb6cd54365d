package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

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
	ID         string         `db:"id"`
	Name       string         `db:"name"`
	SecretHash []byte         `db:"secret_hash"`
	Audiences  pq.StringArray `db:"audiences"`
	Scopes     pq.StringArray `db:"scopes"`
	Disabled   bool           `db:"disabled"`
	Version    int64          `db:"rights_version"`
	CreatedAt  time.Time      `db:"created_at"`
}

func (row clientRow) client() client.Client {
	c := client.Client{
		ID: row.ID, Name: row.Name, Audiences: row.Audiences, Scopes: row.Scopes, Disabled: row.Disabled, Version: row.Version,
		CreatedAt: row.CreatedAt,
	}
	copy(c.SecretHash[:], row.SecretHash)
	return c
}

func toClientRow(c client.Client) clientRow {
	return clientRow{
		ID: c.ID, Name: c.Name, SecretHash: c.SecretHash[:], Disabled: c.Disabled,
		// An empty list, not NULL, which is what nil would be.
		Audiences: append(pq.StringArray{}, c.Audiences...), Scopes: append(pq.StringArray{}, c.Scopes...),
	}
}

const (
	clientColumns = `SELECT id, name, secret_hash, audiences, scopes, disabled_at IS NOT NULL AS disabled, rights_version, created_at FROM service_clients`
	getClient     = clientColumns + ` WHERE id = $1`
	listClients   = clientColumns + ` ORDER BY id`
	insertClient  = `
		INSERT INTO service_clients (id, name, secret_hash, audiences, scopes)
		VALUES (:id, :name, :secret_hash, :audiences, :scopes)`
	upsertClient = insertClient + `
		ON CONFLICT ON CONSTRAINT service_clients_pkey DO UPDATE
		SET secret_hash = excluded.secret_hash, audiences = excluded.audiences, scopes = excluded.scopes, updated_at = now()
		WHERE (service_clients.secret_hash, service_clients.audiences, service_clients.scopes)
		      IS DISTINCT FROM (excluded.secret_hash, excluded.audiences, excluded.scopes)`
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
	return row.client(), true, nil
}

// ListClients returns all clients by id.
func (s *Clients) ListClients(ctx context.Context) ([]client.Client, error) {
	var rows []clientRow
	if err := s.db.SelectContext(ctx, &rows, listClients); err != nil {
		return nil, pg.Map(fmt.Errorf("list clients: %w", err), nil)
	}
	clients := make([]client.Client, len(rows))
	for i, row := range rows {
		clients[i] = row.client()
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

// SetSecret gives a client another secret, or returns client.ErrAbsent.
func (s *Clients) SetSecret(ctx context.Context, id string, secret token.Hash, event audit.Event) error {
	return s.change(ctx, event, `UPDATE service_clients SET secret_hash = $2, updated_at = now() WHERE id = $1`, id, secret[:])
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
	err := s.db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		result, err := tx.NamedExecContext(ctx, statement, toClientRow(c))
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
