# Each target does its own set-up: a fresh machine needs Python 3.11 or newer, and nothing else.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test check fix schemas docs bench mutate chaos soak simulate up lock

run: .venv/.installed
	$(BIN)/faust -A app worker -l info

# A real system often waits, so two of them share the machine well; what measures time has it to itself.
SYSTEMS := tests/chaos tests/system
SHARED := $(BIN)/pytest --dist worksteal --numprocesses

test: check
	$(SHARED) auto --maxprocesses 8 $(SYSTEMS:%=--ignore %)
	$(SHARED) 2 -m 'not slow and not alone' $(SYSTEMS)
	$(BIN)/pytest -m 'alone and not slow' $(SYSTEMS)

check: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m schemas.generate --check
	$(BIN)/python -m app.topology --check
	$(BIN)/python -m app.order_life_page --check
	$(BIN)/python -m app.inquiry_life_page --check

fix: .venv/.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schemas: .venv/.installed
	$(BIN)/python -m schemas.generate

.venv/.installed: requirements.lock pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or newer is needed')"
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

bench: .venv/.installed
	$(BIN)/python -m bench

# All mutants take hours; `make mutate MUTANTS='domain.oco_groups*'` takes some.
mutate: .venv-mutation/.installed
	TEST_EFFORT=0.1 nice -n 19 .venv-mutation/bin/mutmut run $(MUTANTS)
	.venv-mutation/bin/mutmut results | grep --invert-match 'not checked' || true

.venv-mutation/.installed: requirements.lock tests/mutation.lock
	$(PYTHON) -m venv .venv-mutation
	.venv-mutation/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	.venv-mutation/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r tests/mutation.lock
	touch $@

chaos: .venv/.installed
	$(BIN)/pytest tests/chaos -m slow -s --show-capture=no

soak: .venv/.installed
	$(BIN)/pytest tests/system -m slow -s --show-capture=no

docs: .venv/.installed
	$(BIN)/python -m app.topology
	$(BIN)/python -m app.order_life_page
	$(BIN)/python -m app.inquiry_life_page

up:
	docker compose up --build --detach --wait

lock:
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate --quiet -o requirements.lock
	$(BIN)/uv pip compile --group pyproject.toml:peers --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate --quiet -o bench/peers.lock
	$(BIN)/uv pip compile --group pyproject.toml:mutation --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate --quiet -o tests/mutation.lock
