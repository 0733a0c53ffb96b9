# What people type here. A fresh machine needs Python ≥ 3.11, git and make; nothing else.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
LOCKS := requirements.lock requirements-uv.txt
WORKERS ?= 2
COMPILE = $(VENV)/bin/uv pip compile -q --generate-hashes --universal --python-version 3.11 \
	--custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

# uv does not read pip's settings: a machine whose pip knows a mirror would lose it.
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif

export PIP_DISABLE_PIP_VERSION_CHECK := 1
.DELETE_ON_ERROR:
.PHONY: help install demo test check format coverage bench mutants faults openapi lock clean

help:  ## say what there is
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' Makefile | expand -t 16

install: $(INSTALLED)  ## the virtual environment with everything pinned

demo: $(INSTALLED)  ## the catalog, filled from a sample MLflow or MLFLOW=https://your-own; ONCE=1 ends after the export
	$(VENV)/bin/model-catalog demo $(if $(filter 1,$(ONCE)),--once) $(if $(MLFLOW),--mlflow "$(MLFLOW)")

test: $(INSTALLED)  ## the whole suite, as CI runs it; ARGS="-k reconcile" for a part
	$(RUN) -m pytest -q -n $(WORKERS) $(ARGS)

check: $(INSTALLED)  ## formatter, linter, types, architecture: seconds
	$(RUN) -m ruff format --check
	$(RUN) -m ruff check
	$(RUN) -m mypy
	$(RUN) -m pytest -q tests/architecture

format: $(INSTALLED)  ## put the code into the house's form
	$(RUN) -m ruff format
	$(RUN) -m ruff check --fix

coverage: $(INSTALLED)  ## the suite, and the branches that it leaves out
	$(RUN) -m pytest -q -n $(WORKERS) --cov --cov-report=term-missing:skip-covered $(ARGS)

bench: $(INSTALLED)  ## every speed claim, as a ratio against its baseline
	$(RUN) -m bench $(ARGS)

mutants: $(INSTALLED)  ## break each invariant; its test must fail
	$(RUN) -m tests.mutants $(ARGS)

faults: $(INSTALLED)  ## longer: kills, crashes and cut connections
	$(RUN) -m pytest -q -n $(WORKERS) -m long $(ARGS)

openapi: $(INSTALLED)  ## write docs/openapi.json from the application
	$(RUN) -m tests.docs.openapi > docs/openapi.json.new
	mv docs/openapi.json.new docs/openapi.json

lock: $(INSTALLED)  ## pin again after pyproject.toml changed; UPGRADE=1 takes newer releases
	$(COMPILE) --all-extras pyproject.toml -o requirements.lock
	$(COMPILE) --extra service pyproject.toml -c requirements.lock -o requirements-service.lock
	$(COMPILE) --extra mlflow --extra github --extra sagemaker pyproject.toml -c requirements.lock -o requirements-harvest.lock
	echo uv | $(COMPILE) - -o requirements-uv.txt

clean:  ## throw away everything that is made here
	rm -rf $(VENV) build dist demo-data .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=python3.12 …" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# uv installs in seconds what takes pip more than a minute; where uv is not to be had, pip does it.
$(INSTALLED): $(LOCKS) pyproject.toml | $(VENV)/bin/pip
	@$(RUN) -m pip install -q --require-hashes -r requirements-uv.txt && \
		$(VENV)/bin/uv pip sync -q --python $(RUN) --require-hashes $(LOCKS) || \
		{ echo "without uv: pip takes a minute or two" >&2; \
		$(RUN) -m pip install -q --require-hashes -r requirements.lock; }
	@$(RUN) -m pip install -q --no-deps --no-build-isolation --editable .
	@touch $@
