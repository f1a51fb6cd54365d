module github.com/ihr-charging/charging-plot-api/services/auth

go 1.26.0

require github.com/ihr-charging/charging-plot-api/libs v0.0.0

replace github.com/ihr-charging/charging-plot-api/libs => ../../libs
