module github.com/ihr-charging/charging-plot-api/services/station-catalog

go 1.26.0

require github.com/ihr-charging/charging-plot-api/libs v0.0.0

require (
	github.com/google/go-cmp v0.7.0 // indirect
	github.com/tidwall/geoindex v1.7.0 // indirect
	github.com/tidwall/rtree v1.10.0 // indirect
	pgregory.net/rapid v1.3.0 // indirect
)

replace github.com/ihr-charging/charging-plot-api/libs => ../../libs
