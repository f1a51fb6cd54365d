// Package redistest is being written.
package redistest

import (
	"testing"

	"github.com/redis/go-redis/v9"
)

// New is a client of the tests' Redis, with a database of its own.
func New(t testing.TB) redis.UniversalClient {
	t.Helper()
	t.Fatal("redistest: being written")
	return nil
}
