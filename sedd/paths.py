"""Paths of all files of a project, relative to the folder in which the commands run.

The rules in `workflow/rules/` spell the same paths literally; a test compares the two.
"""

from __future__ import annotations

from pathlib import Path

CONFIG = Path("config")
RESULTS = Path("results")
LOGS = Path("logs")


def experiment_file(experiment: str) -> Path:
    return CONFIG / "experiments" / f"{experiment}.yaml"


def model_file(preset: str) -> Path:
    return CONFIG / "model" / f"{preset}.yaml"


def dataset_file(dataset: str) -> Path:
    return CONFIG / "datasets" / f"{dataset}.yaml"


def cluster_file(cluster: str) -> Path:
    return CONFIG / "cluster" / f"{cluster}.yaml"


def table_file(table: str) -> Path:
    return CONFIG / "tables" / f"{table}.yaml"


def tokens_dir(dataset: str, tokenizer: str, split: str) -> Path:
    """Tokens of one split in one vocabulary: `tokens.bin` and, written last, `meta.json`."""
    return RESULTS / "data" / dataset / folder_name(tokenizer) / split


def run_dir(experiment: str) -> Path:
    return RESULTS / "runs" / experiment


def train_dir(experiment: str) -> Path:
    """Private to the trainer: states, identity, metrics. Never the output of a rule."""
    return run_dir(experiment) / "train"


def metrics_file(experiment: str) -> Path:
    return train_dir(experiment) / "metrics.jsonl"


def curves_dir(experiment: str) -> Path:
    """The trainer's metrics as CSV, kept beside the checkpoints: `train.csv`, `validation.csv`,
    `start.csv`.
    """
    return run_dir(experiment) / "curves"


def checkpoint_file(experiment: str, step: int) -> Path:
    return run_dir(experiment) / "checkpoints" / f"step_{step}.pt"


def identity_file(experiment: str) -> Path:
    """The settings and tokens that the trainer's folder, and so every checkpoint of the run,
    belongs to.
    """
    return train_dir(experiment) / "identity.json"


def kept_checkpoint_file(experiment: str, step: int) -> Path:
    """The trainer's own checkpoint, which the public one links to.

    Snakemake deletes the outputs of a rule before it runs; this file is not an output.
    """
    return train_dir(experiment) / f"step_{step}.pt"


def jobs_dir(experiment: str) -> Path:
    """Training jobs: the record of the newest job, and a folder JOB_ID for each with one log per
    process.
    """
    return run_dir(experiment) / "jobs"


def job_file(experiment: str) -> Path:
    return jobs_dir(experiment) / "job.json"


def job_log_file(experiment: str, job_id: str, rank: int) -> Path:
    return jobs_dir(experiment) / job_id / f"{job_id}_{rank}_log.out"


def samples_file(
    experiment: str, step: int, sampler: str, steps: int, precision: str = "float64"
) -> Path:
    """precision: of the random draws; float64 is left out of the name."""
    stem = f"{sampler}_{steps}" + ("" if precision == "float64" else f"_{precision}")
    return run_dir(experiment) / "samples" / f"step_{step}" / f"{stem}.jsonl"


def evaluation_dir(experiment: str, step: int) -> Path:
    return run_dir(experiment) / "eval" / f"step_{step}"


def evaluation_file(experiment: str, step: int, dataset: str) -> Path:
    return evaluation_dir(experiment, step) / f"{dataset}.json"


def own_text_file(experiment: str, step: int, name: str) -> Path:
    """The likelihood of a user's own texts. name: of their files."""
    return evaluation_dir(experiment, step) / "texts" / f"{name}.json"


def score_file(experiment: str, step: int, name: str) -> Path:
    """Scores of continuations. name: of the file of questions."""
    return evaluation_dir(experiment, step) / "scores" / f"{name}.json"


def generative_file(
    experiment: str, step: int, judge: str, sampler: str, steps: int, precision: str
) -> Path:
    """The result of a judge on one file of samples."""
    samples = samples_file(experiment, step, sampler, steps, precision)
    return (
        evaluation_dir(experiment, step)
        / "generative"
        / folder_name(judge)
        / f"{samples.stem}.json"
    )


def grid_file(experiment: str, step: int, judge: str) -> Path:
    """The list of a judge's results on all files of samples of an experiment."""
    folder = evaluation_dir(experiment, step) / "generative"
    return folder / f"{folder_name(judge)}.json"


def mauve_file(experiment: str, step: int, task: str) -> Path:
    return evaluation_dir(experiment, step) / "mauve" / f"{task}.json"


def folder_name(name: str) -> str:
    """The name of a tokenizer or a model as one part of a path: `--` stands for a slash."""
    return name.replace("/", "--")


def name_of_folder(folder: str) -> str:
    """Inverse of `folder_name`."""
    return folder.replace("--", "/")


def table_stem(table: str) -> Path:
    """Path without suffix: a table is written as .md, .csv, .tex and .html."""
    return RESULTS / "tables" / table


def figure_stem(table: str) -> Path:
    """Path without suffix: the figure of a table is written as .pdf and .png."""
    return RESULTS / "figures" / table


def report_file(experiment: str) -> Path:
    return RESULTS / "reports" / f"{experiment}.html"


def trace_stem(experiment: str, step: int, sampler: str, steps: int) -> Path:
    """Path without suffix: a trace is written as .json and .gif."""
    return run_dir(experiment) / "samples" / f"step_{step}" / f"trace_{sampler}_{steps}"


def figures_dir(experiment: str) -> Path:
    """The figures of a run as files for a paper: FIGURE.pdf and FIGURE.png."""
    return RESULTS / "figures" / experiment


def index_page_file() -> Path:
    return RESULTS / "reports" / "index.html"


def comparison_file() -> Path:
    return RESULTS / "reports" / "compare.html"


def sample_log(experiment: str, step: int, samples: str) -> Path:
    """The log of the rule. samples: the stem of the file of samples."""
    return LOGS / "sample" / f"{experiment}.step_{step}.{samples}.log"


def perplexity_log(experiment: str, step: int, dataset: str) -> Path:
    """The log of the rule."""
    return LOGS / "perplexity" / f"{experiment}.step_{step}.{dataset}.log"
