module github.com/ihr-charging/charging-plot-api/services/charging-plot

go 1.26.0

require github.com/ihr-charging/charging-plot-api/libs v0.0.0

require (
	github.com/google/uuid v1.6.0 // indirect
	github.com/gorilla/websocket v1.5.3 // indirect
	github.com/lorenzodonini/ocpp-go v0.19.0 // indirect
)

replace github.com/ihr-charging/charging-plot-api/libs => ../../libs
