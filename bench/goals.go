package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// goal is a figure to reach: the metric of a benchmark, at least or at most so much.
type goal struct {
	name string
	// pkg and bench say what to run, and of what it prints result is the line's beginning (without the number of cores) and unit the
	// metric. With a divisor the figure is the quotient of both lines' metrics.
	pkg, bench, result, unit string
	divisor                  string
	least, most              float64 // one of them is set
	// once is for benchmarks that measure for a time of their own; times says how often another one runs, and args what else it is told.
	once  bool
	times string
	args  []string
}

const (
	catalogue = "./services/station-catalog"
	index     = "./services/station-catalog/internal/search"
	tables    = "./services/station-catalog/internal/postgres"
	plots     = "./services/charging-plot/internal/postgres"
	plotsHTTP = "./services/charging-plot/internal/httpapi"
)

var goals = append(slices.Concat(searchGoals(), authGoals(), chargingGoals()),
	goal{name: "catalogue/index/dearest filter at 1M, p99 µs", pkg: index, bench: "^BenchmarkSearch$/^(near_500km_everything_asked|world_fast_free)$/^1000000$", result: "BenchmarkSearch/near_500km_everything_asked/1000000", unit: "p99-cpu-µs", most: 1000},
	goal{name: "catalogue/index/world filter at 1M, p99 µs", pkg: index, bench: "^BenchmarkSearch$/^(near_500km_everything_asked|world_fast_free)$/^1000000$", result: "BenchmarkSearch/world_fast_free/1000000", unit: "p99-cpu-µs", most: 1000},
	goal{name: "catalogue/index/growth of nearby 10k to 100k", pkg: index, bench: "^BenchmarkSearch$/^near_same_matches$", result: "BenchmarkSearch/near_same_matches/100000", divisor: "BenchmarkSearch/near_same_matches/10000", unit: "p50-cpu-µs", most: 2},
	goal{name: "catalogue/index/growth of nearby 10k to 1M", pkg: index, bench: "^BenchmarkSearch$/^near_same_matches$", result: "BenchmarkSearch/near_same_matches/1000000", divisor: "BenchmarkSearch/near_same_matches/10000", unit: "p50-cpu-µs", most: 2},
	goal{name: "catalogue/index/of an R-tree's time at 1M", pkg: index, bench: "^BenchmarkRivals$/^near_10km_fast_free$/^1000000$", result: "BenchmarkRivals/near_10km_fast_free/1000000/index", divisor: "BenchmarkRivals/near_10km_fast_free/1000000/rtree", unit: "p50-cpu-µs", most: 1},
	goal{name: "catalogue/index/memory of rendered at 1M", pkg: index, bench: "^BenchmarkLoad$/^1000000$", result: "BenchmarkLoad/1000000", unit: "held/rendered", most: 2, once: true},
	goal{name: "catalogue/index/MB at 1M", pkg: index, bench: "^BenchmarkLoad$/^1000000$", result: "BenchmarkLoad/1000000", unit: "MB-held", most: 1074, once: true},
	goal{name: "catalogue/memory as SQL, differences in 10,000 queries", pkg: tables, bench: "^BenchmarkMemoryAndSQL$", result: "BenchmarkMemoryAndSQL", unit: "differences", most: 0, once: true},
	goal{name: "catalogue/replay of the feed as the export, differences", pkg: catalogue, bench: "^BenchmarkExportRegister$", result: "BenchmarkExportRegister", unit: "differences", most: 0, once: true},
	goal{name: "catalogue/status to search, 3 replicas, p99 ms", pkg: tables, bench: "^BenchmarkStatusToSearch$/^alone$", result: "BenchmarkStatusToSearch/alone", unit: "ms-p99", most: 250, once: true},
	goal{name: "catalogue/status to search beside an import, 3 replicas, p99 ms", pkg: tables, bench: "^BenchmarkStatusToSearch$/^import$", result: "BenchmarkStatusToSearch/import", unit: "ms-p99", most: 1000, once: true},
	goal{name: "catalogue/import of the register of copy", pkg: catalogue, bench: "^BenchmarkImportRegister$", result: "BenchmarkImportRegister", unit: "x-copy", most: 5, once: true},
	generated("import of generated stations of copy", "x-copy", 5),
	generated("rows written by the second import of them", "written-again", 0),
	generated("memory of their import, MiB", "MiB-peak", 160),
	generated("start on them until ready of COPY TO", "x-copy-to-ready", 3),
	generated("start on them until warm of COPY TO", "x-copy-to", 3),
	generated("memory of a replica with them, MiB", "MiB-replica", 1024),
	generated("memory of a replica that loads them, MiB", "MiB-replica-peak", 1024),
	goal{name: "catalogue/rows written by the second import", pkg: catalogue, bench: "^BenchmarkImportRegister$", result: "BenchmarkImportRegister", unit: "written-again", most: 0, once: true},
	goal{name: "plots/statuses stored of copy", pkg: plots, bench: "^BenchmarkStatusChanges$", result: "BenchmarkStatusChanges", unit: "timesCOPY", most: 3, times: "7x"},
	goal{name: "plots/a claim of an INSERT by pgbench, median", pkg: plots, bench: "^BenchmarkReserve$", result: "BenchmarkReserve", unit: "times", most: 3, times: "7x"},
	goal{name: "plots/claims of 1,000 rivals that hold", pkg: plots, bench: "^BenchmarkRivals$", result: "BenchmarkRivals", unit: "won", most: 1, once: true},
	goal{name: "plots/a month of real sessions, differences", pkg: plots, bench: "^BenchmarkReplay$", result: "BenchmarkReplay", unit: "differences", most: 0, once: true},
	goal{name: "plots/status to 1,000 listeners, p99 ms", pkg: plotsHTTP, bench: "^BenchmarkLive$", result: "BenchmarkLive", unit: "ms/p99", most: 250, once: true},
)

// generated is a goal of STATION_CATALOG_BENCH_STATIONS stations in the form of the register.
func generated(name, unit string, most float64) goal {
	return goal{
		name: "catalogue/generated/" + name, pkg: catalogue, bench: "^BenchmarkImportGenerated$/^irve$",
		result: "BenchmarkImportGenerated/irve", unit: unit, most: most, once: true,
	}
}

// searchGoals are those of searches over HTTP.
func searchGoals() []goal {
	var all []goal
	for _, kind := range []string{"nearby", "bbox", "filtered", "by_id"} {
		g := goal{pkg: catalogue, bench: "^BenchmarkSearchHTTP$", result: "BenchmarkSearchHTTP/" + kind, once: true}
		constant, best, tail := g, g, g
		constant.name, constant.unit, constant.least = "catalogue/"+kind+"/of a constant's rate", "x-constant", 0.5
		best.name, best.unit, best.least = "catalogue/"+kind+"/of the ideal, by processor", "x-ideal-cpu", 0.9
		tail.name, tail.unit, tail.most = "catalogue/"+kind+"/p99 of the ideal's", "x-ideal-p99", 2
		ordinary := goal{pkg: catalogue, bench: "^BenchmarkOrdinary$", result: "BenchmarkOrdinary/" + kind, once: true}
		fresh, cached := ordinary, ordinary
		fresh.name, fresh.unit, fresh.least = "catalogue/"+kind+"/of an ordinary service's, asked anew", "x-cpu", 20
		cached.name, cached.unit, cached.least = "catalogue/"+kind+"/of an ordinary service's, cached there", "x-cpu-cached", 2
		all = append(all, constant, best, tail, fresh, cached)
	}
	return all
}

func (g *goal) time() string {
	switch {
	case g.once:
		return "1x"
	case g.times != "":
		return g.times
	}
	return "2s"
}

func (g *goal) aim() string {
	if g.least > 0 {
		return "at least " + figure(g.least)
	}
	return "at most " + figure(g.most)
}

func figure(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

// report is a line of the answer.
func (g *goal) report(results metrics) string {
	value, known := results[g.result][g.unit]
	if g.divisor != "" {
		by, alsoKnown := results[g.divisor][g.unit]
		known = known && alsoKnown && by > 0
		value /= by
	}
	verdict := "reached"
	switch {
	case !known:
		return fmt.Sprintf("%-48s %12s   %-16s NOT MEASURED", g.name, "", g.aim())
	case g.least > 0 && value < g.least, g.least == 0 && value > g.most:
		verdict = "MISSED"
	}
	return fmt.Sprintf("%-48s %12s   %-16s %s", g.name, figure(value), g.aim(), verdict)
}

// metrics are figures by benchmark, without the number of cores, and by unit.
type metrics map[string]map[string]float64

// read takes the lines that `go test -bench` prints.
func (m metrics) read(text string) {
	for line := range strings.SplitSeq(text, "\n") {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := fields[0]
		if dash := strings.LastIndexByte(name, '-'); dash > 0 {
			if _, err := strconv.Atoi(name[dash+1:]); err == nil {
				name = name[:dash]
			}
		}
		if m[name] == nil {
			m[name] = map[string]float64{}
		}
		for i := 2; i+1 < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
				m[name][fields[i+1]] = v
			}
		}
	}
}
