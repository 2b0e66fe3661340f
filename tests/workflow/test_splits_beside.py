"""Splits that a tokenizing job encodes for other jobs, because they have the same texts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.rules import Rule

from sedd.workflow import Build


@pytest.mark.parametrize(
    ("job", "splits"),
    [
        ("openwebtext gpt2 train", ["validation"]),
        ("openwebtext gpt2 validation", ["train"]),
        ("text8 text8 train", []),  # its splits are files of their own
        ("kjv gpt2 test", []),  # of no experiment of the build
    ],
)
def test_splits_of_one_text_that_the_build_needs_are_tokenized_together(
    project: Path, job: str, splits: list[str]
):
    names = dict(zip(("dataset", "tokenizer", "split"), job.split(), strict=True))
    build = Build(Path("config/paper.yaml"))
    assert build.splits_beside(SimpleNamespace(**names)) == splits


def test_a_change_of_these_splits_alone_runs_no_job_again():
    """Snakemake compares no params that are functions of threads."""
    text = Path(__file__).parents[2].joinpath("workflow/rules/common.smk").read_text()
    assert "def other_splits(wildcards, threads):" in text
    assert Rule._is_deriving_function(lambda wildcards, threads: "")
    assert not Rule._is_deriving_function(lambda wildcards: "")
