# `make` lists the targets. All that they install goes into .venv; `make clean` removes it.
#
#   make PYTHON=python3.12 …     use another Python than python3
#   make test ARGS="-k panel"    give pytest more arguments
#   make soak MINUTES=10         be content with ten minutes

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
TARGET ?= host
MINUTES ?= 60
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

# Jupyter wants to hear that it is meant to run as root, as it is in a container.
AS_ROOT := $(if $(filter 0,$(shell id -u)),-- --allow-root)

.PHONY: help lab test quick check bench live soak fuzz figures clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | \
	  while IFS="$$(printf '\t')" read -r name what; do printf '  make %-7s %s\n' "$$name" "$$what"; done

lab: $(VENV)/lab.stamp ## install iotkit, and open JupyterLab on the first notebook
	@$(BIN)/iotkit lab $(AS_ROOT)

test: $(VENV)/kernels.stamp ## run all tests (as root on Debian, installs the programs they need)
	@$(BIN)/python tests/system_tools.py
	@$(BIN)/python -m pytest $(ARGS)

quick: $(VENV)/test.stamp ## run unit and wire tests, in about a minute
	@# Four at a time: they wait more than they compute.
	@$(BIN)/python -m pytest -n 4 --dist worksteal tests/unit tests/wire $(ARGS)

check: $(VENV)/check.stamp ## check format, style, types and the direction of imports
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/bench.stamp ## measure iotkit beside what else there is
	@$(BIN)/python tests/bench

live: $(VENV)/kernels.stamp ## measure what is live in a notebook: Stop, panels, plot, pin to pixel
	@$(BIN)/python tests/system_tools.py
	@for bench in stop panels plot pixel; do $(BIN)/python tests/bench/bench_$$bench.py; done

soak: $(VENV)/test.stamp ## plug, pull and break boards on a gateway for an hour
	@$(BIN)/python tests/soak --minutes $(MINUTES)

fuzz: $(VENV)/fuzz.stamp ## look for bytes that break a parser: make fuzz TARGET=device ARGS=-max_total_time=600
	@$(BIN)/python tests/fuzz $(TARGET) $(ARGS)

figures: $(VENV)/test.stamp ## measure the Arduino library: flash, RAM, cycles, times on the wire
	@$(BIN)/python tests/system_tools.py
	@$(BIN)/python tests/firmware/figures.py

clean: ## remove what the other targets made
	rm -rf $(VENV) build dist iotkit_widgets/static/uplot .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

# The stamps say which part of the environment is there; a changed pyproject.toml installs anew.

$(VENV)/made.stamp:
	@command -v $(PYTHON) >/dev/null || \
	  { echo 'iotkit needs Python 3.11 or newer, and there is no $(PYTHON).'; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'iotkit needs Python 3.11 or newer, and $(PYTHON) is older. If you have' \
	         'another, name it, as in: make PYTHON=python3.12 $(MAKECMDGOALS)'; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo 'This Python has no venv module. On Debian and its relatives:' \
	         'sudo apt-get install python3-venv'; exit 1; }
	@echo 'Making $(VENV), once …'
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/lab.stamp: $(VENV)/made.stamp pyproject.toml hatch_build.py
	@echo 'Installing iotkit and JupyterLab into $(VENV); the first time takes a minute …'
	@$(PIP) --editable '.[lab]'
	@touch $@

$(VENV)/test.stamp: $(VENV)/lab.stamp
	@echo 'Installing what the tests need …'
	@$(PIP) --group test
	@touch $@

$(VENV)/bench.stamp: $(VENV)/lab.stamp
	@echo 'Installing what iotkit is measured beside …'
	@$(PIP) --group bench
	@touch $@

$(VENV)/fuzz.stamp: $(VENV)/lab.stamp
	@echo 'Installing the fuzzer …'
	@$(PIP) --group fuzz
	@touch $@

$(VENV)/kernels.stamp: $(VENV)/test.stamp tests/browser/kernels.py
	@echo 'Installing the kernels that the notebook is tested with …'
	@$(BIN)/python tests/browser/kernels.py
	@touch $@

$(VENV)/check.stamp: $(VENV)/lab.stamp
	@echo 'Installing the checkers …'
	@$(PIP) --group check
	@touch $@
