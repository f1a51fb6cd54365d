package httpapi

//go:generate go tool oapi-codegen -config oapi.yaml ../../../../api/openapi/station-catalog.yaml
//go:generate go tool oapi-codegen -config spec.yaml ../../../../api/openapi/station-catalog.yaml
