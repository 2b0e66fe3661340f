# The build (sedd/workflow), the shell, constraints of wildcards, and functions that turn questions
# to the build into input and params functions. A mistake in the configuration ends a dry run with
# the message of `sedd config check`.
import shlex
import sys
from pathlib import Path

from sedd.errors import SeddError
from sedd.paths import name_of_folder
from sedd.registry import SAMPLERS
from sedd.workflow import Build

try:
    BUILD = Build(config)
except SeddError as error:
    sys.exit(f"{error}")

# `nodes` is set by --jobs of a cluster profile: rules run as cluster jobs
if workflow.resource_settings.nodes is not None and BUILD.cluster.executor == "local":
    sys.exit(
        f"cluster {BUILD.project.cluster}: rules run on a cluster, but training would run on this "
        "machine; with a --config of your own, repeat the profile's: --config cluster=slurm ..."
    )

# Rules find `sedd` next to the Python that runs Snakemake, even if its environment is not active.
# The cluster's setup lines come before `set -u`, because some of them use unset variables.
PROGRAMS = shlex.quote(str(Path(sys.executable).parent))
prefix = "; ".join(
    [*BUILD.cluster.setup, f"set -euo pipefail; export PATH={PROGRAMS}:$PATH; "]
)
shell.prefix(prefix.replace("{", "{{").replace("}", "}}"))


wildcard_constraints:
    experiment=r"[A-Za-z0-9][A-Za-z0-9_.-]*",
    step=r"\d+",
    dataset=r"[A-Za-z0-9_-]+",
    split="train|validation|test|paper",
    sampler=f"({'|'.join(SAMPLERS)})(_[A-Za-z0-9.-]+)*",  # and the values of its options
    steps=r"\d+",
    draws="(_float32)?",
    judge=r"[A-Za-z0-9_.-]+",
    task="standard|infill",


# names in results/reports and results/figures that do not belong to a run
RUN_PAGE = r"(?!(index|compare)\.html$)[A-Za-z0-9][A-Za-z0-9_.-]*"
RUN_FIGURES = r"(?!.*\.(pdf|png)$)[A-Za-z0-9][A-Za-z0-9_.-]*"


def ask(question):
    """An input or params function. A SeddError becomes a WorkflowError, which ends a dry run."""

    def answer(wildcards):
        try:
            return question(wildcards)
        except SeddError as error:
            raise WorkflowError(f"{error}") from None

    return answer


def inputs(rule):
    """The input function of a rule."""
    return ask(lambda wildcards: BUILD.inputs(rule, wildcards))


def settings(rule):
    """The params function of a rule: an edit of what it returns runs the job again."""
    return ask(lambda wildcards: BUILD.settings(rule, wildcards))
