# make test is everything that has to pass. It needs Go and gcc; what is
# written in JavaScript needs Node, and is left out without it unless CI=true.
#
#	make test FUZZTIME=5m

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.NOTPARALLEL:

FUZZTIME ?= 20s
TIMEOUT ?= 10m

# The directories of all modules, before they are committed, too.
files = $(sort $(wildcard $(or $(shell git ls-files -co --exclude-standard -- '$(1)' '*/$(1)' 2>/dev/null),$(shell find . -name '$(1)' -not -path '*/node_modules/*'))))
MODULES := $(patsubst %/,%,$(dir $(call files,go.mod)))
# The benchmarks run on Linux, and fetch all the peers.
ifneq ($(CI)$(shell uname),trueLinux)
MODULES := $(filter-out bench ./bench,$(MODULES))
endif
PACKAGES_JS := $(patsubst %/,%,$(dir $(filter examples/% internal/% ./examples/% ./internal/%,$(call files,package.json))))

# $(call each,COMMAND) runs a command in every module that has Go packages.
each = for module in $(MODULES); do \
	( cd "$$module"; [[ -z $$(go list ./... 2>/dev/null) ]] || { echo "--- $$module"; $(1); } ) || exit 1; \
	done

# What of others the JavaScript needs; npm writes this file last.
MODULES_JS := $(addsuffix /node_modules/.package-lock.json,$(PACKAGES_JS))

# What make bench measures, and how often; see bench/README.md.
ROUNDS ?= 5
ONLY ?=
W ?= W1 W2 W3 MIX W4 W5 W5-1 W5S W5L W6
BENCH_JS := bench/node/node_modules/.package-lock.json

.PHONY: test fmt vet staticcheck imports tidy race mutants examples fuzz js node_modules bench

# Everything.
test: fmt vet staticcheck tidy imports race examples js fuzz
	@echo "=== all steps have passed"

# Every file is formatted.
fmt:
	@echo "=== fmt: gofmt -l"
	@unformatted=$$(gofmt -l $(MODULES)); \
	[[ -z $$unformatted ]] || { echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; }

# go vet has nothing to say.
vet:
	@echo "=== vet: go vet ./..."
	@$(call each,go vet ./...)

# Nor has staticcheck, in the version of internal/tools.
staticcheck: bin/staticcheck
	@echo "=== staticcheck: staticcheck ./..."
	@$(call each,"$(CURDIR)/bin/staticcheck" ./...)

bin/staticcheck: internal/tools/go.mod internal/tools/go.sum
	@echo "=== staticcheck: go build"
	@cd internal/tools; go build -o "$(CURDIR)/bin/staticcheck" honnef.co/go/tools/cmd/staticcheck

# Packages import only what they may, and all they export has a comment.
imports:
	@echo "=== imports: go test ./internal/layout"
	@go test -count=1 ./internal/layout

# Every go.mod and go.sum is as go mod tidy leaves it.
tidy:
	@echo "=== tidy: go mod tidy -diff"
	@for module in $(MODULES); do echo "--- $$module"; ( cd "$$module"; go mod tidy -diff ) || exit 1; done

# The modules of others that the JavaScript needs are there.
node_modules: $(MODULES_JS)

$(MODULES_JS) $(BENCH_JS): %/node_modules/.package-lock.json: %/package-lock.json %/package.json
	@echo "=== node_modules: npm ci in $*"
	@if ! { command -v node && command -v npm; } >/dev/null; then \
		echo "left out: there is no Node"; [[ $${CI:-} != true ]] || exit 1; \
	else \
		cd "$*"; npm ci --no-audit --no-fund; touch node_modules/.package-lock.json; \
	fi

# The tests pass under the race detector. Those of the client against a stock
# server need Node.
race: node_modules
	@echo "=== race: go test -race ./..."
	@$(call each,go test -race -timeout $(TIMEOUT) ./...)

# The tests notice when the code is broken. It takes ten minutes, so it is not
# part of test; that each mutant still applies is.
mutants:
	@echo "=== mutants: go run ./internal/mutants"
	@go run ./internal/mutants

# The examples build, and the first one that people run says something.
examples:
	@echo "=== examples: go build ./examples/..., go run ./examples/quickstart"
	@go build ./examples/...
	@transcript=$$(go run ./examples/quickstart); echo "$$transcript"; [[ -n $$transcript ]]

# Each fuzz target finds nothing for FUZZTIME.
fuzz:
	@echo "=== fuzz: go test -fuzz, $(FUZZTIME) each"
	@$(call each,FUZZTIME=$(FUZZTIME) "$(CURDIR)/.ci/fuzz")

# The tests that drive a server from JavaScript pass.
js: node_modules
	@echo "=== js: npm test"
	@if ! { command -v node && command -v npm; } >/dev/null; then \
		echo "left out: there is no Node"; [[ $${CI:-} != true ]] || exit 1; \
	else \
		for package in $(PACKAGES_JS); do \
			echo "--- $$package"; ( cd "$$package"; npm test ) || exit 1; \
		done; \
	fi

# How fast it is beside its peers. It takes seven minutes a round, so it is not
# part of test; ROUNDS=1 ONLY=zapsocket make bench is the quick look.
bench: $(BENCH_JS)
	@echo "=== bench: go build, bin/bench"
	@cd bench; go build -o bin/ ./cmd/... ./servers/...; bin/bench -rounds "$(ROUNDS)" -only '$(value ONLY)' -w "$(W)"
