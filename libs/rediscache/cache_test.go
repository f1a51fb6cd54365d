package rediscache_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/ihr-charging/charging-plot-api/libs/pause"
	"github.com/ihr-charging/charging-plot-api/libs/rediscache"
	"github.com/ihr-charging/charging-plot-api/libs/rediscache/redistest"
)

type detail struct {
	Name  string   `json:"name"`
	Plugs []string `json:"plugs"`
}

// until waits for what nothing tells of.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !holds(); {
		if pause.For(t.Context(), 5*time.Millisecond) != nil || time.Now().After(end) {
			t.Fatalf("it did not come about that %s", what)
		}
	}
}

func options(version int) rediscache.Options {
	return rediscache.Options{Namespace: "detail", Version: version, TTL: time.Minute}
}

func TestGetLoadsOnceAndKeeps(t *testing.T) {
	t.Parallel()
	client := redistest.New(t)
	cache := rediscache.New[detail](client, options(1))
	want := detail{"Gare du Nord", []string{"CCS", "T2"}}
	loads := 0
	for range 3 {
		got, err := cache.Get(t.Context(), "any key\n of any length", func(context.Context) (detail, error) { loads++; return want, nil })
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if loads != 1 {
		t.Errorf("loaded %d times", loads)
	}
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 1 || !strings.HasPrefix(keys[0], "cache:detail:1:") || strings.Contains(keys[0], "any") {
		t.Errorf("the keys are %q, %v", keys, err)
	}
}

func TestAnotherVersionIsAnotherCache(t *testing.T) {
	t.Parallel()
	client := redistest.New(t)
	get := func(version int, value string) string {
		got, err := rediscache.New[string](client, options(version)).Get(t.Context(), "key",
			func(context.Context) (string, error) { return value, nil })
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := []string{get(1, "old"), get(2, "new"), get(1, "other")}; !slices.Equal(got, []string{"old", "new", "old"}) {
		t.Errorf("got %q", got)
	}
}

func TestEntriesExpireOneByOne(t *testing.T) {
	t.Parallel()
	client := redistest.New(t)
	cache := rediscache.New[int](client, options(1))
	for i := range 50 {
		if _, err := cache.Get(t.Context(), fmt.Sprint(i), func(context.Context) (int, error) { return i, nil }); err != nil {
			t.Fatal(err)
		}
	}
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	lives := map[time.Duration]bool{}
	for _, key := range keys {
		ttl, err := client.PTTL(t.Context(), key).Result()
		if err != nil || ttl < 50*time.Second || ttl > 67*time.Second {
			t.Errorf("an entry lives %v, %v", ttl, err)
		}
		lives[ttl.Truncate(100*time.Millisecond)] = true
	}
	if len(keys) != 50 || len(lives) < 10 {
		t.Errorf("%d entries have %d lifetimes", len(keys), len(lives))
	}
}

func TestDeleteForgets(t *testing.T) {
	t.Parallel()
	cache := rediscache.New[int](redistest.New(t), options(1))
	loads := 0
	get := func(key string) {
		if _, err := cache.Get(t.Context(), key, func(context.Context) (int, error) { loads++; return loads, nil }); err != nil {
			t.Fatal(err)
		}
	}
	get("a")
	get("b")
	get("c")
	if err := cache.Delete(t.Context(), "a", "b", "never there"); err != nil {
		t.Fatal(err)
	}
	get("a")
	get("b")
	get("c")
	if loads != 5 {
		t.Errorf("loaded %d times, want a and b twice and c once", loads)
	}
}

func TestRawBytesTravelAsTheyAre(t *testing.T) {
	t.Parallel()
	client := redistest.New(t)
	cache := rediscache.New[[]byte](client, options(1))
	tile := []byte{0, 1, 2, 0xff, '"'}
	for range 2 {
		got, err := cache.Get(t.Context(), "tile", func(context.Context) ([]byte, error) { return tile, nil })
		if err != nil || !slices.Equal(got, tile) {
			t.Errorf("got %v, %v", got, err)
		}
	}
}

func TestSpoiltEntriesAreLoadedAgain(t *testing.T) {
	t.Parallel()
	client := redistest.New(t)
	cache := rediscache.New[detail](client, options(1))
	get := func() (loaded bool) {
		_, err := cache.Get(t.Context(), "key", func(context.Context) (detail, error) { loaded = true; return detail{}, nil })
		if err != nil {
			t.Fatal(err)
		}
		return loaded
	}
	get()
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Set(t.Context(), keys[0], `{"name":7}`, time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	if !get() {
		t.Error("an entry that cannot be read was given out")
	}
	if get() {
		t.Error("the new value was not kept")
	}
}

func TestErrorsAreReturnedAndNotKept(t *testing.T) {
	t.Parallel()
	cache := rediscache.New[int](redistest.New(t), options(1))
	failure := errors.New("no such station")
	if _, err := cache.Get(t.Context(), "key", func(context.Context) (int, error) { return 0, failure }); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
	if _, err := cache.Get(t.Context(), "key", func(context.Context) (int, error) { panic("a mistake") }); err == nil || !strings.Contains(err.Error(), "a mistake") {
		t.Errorf("a panic became %v", err)
	}
	if got, err := cache.Get(t.Context(), "key", func(context.Context) (int, error) { return 7, nil }); err != nil || got != 7 {
		t.Errorf("got %d, %v", got, err)
	}
}

func TestManyCallersShareOneLoad(t *testing.T) {
	t.Parallel()
	for name, client := range map[string]redis.UniversalClient{"with Redis": redistest.New(t), "without": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cache := rediscache.New[int](client, options(1))
			var loads atomic.Int32
			release := make(chan struct{})
			var work sync.WaitGroup
			const callers = 50
			for range callers {
				work.Go(func() {
					got, err := cache.Get(t.Context(), "key", func(context.Context) (int, error) {
						loads.Add(1)
						<-release
						return 7, nil
					})
					if err != nil || got != 7 {
						t.Errorf("got %d, %v", got, err)
					}
				})
			}
			until(t, "somebody loads", func() bool { return loads.Load() > 0 })
			close(release)
			work.Wait()
			// Without Redis a caller that came after the load is over loads again.
			if n := loads.Load(); client != nil && n != 1 {
				t.Errorf("loaded %d times", n)
			}
		})
	}
}

func TestACallerThatLeavesDoesNotEndTheLoad(t *testing.T) {
	t.Parallel()
	cache := rediscache.New[int](redistest.New(t), options(1))
	ctx, leave := context.WithCancel(t.Context())
	loading, release := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	load := func(ctx context.Context) (int, error) {
		close(loading)
		<-release
		return 7, ctx.Err()
	}
	go func() { _, err := cache.Get(ctx, "key", load); first <- err }()
	<-loading
	leave()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first caller got %v", err)
	}
	second := make(chan int, 1)
	go func() {
		got, err := cache.Get(t.Context(), "key", func(context.Context) (int, error) { return 8, nil })
		if err != nil {
			t.Error(err)
		}
		second <- got
	}()
	close(release)
	if got := <-second; got != 7 {
		t.Errorf("the second caller got %d", got)
	}
}

// outage measures what eight callers of a cache see before, during and after an outage of Redis, each
// about a thousand times a second.
func outage(t *testing.T, begin, end func(*redistest.Server)) {
	t.Helper()
	server := redistest.NewServer(t)
	client, err := rediscache.Open(rediscache.Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	cache := rediscache.New[string](client, options(1))
	var loads atomic.Int32
	get := func(key string) time.Duration {
		began := time.Now()
		got, err := cache.Get(t.Context(), key, func(context.Context) (string, error) { loads.Add(1); return "value of " + key, nil })
		if err != nil || got != "value of "+key {
			t.Errorf("got %q, %v", got, err)
		}
		return time.Since(began)
	}
	kept := func() bool {
		before := loads.Load()
		get("kept")
		return loads.Load() == before
	}
	get("kept")
	if !kept() {
		t.Fatal("nothing is kept while Redis is up")
	}

	// Eight callers, each request of its own key.
	load := func(phase string, d time.Duration) (sorted []time.Duration) {
		var mu sync.Mutex
		var work sync.WaitGroup
		end := time.Now().Add(d)
		for caller := range 8 {
			work.Go(func() {
				for n := 0; time.Now().Before(end); n++ {
					took := get(fmt.Sprintf("%s/%d/%d", phase, caller, n))
					mu.Lock()
					sorted = append(sorted, took)
					mu.Unlock()
					_ = pause.For(t.Context(), time.Millisecond) // between requests
				}
			})
		}
		work.Wait()
		slices.Sort(sorted)
		return sorted
	}
	healthy := load("before", time.Second)
	usual := healthy[len(healthy)*99/100]

	begin(server)
	took := load("outage", 3*time.Second)
	slow := 0
	for _, d := range took {
		if d > 50*time.Millisecond {
			slow++
		}
	}
	p99 := took[len(took)*99/100]
	t.Logf("%d requests in 3 s: p50 %v, p99 %v (with Redis %v), slowest %v, %d over 50 ms", len(took), took[len(took)/2], p99, usual, took[len(took)-1], slow)
	// One timeout each for the eight that were under way when it began; the probes are not theirs.
	if slow > 16 {
		t.Errorf("%d requests waited for Redis", slow)
	}
	if p99 > usual+20*time.Millisecond {
		t.Errorf("p99 is %v, and %v with Redis", p99, usual)
	}
	if slowest := took[len(took)-1]; slowest > time.Second {
		t.Errorf("a request waited %v", slowest)
	}
	if err := client.Ping(t.Context()).Err(); !errors.Is(err, rediscache.ErrDown) {
		t.Errorf("during the outage a command gets %v", err)
	}
	if _, err := client.Pipelined(t.Context(), func(p redis.Pipeliner) error { return p.Ping(t.Context()).Err() }); !errors.Is(err, rediscache.ErrDown) {
		t.Errorf("during the outage a pipeline gets %v", err)
	}
	if err := cache.Delete(t.Context(), "kept"); !errors.Is(err, rediscache.ErrDown) {
		t.Errorf("during the outage Delete gets %v", err)
	}

	end(server)
	until(t, "Redis is used again", kept)
}

func TestADeadRedisCostsNothing(t *testing.T) {
	t.Parallel()
	outage(t, (*redistest.Server).Kill, (*redistest.Server).Start)
}

func TestAFrozenRedisCostsATimeoutOnce(t *testing.T) {
	t.Parallel()
	outage(t, (*redistest.Server).Freeze, (*redistest.Server).Thaw)
}

func TestOpenDoesNotWaitForRedis(t *testing.T) {
	t.Parallel()
	began := time.Now()
	client, err := rediscache.Open(rediscache.Config{URL: "redis://127.0.0.1:1/0"})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if took := time.Since(began); took > time.Second {
		t.Errorf("Open took %v", took)
	}
	if detail, err := rediscache.Probe(client)(t.Context()); err == nil {
		t.Errorf("the probe says %q", detail)
	}
}

func TestOpenNeverQuotesTheURL(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"redis://:geheim@host:port/x", "http://:geheim@host/0", "geheim"} {
		_, err := rediscache.Open(rediscache.Config{URL: bad})
		if err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("got %v", err)
		}
	}
	if client, err := rediscache.Open(rediscache.Config{}); client != nil || err != nil {
		t.Errorf("without a URL: %v, %v", client, err)
	}
	if _, err := rediscache.Probe(nil)(t.Context()); err != nil {
		t.Errorf("without Redis the probe says %v", err)
	}
}

// A caller in a hurry must not make everybody believe that Redis is down.
func TestAShortDeadlineIsNotHeldAgainstRedis(t *testing.T) {
	t.Parallel()
	server := redistest.NewServer(t)
	client, err := rediscache.Open(rediscache.Config{URL: server.URL, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	server.Freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	began := time.Now()
	err = client.Ping(ctx).Err()
	if took := time.Since(began); err == nil || took > 5*time.Second {
		t.Errorf("after %v: %v", took, err)
	}
	server.Thaw()
	if err := client.Ping(t.Context()).Err(); err != nil {
		t.Errorf("after the caller in a hurry: %v", err)
	}
}

func BenchmarkGetHit(b *testing.B) {
	client := redistest.New(b)
	cache := rediscache.New[detail](client, options(1))
	load := func(context.Context) (detail, error) { return detail{Name: "n", Plugs: []string{"CCS"}}, nil }
	b.Run("cache", func(b *testing.B) {
		for b.Loop() {
			if _, err := cache.Get(b.Context(), "key", load); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare", func(b *testing.B) {
		if err := client.Set(b.Context(), "bare", `{"name":"n","plugs":["CCS"]}`, time.Minute).Err(); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if err := client.Get(b.Context(), "bare").Err(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
