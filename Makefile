# The two commands of the README, and what developers run. Everything lives in .venv; nothing is installed elsewhere.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help quickstart test lint format constraints clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# The stamp holds the install to pyproject.toml and the exact versions of constraints.txt.
.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is needed; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
	    -e '.[quickstart,hub,slurm,dev]'
	@touch $@

quickstart: .venv/installed  ## train small models on real text, then show the tables
	@$(BIN)/snakemake --unlock --quiet all  # a killed run leaves its lock; training has one of its own
	$(BIN)/snakemake
	@for table in text8 zero_shot; do echo; $(BIN)/sedd table $$table --show || exit 1; done
	@echo; echo "Tables: " results/tables/*.md; echo "Reports:" results/reports/*.html

test: .venv/installed  ## every test
	$(BIN)/python -m pytest

lint: .venv/installed  ## formatting, lint, types, layers, rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

format: .venv/installed  ## mend what the tools can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/snakefmt Snakefile workflow

constraints: ## write constraints.txt anew from the newest versions that pyproject.toml allows
	rm -rf .venv-constraints
	$(PYTHON) -m venv .venv-constraints
	.venv-constraints/bin/pip install --quiet -e '.[quickstart,hub,slurm,dvc,dev]'
	{ echo "# Exact versions of a working install; written by: make constraints"; \
	  .venv-constraints/bin/pip freeze --exclude-editable | grep -viE '^(sedd|nvidia-|triton|cuda-)' | sed 's/+cpu$$//'; } > constraints.txt
	rm -rf .venv-constraints

clean:  ## remove what was computed (results, logs), not the environment
	rm -rf results/data results/runs results/tables results/reports logs .snakemake
