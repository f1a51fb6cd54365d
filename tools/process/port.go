package process

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Ports below the range from which kernels take the local end of outgoing connections (32768 on Linux, 49152 elsewhere): a
// service that is down for a moment finds its port free when it comes back.
const (
	lowestPort  = 20000
	highestPort = 31999
)

// FreePort returns a port of 127.0.0.1 on which nobody listens: the preferred one if it is free, else one found by chance.
func FreePort(ctx context.Context, preferred int) (int, error) {
	if preferred > 0 && portFree(ctx, preferred) {
		return preferred, nil
	}
	for range 200 {
		port := lowestPort + rand.IntN(highestPort-lowestPort+1)
		if portFree(ctx, port) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port between %d and %d", lowestPort, highestPort)
}

func portFree(ctx context.Context, port int) bool {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}
