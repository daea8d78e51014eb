# SPDX-License-Identifier: GPL-3.0-or-later
# The commands a person types. Each sets up what it needs, once, and says what it installs before it does.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON := .venv/bin/python
DISLAC := .venv/bin/dislac
DEMO := build/demo
DEMO_FRAMES ?= 10
PYTEST_FLAGS ?= -n 2

# One thread each: the tests run side by side, and the matrices are small.
export OPENBLAS_NUM_THREADS ?= 1
export PYTHONPATH := $(CURDIR)/python/tree$(if $(PYTHONPATH),:$(PYTHONPATH))
export GRC_BLOCKS_PATH := $(CURDIR)/grc$(if $(GRC_BLOCKS_PATH),:$(GRC_BLOCKS_PATH))

.PHONY: help setup demo grc test lint bench docs docs-site mutants clean

help:
	@echo "make demo    run the paper's scene, record it, replay the recording, compare the fixes (build/demo/)"
	@echo "make grc     open GNU Radio Companion with the blocks of this checkout"
	@echo "make test    lint, types and all tests, also without GNU Radio on numpy 2"
	@echo "make lint    lint and types only"
	@echo "make bench   measure, print a table, write build/bench.json"
	@echo "make mutants make random changes in copies, count how many the tests notice (hours)"
	@echo "make docs    draw the pictures of the guide again"
	@echo "make docs-site  build the guide and the library's pages as a site to search (build/site/)"
	@echo "make setup   only install what the demo, Companion and the command line need"
	@echo "make clean   remove build/ and caches (.venv, .venv-numpy2 and .venv-docs stay)"

# A stamp is older than what it was made from when the set-up has changed.
SETUP := scripts/setup.sh scripts/gnuradio-python pyproject.toml apps/dislac scripts/packages-run.txt

.venv/.ready-run: $(SETUP)
	@scripts/setup.sh run
	@touch $@

.venv/.ready-test: $(SETUP) scripts/packages-build.txt
	@scripts/setup.sh test
	@touch .venv/.ready-run $@

.venv-numpy2/.ready: $(SETUP) | .venv/.ready-test
	@scripts/setup.sh numpy2
	@touch $@

.venv-docs/.ready: $(SETUP)
	@scripts/setup.sh docs
	@touch $@

setup: .venv/.ready-run
	@echo "Ready: $(DISLAC), by $$(readlink -f $(PYTHON))"

demo: .venv/.ready-run
	@rm -rf $(DEMO)
	@mkdir -p $(DEMO)
	@echo "==> The paper's scene, $(DEMO_FRAMES) frames, recorded"
	@$(DISLAC) run paper --frames $(DEMO_FRAMES) --record $(DEMO)/recording --out $(DEMO)
	@echo "==> The same from the recording"
	@$(DISLAC) replay $(DEMO)/recording --out $(DEMO)/replay
	@cmp $(DEMO)/fixes.jsonl $(DEMO)/replay/fixes.jsonl
	@echo "==> Both gave the same fixes, bit for bit. The map is $(DEMO)/map.png, for other maps $(DEMO)/fixes.geojson"

# Run by the interpreter of .venv, so that Companion starts flowgraphs with it and they find its extras.
grc: .venv/.ready-run
	@$(PYTHON) "$$(command -v gnuradio-companion)" $(wildcard examples/bistatic_live.grc)

lint: .venv/.ready-test
	@failed=; \
	.venv/bin/ruff check . || failed=1; \
	.venv/bin/ruff format --check --diff . || failed=1; \
	.venv/bin/mypy || failed=1; \
	[ -z "$$failed" ]

test: lint .venv/.ready-test .venv-numpy2/.ready
	@echo "==> All tests, beside GNU Radio"
	@QT_QPA_PLATFORM=offscreen $(PYTHON) -m pytest $(PYTEST_FLAGS)
	@echo "==> The library's tests, on numpy 2 and without GNU Radio"
	@.venv-numpy2/bin/python -m pytest $(PYTEST_FLAGS)

bench: .venv/.ready-run
	@mkdir -p build
	@$(PYTHON) benchmarks/run.py --out build/bench.json

docs: .venv/.ready-run
	@for script in $(sort $(wildcard docs/pictures/*.py)); do \
	    echo "==> $$script"; QT_QPA_PLATFORM=offscreen $(PYTHON) "$$script"; \
	done

# Warnings are errors. What an earlier build knows of pages that are gone would hide some.
docs-site: .venv-docs/.ready
	@rm -rf build/site build/site-doctrees
	@QT_QPA_PLATFORM=offscreen .venv-docs/bin/python -m sphinx --fail-on-warning --keep-going --quiet \
	    -c docs/site -d build/site-doctrees . build/site
	@echo "==> The site is build/site/index.html"

# Options: make mutants MUTANTS_FLAGS="--room dsp --count 10 --seed 1"
mutants: .venv/.ready-test
	@$(PYTHON) scripts/mutants $(MUTANTS_FLAGS)

clean:
	rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis python/tree/*.egg-info
	find python tests apps benchmarks docs examples -name __pycache__ -type d -prune -exec rm -rf {} +
