"""The project in a git repository of its own, its build versioned by DVC.

The stages are those of the shipped dvc.yaml; what it repeats of the configuration (experiments, texts, tables) is filled in
from the configuration, so that the same stages can build another configuration, and the shipped file can be compared.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from helpers.project import BIN, ROOT, copy_project
from sedd.config import (
    Experiment,
    drawings,
    load_experiment,
    load_project,
    load_table,
    needed_tokens,
    reference_dataset,
)
from sedd.paths import (
    dataset_file,
    experiment_file,
    figure_stem,
    model_file,
    report_file,
    run_dir,
    table_file,
    table_stem,
    tokens_dir,
)
from sedd.results.curves import KINDS

FILES = ("dvc.yaml", ".dvcignore", ".gitignore", "Makefile", "pyproject.toml", "constraints.txt")


def versioned_project(folder: Path) -> Path:
    """Configuration, workflow and stages in a new git repository, without results; nothing is committed yet."""
    copy_project(folder)
    for name in FILES:
        shutil.copy(ROOT / name, folder)
    (folder / ".dvc").mkdir()
    for name in ("config", ".gitignore"):
        shutil.copy(ROOT / ".dvc" / name, folder / ".dvc")
    run(folder, "git", "init", "--quiet")
    run(folder, "git", "config", "user.email", "someone@example.org")
    run(folder, "git", "config", "user.name", "Someone")
    return folder


def run(folder: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """A command with the environment's programs first, as after `source .venv/bin/activate`."""
    result = subprocess.run(
        words, cwd=folder, env=environment(), capture_output=True, text=True, timeout=900
    )
    said = f"{words} exited {result.returncode}\n{result.stdout}\n{result.stderr}"
    assert result.returncode == 0 or not check, said
    return result


def environment() -> dict[str, str]:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def commit(folder: Path, message: str) -> None:
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "-m", message)


def read_stages(folder: Path) -> dict[str, Any]:
    return yaml.safe_load((folder / "dvc.yaml").read_text())


def filled(content: dict[str, Any]) -> dict[str, Any]:
    """dvc.yaml with what it repeats of the configuration in the current folder, in the configuration's order."""
    project = load_project()
    experiments = [load_experiment(name) for name in project.experiments]
    texts = dict.fromkeys(text for each in experiments for text in each.evaluation.datasets)
    splits = dict.fromkeys(split for each in experiments for split in needed_tokens(each))
    stages = content["stages"]
    data, evaluate, tables = stages["data"], stages["evaluate"]["do"], stages["tables"]
    (sections,) = {tuple(*param.values()) for param in data["params"]}
    own = [dep for dep in evaluate["deps"] if not dep.endswith("/test")]
    facts = {
        "experiments": {
            each.name: {
                "preset": preset(each.name),
                "dataset": each.data.dataset,
                "tokenizer": each.data.tokenizer.replace("/", "--"),
                "judge": run_of(each.generative.judge if drawings(each) else "", each),
                "reader": run_of(each.mauve.featurizer if each.mauve.tasks else "", each),
                "real": real_texts(each),
            }
            for each in experiments
        }
    }
    data = {
        **data,
        "params": [
            {str(dataset_file(name)): list(sections)}
            for name in dict.fromkeys(dataset for dataset, _, _ in splits)
        ],
        "outs": [str(tokens_dir(*split)) for split in splits],
    }
    evaluate = {
        **evaluate,
        "deps": [*own, *(f"results/data/{text}/${{item.tokenizer}}/test" for text in texts)],
    }
    tables = {
        **tables,
        "deps": [str(run_dir(each.name) / "eval") for each in experiments],
        "params": [{str(table_file(name)): None} for name in project.tables],
        "outs": [
            {f"{table_stem(name)}.{form}": {"cache": False}}
            for name in project.tables
            for form in ("md", "csv", "tex")
        ]
        + [f"{table_stem(name)}.html" for name in project.tables]
        + [
            f"{figure_stem(name)}.{form}"
            for name in project.tables
            if load_table(name).metric == "generative_perplexity"
            for form in ("pdf", "png")
        ],
    }
    pages = {
        **stages["pages"],
        "deps": [
            *(
                str(run_dir(each.name) / part)
                for each in experiments
                for part in (*(f"curves/{kind}.csv" for kind in KINDS), "eval")
            ),
            *(str(report_file(each.name)) for each in experiments),
            *(
                f"{table_stem(name)}.{form}"
                for name in project.tables
                for form in ("md", "csv", "tex", "html")
            ),
        ],
        "params": [
            *(param for param in stages["pages"]["params"] if "config/config.yaml" in param),
            *({str(experiment_file(each.name)): None} for each in experiments),
            *(
                {str(model_file(name)): None}
                for name in dict.fromkeys(preset(each.name) for each in experiments)
            ),
        ],
    }
    evaluate = {**stages["evaluate"], "do": evaluate}
    return {
        **content,
        "vars": [facts],
        "stages": {**stages, "data": data, "evaluate": evaluate, "tables": tables, "pages": pages},
    }


def preset(name: str) -> str:
    """The preset that an experiment's file names. One that changes its preset has no name that dvc.yaml could give."""
    model = yaml.safe_load(Path(f"config/experiments/{name}.yaml").read_text())["model"]
    assert isinstance(model, str), f"{name}: `model` must name a preset of config/model"
    return model


def run_of(name: str, experiment: Experiment) -> str:
    """The run whose checkpoints a measurement reads beside the experiment's own; that itself if there is none."""
    return name if name in load_project().experiments else experiment.name


def real_texts(experiment: Experiment) -> str:
    """The split that texts are compared with, below results/data; what is trained on if there is none."""
    data = experiment.data
    compared = bool(experiment.mauve.tasks)
    dataset = reference_dataset(experiment) if compared else data.dataset
    folder = tokens_dir(dataset, data.tokenizer, experiment.mauve.split if compared else "train")
    return str(folder.relative_to("results/data"))
