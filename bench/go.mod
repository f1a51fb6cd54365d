module github.com/ihr-charging/charging-plot-api/bench

go 1.26.0
