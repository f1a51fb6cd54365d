// Package idempotency makes a POST that is sent twice happen once.
//
// The caller names the attempt with an Idempotency-Key header. The answer is
// stored in the same transaction as the write, so either both are there or
// neither is: the same key and body get the same answer for 24 hours (Lifetime),
// the same key with another body is refused (ErrReused, 422), and a request that
// is still under way elsewhere is refused for the moment (ErrInFlight, 409).
// Work that fails stores nothing and may be tried again with the same key.
//
//	app.Use(idempotency.Middleware())
//	…
//	r, replayed, err := idempotency.Do(ctx, db, principal.Subject.String(),
//	    func(ctx context.Context, tx *sqlx.Tx) (Reservation, error) { … })
//
// Every service that uses it has the table of Schema in its migrations and calls
// Purge now and then. Answers are kept as they were given: do not use it for
// answers that hold a secret which is to be shown once only.
package idempotency

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/jmoiron/sqlx"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
	"github.com/ihr-charging/charging-plot-api/libs/postgres"
)

// Header names the attempt; ReplayedHeader marks an answer that was given before.
const (
	Header         = "Idempotency-Key"
	ReplayedHeader = "Idempotency-Replayed"
)

// Lifetime is how long an answer is kept.
const Lifetime = 24 * time.Hour

// maxKey is the longest key, in bytes.
const maxKey = 255

// Schema is the table, for the migrations of the service.
const Schema = `CREATE TABLE idempotency (
    principal    text        NOT NULL,
    route        text        NOT NULL,
    key          text        NOT NULL,
    request_hash bytea       NOT NULL,
    response     json        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT idempotency_pkey PRIMARY KEY (principal, route, key)
);
CREATE INDEX idempotency_created_at_idx ON idempotency (created_at);
`

// The faults of this package.
var (
	ErrBadKey   = fault.Define(fault.Invalid, "bad_idempotency_key", "The idempotency key is malformed")
	ErrReused   = fault.Define(fault.Unprocessable, "idempotency_key_reused", "The idempotency key was used for another request")
	ErrInFlight = fault.Define(fault.Conflict, "idempotency_in_flight", "A request with this idempotency key is under way").After(time.Second)
)

type contextKey struct{}

// attempt is one use of a key.
type attempt struct {
	key   string
	route string
	hash  [sha256.Size]byte
	// replayed tells Middleware that Do gave a stored answer.
	replayed bool
}

// Middleware reads the key of a request and puts it, the route and the hash of
// the body into the context, where Do finds them. It belongs behind the router
// (a handler of the route or the `before` of openapi.Document.Router), since the
// route is part of a key's meaning. A malformed key is ErrBadKey. The key of a
// request whose body is streamed (httpserver.AllowBody) is passed over: to compare
// it, the whole body would have to be kept.
func Middleware() fiber.Handler {
	return func(c *fiber.Ctx) error {
		keys := c.Request().Header.PeekAll(Header)
		if len(keys) == 0 || c.Method() != fiber.MethodPost || c.Request().IsBodyStream() {
			return c.Next()
		}
		if len(keys) > 1 || !validKey(keys[0]) {
			return ErrBadKey.At(fault.Field{
				Parameter: Header, Code: "format", Detail: "must be given once, as 1 to 255 printable ASCII characters",
			})
		}
		a := &attempt{key: string(keys[0]), route: c.Method() + " " + string(c.Request().URI().Path())}
		h := sha256.New()
		h.Write(c.Request().URI().QueryString())
		h.Write([]byte{0})
		h.Write(c.Request().Header.ContentType())
		h.Write([]byte{0})
		h.Write(c.Request().Body())
		h.Sum(a.hash[:0])
		c.SetUserContext(context.WithValue(c.UserContext(), contextKey{}, a))
		err := c.Next()
		if err == nil && a.replayed {
			c.Set(ReplayedHeader, "true")
		}
		return err
	}
}

func validKey(key []byte) bool {
	if len(key) == 0 || len(key) > maxKey {
		return false
	}
	for _, b := range key {
		if b <= ' ' || b > '~' {
			return false
		}
	}
	return true
}

// Keyed tells whether the request came with a key, and Do would keep its answer.
func Keyed(ctx context.Context) bool {
	a, _ := ctx.Value(contextKey{}).(*attempt)
	return a != nil
}

const selectAnswer = `
SELECT request_hash, response
FROM idempotency
WHERE principal = $1 AND route = $2 AND key = $3 AND created_at > now() - make_interval(secs => $4)`

// The row of an answer that has expired gives way.
const insertAnswer = `
INSERT INTO idempotency (principal, route, key, request_hash, response)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT ON CONSTRAINT idempotency_pkey
DO UPDATE SET request_hash = excluded.request_hash, response = excluded.response, created_at = now()`

// Do runs fn in a transaction, at most once for each (principal, route, key) of
// the context; without a key it just runs it. When the work was done before, out
// is the answer of then, as it comes back through JSON, and replayed is true.
//
// It returns ErrInFlight while another request with the key is under way and
// ErrReused when the key was used with another body. An error of fn rolls back
// and stores nothing. fn may run again when Postgres asks for it (see
// postgres.DB.InTx).
func Do[T any](
	ctx context.Context, db *postgres.DB, principal string, fn func(ctx context.Context, tx *sqlx.Tx) (T, error),
) (out T, replayed bool, err error) {
	a, _ := ctx.Value(contextKey{}).(*attempt)
	err = db.InTx(ctx, func(ctx context.Context, tx *sqlx.Tx) error {
		replayed = false
		if a == nil {
			out, err = fn(ctx, tx)
			return err
		}
		if replayed, err = recall(ctx, tx, principal, a, &out); err != nil || replayed {
			return err
		}
		if out, err = fn(ctx, tx); err != nil {
			return err
		}
		return remember(ctx, tx, principal, a, out)
	})
	if err != nil {
		var none T
		return none, false, err
	}
	if replayed {
		a.replayed = true
	}
	return out, replayed, nil
}

// recall takes the lock of the attempt until the transaction ends and reads the
// answer, if there is one. The lock is freed after the commit is visible, so
// whoever gets it next sees the row.
func recall(ctx context.Context, tx *sqlx.Tx, principal string, a *attempt, out any) (bool, error) {
	var free bool
	if err := tx.GetContext(ctx, &free, "SELECT pg_try_advisory_xact_lock($1)", a.lock(principal)); err != nil {
		return false, fmt.Errorf("lock idempotency key: %w", err)
	}
	if !free {
		return false, ErrInFlight
	}
	var row struct {
		RequestHash []byte `db:"request_hash"`
		Response    []byte `db:"response"`
	}
	err := tx.GetContext(ctx, &row, selectAnswer, principal, a.route, a.key, Lifetime.Seconds())
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("read stored answer: %w", err)
	case string(row.RequestHash) != string(a.hash[:]):
		return false, ErrReused
	}
	if err := json.Unmarshal(row.Response, out); err != nil {
		return false, fmt.Errorf("decode stored answer: %w", err)
	}
	return true, nil
}

func remember(ctx context.Context, tx *sqlx.Tx, principal string, a *attempt, out any) error {
	response, err := json.Marshal(out)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	if _, err := tx.ExecContext(ctx, insertAnswer, principal, a.route, a.key, a.hash[:], response); err != nil {
		return fmt.Errorf("store answer: %w", err)
	}
	return nil
}

// lock is the number of the advisory lock of the attempt. Two attempts that
// share a number by chance only make each other wait.
func (a *attempt) lock(principal string) int64 {
	sum := sha256.Sum256([]byte("idempotency\x00" + principal + "\x00" + a.route + "\x00" + a.key))
	return int64(binary.BigEndian.Uint64(sum[:8])) //nolint:gosec // every bit pattern is a lock
}

// Purge deletes the answers that have expired and returns how many there were.
func Purge(ctx context.Context, db *postgres.DB) (int64, error) {
	result, err := db.ExecContext(ctx,
		`DELETE FROM idempotency WHERE created_at <= now() - make_interval(secs => $1)`, Lifetime.Seconds())
	if err != nil {
		return 0, fmt.Errorf("purge stored answers: %w", err)
	}
	return result.RowsAffected()
}

// Forget deletes the answers that a principal was given, in the transaction that forgets the principal.
func Forget(ctx context.Context, tx sqlx.ExecerContext, principal string) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM idempotency WHERE principal = $1`, principal); err != nil {
		return fmt.Errorf("forget stored answers: %w", err)
	}
	return nil
}
