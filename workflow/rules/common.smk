# Which files the build consists of. The configuration is read and checked by the package itself, so that a mistake
# in it ends a dry run with the same message as `sedd config check`.
import shlex
import sys
from pathlib import Path

from sedd.config import (
    check_project,
    checkpoint_steps,
    device_problems,
    load_cluster,
    load_dataset,
    load_experiment,
    load_project,
    load_table,
    sampling_steps,
    training_identity,
)
from sedd.errors import ConfigError, SeddError
from sedd.paths import (
    checkpoint_file,
    cluster_file,
    comparison_file,
    evaluation_file,
    experiment_file,
    figures_dir,
    front_page_file,
    report_file,
    samples_file,
    table_file,
    table_stem,
    tokens_dir,
    trace_stem,
)

try:
    PROJECT = load_project(config)
except SeddError as error:
    sys.exit(f"{error}")
if errors := check_project(
    [experiment_file(name) for name in PROJECT.experiments]
    + [table_file(name) for name in PROJECT.tables]
    + [cluster_file(PROJECT.cluster)]
):
    sys.exit("\n".join(map(str, errors)))

CLUSTER = load_cluster(PROJECT.cluster)
# with --jobs, and an executor for them, rules are sent away
if workflow.resource_settings.nodes is not None and CLUSTER.executor == "local":
    what = "rules are sent to a cluster, but this one trains on this machine"
    way_out = "with a --config of your own, repeat that of the profile: --config cluster=slurm ..."
    sys.exit(f"cluster {PROJECT.cluster}: {what}; {way_out}")

# `sedd` is found beside the Python that runs Snakemake, whether or not its environment is activated. A cluster's setup lines
# come first: they are not all written for a strict shell
PROGRAMS = shlex.quote(str(Path(sys.executable).parent))
prefix = "; ".join(
    [*CLUSTER.setup, f"set -euo pipefail; export PATH={PROGRAMS}:$PATH; "]
)
shell.prefix(prefix.replace("{", "{{").replace("}", "}}"))

# a local job takes cores of this machine, which short jobs must leave to it; to wait for another takes none to speak of
TRAINING_CORES_HERE = (
    CLUSTER.num_devices * CLUSTER.cpus_per_task if CLUSTER.executor == "local" else 1
)
EXPERIMENTS = {name: load_experiment(name) for name in PROJECT.experiments}
TABLES = {name: load_table(name) for name in PROJECT.tables}
for name, experiment in EXPERIMENTS.items():
    if problems := device_problems(experiment, CLUSTER):
        sys.exit(f"{ConfigError(f'{name} on cluster {PROJECT.cluster}', problems)}")


wildcard_constraints:
    experiment=r"[A-Za-z0-9][A-Za-z0-9_.-]*",
    step=r"\d+",
    dataset=r"[A-Za-z0-9_-]+",
    split="train|validation|test",
    sampler="euler|analytic|first_hitting|ancestral",


# the other pages of results/reports are of all runs
RUN_PAGE = r"(?!(index|compare)\.html$)[A-Za-z0-9][A-Za-z0-9_.-]*"


def experiment_of(name):
    """An experiment of the build, or any other that a target names."""
    try:
        return EXPERIMENTS.get(name) or load_experiment(name)
    except SeddError as error:
        raise WorkflowError(f"{error}") from None


def short_job(computes):
    """What a job that is not training gets: as much as one process of a training job.

    computes: whether it runs a network, on a GPU where training has one.
    """
    asked = {
        "mem_mb": CLUSTER.mem_gb * 1000 // CLUSTER.tasks_per_node,
        "runtime": CLUSTER.minutes,
        # Snakemake bounds `threads` by the cores of this machine, also those of a job elsewhere
        "cpus_per_task": CLUSTER.cpus_per_task,
    }
    if CLUSTER.executor == "slurm":
        asked |= {
            "slurm_partition": CLUSTER.partition,
            "slurm_account": CLUSTER.account,
            "qos": CLUSTER.qos,
            "constraint": CLUSTER.constraint,
            "gpu": 1 if computes and CLUSTER.gpus_per_node else None,
        }
    return {key: value for key, value in asked.items() if value is not None}


def tokens(dataset, tokenizer, split):
    """The files of one tokenised split."""
    folder = tokens_dir(dataset, tokenizer, split)
    return [str(folder / "tokens.bin"), str(folder / "meta.json")]


def all_tokens():
    """Every split that the build's experiments train on, validate on or are measured on."""
    wanted = []
    for experiment in EXPERIMENTS.values():
        data = experiment.data
        for split in ("train", "validation"):
            wanted += tokens(data.dataset, data.tokenizer, split)
        for dataset in experiment.evaluation.datasets:
            wanted += tokens(dataset, data.tokenizer, "test")
    return wanted


def all_checkpoints():
    """Every checkpoint of every experiment of the build."""
    return [
        str(checkpoint_file(name, step))
        for name, experiment in EXPERIMENTS.items()
        for step in checkpoint_steps(experiment)
    ]


def evaluated_steps(experiment):
    """The checkpoints that are sampled and measured: all of them, or the last."""
    steps = checkpoint_steps(experiment)
    return steps[-1:] if experiment.evaluation.checkpoints == "last" else steps


def evaluations(name):
    """Every perplexity of one experiment."""
    experiment = experiment_of(name)
    return [
        str(evaluation_file(name, step, dataset))
        for step in evaluated_steps(experiment)
        for dataset in experiment.evaluation.datasets
    ]


def samples(name):
    """Every sample file of one experiment."""
    experiment = experiment_of(name)
    sampler, steps = experiment.sampling.sampler, sampling_steps(experiment)
    return [
        str(samples_file(name, step, sampler, steps))
        for step in evaluated_steps(experiment)
    ]


def trace(name):
    """One text of the last checkpoint, from noise to its end."""
    experiment = experiment_of(name)
    sampler, steps = experiment.sampling.sampler, sampling_steps(experiment)
    step = evaluated_steps(experiment)[-1]
    return [f"{trace_stem(name, step, sampler, steps)}.json"]


def all_tables():
    """Each table in each of its forms."""
    forms = ("md", "csv", "tex", "html")
    return [f"{table_stem(name)}.{form}" for name in TABLES for form in forms]


def all_run_pages():
    """One page an experiment."""
    return [str(report_file(name)) for name in EXPERIMENTS] if PROJECT.reports else []


def all_reports():
    """One page an experiment, its pictures as files, and the pages of all runs."""
    if not PROJECT.reports:
        return []
    figures = [str(figures_dir(name)) for name in EXPERIMENTS]
    return all_run_pages() + figures + [str(comparison_file()), str(front_page_file())]


# What the rules read of the configuration, so that an edit re-runs what depends on it and nothing else.


def tokenizer_name(wildcards):
    """The tokenizer's name: a hub id's slash is spelled `--` in folder names."""
    return wildcards.tokenizer.replace("--", "/")


def dataset_settings(wildcards):
    """What the tokens depend on: the dataset's settings, without what only describes it."""
    return load_dataset(wildcards.dataset).sections(
        "source", "format", "detokenizer", "splits"
    )


def training_settings(wildcards):
    """What the weights depend on; the rest of the experiment may change without training again."""
    return training_identity(experiment_of(wildcards.experiment))


def training_tokens(wildcards):
    """The tokens to train and to validate on."""
    data = experiment_of(wildcards.experiment).data
    return tokens(data.dataset, data.tokenizer, "train") + tokens(
        data.dataset, data.tokenizer, "validation"
    )


def checkpoint_before(wildcards):
    """The checkpoint that this one is trained on from: so a run has one trainer at a time."""
    earlier = [
        step
        for step in checkpoint_steps(experiment_of(wildcards.experiment))
        if step < int(wildcards.step)
    ]
    return [str(checkpoint_file(wildcards.experiment, earlier[-1]))] if earlier else []


def sampling_settings(wildcards):
    """What the samples depend on beside the checkpoint."""
    experiment = experiment_of(wildcards.experiment)
    return {"seed": experiment.seed, **experiment.sections("sampling")}


def trace_settings(wildcards):
    """What a text depends on that is drawn by itself: all but how many are drawn side by side."""
    settings = sampling_settings(wildcards)
    alone = {
        key: value
        for key, value in settings["sampling"].items()
        if key not in ("count", "batch_size")
    }
    return {**settings, "sampling": alone}


def evaluation_settings(wildcards):
    """What a perplexity depends on beside the checkpoint and the text."""
    experiment = experiment_of(wildcards.experiment)
    settings = experiment.sections("evaluation")["evaluation"]
    # which other texts or checkpoints are measured changes nothing here
    chosen = {
        key: value
        for key, value in settings.items()
        if key not in ("datasets", "checkpoints")
    }
    return {"seed": experiment.seed, **chosen}


def evaluation_tokens(wildcards):
    """The text to measure, and the training text, whose frequencies make the unigram baseline."""
    data = experiment_of(wildcards.experiment).data
    return tokens(wildcards.dataset, data.tokenizer, "test") + tokens(
        data.dataset, data.tokenizer, "train"
    )


def table_settings(wildcards):
    """The table's rows, columns and published numbers, without the comments of their file."""
    return TABLES[wildcards.table].model_dump(mode="json")


def report_settings(wildcards):
    """What the page shows of the configuration."""
    return experiment_of(wildcards.experiment).model_dump(mode="json")


def table_inputs(wildcards):
    """Every perplexity of the build's experiments: a table takes those it has rows for."""
    return [path for name in EXPERIMENTS for path in evaluations(name)]


def report_inputs(wildcards):
    """What a page shows: the run's perplexities, samples and one text from noise."""
    name = wildcards.experiment
    return evaluations(name) + samples(name) + trace(name)


def comparison_inputs(wildcards):
    """What the runs are compared by: their perplexities, and so, before them, their curves."""
    return [path for name in EXPERIMENTS for path in evaluations(name)]


def comparison_settings(wildcards):
    """The settings in which runs may differ."""
    return [experiment.model_dump(mode="json") for experiment in EXPERIMENTS.values()]
