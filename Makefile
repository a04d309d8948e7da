# Two commands: `make demo` and `make test`. Each does its own set-up on a fresh Debian 12 with the .NET 10 SDK.
SHELL := /bin/bash
.DEFAULT_GOAL := help
CONFIGURATION ?= Release
LAB := tests/PgReplWatchdog.Lab/bin/$(CONFIGURATION)/net10.0/pgwatchdog-lab
BENCHMARKS := tests/PgReplWatchdog.Benchmarks/bin/$(CONFIGURATION)/net10.0/PgReplWatchdog.Benchmarks
SIMULATION := tests/PgReplWatchdog.Simulation/bin/$(CONFIGURATION)/net10.0/PgReplWatchdog.Simulation
SEEDS ?= 10000
KEEP ?=
MINUTES ?= 20
SEED ?= 1
ONLY ?=
REPLAY ?=
MAJORS ?= 10 11 12 13 14 15 16 17 18

.PHONY: help tools build demo playground chaos test test-all test-core test-faults test-hosts test-versions screenshots simulate format bench clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

tools: ## install what is missing: PostgreSQL, sshd, rsync, network tools, HAProxy, Prometheus, Alertmanager
	@deploy/lab/install-tools

build: tools ## build everything
	@dotnet build -c $(CONFIGURATION) -v quiet --nologo -consoleLoggerParameters:'ErrorsOnly;NoSummary'

demo: build ## set up two servers, watch them, kill the primary, fail over (KEEP=1 leaves PostgreSQL's logs)
	@$(LAB) demo $(if $(KEEP),--keep)

playground: build ## the same, left running
	@$(LAB) playground

chaos: build ## faults at random on three hosts: MINUTES=20 SEED=1, ONLY="F4 F5", REPLAY=FILE
	@$(LAB) chaos --log artifacts/chaos-$(SEED).log $(if $(REPLAY),--replay $(REPLAY),--minutes $(MINUTES) --seed $(SEED)) $(if $(ONLY),--only $(ONLY)) $(if $(KEEP),--keep)

test: build ## format check and tests, real servers included
	@tests/run $(CONFIGURATION)

test-all: build ## the same with the widest matrices and the longest runs
	@tests/run $(CONFIGURATION) all

test-faults: build ## the faults on real hosts in network namespaces (root)
	@tests/PgReplWatchdog.Tests/bin/$(CONFIGURATION)/net10.0/PgReplWatchdog.Tests -noColor -namespace PgReplWatchdog.Tests.Faults

screenshots: build ## a failover on real servers, looked at in Chromium: writes docs/images
	@mkdir -p docs/images && PGWATCHDOG_SCREENSHOTS=$(CURDIR)/docs/images tests/PgReplWatchdog.Tests/bin/$(CONFIGURATION)/net10.0/PgReplWatchdog.Tests -noColor -class PgReplWatchdog.Tests.Page.RealFailoverTests

test-versions: build ## PostgreSQL 10 to 18, installed into a cache: MAJORS="12 18" (needs npm)
	@for major in $(MAJORS); do deploy/lab/install-postgres $$major > /dev/null || exit 1; done
	@PGWATCHDOG_MAJORS="$(MAJORS)" tests/PgReplWatchdog.Tests/bin/$(CONFIGURATION)/net10.0/PgReplWatchdog.Tests -noColor -namespace PgReplWatchdog.Tests.Versions

test-hosts: build ## three booted Debian hosts with PostgreSQL as its package installs it (root; builds their root filesystem once)
	@base=$$(deploy/lab/build-host-base) && PGWATCHDOG_HOST_BASE=$$base tests/PgReplWatchdog.Tests/bin/$(CONFIGURATION)/net10.0/PgReplWatchdog.Tests -noColor -namespace PgReplWatchdog.Tests.Hosts

test-core: ## the pure core alone; seconds, no servers
	@dotnet build tests/PgReplWatchdog.Core.Tests -c $(CONFIGURATION) -v quiet --nologo
	@tests/PgReplWatchdog.Core.Tests/bin/$(CONFIGURATION)/net10.0/PgReplWatchdog.Core.Tests

simulate: ## SEEDS=100000 runs of the real watchdog in a simulated world; SEED=7 replays one
	@dotnet build tests/PgReplWatchdog.Simulation -c $(CONFIGURATION) -v quiet --nologo -consoleLoggerParameters:'ErrorsOnly;NoSummary'
	@$(SIMULATION) $(if $(filter command line,$(origin SEED)),replay $(SEED),$(SEEDS))

bench: build ## measure the decision, failover, the check's cost, memory, set-up and its copy
	@dotnet publish src/PgReplWatchdog -c $(CONFIGURATION) -o artifacts/published -v quiet --nologo
	@PGWATCHDOG=$(CURDIR)/artifacts/published/pgwatchdog PGWATCHDOG_HOST_BASE=$$([ $$(id -u) -ne 0 ] || deploy/lab/build-host-base) $(BENCHMARKS)

clean: ## remove what was built
	@dotnet clean -c $(CONFIGURATION) -v quiet --nologo; rm -rf artifacts
