# make demo   a virtual environment, an index of the bundled sample, a query, and the name of a page
# make test   lint, types, import rules and tests, as CI runs them
# make nightly  the same, with the tests that take minutes, and more random examples
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: demo test nightly lint docs clean

demo: $(VENV)/.installed
	$(BIN)/covsearch build-index
	$(BIN)/covsearch query P_22 --top 10
	@echo
	@echo "The same as a page: $(BIN)/covsearch serve --open"

test: $(VENV)/.installed-dev lint
	$(BIN)/python -m pytest -n 2 --dist loadfile

nightly: $(VENV)/.installed-dev lint
	COVSEARCH_TEST_NIGHTLY=1 $(BIN)/python -m pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.installed-dev
	$(BIN)/python -m cogapp -r README.md docs/own-data.md docs/quantum.md docs/scale.md docs/score.md index/README.md db/README.md

clean:
	rm -rf $(VENV) build dist *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "covsearch needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[web]'
	touch $@

$(VENV)/.installed-dev: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@ $(VENV)/.installed
