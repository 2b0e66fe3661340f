# The build (sedd/workflow) and what Snakemake needs to know of it: shell, wildcards, and adapters from its wildcards
# to the build's questions. A mistake in the configuration ends a dry run with the message of `sedd config check`.
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

# --jobs sets `nodes`: the rules are sent to a cluster
if workflow.resource_settings.nodes is not None and BUILD.cluster.executor == "local":
    sys.exit(
        f"cluster {BUILD.project.cluster}: rules are sent to a cluster, but training would run on this machine; "
        "with a --config of your own, repeat that of the profile: --config cluster=slurm ..."
    )

# `sedd` is found beside the Python that runs Snakemake, whether or not its environment is activated. The cluster's setup
# lines come before `set -u`, which not all of them survive.
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
    sampler="|".join(SAMPLERS),
    steps=r"\d+",
    draws="(_float32)?",
    judge=r"[A-Za-z0-9_.-]+",
    task="standard|infill",


# results/reports also holds the pages of all runs, results/figures the figures of tables
RUN_PAGE = r"(?!(index|compare)\.html$)[A-Za-z0-9][A-Za-z0-9_.-]*"
RUN_FIGURES = r"(?!.*\.(pdf|png)$)[A-Za-z0-9][A-Za-z0-9_.-]*"


def ask(question):
    """An input or params function for Snakemake. A ConfigError becomes a WorkflowError, which ends the dry run."""

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
