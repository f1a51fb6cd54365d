# The one way to do each thing. `make help` lists them.

GOLANGCI_LINT_VERSION := v2.15.0
MODULES := $(shell go work edit -json | sed -n 's/.*"DiskPath": "\(.*\)".*/\1/p')
VERSION ?= $(shell git describe --always --dirty 2>/dev/null || echo unknown)

# The race detector is on in CI, and with RACE=1.
RACE ?= $(if $(CI),1,)
RACE_FLAG := $(if $(filter 1,$(RACE)),-race,)

.DEFAULT_GOAL := help
.PHONY: help run test check lint fmt generate bench build clean-state cluster-test install update start stop status

help: ## List what there is
	@sed -nE 's/^([a-z -]+):.*## (.*)/\1\t\2/p' Makefile | awk -F'\t' '{printf "  make %-12s %s\n", $$1, $$2}'

run: bin/devstack ## Start the whole product on http://127.0.0.1:5000 (ARGS=--help for more)
	@exec bin/devstack run $(ARGS)

test: check bin/devstack ## Run every test from nothing, beside a private Postgres and Redis (RACE=1: with the race detector)
	bin/devstack exec -- go test $(RACE_FLAG) -timeout 20m $(TESTFLAGS) work
	cd deploy/charttest && GOWORK=off go test ./...
	@cd deploy/charttest/kubernetes && for release in go 1.35 1.36 1.37; do GOWORK=off go test -modfile=$$release.mod ./... || exit 1; done

check: ## Check that generated code is current, and that each module builds and vets alone
	@generated() { find services -path '*/httpapi/*' -type f | sort | xargs cat | cksum; }; \
	before=$$(generated) && $(MAKE) --no-print-directory generate && after=$$(generated) && \
	if [ "$$before" != "$$after" ]; then echo "Generated code was not current; it is now: commit it."; exit 1; fi
	@for module in $(MODULES); do \
		(cd $$module && GOWORK=off go build -o /dev/null ./... && GOWORK=off go vet ./...) || exit 1; \
	done

lint: bin/golangci-lint-$(GOLANGCI_LINT_VERSION) ## Check style, formats and import rules
	$< run $(addsuffix /...,$(MODULES))

fmt: bin/golangci-lint-$(GOLANGCI_LINT_VERSION) ## Format the Go code
	$< fmt $(MODULES)

generate: ## Generate code from api/openapi, and the charts' schemas and READMEs from their values
	go generate work
	cd deploy/charttest && GOWORK=off go run ./cmd/chartdocs

bench: bin/devstack ## Measure what has a goal, beside a private Postgres and Redis (BENCH=pattern of goals)
	bin/devstack exec -- go run ./bench -run '$(BENCH)'

build: ## Build the three services into bin/
	CGO_ENABLED=0 go build -buildvcs=false -trimpath -tags grpcnotrace,minimal -ldflags '-s -w -X main.version=$(VERSION)' -o bin/ ./services/*/cmd/*

clean-state: bin/devstack ## Remove what `make run` keeps between runs
	@bin/devstack clean

install update start stop status: bin/ihrctl ## The product on the clusters of ARGS="--contexts a,b -P 2"
	bin/ihrctl $@ $(ARGS)

cluster-test: ## Install, test, upgrade and break the product on the current Kubernetes context (README, "On a cluster")
	deploy/clustertest/run

.PHONY: bin/ihrctl
bin/ihrctl:
	@go build -buildvcs=false -o $@ ./tools/ihrctl

# Go's build cache knows whether there is anything to do.
.PHONY: bin/devstack
bin/devstack:
	@go build -buildvcs=false -o $@ ./tools/devstack

bin/golangci-lint-$(GOLANGCI_LINT_VERSION):
	GOBIN=$(CURDIR)/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT_VERSION)
	mv bin/golangci-lint $@
