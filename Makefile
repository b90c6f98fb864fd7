# `make run` runs the product, `make test` tests it; both install what they need below this directory.
# Needed beforehand: make, and python3 (3.11 or newer) with venv.

PYTHON ?= python3
UV := .uv/bin/uv
export UV_PYTHON := .uv/bin/python
export UV_PROJECT_ENVIRONMENT := .venv
export UV_PYTHON_DOWNLOADS := never
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# A home that can't be written to (a service's user): keep the package cache here.
ifneq ($(shell test -w "$${HOME:-/nonexistent}" && echo yes),yes)
export UV_CACHE_DIR := $(CURDIR)/.uv/cache
export PIP_CACHE_DIR := $(CURDIR)/.uv/cache/pip
endif

.NOTPARALLEL:
.PHONY: help run test check bench docs format install install-dev port python

help:
	@echo "make run     run everything on http://127.0.0.1:8000 (PORT=…, VAR_DIR=…)"
	@echo "make test    run all tests (ARGS='-k name' for some)"
	@echo "make check   lint, types, layers, migrations, deployment settings, generated documents"
	@echo "make docs    write down what is generated"
	@echo "make bench   measure, and print ratios"
	@echo "make format  put the sources into shape"

run: port install
	@exec .venv/bin/python -m valuerealization.supervisor

test: install-dev
	@exec .venv/bin/python -m pytest -n 2 --dist loadgroup $(ARGS)

# What production would be given, to judge the settings by.
DEPLOYED := env -u DEBUG -u VR_HTTPS DATABASE_URL=postgresql://vr_app@localhost/value REDIS_URL=redis://localhost \
	SECRET_KEY=$$(.venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(50))') ALLOWED_HOSTS=value.example.com

SCHEMA := SECRET_KEY=docs .venv/bin/python manage.py spectacular --validate --fail-on-warn

check: install-dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check --quiet .
	.venv/bin/djlint --quiet --lint templates
	.venv/bin/lint-imports
	SECRET_KEY=types .venv/bin/mypy
	@directory=$$(mktemp -d) && trap 'rm -rf "$$directory"' EXIT && set -x && \
		VAR_DIR=$$directory .venv/bin/python manage.py makemigrations --check --dry-run
	@set -x; $(DEPLOYED) .venv/bin/python manage.py check --deploy --fail-level WARNING
	@$(SCHEMA) | diff -u docs/generated/openapi.yaml - || { echo "The API's description has changed: make docs"; exit 1; }

docs: install-dev
	mkdir -p docs/generated
	$(SCHEMA) > docs/generated/openapi.yaml

bench: install-dev
	@exec .venv/bin/python -m benchmarks $(ARGS)

format: install-dev
	.venv/bin/ruff check --fix-only .
	.venv/bin/ruff format .

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed, for example: make PYTHON=python3.12 run"; exit 1; }

# Nothing is installed or started while the port is taken.
port: python
	@$(PYTHON) -B -m valuerealization.supervisor --check-port

install: $(UV)
	@echo "Installing the locked packages into .venv"
	@$(UV) sync --frozen --no-dev --inexact

install-dev: $(UV)
	@echo "Installing the locked packages into .venv"
	@$(UV) sync --frozen

# Made again when the Python it was made with is gone.
ifneq ($(shell .uv/bin/python -c 'print("works")' 2>&1),works)
.PHONY: $(UV)
endif
$(UV): | python
	@echo "Installing uv into .uv"
	@rm -rf .uv
	@$(PYTHON) -m venv .uv
	@.uv/bin/python -m pip install --quiet uv
