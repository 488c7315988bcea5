PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: bench check clean demo lock soak test

# Everything below needs the environment; it is made once and again whenever the lock changes.
$(BIN)/.installed: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

demo: $(BIN)/.installed  ## a small company's records, served on 127.0.0.1:8480
	$(BIN)/python deploy/demo/demo.py

test: $(BIN)/.installed  ## every test
	$(BIN)/python -m pytest

soak: $(BIN)/.installed  ## 100,000 operations on two sidecars, 25 kills, 50 million random rules, records and callers; SOAK_MINUTES (60) bounds these
	HISTORY_OPERATIONS=100000 FAULT_ROUNDS=25 $(BIN)/python -m pytest tests/faults
	$(BIN)/python tests/differential/campaign.py

check: $(BIN)/.installed  ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(BIN)/.installed  ## what we promise, measured against baselines of the same run
	$(BIN)/python bench/run.py $(BENCH)

lock: $(BIN)/.installed  ## pin every dependency by hash, naming no index
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --extra dev pyproject.toml -o requirements.lock

clean:
	rm -rf $(VENV) dist
