// Command ihrctl installs, updates, starts, stops and looks at the product on many clusters at once.
//
//	ihrctl update --contexts berlin,paris -P 2 -f production.yaml
//
// A target is a context of the kubeconfig. Targets run side by side, at most -P of them; within one, the services go one after the
// other. What fails in one target neither stops nor hides the others: the last lines say how each fared, and the exit code is the
// number of targets that failed (101 when a call was wrong). It drives helm and kubectl, which must be on the PATH.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// exitUsage is the exit code of a call that could not be understood; what is below counts failed targets.
const exitUsage = 101

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(os.Stdout, os.Stderr, programs{}).ExecuteContext(ctx)
	stop()
	os.Exit(exitCode(err))
}

func exitCode(err error) int {
	var failed failures
	switch {
	case err == nil:
		return 0
	case errors.As(err, &failed):
		return min(int(failed), exitUsage-1)
	default:
		fmt.Fprintln(os.Stderr, "ihrctl:", err)
		return exitUsage
	}
}
