package localredis_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/ihr-charging/charging-plot-api/tools/localredis"
)

func TestServerAnswersThoseWhoKnowThePassword(t *testing.T) {
	t.Parallel()
	for name, embedded := range map[string]bool{"installed": false, "embedded": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := localredis.Start(t.Context(), localredis.Options{
				Password: "secret", Embedded: embedded, Notice: func(line string) { t.Log(line) },
			})
			if err != nil {
				t.Fatal(err)
			}
			if embedded && s.Real() {
				t.Error("the imitation calls itself real")
			}
			for range 2 {
				options, err := redis.ParseURL(s.URL(1))
				if err != nil {
					t.Fatal(err)
				}
				client := redis.NewClient(options)
				if err := client.Set(t.Context(), "k", "v", 0).Err(); err != nil {
					t.Errorf("set: %v", err)
				}
				client.Close()
				options.Password = "wrong"
				stranger := redis.NewClient(options)
				if err := stranger.Get(t.Context(), "k").Err(); err == nil {
					t.Error("a wrong password is accepted")
				}
				stranger.Close()
				s.Kill()
				if err := s.Run(t.Context()); err != nil { // on the same port
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if err := s.Stop(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}
