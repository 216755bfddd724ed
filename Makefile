# make run   opens a demo shop: hub with a shop page, simulated devices, the till
# make test  runs all checks and tests
# Each sets up what it lacks. VENV and PYTHON may be given.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SMOKE ?=
FRESH ?=

CODE ?=

.PHONY: run scan terminal test lint bench simulate clean lock

run: $(VENV)/.run
	@$(BIN)/python -m tests.demo $(if $(SMOKE),--smoke) $(if $(FRESH),--fresh)

# From another terminal while the demo runs: make scan, or make scan CODE="2000000000299 2000000000268"
scan: $(VENV)/.run
	@$(BIN)/python -m tests.simulators.scanner --to build/demo/scanner $(CODE)

# The card terminal of the demo, from another terminal: what it shows, and keys.
terminal: $(VENV)/.run
	@$(BIN)/python -m tests.simulators.terminal --attach build/demo/card-terminal.port

test: $(VENV)/.dev
	@./scripts/test-packages.sh
	$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest --numprocesses 3 --dist worksteal $(PYTEST)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev
	@./scripts/test-packages.sh
	$(BIN)/python -m tests.benchmarks

simulate: $(VENV)/.dev
	$(BIN)/python -m tests.simulation $(SIMULATE)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# The demo needs the till, the hub and the simulators, not the test tools.
$(VENV)/.run: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[till,hub,demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.run

# The versions everything is tested with; run in a fresh environment after changing dependencies.
lock:
	$(BIN)/python -m pip freeze --exclude-editable --exclude pip --exclude setuptools --exclude wheel > constraints.txt

clean:
	rm -rf $(VENV) build dist
