package redis_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/ihr-charging/charging-plot-api/libs/rediscache"
	"github.com/ihr-charging/charging-plot-api/libs/rediscache/redistest"
	bus "github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/redis"
)

const patience = 10 * time.Second

// replica is a bus that runs until the test ends, with a channel that hears its wake-ups.
func replica(t *testing.T, url string) (*bus.Bus, chan struct{}) {
	t.Helper()
	client, err := rediscache.Open(rediscache.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan struct{}, 1000)
	b := bus.New(client, func() { heard <- struct{}{} }, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var parts sync.WaitGroup
	parts.Go(func() { _ = b.Publish(ctx) })
	parts.Go(func() { _ = b.Subscribe(ctx) })
	t.Cleanup(func() {
		stop()
		parts.Wait()
		_ = client.Close()
	})
	return b, heard
}

func hears(t *testing.T, heard chan struct{}, what string) {
	t.Helper()
	select {
	case <-heard:
	case <-time.After(patience):
		t.Fatal(what + " was not heard")
	}
}

func TestEveryReplicaIsWokenAndAgainAfterRedisWasAway(t *testing.T) {
	t.Parallel()
	server := redistest.NewServer(t)
	one, heardByOne := replica(t, server.URL)
	_, heardByTwo := replica(t, server.URL)
	hears(t, heardByOne, "its own subscription")
	hears(t, heardByTwo, "the other's subscription") // each looks once it listens
	one.Wake()
	hears(t, heardByOne, "its own wake-up")
	hears(t, heardByTwo, "the other's wake-up")

	server.Kill()
	for len(heardByOne) > 0 {
		<-heardByOne
	}
	one.Wake() // costs nothing, and wakes at least itself
	hears(t, heardByOne, "its own wake-up without Redis")
	server.Start()
	for len(heardByTwo) > 0 {
		<-heardByTwo
	}
	hears(t, heardByTwo, "the subscription to the Redis that came back")
}
