// Command simulate runs simulated charge points and drivers against a running product.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/ihr-charging/charging-plot-api/tools/simulator/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := command.New().ExecuteContext(ctx)
	stop()
	if err != nil {
		os.Exit(1)
	}
}
