# The build (sedd/workflow), the shell, constraints of wildcards, and functions that turn questions
# to the build into input and params functions. A mistake in the configuration ends a dry run with
# the message of `sedd config check`.
import shlex
import sys
from pathlib import Path

from sedd.errors import SeddError
from sedd.paths import name_of_folder
from sedd.registry import SAMPLERS
from sedd.runtime.printable import printable
from sedd.workflow import Build

try:
    BUILD = Build(config)
except SeddError as error:
    sys.exit(printable(f"{error}"))

# `nodes` is set by --jobs of a cluster profile: rules run as cluster jobs
if workflow.resource_settings.nodes is not None and BUILD.cluster.executor == "local":
    sys.exit(
        f"cluster {BUILD.project.cluster}: rules run on a cluster, but training would run on this "
        "machine; with a --config of your own, repeat the profile's: --config cluster=slurm ..."
    )

if BUILD.cluster.executor == "slurm" and workflow.resource_settings.nodes is not None:
    from sedd.launch import short_jobs

    try:
        short_jobs.install()
    except SeddError as error:
        sys.exit(printable(f"{error}"))

# Jobs on a cluster read what the fetch rules have downloaded: their nodes may have no internet, and
# all jobs see the same copy. The fetch rules alone keep the user's own choice.
HUB = ["FETCH_OFFLINE=${HF_HUB_OFFLINE:-0}"]
if BUILD.cluster.executor == "slurm":
    HUB.append("export HF_HUB_OFFLINE=1")

# Rules find `sedd` next to the Python that runs Snakemake, even if its environment is not active.
# The cluster's setup lines come before `set -u`, because some of them use unset variables.
PROGRAMS = shlex.quote(str(Path(sys.executable).parent))
prefix = "; ".join(
    [
        *BUILD.cluster.setup,
        *HUB,
        f"set -euo pipefail; export PATH={PROGRAMS}:$PATH; ",
    ]
)
shell.prefix(prefix.replace("{", "{{").replace("}", "}}"))


wildcard_constraints:
    experiment=r"[A-Za-z0-9][A-Za-z0-9_.-]*",
    kind="tokenizer|model",
    repository=r"[A-Za-z0-9_][A-Za-z0-9_.-]*",
    step=r"\d+",
    dataset=r"[A-Za-z0-9_-]+",
    split="train|validation|test|paper",
    sampler=f"({'|'.join(SAMPLERS)})(_[A-Za-z0-9.-]+)*",  # and the values of its options
    steps=r"\d+",
    draws="(_float32)?",
    judge=r"[A-Za-z0-9_.-]+",
    sweep=r"[A-Za-z0-9][A-Za-z0-9_.-]*",
    task="standard|infill",
    figure=r"[A-Za-z0-9_.-]+",


# names in results/reports and results/figures that do not belong to a run
RUN_PAGE = r"(?!(index|compare)\.html$)[A-Za-z0-9][A-Za-z0-9_.-]*"
RUN_FIGURES = r"(?!.*\.(pdf|png)$)[A-Za-z0-9][A-Za-z0-9_.-]*"


def ask(question):
    """An input or params function. A SeddError ends Snakemake, with its message alone."""

    def answer(wildcards):
        try:
            return question(wildcards)
        except SeddError as error:
            sys.exit(printable(f"{error}"))

    return answer


# The YAML file that an experiment is defined in: its own, that of its sweep, or that of its run.
definition = ask(BUILD.definition)


def inputs(rule):
    """The input function of a rule."""
    return ask(lambda wildcards: BUILD.inputs(rule, wildcards))


def settings(rule):
    """The params function of a rule: an edit of what it returns runs the job again."""
    return ask(lambda wildcards: BUILD.settings(rule, wildcards))


def other_splits(wildcards, threads):
    """Options of `sedd tokenize`. A params function of threads never runs a job again: tokens do not
    depend on which other splits the build needs.
    """
    return " ".join(f"--prepare {split}" for split in BUILD.splits_beside(wildcards))
