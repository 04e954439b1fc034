# director: build, test, show and measure.
# Everything here runs as an ordinary user or as root; nothing changes the
# network of this machine.

GO ?= go
# Flags of the demo: ARGS="--compare --keep".
ARGS ?=

# The race detector needs a C compiler.
RACE := $(shell command -v gcc >/dev/null 2>&1 && echo -race)

UNIT = $$($(GO) list ./... | grep -v /integration/native | grep -v '/integration$$')

# Most of what the native tests do is wait for timers of the RFC.
NATIVE = -parallel 4 -timeout 10m

.PHONY: help build test test-unit test-unit-long test-native test-native-long test-lab test-lab-short test-long demo bench lint fuzz tools clean

help:
	@echo 'make build      bin/director, static'
	@echo 'make demo       a pair at work and what breaks it, in under three minutes'
	@echo 'make test       the tests, under fifteen minutes on two processors'
	@echo 'make test-long  all tests in their long form'
	@echo 'make test-lab   the whole lab suite'
	@echo 'make bench      the figures of docs/benchmarks.md'
	@echo 'make lint       gofmt and go vet'

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o bin/director ./cmd/director

lint:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not gofmt-ed: $$unformatted"; exit 1; fi
	$(GO) vet ./...

tools:
	@scripts/tools

# The first lines say what will happen; scripts/tools says what it installs.
test:
	@echo 'make test: unit tests with the race detector, VRRP tests in network namespaces, then'
	@echo 'the short lab suite (in a QEMU guest if this kernel has no IPVS). The network of this'
	@echo 'machine is not changed: hosts, cables and addresses exist in namespaces of their own.'
	@scripts/tools
	@$(MAKE) --no-print-directory lint test-unit test-native test-lab-short

test-unit:
	@[ -n "$(RACE)" ] || echo 'SKIP race detector: no gcc here'
	$(GO) test $(RACE) -short $(UNIT)
	scripts/fuzz 3s

test-native:
	$(GO) test -count=1 -v -short $(NATIVE) ./integration/native

test-native-long:
	$(GO) test -count=1 -v $(NATIVE) ./integration/native

test-lab-short:
	@scripts/lab -short -timeout 15m

test-lab:
	@scripts/tools
	@scripts/lab -timeout 30m

test-long:
	@echo 'make test-long: every test in its long form, about an hour. The network of this machine'
	@echo 'is not changed.'
	@scripts/tools
	@$(MAKE) --no-print-directory lint test-unit-long fuzz test-native-long test-lab

test-unit-long:
	DIRECTOR_LONG=1 $(GO) test $(RACE) -timeout 60m $(UNIT)

fuzz:
	scripts/fuzz 60s

demo:
	@scripts/tools
	@$(GO) run ./integration/demo $(ARGS)

bench:
	@scripts/tools
	$(GO) run ./integration/bench

clean:
	rm -rf bin integration/logs
