# The commands of the README, and the developers' checks. Everything is installed in .venv.
PYTHON ?= python3
BIN := .venv/bin
CONFIG ?= config/config.yaml
# processes of `make test`, with one thread each: threads that wait for a core slow down all others.
# The tests with Slurm run beside them and come first (nice): they mostly wait, with time limits.
WORKERS ?= 4
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: dvc help quickstart pull storage publish check test fast-tests lint format constraints pictures clean

help:  ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# What the default build imports. The stamp file follows pyproject.toml and the versions in constraints.txt.
.venv/installed: pyproject.toml constraints.txt Makefile
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is needed; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@[ "$$(uname)" != Linux ] || nvidia-smi -L > /dev/null 2>&1 || [ -n "$$PIP_EXTRA_INDEX_URL" ] || { \
	    echo "No NVIDIA GPU is seen. Without one, PyTorch for CPUs is a smaller download, by several GB:"; \
	    echo "  PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make $(MAKECMDGOALS)"; }
	$(PYTHON) -m venv .venv
	$(PIP) -e '.[pipeline,report,quickstart]'
	@touch $@

# In addition, what an extra installs: .venv/installed-dvc, .venv/installed-dev.
.venv/installed-%: .venv/installed
	$(PIP) -e '.[$*]'
	@touch $@

quickstart: .venv/installed  ## train small models on real text, on one screen; VERBOSE=1 shows all output
	@$(BIN)/sedd build $(if $(VERBOSE),--verbose)

# Files restored by DVC have new modification times and no Snakemake metadata. `--touch` declares them
# current, after DVC has checked that they belong to the present configuration.
pull: storage .venv/installed-dvc  ## get the data, checkpoints and pages of this commit from the DVC remote
	$(BIN)/dvc pull
	@$(BIN)/dvc status --quiet || { $(BIN)/dvc status; \
	    echo "The files are restored, but the settings above have changed since. To rebuild: dvc repro"; exit 2; }
	@# Snakemake writes these files anew; a link into DVC's cache would keep the time of the cached file
	@find results -name .snakemake_timestamp -type l -delete
	$(BIN)/snakemake --configfile $(CONFIG) --touch --forceall --quiet all
	@echo "Everything is current: snakemake and dvc repro have nothing to do"

storage:
	@[ -d ../sedd-dvc ] || ! grep -q 'url = ../../sedd-dvc$$' .dvc/config || grep -qs 'url =' .dvc/config.local || { \
	    echo "The storage of this project (../sedd-dvc) is not public. Build the results: make quickstart. Or name a storage of your own: dvc remote modify --local storage url FOLDER"; exit 2; }

publish: .venv/installed  ## copy tables, numbers and texts of a finished build to results/published, for git
	$(BIN)/python -m sedd.report.publish $(CONFIG)

dvc: .venv/installed-dvc  ## write dvc.yaml for a build; CONFIG=config/paper.yaml names another one
	$(BIN)/sedd dvc --config $(CONFIG)

# Two jobs: a Makefile without output-sync (GNU make before 4.0) mixes their lines.
check: .venv/installed-dev  ## lint and the fast tests, in under two minutes
	@$(MAKE) --no-print-directory --jobs 2 $(if $(filter output-sync,$(.FEATURES)),--output-sync) lint fast-tests

test: .venv/installed-dev  ## all tests
	@mkdir -p logs
	$(BIN)/python -m pytest tests/slurm > logs/test_slurm.log 2>&1 & slurm=$$!; \
	OMP_NUM_THREADS=1 nice $(BIN)/python -m pytest -n $(WORKERS) --no-loadscope-reorder --ignore tests/slurm; \
	others=$$?; wait $$slurm; slurm=$$?; cat logs/test_slurm.log; [ $$others = 0 ] && [ $$slurm = 0 ]

fast-tests: .venv/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --quiet -n 2 -m "not slow"

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
