package ocpp

import (
	"context"
	"encoding/json"

	"github.com/lorenzodonini/ocpp-go/ocpp"

	"github.com/ihr-charging/charging-plot-api/services/charging-plot/internal/chargepoint"
)

// The subprotocols that charge points negotiate.
const (
	SubprotocolV16  = "ocpp1.6"
	SubprotocolV201 = "ocpp2.0.1"
)

// A dialect is one version of OCPP: its messages, its words and what both mean to the rest of the service. A socket speaks one for life.
type dialect interface {
	protocol() string
	// spelling is how the version writes an error code.
	spelling(code ocpp.ErrorCode) ocpp.ErrorCode
	// unreadable is the message id under which a frame without a readable one is refused, empty where the version has none.
	unreadable() string
	// decode reads and checks what a charge point calls; knows tells whether it may call that at all.
	decode(action string, payload json.RawMessage) (ocpp.Request, *callError)
	knows(action string) bool
	// dispatch carries out a request that decode gave and returns the payload of its result.
	dispatch(ctx context.Context, s *Server, c *conn, request ocpp.Request) (any, error)
	// requests are the calls that a command is made of, or the outcome of one that the version cannot express.
	requests(command chargepoint.Command) ([]ocpp.Request, chargepoint.CommandStatus)
	// outcome reads the answer to one of these calls into what the command came to so far.
	outcome(request ocpp.Request, payload json.RawMessage, sofar *chargepoint.Outcome) error
}

var dialects = map[string]dialect{SubprotocolV16: v16{}, SubprotocolV201: v201{}}

// agree picks the first of the charge point's subprotocols that the edge speaks, nil when there is none.
func agree(offered []string) dialect {
	for _, protocol := range offered {
		if speaks := dialects[protocol]; speaks != nil {
			return speaks
		}
	}
	return nil
}

// known tells whether an action is one of any version.
func known(action string) bool {
	for _, speaks := range dialects {
		if speaks.knows(action) {
			return true
		}
	}
	return false
}
