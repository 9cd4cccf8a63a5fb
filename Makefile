# All targets run in .venv, which the first one makes.  PYTHON is the interpreter for it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
# Tests start hundreds of processes: without bytecode files each would compile every module again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-all check check-static format lint types layers docs docs-site bench \
        bench-fetch bench-images bench-lists bench-scale bench-memory chaos fuzz fuzz-compiled \
        check-compilers wheels workflows clean

help:  ## show these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

$(VENV)/installed: pyproject.toml
	@echo "installing img2dataset into $(VENV): 500 MB, about a minute"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install -e .
	@touch $@

$(VENV)/tested: $(VENV)/installed
	@echo "installing the test dependencies into $(VENV): 700 MB more, a minute or two"
	@$(PIP) install -e '.[dev]'
	@touch $@

$(VENV)/clustered: $(VENV)/tested
	@echo "installing Spark and Ray into $(VENV): 700 MB more, a minute or two"
	@$(PIP) install -e '.[cluster-tests]'
	@touch $@

$(VENV)/loading: $(VENV)/tested
	@echo "installing libraries that load datasets into $(VENV): 1 GB more (or 4, see pyproject.toml), a minute or two"
	@$(PIP) install -e '.[loader-tests]'
	@touch $@

demo: $(VENV)/installed  ## download a small local site into demo/ and show the result
	$(BIN)/python examples/demo.py

test: $(VENV)/tested  ## run the quick tests
	$(BIN)/python -m pytest -n 4 --dist worksteal -m 'not slow' $(ARGS)

test-all: $(VENV)/clustered $(VENV)/loading  ## run all tests, also the slow ones (those of Spark need Java)
	$(BIN)/python -m pytest -n 4 --dist worksteal $(ARGS)

check: check-static test  ## run all checks of CI

check-static: format lint types layers docs workflows  ## run all checks but the tests

format: $(VENV)/tested
	$(BIN)/ruff format --check .

lint: $(VENV)/tested
	$(BIN)/ruff check .

types: $(VENV)/tested
	$(BIN)/mypy

layers: $(VENV)/tested
	$(BIN)/lint-imports

docs: $(VENV)/tested  ## check that the generated pages are current (docs/generate.py writes them)
	$(BIN)/python docs/generate.py --check

$(VENV)/documenting: $(VENV)/installed
	@$(PIP) install -e '.[docs]'
	@touch $@

# from the beginning each time: what Sphinx keeps of a build misses pages that have moved
docs-site: $(VENV)/documenting  ## build the documentation site into docs/_build; a warning is an error
	$(BIN)/python -m sphinx -q -n -W --keep-going -E -a -d .sphinx docs docs/_build

workflows: $(VENV)/tested  ## check .github and the Dockerfile: schemas, and what is unsafe
	$(BIN)/check-jsonschema -q --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema -q --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema -q --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/check-jsonschema -q --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/idea.yml
	$(BIN)/zizmor --offline --quiet .github
	$(BIN)/hadolint Dockerfile

bench: $(VENV)/installed  ## compare whole commands with the old tool and a script (ARGS="--photos FOLDER")
	$(BIN)/python -m benchmarks.run $(ARGS)

bench-images: $(VENV)/installed  ## measure the image step on photos and on mixes, by kind (PHOTOS=FOLDER)
	$(BIN)/python -m benchmarks.pixels --photos $(or $(PHOTOS),$(error say PHOTOS=FOLDER, a folder of JPEGs))
	$(BIN)/python -m benchmarks.kinds --photos $(PHOTOS) $(ARGS)

fuzz-compiled: $(VENV)/tested  ## feed hostile bytes to the C code, with sanitizers (ARGS="--seconds 1200"; needs gcc)
	$(BIN)/python -m tests.fuzz.compiled $(ARGS)

check-compilers: $(VENV)/tested  ## compile the C by GCC and Clang, and for arm64 (docs/portability.md)
	$(BIN)/python -m tests.compilers $(ARGS)

bench-fetch: $(VENV)/installed  ## measure fetching, on a site that behaves like the web (same ARGS)
	$(BIN)/python -m benchmarks.fetch $(ARGS)

SECONDS ?= 60
$(VENV)/fuzzed: $(VENV)/tested
	$(PIP) install -e '.[fuzz]'
	touch $@

fuzz: $(VENV)/fuzzed  ## feed hostile bytes to the image stage (SECONDS=1200); findings go to fuzz/
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(ARGS)

bench-scale: $(VENV)/tested  ## measure a list of a billion rows and a folder of 100,000 shards
	$(BIN)/python -m benchmarks.scale --s3 $(ARGS)

bench-lists: $(VENV)/installed  ## measure how soon a run over a list of 10 million rows begins, and its memory, by shape
	$(BIN)/python -m benchmarks.lists $(ARGS)

bench-memory: $(VENV)/tested  ## measure the memory of each process over a long run
	$(BIN)/python -m benchmarks.longrun $(ARGS)

ROUNDS ?= 2000
chaos: $(VENV)/tested  ## run a long fault campaign (ROUNDS=2000, ARGS="--s3 --first SEED --jobs 4")
	$(BIN)/python -m tests.chaos --rounds $(ROUNDS) $(ARGS)

$(VENV)/released: $(VENV)/tested
	@$(PIP) install -e '.[release]'
	@touch $@

wheels: $(VENV)/released  ## build dist/, the sdist and the wheel as released, check and try them (ARGS="--python python3.13")
	$(BIN)/python -m tests.wheels $(ARGS)

clean:  ## remove all that make made
	rm -rf $(VENV) demo build dist docs/_build .sphinx *.egg-info
