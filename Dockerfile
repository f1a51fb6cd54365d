# For those who build without ko:
#   docker build --build-arg SERVICE=auth --tag auth .
# GO_IMAGE and BASE_IMAGE name other images to build with and on, such as a mirror's. SERVICE is auth, station-catalog or charging-plot; PROGRAM is another program of it than its own, such as import-flask-user. The image holds one static program, root certificates and nothing else.
ARG GO_IMAGE=golang:1.26
ARG BASE_IMAGE=gcr.io/distroless/static:nonroot
FROM ${GO_IMAGE} AS build
ARG SERVICE
ARG PROGRAM=${SERVICE}
ARG VERSION=unknown
# skaffold debug sets it, to leave the program as a debugger wants it.
ARG SKAFFOLD_GO_GCFLAGS
ENV GOCACHE=/gocache
WORKDIR /src
COPY libs libs
COPY services/${SERVICE} services/${SERVICE}
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/gocache \
    cd services/${SERVICE} && GOWORK=off CGO_ENABLED=0 go build -trimpath -buildvcs=false -tags grpcnotrace,minimal \
    -gcflags="${SKAFFOLD_GO_GCFLAGS}" -ldflags "-s -w -X main.version=${VERSION}" -o /service ./cmd/${PROGRAM}

FROM ${BASE_IMAGE}
ARG SERVICE
LABEL org.opencontainers.image.title="${SERVICE}" \
      org.opencontainers.image.description="${SERVICE} of the IHR Charging Plot API" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /service /service
USER 65532:65532
ENTRYPOINT ["/service"]
CMD ["serve"]
