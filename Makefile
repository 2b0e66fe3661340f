# The two commands of the README, and what developers run. Everything lives in .venv; nothing is installed elsewhere.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: dvc pictures help quickstart pull test lint format constraints clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# The stamp holds the install to pyproject.toml and the exact versions of constraints.txt.
.venv/installed: pyproject.toml constraints.txt Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is needed; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
	    -e '.[quickstart,hub,evaluate,slurm,dvc,dev]'
	@touch $@

quickstart: .venv/installed  ## train small models on real text, then show the tables
	@$(BIN)/snakemake --unlock --quiet all  # a killed run leaves its lock; training has one of its own
	$(BIN)/snakemake
	@for table in text8 zero_shot; do echo; $(BIN)/sedd table $$table --show || exit 1; done
	@echo; echo "Tables: " results/tables/*.md; echo "Reports:" results/reports/*.html

# Snakemake goes by its own records and by times, of which DVC's files have none: it is told that they are current, if
# the configuration is the one that they were made with.
pull: .venv/installed  ## data, checkpoints and pages of this commit, from the remote of DVC
	$(BIN)/dvc pull
	@$(BIN)/dvc status --quiet || { $(BIN)/dvc status; \
	    echo "The files are here, but the above was changed after they were made: dvc repro makes them anew"; exit 2; }
	$(BIN)/snakemake --touch --forceall --quiet all
	@echo "All is here and current: snakemake and dvc repro have nothing to do"

CONFIG ?= config/config.yaml
dvc: .venv/installed  ## write dvc.yaml for a build; CONFIG=config/paper.yaml names another one
	$(BIN)/sedd dvc --config $(CONFIG)

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
	.venv-constraints/bin/pip install --quiet -e '.[quickstart,hub,evaluate,slurm,dvc,dev]'
	{ echo "# Exact versions of a working install; written by: make constraints"; \
	  .venv-constraints/bin/pip freeze --exclude-editable | grep -viE '^(sedd|nvidia-|triton|cuda-)' | sed 's/+cpu$$//'; } > constraints.txt
	rm -rf .venv-constraints

pictures: .venv/installed  ## the README's pictures, from the default build; needs chromium
	$(BIN)/python tests/report/pictures.py

clean:  ## remove what was computed (results, logs), not the environment
	rm -rf results/data results/runs results/tables results/reports results/figures logs .snakemake
