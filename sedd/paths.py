"""Where every file of a project lies, relative to the folder in which the commands are run.

The rules in `workflow/rules/` spell the same strings; a test compares the two.
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
    """Private to the trainer: its states, settings hash, metrics. Never a rule's output."""
    return run_dir(experiment) / "train"


def metrics_file(experiment: str) -> Path:
    return train_dir(experiment) / "metrics.jsonl"


def curves_dir(experiment: str) -> Path:
    """The trainer's metrics as others get them: `train.csv`, `validation.csv`."""
    return run_dir(experiment) / "curves"


def checkpoint_file(experiment: str, step: int) -> Path:
    return run_dir(experiment) / "checkpoints" / f"step_{step}.pt"


def identity_file(experiment: str) -> Path:
    """Which settings and tokens the trainer's folder, and so every checkpoint of the run, is of."""
    return train_dir(experiment) / "identity.json"


def kept_checkpoint_file(experiment: str, step: int) -> Path:
    """What a checkpoint is published from: Snakemake deletes outputs before their rule runs, and this is none."""
    return train_dir(experiment) / f"step_{step}.pt"


def jobs_dir(experiment: str) -> Path:
    """Training jobs: the record of the newest, and a folder for each, JOB_ID, with a log for each process."""
    return run_dir(experiment) / "jobs"


def job_file(experiment: str) -> Path:
    return jobs_dir(experiment) / "job.json"


def job_log_file(experiment: str, job_id: str, rank: int) -> Path:
    return jobs_dir(experiment) / job_id / f"{job_id}_{rank}_log.out"


def samples_file(
    experiment: str, step: int, sampler: str, steps: int, precision: str = "float64"
) -> Path:
    """precision: of the random draws; float64 goes without saying."""
    stem = f"{sampler}_{steps}" + ("" if precision == "float64" else f"_{precision}")
    return run_dir(experiment) / "samples" / f"step_{step}" / f"{stem}.jsonl"


def evaluation_dir(experiment: str, step: int) -> Path:
    return run_dir(experiment) / "eval" / f"step_{step}"


def evaluation_file(experiment: str, step: int, dataset: str) -> Path:
    return evaluation_dir(experiment, step) / f"{dataset}.json"


def generative_file(
    experiment: str, step: int, judge: str, sampler: str, steps: int, precision: str
) -> Path:
    """What a judge says of one file of samples."""
    samples = samples_file(experiment, step, sampler, steps, precision)
    return (
        evaluation_dir(experiment, step)
        / "generative"
        / folder_name(judge)
        / f"{samples.stem}.json"
    )


def grid_file(experiment: str, step: int, judge: str) -> Path:
    """What a judge says of all files of samples that the experiment asks for."""
    folder = evaluation_dir(experiment, step) / "generative"
    return folder / f"{folder_name(judge)}.json"


def mauve_file(experiment: str, step: int, task: str) -> Path:
    return evaluation_dir(experiment, step) / "mauve" / f"{task}.json"


def folder_name(name: str) -> str:
    """The name of a tokenizer or a model as one part of a path: a slash is spelled `--`."""
    return name.replace("/", "--")


def name_of_folder(folder: str) -> str:
    """Inverse of `folder_name`."""
    return folder.replace("--", "/")


def table_stem(table: str) -> Path:
    """Without its suffix: a table is written as .md, .csv and .tex."""
    return RESULTS / "tables" / table


def figure_stem(table: str) -> Path:
    """Without its suffix: the picture of a table is written as .pdf and .png."""
    return RESULTS / "figures" / table


def report_file(experiment: str) -> Path:
    return RESULTS / "reports" / f"{experiment}.html"


def trace_stem(experiment: str, step: int, sampler: str, steps: int) -> Path:
    """Without its suffix: one text from noise to its end is kept as .json, and drawn as .gif."""
    return run_dir(experiment) / "samples" / f"step_{step}" / f"trace_{sampler}_{steps}"


def figures_dir(experiment: str) -> Path:
    """The pictures of a run's page as files, for a paper: FIGURE.pdf and FIGURE.png."""
    return RESULTS / "figures" / experiment


def index_page_file() -> Path:
    return RESULTS / "reports" / "index.html"


def comparison_file() -> Path:
    return RESULTS / "reports" / "compare.html"


def sample_log(experiment: str, step: int, samples: str) -> Path:
    """What the rule's job said, whether it ended well or not. samples: the stem of their file."""
    return LOGS / "sample" / f"{experiment}.step_{step}.{samples}.log"


def perplexity_log(experiment: str, step: int, dataset: str) -> Path:
    """What the rule's job said, whether it ended well or not."""
    return LOGS / "perplexity" / f"{experiment}.step_{step}.{dataset}.log"
