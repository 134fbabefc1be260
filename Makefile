# Two commands do everything: `make demo` and `make test`. Needs Python 3.11 or newer and make.
PYTHON ?= python3
BIN := .venv/bin
export HF_HUB_OFFLINE := 1
export TOKENIZERS_PARALLELISM := true
# bytecode is written, whatever the environment says: the second process to import a module need not compile it again
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo test slow lint format bench clean

help: ## what can be made
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

demo: .venv/base ## raw text to predictions on embedded data, a few minutes; prints where the report is
	$(BIN)/encodery demo

test: .venv/dev ## the test suite, without what takes minutes or a GPU
	$(BIN)/python -m pytest -q -n auto --dist loadfile --no-loadscope-reorder -m "not slow and not gpu"

slow: .venv/dev ## the tests that take minutes each
	$(BIN)/python -m pytest -q -m "slow and not gpu" --timeout 3600

lint: .venv/dev ## format, lint, types, direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/dev ## rewrite to the one format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/dev ## pretraining speed and memory beside the trainer of transformers
	$(BIN)/encodery bench train

clean: ## remove the environment and the demo's run
	rm -rf .venv runs

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Encodery needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv

.venv/base: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[translation]'
	touch $@

.venv/dev: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@ .venv/base
