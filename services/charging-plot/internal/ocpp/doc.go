// Package ocpp is the edge that charge points connect to: OCPP 1.6J and 2.0.1 over a websocket.
//
//	GET /ocpp/{identity}, HTTP Basic identity:password, subprotocol ocpp1.6 or ocpp2.0.1
//
// Server takes the sockets, checks who is there before it upgrades, hands what a charge point says to chargepoint.Central and
// acknowledges it once Central has committed it; and it is the chargepoint.Commander for the sockets that this process holds.
//
//	edge := ocpp.New(cfg, central, tel)
//	err := edge.Run(ctx)                    // until ctx ends, then every charge point is told to reconnect elsewhere
//	outcome, err := edge.Send(ctx, id, chargepoint.Command{Kind: chargepoint.Reset})
//
// What it promises:
//   - A message is acknowledged after it is committed, and never when it is not: the charge point then sends it again.
//   - One charge point's messages are handled in the order in which they came; no charge point waits for another.
//   - A frame that breaks the rules is answered with the standard's CALLERROR, or logged where nobody can be answered, and the
//     socket stays. One beyond the size limit ends it with close code 1009, since reading on would let one peer take the memory of all.
//   - A second connection under an identity takes the place of the first, whose last message is finished before the second's first
//     is read: stations often come back long before their old socket is known to be dead.
//   - Unknown identity and wrong password get one and the same 401, after the same work.
//
// Why the sockets are ours and the messages are ocpp-go's. The library's message types, their bounds and their enumerations are
// used as they are. Its server is not: it listens on a port of all interfaces and takes no listener; it closes a second connection
// instead of the first, so that a station whose network blinked stays out until a timeout (its issues 292 and 358); it handles
// each message in a goroutine of its own, so that two of one station may overtake each other; and all outgoing calls of all
// stations pass one dispatcher whose write blocks on the slowest station. It also keeps two goroutines and a set of channels for
// each socket, where this package keeps one goroutine. Package ws' Server interface could have been implemented here, but the
// dispatcher and the order of messages are above it.
package ocpp
