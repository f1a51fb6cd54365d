// Package simulator is a fleet of charge points, the cars at them and the drivers of those, for the local stack, for tests and for
// load.
//
// A Station speaks OCPP 1.6J or 2.0.1 over a real websocket, as a client that reconnects, keeps what it could not say while it was
// offline, and says it again until it is acknowledged. Messages are composed, read and checked by ocpp-go. Cars are Vehicles: they take what
// the plug gives and their battery wants at its state of charge. Drivers use the public API alone, so that a demonstration moves
// along the same path as the product.
//
//	fleet, err := simulator.NewFleet(simulator.FleetConfig{URL: "ws://127.0.0.1:5000/ocpp", Stations: stations, Speed: 10, Seed: 1})
//	go fleet.Run(ctx)
//	drivers := simulator.NewDrivers(simulator.DriversConfig{BaseURL: "http://127.0.0.1:5000", Accounts: accounts, Places: places})
//	go drivers.Run(ctx)
//
// # Time and energy
//
// Everything a station reports is true to the clock: timestamps are the present, energy is power times time. Between two readings
// power moves in a straight line, so that whoever integrates the readings finds the energy register. A Speed above 1 makes sessions
// shorter by making batteries smaller: at speed 10 a 60 kWh battery behaves like one of 6 kWh, its state of charge rises ten times
// as fast, and power, energy and time stay what a meter would have shown. People hurry by the same factor.
//
// The same seed makes the same fleet and the same choices; what happens when depends on the clock and on the network.
package simulator
