# Two commands matter on a fresh machine: `make run` and `make test`. `make help` lists the others.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PY := $(BIN)/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check
NAMES := accounts alerts analytics api_pattern customer_management dashboard feed_processor file_manager fleet_manager \
	msg_pattern rules task_management telemetry vehicle_management conftest.py manage.py
SOURCES = $(wildcard $(NAMES) benchmarks)

# `make run PORT=8001 FLEET_HOME=…` passes these on where they are given.
export PORT FLEET_HOME DEMO DJANGO_ENV DATABASE_URL REDIS_URL

.PHONY: help run stop test lint format bench chaos losses firings sinks probe setup setup-dev assets lock
.DEFAULT_GOAL := help

help: ## List every target
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

run: setup ## Start everything on http://localhost:8000 and serve until Ctrl-C
	@exec $(PY) -m fleet_manager.supervisor run

stop: setup ## Stop the copy that runs on FLEET_HOME
	@$(PY) -m fleet_manager.supervisor stop

test: setup-dev ## Run all tests against a PostgreSQL and a Valkey of their own
	@$(PY) -m pytest -n 2 $(ARGS)

lint: setup-dev ## Check style, types, layers and migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(SOURCES)
	$(BIN)/lint-imports
	DJANGO_ENV=testing $(PY) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(BIN)/hadolint Dockerfile
	$(BIN)/actionlint
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec compose.yaml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yaml

format: setup-dev ## Put all files into the one format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup-dev ## Measure imports, the API and telemetry on this machine
	@$(PY) -m benchmarks $(ARGS)

chaos: setup-dev ## Kill processes at random during uploads and count what was lost or done twice
	@$(PY) -m benchmarks.chaos $(ARGS)

losses: setup-dev ## Kill processes and take the database away under telemetry, and count what was lost
	@$(PY) -m benchmarks.losses $(ARGS)

firings: setup-dev ## Kill listeners while readings repeat and come out of order, and count what rules fired
	@$(PY) -m benchmarks.firings $(ARGS)

sinks: setup-dev ## Kill the action runner while mail server and webhook fail, and count what is missing or twice
	@$(PY) -m benchmarks.sinks $(ARGS)

probe: setup-dev ## Send every path of the API what its schema allows, and what it forbids
	@$(PY) -m benchmarks.probe $(ARGS)

assets: node_modules/.stamp ## Copy the front end's files and the icons that pages mention
	@$(PY) -m fleet_manager.assets

lock: setup-dev ## Lock requirements*.in into requirements*.txt
	$(PIP) uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --no-emit-index-url --no-emit-find-links requirements.in -o requirements.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --no-header --no-emit-index-url --no-emit-find-links requirements-dev.in -o requirements-dev.txt

setup: .venv/.stamp assets

setup-dev: setup .venv/.stamp-dev

.venv/.stamp: requirements.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with its venv module is needed and was not found."; exit 1; }
	@echo "Setting up Python's packages …"
	@$(PYTHON) -m venv .venv
	@$(PIP) -r requirements.txt
	@touch $@

.venv/.stamp-dev: requirements-dev.txt .venv/.stamp
	@echo "Setting up the packages for development …"
	@$(PIP) -r requirements.txt -r requirements-dev.txt
	@touch $@

node_modules/.stamp: package-lock.json .venv/.stamp
	@echo "Setting up the front end's packages …"
	@$(PY) -m fleet_manager.packages
	@touch $@
