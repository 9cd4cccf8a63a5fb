# Everything runs in .venv, made on first use.  PYTHON chooses the interpreter it is made with.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
# tests start hundreds of processes: without bytecode files each would compile everything again
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-all check check-static format lint types layers docs bench \
        bench-fetch bench-images bench-scale bench-memory chaos fuzz fuzz-compiled clean

help:  ## show these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

$(VENV)/installed: pyproject.toml
	@echo "installing img2dataset into $(VENV): 500 MB, about a minute"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install -e .
	@touch $@

$(VENV)/tested: $(VENV)/installed
	@echo "installing what the tests need into $(VENV): 700 MB more, a minute or two"
	@$(PIP) install -e '.[dev]'
	@touch $@

$(VENV)/clustered: $(VENV)/tested
	@echo "installing Spark and Ray into $(VENV): 700 MB more, a minute or two"
	@$(PIP) install -e '.[cluster-tests]'
	@touch $@

demo: $(VENV)/installed  ## download a small local site into demo/ and look at the result
	$(BIN)/python examples/demo.py

test: $(VENV)/tested  ## run the tests that take under a minute
	$(BIN)/python -m pytest -n 3 --dist worksteal -m 'not slow' $(ARGS)

test-all: $(VENV)/clustered  ## run every test, the slow ones too (Spark's need Java)
	$(BIN)/python -m pytest -n 3 --dist worksteal $(ARGS)

check: check-static test  ## all gates

check-static: format lint types layers docs

format: $(VENV)/tested
	$(BIN)/ruff format --check .

lint: $(VENV)/tested
	$(BIN)/ruff check .

types: $(VENV)/tested
	$(BIN)/mypy

layers: $(VENV)/tested
	$(BIN)/lint-imports

docs: $(VENV)/tested  ## check that generated pages are current (docs/generate.py writes them)
	$(BIN)/python docs/generate.py --check

bench: $(VENV)/installed  ## ours and the old tool side by side (ARGS="--photos FOLDER --rounds 3")
	$(BIN)/python -m benchmarks.run $(ARGS)

bench-images: $(VENV)/installed  ## the image step alone: costs and fidelity (ARGS="--photos FOLDER")
	$(BIN)/python -m benchmarks.pixels $(ARGS)

fuzz-compiled: $(VENV)/tested  ## hostile bytes into our C, under the sanitizers (ARGS="--seconds 1200"; needs gcc)
	$(BIN)/python -m tests.fuzz.compiled $(ARGS)

bench-fetch: $(VENV)/installed  ## fetching alone, on a site that behaves like the web (same ARGS)
	$(BIN)/python -m benchmarks.fetch $(ARGS)

SECONDS ?= 60
$(VENV)/fuzzed: $(VENV)/tested
	$(PIP) install -e '.[fuzz]'
	touch $@

fuzz: $(VENV)/fuzzed  ## feed the image stage hostile bytes (SECONDS=1200); what is found goes to fuzz/
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(ARGS)

bench-scale: $(VENV)/tested  ## a list of a billion rows, a folder of 100,000 shards
	$(BIN)/python -m benchmarks.scale --s3 $(ARGS)

bench-memory: $(VENV)/tested  ## memory of each process over a long run
	$(BIN)/python -m benchmarks.longrun $(ARGS)

ROUNDS ?= 2000
chaos: $(VENV)/tested  ## a long fault campaign (ROUNDS=2000, ARGS="--s3 --first SEED --jobs 4")
	$(BIN)/python -m tests.chaos --rounds $(ROUNDS) $(ARGS)

clean:  ## remove what make made
	rm -rf $(VENV) demo build *.egg-info
