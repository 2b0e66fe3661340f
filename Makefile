# The commands of the README, and the developers' checks. Everything is installed in .venv.
PYTHON ?= python3
BIN := .venv/bin
CONFIG ?= config/config.yaml
# processes of `make test`, with one thread each: threads that wait for a core slow down all others.
# The tests with Slurm follow alone: they wait for nodes, with time limits.
WORKERS ?= 2
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: dvc help quickstart pull check test fast-tests lint format constraints pictures clean

help:  ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# What the default build imports. The stamp file follows pyproject.toml and the versions in constraints.txt.
.venv/installed: pyproject.toml constraints.txt Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is needed; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv .venv
	$(PIP) -e '.[pipeline,report,mauve,quickstart]'
	@touch $@

# In addition, what an extra installs: .venv/installed-dvc, .venv/installed-dev.
.venv/installed-%: .venv/installed
	$(PIP) -e '.[$*]'
	@touch $@

quickstart: .venv/installed  ## train small models on real text, then print the tables
	@$(BIN)/snakemake --unlock --quiet all  # a killed build leaves its lock; training jobs have their own
	$(BIN)/snakemake
	@for table in text8 zero_shot; do echo; $(BIN)/sedd table $$table --show || exit 1; done
	@echo; echo "Tables: " results/tables/*.md; echo "Reports:" results/reports/*.html

# Files restored by DVC have new modification times and no Snakemake metadata. `--touch` declares them
# current, after DVC has checked that they belong to the present configuration.
pull: .venv/installed-dvc  ## get the data, checkpoints and pages of this commit from the DVC remote
	$(BIN)/dvc pull
	@$(BIN)/dvc status --quiet || { $(BIN)/dvc status; \
	    echo "The files are restored, but the settings above have changed since. To rebuild: dvc repro"; exit 2; }
	$(BIN)/snakemake --configfile $(CONFIG) --touch --forceall --quiet all
	@echo "Everything is current: snakemake and dvc repro have nothing to do"

dvc: .venv/installed-dvc  ## write dvc.yaml for a build; CONFIG=config/paper.yaml names another one
	$(BIN)/sedd dvc --config $(CONFIG)

# Two jobs: a Makefile without output-sync (GNU make before 4.0) mixes their lines.
check: .venv/installed-dev  ## lint and the fast tests, in under two minutes
	@$(MAKE) --no-print-directory --jobs 2 $(if $(filter output-sync,$(.FEATURES)),--output-sync) lint fast-tests

test: .venv/installed-dev  ## all tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --no-loadscope-reorder --ignore tests/slurm
	$(BIN)/python -m pytest tests/slurm

fast-tests: .venv/installed-dev
	$(BIN)/python -m pytest --quiet -m "not slow"

lint: .venv/installed-dev  ## formatting, lint, types, layers, rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

format: .venv/installed-dev  ## repair what the tools can repair
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/snakefmt Snakefile workflow

constraints:  ## rewrite constraints.txt with the newest versions that pyproject.toml allows
	rm -rf .venv-constraints
	$(PYTHON) -m venv .venv-constraints
	.venv-constraints/bin/pip install --quiet -e '.[dev]'
	{ echo "# Exact versions of a working installation, written by: make constraints"; \
	  .venv-constraints/bin/pip freeze --exclude-editable | grep -viE '^(sedd|nvidia-|triton|cuda-)' | sed 's/+cpu$$//'; } > constraints.txt
	rm -rf .venv-constraints

pictures: .venv/installed-dev  ## make the README's pictures from the default build; needs chromium
	PYTHONPATH=tests $(BIN)/python tests/report/pictures.py

clean:  ## remove results and logs; keep the environment
	rm -rf results/data results/runs results/tables results/reports results/figures logs .snakemake
