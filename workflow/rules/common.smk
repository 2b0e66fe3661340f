# Which files the build consists of. The configuration is read and checked by the package itself, so that a mistake
# in it ends a dry run with the same message as `sedd config check`.
import shlex
import sys
from pathlib import Path

from sedd.config import (
    Experiment,
    check_project,
    checkpoint_steps,
    device_problems,
    drawings,
    load_cluster,
    load_dataset,
    load_project,
    load_subject,
    load_table,
    measured_split,
    measured_steps,
    needed_tokens,
    reference_dataset,
    sampling_steps,
    training_identity,
)
from sedd.config import training_tokens as training_tokens_of
from sedd.errors import ConfigError, SeddError
from sedd.paths import (
    checkpoint_file,
    cluster_file,
    comparison_file,
    curves_dir,
    evaluation_file,
    experiment_file,
    figure_stem,
    figures_dir,
    front_page_file,
    grid_file,
    mauve_file,
    report_file,
    samples_file,
    table_file,
    table_stem,
    tokens_dir,
    trace_stem,
)
from sedd.registry import SAMPLERS

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
EXPERIMENTS = {name: load_subject(name) for name in PROJECT.experiments}
# the others are models that others trained, which have no checkpoint and no page
TRAINED = {
    name: one for name, one in EXPERIMENTS.items() if isinstance(one, Experiment)
}
TABLES = {name: load_table(name) for name in PROJECT.tables}
for name, experiment in TRAINED.items():
    if problems := device_problems(experiment, CLUSTER):
        sys.exit(f"{ConfigError(f'{name} on cluster {PROJECT.cluster}', problems)}")


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


# the other pages of results/reports are of all runs
RUN_PAGE = r"(?!(index|compare)\.html$)[A-Za-z0-9][A-Za-z0-9_.-]*"
# the files in results/figures are of tables
RUN_FIGURES = r"(?!.*\.(pdf|png)$)[A-Za-z0-9][A-Za-z0-9_.-]*"


def experiment_of(name):
    """An experiment of the build, or any other that a target names."""
    try:
        return EXPERIMENTS.get(name) or load_subject(name)
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
    return [
        path
        for experiment in EXPERIMENTS.values()
        for split in needed_tokens(experiment)
        for path in tokens(*split)
    ]


def all_checkpoints():
    """Every checkpoint of every experiment of the build."""
    return [
        str(checkpoint_file(name, step))
        for name, experiment in TRAINED.items()
        for step in checkpoint_steps(experiment)
    ]


def curves(name):
    """The curves of one experiment."""
    return [
        str(curves_dir(name) / f"{kind}.csv")
        for kind in ("train", "validation", "start")
    ]


def evaluated_steps(experiment):
    """The checkpoints that are sampled and measured: all of them, or the last."""
    steps = measured_steps(experiment)
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
    sampling = experiment.sampling
    drawn = sampling.sampler, sampling_steps(experiment), sampling.precision
    return [
        str(samples_file(name, step, *drawn)) for step in evaluated_steps(experiment)
    ]


def last_step(name):
    """The checkpoint whose texts are judged, and followed from noise."""
    return measured_steps(experiment_of(name))[-1]


def trace(name):
    """One text of the last checkpoint, from noise to its end; nothing of a model that does not begin from noise."""
    experiment = experiment_of(name)
    if not isinstance(experiment, Experiment) or experiment.graph is None:
        return []
    sampler, steps = experiment.sampling.sampler, sampling_steps(experiment)
    return [f"{trace_stem(name, last_step(name), sampler, steps)}.json"]


def judgements(name):
    """What the judge says of all texts that one experiment has drawn for it."""
    experiment = experiment_of(name)
    judge = experiment.generative.judge
    wanted = drawings(experiment)
    return [str(grid_file(name, last_step(name), judge))] if wanted else []


def resemblances(name):
    """The MAUVE of one experiment."""
    tasks = experiment_of(name).mauve.tasks
    return [str(mauve_file(name, last_step(name), task)) for task in tasks]


def all_curves():
    """The curves of every experiment of the build."""
    return [path for name in TRAINED for path in curves(name)]


def all_evaluations():
    """All that is measured on the experiments of the build, and drawn from them."""
    kinds = (evaluations, samples, trace, judgements, resemblances)
    return [path for name in EXPERIMENTS for kind in kinds for path in kind(name)]


def all_tables():
    """Each table in each of its forms."""
    forms = ("md", "csv", "tex", "html")
    return [f"{table_stem(name)}.{form}" for name in TABLES for form in forms]


def all_run_pages():
    """One page an experiment."""
    return [str(report_file(name)) for name in TRAINED] if PROJECT.reports else []


def all_reports():
    """One page a run, its pictures as files, and the pages of all runs."""
    if not PROJECT.reports:
        return []
    figures = [str(figures_dir(name)) for name in TRAINED]
    return all_run_pages() + figures + [str(comparison_file()), str(front_page_file())]


def all_figures():
    """A picture of each table whose columns are numbers of steps."""
    return [
        f"{figure_stem(name)}.{form}"
        for name, table in TABLES.items()
        if table.metric == "generative_perplexity"
        for form in ("pdf", "png")
    ]


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
    return training_identity(trained(wildcards))


def training_tokens(wildcards):
    """The tokens to train and to validate on."""
    splits = training_tokens_of(trained(wildcards))
    return [path for split in splits for path in tokens(*split)]


def trained(wildcards):
    """An experiment that is trained here."""
    experiment = experiment_of(wildcards.experiment)
    if not isinstance(experiment, Experiment):
        raise WorkflowError(
            f"{experiment.name}: {experiment.pretrained} is measured as it is, and has no checkpoint here"
        )
    return experiment


def checkpoint(wildcards):
    """The weights that are used: a checkpoint of ours, or none of our files."""
    if not isinstance(experiment_of(wildcards.experiment), Experiment):
        return []
    return [str(checkpoint_file(wildcards.experiment, int(wildcards.step)))]


def checkpoint_of_judge(name):
    """The weights of a judge, if it is a run of ours."""
    if not experiment_file(name).is_file():
        return []
    judge = experiment_of(name)
    if not isinstance(judge, Experiment):
        return []
    return [str(checkpoint_file(name, last_step(name)))]


def judged(wildcards):
    """The texts that a judge reads, and the judge."""
    name, step = wildcards.experiment, int(wildcards.step)
    texts = [
        str(samples_file(name, step, *drawn)) for drawn in drawings(experiment_of(name))
    ]
    return texts + checkpoint_of_judge(model_name(wildcards.judge))


def compared(wildcards):
    """The weights that write, the real texts, and the model that reads both."""
    experiment = experiment_of(wildcards.experiment)
    real = tokens(
        reference_dataset(experiment),
        experiment.data.tokenizer,
        experiment.mauve.split,
    )
    reader = checkpoint_of_judge(experiment.mauve.featurizer)
    return checkpoint(wildcards) + real + reader


def model_name(folder):
    """A model's name: a hub id's slash is spelled `--` in folder names."""
    return folder.replace("--", "/")


def judge_name(wildcards):
    """The judge, as --judge has it."""
    return model_name(wildcards.judge)


def precision(wildcards):
    """Of the random draws, as --precision has it."""
    return "float32" if wildcards.draws else "float64"


def checkpoint_before(wildcards):
    """The checkpoint that this one is trained on from: so a run has one trainer at a time."""
    earlier = [
        step
        for step in checkpoint_steps(trained(wildcards))
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


def judging_settings(wildcards):
    """What a judgement depends on beside the texts and the judge's weights."""
    return experiment_of(wildcards.experiment).sections("generative")


def comparing_settings(wildcards):
    """What a MAUVE score depends on beside the weights and the real texts; which other tasks there are changes nothing."""
    experiment = experiment_of(wildcards.experiment)
    settings = experiment.sections("seed", "sampling", "mauve")
    settings["mauve"].pop("tasks")
    settings["sampling"].pop("count")
    return settings


def evaluation_tokens(wildcards):
    """The text to measure, and the training text, whose frequencies make the unigram baseline."""
    experiment = experiment_of(wildcards.experiment)
    measured = (
        wildcards.dataset,
        experiment.data.tokenizer,
        measured_split(experiment),
    )
    splits = [measured, *training_tokens_of(experiment)[:1]]
    return [path for split in splits for path in tokens(*split)]


def table_settings(wildcards):
    """The table's rows, columns and published numbers, without the comments of their file."""
    return TABLES[wildcards.table].model_dump(mode="json")


def report_settings(wildcards):
    """What the page shows of the configuration."""
    return experiment_of(wildcards.experiment).model_dump(mode="json")


def table_inputs(wildcards):
    """Every number of the table's kind of the build's experiments: a table takes those it has rows for."""
    kinds = {"generative_perplexity": judgements, "mauve": resemblances}
    numbers = kinds.get(TABLES[wildcards.table].metric, evaluations)
    return [path for name in EXPERIMENTS for path in numbers(name)]


def report_inputs(wildcards):
    """What a page shows: the run's curves, perplexities, samples, what is said of them, and one text from noise."""
    name = wildcards.experiment
    said = judgements(name) + resemblances(name)
    return curves(name) + evaluations(name) + samples(name) + said + trace(name)


def last_checkpoint(wildcards):
    """The checkpoint at which a run is finished."""
    steps = checkpoint_steps(experiment_of(wildcards.experiment))
    return checkpoint_file(wildcards.experiment, steps[-1])


def comparison_inputs(wildcards):
    """What the runs are compared by: their curves and perplexities."""
    return [path for name in TRAINED for path in curves(name) + evaluations(name)]


def comparison_settings(wildcards):
    """The settings in which runs may differ."""
    return [experiment.model_dump(mode="json") for experiment in TRAINED.values()]
