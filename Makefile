# `make` tests, lints, types and documents; `make demo` shows a strategy on real prices.
# Each target makes what it needs, the virtual environment included; nothing has to be installed but Python 3.11 or later.

PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell \
	$(name) -c 'import sys; sys.version_info >= (3, 11) and print("$(name)")' 2>/dev/null)))
VENV ?= .venv
BIN := $(VENV)/bin
OLDEST_PIP := $(VENV)-oldest/bin/python -m pip --disable-pip-version-check --quiet
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SOURCES := src tests scripts benchmarks examples
# Every file with a test that needs the cloud's services names one (tests/conftest.py sees to it): the others are not read.
CLOUD_TESTS = $(sort $(shell grep -rlE 'ministack|moto|weed|mark\.cloud' tests --include='test_*.py'))

.PHONY: all test lint types imports unit test-cloud docs demo fix bench nightly oldest wheel clean

all: test

test: lint types imports unit test-cloud docs

lint: $(VENV)/.dev
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

types: $(VENV)/.dev
	$(BIN)/mypy --strict src

imports: $(VENV)/.dev
	$(BIN)/lint-imports --no-logo

# Some machines forbid Python to keep bytecode: then each process of a test compiles all of the package again.
unit test-cloud oldest: export PYTHONDONTWRITEBYTECODE =

unit: $(VENV)/.dev
	$(BIN)/python -m pytest -q -n 2 --dist worksteal -m "not nightly and not cloud"

test-cloud: $(VENV)/.dev
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "cloud and not nightly" $(CLOUD_TESTS)

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir .site

demo: $(VENV)/.base
	$(BIN)/stratofold demo

fix: $(VENV)/.dev
	$(BIN)/python scripts/build_pages.py
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

bench: $(VENV)/.dev
	$(BIN)/python benchmarks/run_all.py

nightly: $(VENV)/.dev
	$(BIN)/python -m pytest -q -n 2 -m "nightly or not nightly" --hypothesis-profile=nightly
	$(BIN)/python benchmarks/run_all.py

# With the lower bounds of pyproject.toml instead of the pins: some eight minutes, for whoever uses something new of a library.
oldest: $(VENV)-oldest/.made
	$(VENV)-oldest/bin/python -m pytest -q -n 2 --dist worksteal -m "not nightly and not cloud"

wheel: $(VENV)/.base
	$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .

clean:
	rm -rf $(VENV) $(VENV)-oldest .site dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .cache

# The stamps: a requirement file newer than its stamp is installed again, anything else takes no time.

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "stratofold needs Python 3.11 or later: install it, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) cannot make a virtual environment: install its venv module (Debian: python3-venv)" >&2; exit 1; }
	@touch $@

$(VENV)-oldest/.made: pyproject.toml scripts/oldest.py | $(VENV)/.made
	@echo "installing the oldest versions that pyproject.toml allows into $(VENV)-oldest"
	@rm -rf $(VENV)-oldest
	@$(PYTHON) -m venv $(VENV)-oldest
	@$(VENV)-oldest/bin/python scripts/oldest.py > $(VENV)-oldest/oldest.txt
	@$(OLDEST_PIP) install --only-binary :all: -r $(VENV)-oldest/oldest.txt
	@$(OLDEST_PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.base: requirements/base.txt pyproject.toml | $(VENV)/.made
	@echo "installing what stratofold runs on into $(VENV)"
	@$(PIP) install --require-hashes -r requirements/base.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.base
	@echo "installing what the tests need into $(VENV)"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/.docs: requirements/docs.txt | $(VENV)/.made
	@echo "installing what the documentation needs into $(VENV)"
	@$(PIP) install --require-hashes -r requirements/docs.txt
	@touch $@
