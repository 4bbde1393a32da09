# Every target sets up what it needs. The plain commands behind them stand in docs/commands.md.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SIZE ?= 1GB
# So that a snapshot taken in a container belongs to whoever asked for it. An engine that runs as that person itself
# (rootless) calls him 0 in there. Asked only where a container writes; a number that was given, or is in .env, counts.
AS_ME = if [ -z "$$SNAPSHOT_UID" ] && ! grep -qs '^SNAPSHOT_UID=.' .env; then \
	if docker info 2>/dev/null | grep -qiE '^ *rootless(: true)?$$'; then SNAPSHOT_UID=0 SNAPSHOT_GID=0; \
	else SNAPSHOT_UID=$$(id -u) SNAPSHOT_GID=$$(id -g); fi; export SNAPSHOT_UID SNAPSHOT_GID; fi;

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-stores test-compose bench check format image up down restore snapshot list doctor clean

help: ## Show what there is
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Renewed when what it is made of changes. A half-made one is made again: the stamp is written last.
$(VENV)/ready: pyproject.toml requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, $(PYTHON) is %d.%d; try make PYTHON=python3.12" % sys.version_info[:2]) if sys.version_info < (3, 11) else None'
	@echo "setting up $(VENV) (once) ..."
	@$(PYTHON) -m venv --clear $(VENV) || { echo "hint: on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check -c requirements/dev.txt -e '.[dev]'
	@touch $@

setup: $(VENV)/ready ## Set up .venv (every other target does it by itself)

demo: $(VENV)/ready ## See it work: 34,000 cities, a snapshot, a fresh Qdrant, a restore, a kill
	@$(BIN)/python examples/demo

test: $(VENV)/ready ## Run the tests (QDRANT_URL=… runs them against that server too)
	@$(BIN)/python -m pytest -n auto --dist loadgroup -m "not compose and not stores" $(ARGS)

test-stores: $(VENV)/ready ## Run the tests on real bucket servers (installs MinIO, fake-gcs-server, Azurite, age once)
	@$(BIN)/python -m tests.support.bucket_server_installs
	@$(BIN)/python -m pytest -n auto --dist loadgroup -m stores $(ARGS)

test-compose: $(VENV)/ready ## Run the Compose story on the Docker engine that answers
	@PYTHON=$(BIN)/python sh tests/compose/run.sh

bench: $(VENV)/ready ## Measure against curl (QDRANT_URL=… SIZE=1GB)
	@$(BIN)/python -m bench --size $(SIZE) $(ARGS)

check: $(VENV)/ready ## Check format, style, types, layout and run the pure tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q -n 2 tests/test_layout.py tests/pure $(ARGS)

format: $(VENV)/ready ## Format the code
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format .

image: ## Build the image qdrant-restore:local
	@docker build --file Dockerfile.restore --tag qdrant-restore:local $(if $(PYTHON_IMAGE),--build-arg PYTHON_IMAGE=$(PYTHON_IMAGE)) $(BUILD_ARGS) .

up: ## docker compose up: Qdrant, its data, then the application
	@docker compose up --build --detach --wait

down: ## Stop it; the data volume stays
	@docker compose down

# With QDRANT_URL the program runs here; without, in its container.
ifdef QDRANT_URL
RUN = $(BIN)/qdrant-restore
NEED = $(VENV)/ready
else
NEED =
endif

restore: $(NEED) ## Restore what is missing (REPLACE=cities puts the snapshot over a collection)
ifdef QDRANT_URL
	@$(RUN) restore $(REPLACE) $(if $(REPLACE),--on-existing replace) $(ARGS)
else
	@docker compose run --rm --build qdrant-restore restore $(REPLACE) $(if $(REPLACE),--on-existing replace) $(ARGS)
endif

snapshot: $(NEED) ## Take a snapshot after a change (ARGS='cities --note "after the import"')
ifdef QDRANT_URL
	@$(RUN) snapshot $(ARGS)
else
	@$(AS_ME) docker compose run --rm --build qdrant-snapshot snapshot $(ARGS)
endif

list: $(VENV)/ready ## List the snapshots in the store
	@$(BIN)/qdrant-restore list $(ARGS)

doctor: $(NEED) ## Look for what could go wrong
ifdef QDRANT_URL
	@$(RUN) doctor $(ARGS)
else
	@$(AS_ME) docker compose run --rm --build qdrant-snapshot doctor $(ARGS)
endif

clean: ## Remove .venv, caches and the demo's leftovers; snapshots stay
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .demo build dist
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
