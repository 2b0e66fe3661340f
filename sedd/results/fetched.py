"""What comes from the internet: texts, tokenizers and models. One record says what was fetched.

`sedd fetch` downloads it and writes the record, which the jobs that need it depend on. On a cluster,
this is the only rule that runs where the internet is; jobs read the copies.
"""

from __future__ import annotations

from pathlib import Path

from sedd.config import AnyExperiment, Experiment, find_tokenizer, load_dataset, needed_tokens
from sedd.config.dataset import HubSource, UrlSource
from sedd.config.values import HUB_ID, NAME
from sedd.data.packages import is_gpt2_installed
from sedd.paths import can_exist, experiment_file, fetched_file, folder_name
from sedd.results.kind import Job

TEXTS_PATH = "results/fetched/texts/{dataset}/{split}.json"
REPOSITORY_PATH = "results/fetched/{kind}/{repository}.json"


def files_of_texts(dataset: str, split: str) -> list[str]:
    """The record of a split's texts; none for texts of a package or a file."""
    is_away = isinstance(load_dataset(dataset).source, HubSource | UrlSource)
    return [str(fetched_file("texts", dataset, split))] if is_away else []


def files_of_tokenizer(name: str) -> list[str]:
    """The record of a tokenizer of the hub; none for another, or if a package holds its files."""
    is_here = name == "text8" or (name == "gpt2" and is_gpt2_installed())
    is_here = is_here or find_tokenizer(name) is not None
    return [] if is_here or not is_hub_id(name) else [str(fetched_file("tokenizer", name))]


def files_of_model(name: str) -> list[str]:
    """The record of a model of the hub; none for an experiment, a file or a folder."""
    is_experiment = NAME.fullmatch(name) and experiment_file(name).is_file()
    return [] if is_experiment or not is_hub_id(name) else [str(fetched_file("model", name))]


def is_hub_id(name: str) -> bool:
    """Whether a name is the id of a repository on the hub, and nothing in this folder."""
    path = Path(name)
    return HUB_ID.fullmatch(name) is not None and not (can_exist(path) and path.exists())


def texts_jobs(subject: AnyExperiment) -> list[Job]:
    """Each split that an experiment needs from the internet, also to learn its vocabulary."""
    splits = dict.fromkeys((dataset, split) for dataset, _, split in needed_tokens(subject))
    tokenizer = find_tokenizer(subject.data.tokenizer)
    if tokenizer is not None and tokenizer.dataset is not None:
        splits[tokenizer.dataset, "train"] = None
    return [
        {"dataset": dataset, "split": split}
        for dataset, split in splits
        if files_of_texts(dataset, split)
    ]


def repository_jobs(subject: AnyExperiment) -> list[Job]:
    """Each tokenizer and model that an experiment needs from the hub."""
    models = [
        *([subject.training.init] if isinstance(subject, Experiment) else [subject.pretrained]),
        *([subject.generative.judge] if subject.generative.steps else []),
        *([subject.mauve.featurizer] if subject.mauve.tasks else []),
    ]
    tokenizer = subject.data.tokenizer
    wanted = [("tokenizer", tokenizer)] if files_of_tokenizer(tokenizer) else []
    wanted += [("model", name) for name in models if name is not None and files_of_model(name)]
    return [{"kind": kind, "repository": folder_name(name)} for kind, name in dict.fromkeys(wanted)]
