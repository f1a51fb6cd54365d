// Package publichttp calls addresses that strangers name: webhooks, pictures, other parties' endpoints. It
// reaches the public internet and nothing else, so that nobody can have our servers ask our own network.
//
//	guard := publichttp.NewGuard(publichttp.Rules{})
//	if _, err := guard.CheckURL(given); err != nil { … }            // when the address is told: a fault for the caller
//	client := publichttp.New(publichttp.Config{Guard: guard})
//	answer, err := client.Do(request)                               // errors.Is(err, publichttp.ErrForbidden)
//
// The address is judged where it cannot change any more: between name resolution and connect, on the very
// IP that is about to be dialled. A name that resolves differently the second time, a decimal or mapped
// IP, a redirect to somewhere else are all judged there. Loopback, private, shared, link-local, metadata,
// multicast, documentation and translated (NAT64, 6to4, Teredo) addresses are refused. Rules may let
// networks in, for tests and development, and shut more out.
//
// The client takes no proxy from the environment, follows few redirects (none by default) and never from
// https to http, reads bounded bodies and waits for bounded times.
package publichttp
