package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"time"

	"github.com/lib/pq"

	"github.com/ihr-charging/charging-plot-api/libs/fault"
)

// The faults that a database can be in by itself.
var (
	// ErrUnavailable says that the database cannot be reached or does not take writes now.
	ErrUnavailable = fault.Define(fault.Unavailable, "database_unavailable", "The data store cannot be reached at the moment")
	// ErrSlow says that a statement ran into StatementTimeout.
	ErrSlow = fault.Define(fault.Timeout, "database_timeout", "The data store took too long")
)

// retryAfter is what callers are told while the database is away: failing over takes seconds.
const retryAfter = 2 * time.Second

// SQLSTATEs that decide something here.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	queryCanceled        = "57014"
	readOnlyTransaction  = "25006" // a primary that has become a standby
	lockNotAvailable     = "55P03"
	undefinedTable       = "42P01"
)

// Constraint gives the name of the constraint that err says is violated, or "".
func Constraint(err error) string {
	if e, ok := errors.AsType[*pq.Error](err); ok && e.Code.Class() == "23" {
		return e.Constraint
	}
	return ""
}

// Map turns an error of the database into the fault that a caller is told: the violated
// constraint's, as named by byConstraint; ErrUnavailable (with Retry-After) for a lost connection
// and whatever else passes by itself; ErrSlow for a statement that took too long. Every other
// error, sql.ErrNoRows, a context's and faults among them, is returned as it came.
func Map(err error, byConstraint map[string]*fault.Fault) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Fault](err); ok {
		return err
	}
	if f, ok := byConstraint[Constraint(err)]; ok && f != nil {
		return f.Because(err)
	}
	switch {
	case errors.Is(err, sql.ErrNoRows), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case sqlState(err) == queryCanceled:
		return ErrSlow.Because(err)
	case passing(err):
		return ErrUnavailable.After(retryAfter).Because(err)
	}
	return err
}

func sqlState(err error) string {
	if e, ok := errors.AsType[*pq.Error](err); ok {
		return string(e.Code)
	}
	return ""
}

// givenUp tells whether Postgres ended the transaction for the sake of another one.
func givenUp(err error) bool {
	state := sqlState(err)
	return state == serializationFailure || state == deadlockDetected
}

// passing tells whether err says something about the database's present state, not about the
// statement: the same statement may succeed later.
func passing(err error) bool {
	if e, ok := errors.AsType[*pq.Error](err); ok {
		switch e.Code.Class() {
		case "08", "53": // connection exception; out of memory, connections or disk
			return true
		case "57": // shut down, crashed, starting, dropped
			return e.Code != queryCanceled
		}
		return givenUp(err) || e.Code == readOnlyTransaction || e.Code == lockNotAvailable
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, sql.ErrConnDone)
}
