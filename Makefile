PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000

.PHONY: help setup setup-dev run serve test lint format

help:
	@echo "make run    set up, start the demo clinic on http://127.0.0.1:$(PORT)"
	@echo "make serve  set up, serve in production; needs SECRET_KEY and ALLOWED_HOSTS (docs/deployment.md)"
	@echo "make test   set up, lint and run the whole suite"
	@echo "make lint   every static check"

setup: $(VENV)/.runtime
setup-dev: $(VENV)/.dev

$(VENV)/bin/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.txt constraints.txt | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
	@touch $@

$(VENV)/.dev: requirements.txt requirements-dev.txt constraints.txt | $(VENV)/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt -c constraints.txt
	@touch $@ $(VENV)/.runtime

run: setup
	DEBUG=1 $(BIN)/python manage.py migrate --verbosity 0
	DEBUG=1 $(BIN)/python manage.py seed_demo
	exec env DEBUG=1 $(BIN)/python manage.py runserver --noreload 127.0.0.1:$(PORT)

serve: setup
	$(BIN)/python manage.py migrate --verbosity 0
	exec $(BIN)/python manage.py serve

test: setup-dev lint
	$(BIN)/pytest -n 2 --dist worksteal

# Static checks need settings, not a database.
LINT_ENV := DJANGO_SETTINGS_MODULE=tests.settings DATABASE_URL=postgresql://lint@127.0.0.1:9/lint

lint: setup-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(LINT_ENV) $(BIN)/mypy .
	$(BIN)/lint-imports
	DJANGO_SETTINGS_MODULE=tests.settings $(BIN)/python manage.py makemigrations --check --dry-run
	SECRET_KEY=$$($(BIN)/python -c "import secrets; print(secrets.token_urlsafe(50))") ALLOWED_HOSTS=clinic.example \
		$(BIN)/python manage.py check --deploy --fail-level WARNING

format: setup-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
