module github.com/ihr-charging/charging-plot-api/e2e

go 1.26.0

require github.com/ihr-charging/charging-plot-api/libs v0.0.0

require (
	github.com/getkin/kin-openapi v0.153.0 // indirect
	github.com/google/uuid v1.6.0 // indirect
)

replace github.com/ihr-charging/charging-plot-api/libs => ../libs

replace github.com/ihr-charging/charging-plot-api/tools => ../tools

require github.com/ihr-charging/charging-plot-api/tools v0.0.0

replace github.com/ihr-charging/charging-plot-api/services/auth => ../services/auth

replace github.com/ihr-charging/charging-plot-api/services/station-catalog => ../services/station-catalog

replace github.com/ihr-charging/charging-plot-api/services/charging-plot => ../services/charging-plot
