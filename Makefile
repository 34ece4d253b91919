# Every habit of this repository. CI runs only what stands here.

GO ?= go

# The tools, pinned: a newer one is a change like any other.
LINT_VERSION      := v2.15.0
VULN_VERSION      := v1.9.0
BENCHSTAT_VERSION := v0.0.0-20260908200009-22c9c6c9d4da

LINT      := bin/golangci-lint-$(LINT_VERSION)
VULN      := $(GO) run golang.org/x/vuln/cmd/govulncheck@$(VULN_VERSION)
BENCHSTAT := $(GO) run golang.org/x/perf/cmd/benchstat@$(BENCHSTAT_VERSION)

# A test that hangs ends here, with its stacks.
TEST_TIMEOUT := 20m
TEST         := CGO_ENABLED=1 $(GO) test -race -shuffle=on -timeout=$(TEST_TIMEOUT)

# Which tests switch faults on, and how often they are run.
FAULTS ?= ^TestFault
COUNT  ?= 100

# Which tests are of sockets.
SOCKETS := Socket|Park|Lot|Bell|Adopt|Block|Wake|Frame|Message

# How long each fuzz target is run.
FUZZTIME ?= 30s

# For how long bad things are done, and which; seed 0 draws one.
DURATION ?= 2m
SEED     ?= 0

# Which Go benchmarks, and how often: benchstat wants six runs or more.
BENCH      ?= .
BENCHCOUNT ?= 6
BENCHMARK  := $(GO) test -run='^$$' -bench='$(BENCH)' -benchmem -count=$(BENCHCOUNT) ./...
BASE       ?= main

.DEFAULT_GOAL := help
.PHONY: help run build test check fault fuzz chaos bench bench-go bench-compare fmt fmt-check vet lint cover vuln clean gcc

help: ## print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# DATABASE goes through the environment: it may hold a password, and a command
# line can be seen by everybody.
run: build ## build and start a demo on 127.0.0.1:8000 (DATABASE=postgres://... to use that)
	@$(if $(DATABASE),ROLLCALL_DATABASE='$(DATABASE)') exec bin/rollcall serve --demo --migrate

build: ## build bin/rollcall
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/rollcall ./cmd/rollcall

# Under the race detector sockets make other system calls than those that are shipped
# (transport/call_linux.go), which the tests of sockets are run with too.
test: gcc ## run the whole suite, as CI does
	$(TEST) ./...
	$(GO) test -shuffle=on -timeout=$(TEST_TIMEOUT) -run='$(SOCKETS)' ./transport

# The import rules (layering_test.go) are part of the suite.
check: fmt-check vet lint test ## check format, vet, lint, layers and the whole suite

fault: gcc ## run the actors' fault tests many times (FAULTS=regexp COUNT=100)
	$(TEST) -run='$(FAULTS)' -count=$(COUNT) ./actors/...

# The go command fuzzes one target of one package at a time. It would spend most of that
# making what is new smaller.
fuzz: ## fuzz each target for a while (FUZZTIME=30s)
	@set -e; for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list='^Fuzz' "$$package" | grep '^Fuzz'); do \
			echo "$$target in $$package"; \
			$(GO) test -run='^$$' -fuzz="^$$target\$$" -fuzztime='$(FUZZTIME)' -fuzzminimizetime=1x "$$package"; \
		done; \
	done

chaos: build ## break everything for a while, and check what clients saw (DURATION=10m SEED=n)
	$(GO) build -o bin/chaos ./cmd/chaos
	bin/chaos -rollcall=bin/rollcall -duration=$(DURATION) -seed=$(SEED) -json=bin/chaos.json

# DATABASE goes through the environment, as in run.
bench: build ## measure the server for five minutes, into docs/performance.md (DATABASE=postgres://...)
	@$(if $(DATABASE),DATABASE='$(DATABASE)') $(GO) run ./cmd/performance -rollcall=bin/rollcall

bench-go: ## run the Go benchmarks (BENCH=regexp)
	$(BENCHMARK)

bench-compare: ## compare the Go benchmarks with another commit (BASE=main)
	@set -e; dir=$$(mktemp -d); \
	trap 'rm -rf "$$dir"; git worktree prune' EXIT; \
	git worktree add --quiet --detach "$$dir/base" '$(BASE)'; \
	echo 'measuring $(BASE)'; (cd "$$dir/base" && $(BENCHMARK)) > "$$dir/$(subst /,-,$(BASE)).txt"; \
	echo 'measuring this tree'; $(BENCHMARK) > "$$dir/here.txt"; \
	(cd "$$dir" && $(BENCHSTAT) '$(subst /,-,$(BASE)).txt' here.txt)

fmt: ## format the code
	gofmt -w .

fmt-check:
	@files=$$(gofmt -l .); test -z "$$files" || { echo "not formatted (make fmt does it): $$files"; exit 1; }

vet:
	$(GO) vet ./...

lint: $(LINT) ## run golangci-lint
	$(LINT) run ./...

# Built once per version: from source it takes minutes.
$(LINT):
	GOBIN='$(CURDIR)/bin' CGO_ENABLED=0 $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv bin/golangci-lint $@

cover: ## measure what the tests reach, into bin/cover.html
	@mkdir -p bin
	$(GO) test -timeout=$(TEST_TIMEOUT) -coverpkg=./... -coverprofile=bin/cover.out ./...
	$(GO) tool cover -html=bin/cover.out -o bin/cover.html
	@$(GO) tool cover -func=bin/cover.out | tail -1

vuln: ## look for known vulnerabilities in what the code calls
	$(VULN) ./...

clean: ## remove what was built, not the database
	rm -rf bin

gcc:
	@command -v $$($(GO) env CC) >/dev/null || { echo 'The race detector needs gcc (on Debian: apt-get install gcc libc6-dev).' >&2; exit 1; }
