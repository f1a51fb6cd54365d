package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"github.com/ihr-charging/charging-plot-api/libs/httpserver"
	"github.com/ihr-charging/charging-plot-api/services/station-catalog/internal/transfer"
)

const (
	// progressEvery is how often an import that is watched is looked at: any replica may be working on it.
	progressEvery = 500 * time.Millisecond
	// heartbeatEvery shows that the connection is alive, and whether the watcher is.
	heartbeatEvery = 15 * time.Second
)

// WatchImport follows an import until it has ended.
func (a *API) WatchImport(ctx context.Context, request WatchImportRequestObject) (WatchImportResponseObject, error) {
	imp, err := a.visible(ctx, request.ImportId)
	if err != nil {
		return nil, err
	}
	return progress{a, imp}, nil
}

// progress is the stream of an import's events.
type progress struct {
	api   *API
	first transfer.Import
}

// VisitWatchImportResponse begins the stream.
func (p progress) VisitWatchImportResponse(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, "text/event-stream")
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Accel-Buffering", "no") // proxies that buffer would make it a history
	return httpserver.Stream(c, p.run)
}

func (p progress) run(ctx context.Context, w *bufio.Writer) error {
	var last []byte
	tell := func(imp transfer.Import) (bool, error) {
		text, err := json.Marshal(imp)
		if err != nil || bytes.Equal(text, last) {
			return false, err
		}
		last = text
		name, ended := "progress", imp.FinishedAt != nil
		if ended {
			name = "end"
		}
		_, _ = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", name, text) // Flush gives the same error
		left := w.Flush() != nil
		return ended || left, nil
	}
	if done, err := tell(p.first); done || err != nil {
		return err
	}
	look, heartbeat := time.NewTicker(progressEvery), time.NewTicker(heartbeatEvery)
	defer look.Stop()
	defer heartbeat.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-heartbeat.C:
			if _, err := w.WriteString(": alive\n\n"); err != nil || w.Flush() != nil {
				return nil
			}
		case <-look.C:
			imp, err := p.read(ctx, p.first.ID)
			if err != nil {
				return err
			}
			if done, err := tell(imp); done || err != nil {
				return err
			}
		}
	}
}

// read waits no longer for the database than a request would.
func (p progress) read(ctx context.Context, id uuid.UUID) (transfer.Import, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return p.api.Imports.GetImport(ctx, id)
}
