package main

const (
	sockets  = "./services/charging-plot/internal/ocpp"
	curves   = "./services/charging-plot/internal/curve"
	vehicles = "./libs/vehicle"
)

// chargingGoals are those of charge points, readings, curves and charges. Those of real charges and sessions want the data that is not in
// the repository, and are not measured without it.
func chargingGoals() []goal {
	socket := func(name, unit string) goal {
		return goal{
			name: "charging/10,000 sockets, 100 messages/s/" + name, pkg: sockets, bench: "^BenchmarkSockets$", result: "BenchmarkSockets", unit: unit,
			times: "6000x", args: []string{"-sockets", "10000", "-rate", "100"},
		}
	}
	connected, memory := socket("connected", "connected"), socket("KiB each", "KiB/socket")
	connected.least, memory.most = 10_000, 60
	energy := func(name, unit string) goal {
		return goal{name: "charging/energy by integration/" + name, pkg: curves, bench: "^BenchmarkEnergyByIntegration$", result: "BenchmarkEnergyByIntegration", unit: unit, most: 0.5, once: true}
	}
	estimate := func(name, unit string, most float64) goal {
		return goal{name: "charging/time to a SoC, 1,878 charges/" + name, pkg: vehicles, bench: "^BenchmarkEstimates$", result: "BenchmarkEstimates", unit: unit, most: most, once: true}
	}
	return []goal{
		connected, memory, socket("lost", "lost"),
		{name: "charging/readings stored of copy", pkg: plots, bench: "^BenchmarkReadings$", result: "BenchmarkReadings", unit: "timesCOPY", most: 3, times: "7x"},
		{name: "charging/curve of 10 h at 1 s, SVG, ms", pkg: plots, bench: "^BenchmarkCurveOfTenHours$", result: "BenchmarkCurveOfTenHours", unit: "ms", most: 20},
		energy("60 s, registers at both ends, %", "%-60s-registers"), energy("10 s, power alone, %", "%-10s-power"),
		energy("60 s, power alone, %", "%-60s-power"), // see the README: no method reaches it
		estimate("error held out, median %", "median-%", 11), estimate("for nine of ten, %", "p90-%", 31),
		{name: "charging/import of 110,366 real sessions, s", pkg: plots, bench: "^BenchmarkImportSessions$", result: "BenchmarkImportSessions", unit: "s", most: 120, once: true},
	}
}
