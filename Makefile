# director: build, test, show and measure.
# Everything here runs as an ordinary user or as root; nothing changes the
# network of this machine.

GO ?= go
# Flags of the demo: ARGS="--compare --keep".
ARGS ?=

# What "director version" says: the commit, its date, and whether files differ from it.
VERSION := $(shell git log -1 --date=short --format='%h (%cd)' --abbrev=12 2>/dev/null)$(shell \
	git diff --quiet HEAD 2>/dev/null || echo ' with local changes')

# Tools of development have a module of their own, so that go.mod is the program's.
TOOL = $(GO) tool -modfile=tools/go.mod

# The race detector needs a C compiler.
RACE := $(shell command -v gcc >/dev/null 2>&1 && echo -race)

SUITES = $(GO) run ./integration/suites

.PHONY: help build test test-unit test-native test-lab test-long demo bench lint vuln fuzz tools packages clean

help:
	@echo 'make build      bin/director, static'
	@echo 'make demo       a pair at work and what breaks it, in under three minutes'
	@echo 'make test       the tests, under fifteen minutes on two processors'
	@echo 'make test-long  all tests in their long form, about an hour'
	@echo 'make test-lab   the whole lab suite'
	@echo 'make packages   bin/packages: deb and rpm'
	@echo 'make bench      the figures of docs/benchmarks.md'
	@echo 'make lint       gofmt, go vet, staticcheck, and which package may import which'
	@echo 'make vuln       known vulnerabilities of what director is built from; needs the network'
	@echo 'CONTRIBUTING.md says how to run one test, one scenario of the lab, one benchmark.'

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w $(if $(VERSION),-X "main.version=$(VERSION)")' \
		-o bin/director ./cmd/director

lint:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not gofmt-ed: $$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(TOOL) staticcheck ./...
	$(GO) test ./internal/floors

# Not a part of lint: the database is asked for over the network.
vuln:
	@scripts/vuln

tools:
	@scripts/tools

# The first lines say what will happen; scripts/tools says what it installs.
test:
	@echo 'make test: lint, unit tests with the race detector, VRRP tests in network namespaces, then'
	@echo 'the short lab suite (in a QEMU guest if this kernel has no IPVS). The network of this'
	@echo 'machine is not changed: hosts, cables and addresses exist in namespaces of their own.'
	@scripts/tools
	@$(SUITES) -quick lint unit fuzz native kernel lab

test-unit:
	@$(SUITES) -short unit

test-native:
	@scripts/tools
	@$(SUITES) -short native

test-lab:
	@scripts/tools
	@$(SUITES) lab

test-long:
	@echo 'make test-long: every test in its long form, about an hour. The network of this machine'
	@echo 'is not changed.'
	@scripts/tools
	@$(SUITES) lint unit fuzz native kernel booted lab

fuzz:
	scripts/fuzz 60s

demo:
	@scripts/tools
	@$(GO) run ./integration/demo $(ARGS)

bench:
	@scripts/tools
	$(GO) run ./integration/bench

packages:
	@scripts/packages

clean:
	rm -rf bin integration/logs
