"""Paths of all files of a project, relative to the folder in which the commands run.

The rules in `workflow/rules/` spell the same paths literally; a test compares the two. A name becomes
a part of a path through `part` only, so that no name leads out of its folder.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from sedd.errors import ConfigError, Problem

CONFIG = Path("config")
RESULTS = Path("results")
LOGS = Path("logs")


MAX_NAME_BYTES = 200  # file systems allow 255; suffixes and temporary names need the rest


def part(name: str) -> str:
    """The name, if it can be one part of a path: a file or a folder.

    Raises ConfigError for a name that is empty, too long, `.` or `..`, or that holds a slash, a
    control character or a byte that is not UTF-8.
    """
    is_text = all(symbol == " " or symbol.isprintable() for symbol in name)
    is_part = name not in ("", ".", "..") and not {"/", os.sep} & set(name)
    if is_text and is_part and len(os.fsencode(name)) <= MAX_NAME_BYTES:
        return name
    what = (
        f"must be the name of a file or a folder: not . or .., no slash and no control character, "
        f"at most {MAX_NAME_BYTES} bytes; got {name[:80]!r}"
    )
    raise ConfigError("names", [Problem("name", what)])


def can_exist(path: Path) -> bool:
    """Whether there may be a file with this path: each part is short enough, no character is 0, and all
    can be bytes.
    """
    try:
        return "\0" not in str(path) and all(len(os.fsencode(one)) <= 255 for one in path.parts)
    except UnicodeEncodeError:
        return False


def experiment_file(experiment: str) -> Path:
    return CONFIG / "experiments" / f"{part(experiment)}.yaml"


def model_file(preset: str) -> Path:
    return CONFIG / "model" / f"{part(preset)}.yaml"


def dataset_file(dataset: str) -> Path:
    return CONFIG / "datasets" / f"{part(dataset)}.yaml"


def tokenizer_file(tokenizer: str) -> Path:
    return CONFIG / "tokenizers" / f"{part(tokenizer)}.yaml"


def sweep_file(sweep: str) -> Path:
    return CONFIG / "sweeps" / f"{part(sweep)}.yaml"


def cluster_file(cluster: str) -> Path:
    return CONFIG / "cluster" / f"{part(cluster)}.yaml"


def table_file(table: str) -> Path:
    return CONFIG / "tables" / f"{part(table)}.yaml"


def fetched_file(kind: str, *names: str) -> Path:
    """The record of a download. kind: texts (of a dataset and a split), tokenizer or model."""
    *folders, name = map(folder_name, names)
    return RESULTS.joinpath("fetched", part(kind), *folders, f"{name}.json")


def vocabulary_dir(tokenizer: str) -> Path:
    """A vocabulary that was learned: `tokenizer.json` and, written last, `meta.json`."""
    return RESULTS / "tokenizers" / part(tokenizer)


def tokens_dir(dataset: str, tokenizer: str, split: str) -> Path:
    """Tokens of one split in one vocabulary: `tokens.bin` and, written last, `meta.json`."""
    return RESULTS / "data" / part(dataset) / folder_name(tokenizer) / part(split)


def run_dir(experiment: str) -> Path:
    return RESULTS / "runs" / part(experiment)


def is_of_a_run(path: Path) -> bool:
    """Whether a file is in the folder of a run: such a file is a result, and appears whole."""
    return path.resolve().is_relative_to((RESULTS / "runs").resolve())


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


def numbered_files(folder: Path, kind: str) -> dict[int, Path]:
    """The files `KIND_N.pt` of a folder by N, in ascending order; other names are not ours.

    kind: step, for checkpoints, or state.
    """
    name = re.compile(rf"{kind}_(0|[1-9][0-9]{{0,17}})\.pt")
    matches = [(name.fullmatch(path.name), path) for path in folder.glob(f"{kind}_*.pt")]
    return dict(sorted((int(match[1]), path) for match, path in matches if match))


def identity_file(experiment: str) -> Path:
    """Settings and tokens of the trainer's folder, and so of every checkpoint of the run."""
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
    return jobs_dir(experiment) / part(job_id) / f"{job_id}_{rank}_log.out"


def samples_file(
    experiment: str, step: int, sampler: str, steps: int, precision: str = "float64"
) -> Path:
    """precision: of the random draws; float64 is left out of the name."""
    stem = f"{sampler}_{steps}" + ("" if precision == "float64" else f"_{precision}")
    return run_dir(experiment) / "samples" / f"step_{step}" / f"{part(stem)}.jsonl"


def evaluation_dir(experiment: str, step: int) -> Path:
    return run_dir(experiment) / "eval" / f"step_{step}"


def evaluation_file(experiment: str, step: int, dataset: str) -> Path:
    return evaluation_dir(experiment, step) / f"{part(dataset)}.json"


def own_text_file(experiment: str, step: int, name: str) -> Path:
    """The likelihood of a user's own texts. name: of their files."""
    return evaluation_dir(experiment, step) / "texts" / f"{part(name)}.json"


def score_file(experiment: str, step: int, name: str) -> Path:
    """Scores of continuations. name: of the file of questions."""
    return evaluation_dir(experiment, step) / "scores" / f"{part(name)}.json"


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
    return evaluation_dir(experiment, step) / "mauve" / f"{part(task)}.json"


def folder_name(name: str) -> str:
    """The name of a tokenizer or a model as one part of a path: `--` stands for a slash."""
    return part(name.replace("/", "--"))


def name_of_folder(folder: str) -> str:
    """Inverse of `folder_name`."""
    return folder.replace("--", "/")


def table_stem(table: str) -> Path:
    """Path without suffix: a table is written as .md, .csv, .tex and .html."""
    return RESULTS / "tables" / part(table)


def figure_stem(table: str) -> Path:
    """Path without suffix: the figure of a table is written as .pdf and .png."""
    return RESULTS / "figures" / part(table)


def report_file(experiment: str) -> Path:
    return RESULTS / "reports" / f"{part(experiment)}.html"


def trace_stem(experiment: str, step: int, sampler: str, steps: int) -> Path:
    """Path without suffix: a trace is written as .json and .gif."""
    return run_dir(experiment) / "samples" / f"step_{step}" / part(f"trace_{sampler}_{steps}")


def figures_dir(experiment: str) -> Path:
    """The figures of a run as files for a paper: FIGURE.pdf and FIGURE.png."""
    return RESULTS / "figures" / part(experiment)


def index_page_file() -> Path:
    return RESULTS / "reports" / "index.html"


def comparison_file() -> Path:
    return RESULTS / "reports" / "compare.html"


def sweep_stem(sweep: str) -> Path:
    """Path without suffix: the page of a sweep is written as .html, its numbers as .csv and .md."""
    return RESULTS / "reports" / "sweeps" / part(sweep)


def sample_log(experiment: str, step: int, samples: str) -> Path:
    """The log of the rule. samples: the stem of the file of samples."""
    return LOGS / "sample" / f"{part(experiment)}.step_{step}.{part(samples)}.log"


def perplexity_log(experiment: str, step: int, dataset: str) -> Path:
    """The log of the rule."""
    return LOGS / "perplexity" / f"{part(experiment)}.step_{step}.{part(dataset)}.log"
