// Package redistest gives a test a Redis database of its own.
//
//	client := redistest.New(t)
//
// TEST_REDIS_URL names the server; without it the test fails. Tests may run in parallel and in many
// processes: each borrows one of the server's numbered databases, empties it and gives it back.
// Channels of PUBLISH belong to the whole server, so a test names its own.
package redistest

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/ihr-charging/charging-plot-api/libs/pause"
	"github.com/ihr-charging/charging-plot-api/libs/rediscache"
)

const (
	variable = "TEST_REDIS_URL"
	// lease is how long a database stays lent when its process was killed.
	lease   = 5 * time.Minute
	patient = 2 * time.Minute
)

// New returns a client of an empty database that no other test uses until this one ends.
func New(t testing.TB) redis.UniversalClient {
	t.Helper()
	address, err := url.Parse(URL(t))
	if err != nil {
		t.Fatalf("%s is not a URL", variable)
	}
	options, err := redis.ParseURL(address.String())
	if err != nil {
		t.Fatalf("%s is not the URL of a Redis", variable)
	}
	address.Path = "/" + strconv.Itoa(borrow(t, options))
	// A machine busy with tests may be slow; that must not look like a Redis that is down.
	client, err := rediscache.Open(rediscache.Config{URL: address.String(), Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.FlushDB(t.Context()).Err(); err != nil {
		t.Fatalf("empty the test's Redis: %v", err)
	}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Errorf("close the test's Redis: %v", err)
		}
	})
	return client
}

// URL is the address of the tests' server; the test ends when there is none.
func URL(t testing.TB) string {
	t.Helper()
	address := os.Getenv(variable)
	if address == "" {
		t.Fatalf("%s is not set: run the tests with `make test`, which starts a Redis for them, or set it to the URL of a server whose databases may be emptied", variable)
	}
	return address
}

// borrow takes one of the databases 1, 2, … for this test. Database 0 holds who has which.
func borrow(t testing.TB, options *redis.Options) int {
	t.Helper()
	admin := redis.NewClient(options)
	t.Cleanup(func() {
		if err := admin.Close(); err != nil {
			t.Errorf("close the tests' Redis: %v", err)
		}
	})
	setting, err := admin.ConfigGet(t.Context(), "databases").Result()
	if err != nil {
		t.Fatalf("the Redis of %s does not answer (run the tests with `make test`, which starts one): %v", variable, err)
	}
	databases, err := strconv.Atoi(setting["databases"])
	if err != nil || databases < 2 {
		t.Fatalf("the Redis of %s has no databases to lend", variable)
	}
	me := rand.Text()
	for end := time.Now().Add(patient); ; {
		for n := 1; n < databases; n++ {
			key := "redistest:" + strconv.Itoa(n)
			mine, err := admin.SetNX(t.Context(), key, me, lease).Result()
			if err != nil {
				t.Fatalf("borrow a Redis database: %v", err)
			}
			if mine {
				t.Cleanup(func() { giveBack(t, admin, key, me) })
				return n
			}
		}
		if time.Now().After(end) {
			t.Fatalf("all %d databases of %s are lent", databases-1, variable)
		}
		if err := pause.For(t.Context(), 20*time.Millisecond); err != nil { // nothing tells when one is free
			t.Fatal(err)
		}
	}
}

// giveBack runs after the test's context has ended.
func giveBack(t testing.TB, admin *redis.Client, key, me string) {
	holder, err := admin.Get(context.Background(), key).Result()
	if err != nil || holder != me {
		t.Errorf("the test took longer than its Redis database was lent: %v", err)
		return
	}
	if err := admin.Del(context.Background(), key).Err(); err != nil {
		t.Errorf("give the Redis database back: %v", err)
	}
}
