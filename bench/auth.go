package main

const (
	authService = "./services/auth"
	authHTTP    = "./services/auth/internal/httpapi"
	authTables  = "./services/auth/internal/postgres"
	server      = "./libs/httpserver"
)

// authGoals are those of accounts and tokens.
func authGoals() []goal {
	http := func(name, bench, unit string, most float64) goal {
		return goal{name: "auth/" + name, pkg: authHTTP, bench: "^Benchmark" + bench + "$", result: "Benchmark" + bench, unit: unit, most: most, once: true}
	}
	races := func(name, unit string) goal {
		return goal{name: "auth/refresh races, 10,000 x 50/" + name, pkg: authTables, bench: "^BenchmarkRefreshRaces$", result: "BenchmarkRefreshRaces", unit: unit, once: true}
	}
	const perCore = "^BenchmarkPerCore$"
	overload := func(name, unit string, most float64) goal {
		return goal{name: "auth/overload of logins, ten times/" + name, pkg: authService, bench: "^BenchmarkLoginOverload$", result: "BenchmarkLoginOverload", unit: unit, most: most, once: true}
	}
	enumeration := http("enumeration, 8 operations, n=2,000/least p", "Enumeration", "p-least", 0)
	enumeration.least = 0.01
	return []goal{
		{name: "auth/login beside its hash, median ms", pkg: authHTTP, bench: "^BenchmarkLogin$", result: "BenchmarkLogin", unit: "ms/rest", most: 3},
		{name: "auth/logins per core and second", pkg: authService, bench: perCore, result: "BenchmarkPerCore/login", unit: "logins/core-s", least: 25, once: true},
		{name: "auth/refreshes per core and second", pkg: authService, bench: perCore, result: "BenchmarkPerCore/refresh", unit: "refreshes/core-s", least: 1500, once: true},
		{name: "auth/refreshes, p99 ms", pkg: authService, bench: perCore, result: "BenchmarkPerCore/refresh", unit: "ms-p99", most: 20, once: true},
		{name: "auth/tokens for services per core and second", pkg: authService, bench: perCore, result: "BenchmarkPerCore/client_credentials", unit: "tokens/core-s", least: 1500, once: true},
		{name: "auth/tokens for services, p99 ms", pkg: authService, bench: perCore, result: "BenchmarkPerCore/client_credentials", unit: "ms-p99", most: 20, once: true},
		overload("MB at most", "MB-peak", 250), overload("other answers", "other-answers", 0),
		enumeration,
		http("enumeration, 8 operations, n=2,000/ms", "Enumeration", "ms-difference", 0.5),
		http("10,000 guesses on 3 replicas/looked at", "Guesses", "looked-at", 15), // ten, and one more each minute
		http("30 rotations at 500 a second/failures", "Rotations", "failures", 0),
		races("killed for nothing", "killed"), races("with two successors", "forks"), races("answers lost for good", "lost-answers"), races("replays undetected", "undetected"),
		{name: "auth/slow connections, 2,000/p99 of the p99 alone", pkg: server, bench: "^BenchmarkSlowConnections$", result: "BenchmarkSlowConnections", unit: "x-p99", most: 2, once: true},
	}
}
