"""The page of a run names the texts that were measured, by the hash of their tokens."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.fake_results import finished_run

from sedd.config import load_experiment
from sedd.paths import report_file, tokens_dir
from sedd.report import write_report


def write_tokens(dataset: str, split: str, sha256: str) -> None:
    folder = tokens_dir(dataset, "gpt2", split)
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps({"tokens_sha256": sha256}))


@pytest.mark.parametrize(("protocol", "measured"), [("standard", "a" * 64), ("paper", "b" * 64)])
def test_the_page_shows_the_hash_of_the_text_that_the_protocol_measures(
    protocol: str, measured: str
) -> None:
    path = Path("config/experiments/run.yaml")
    text = path.read_text()
    path.write_text(text.replace("datasets: [wiki, kjv]", f"datasets: [kjv], protocol: {protocol}"))
    write_tokens("kjv", "test", "a" * 64)
    write_tokens("kjv", "paper", "b" * 64)
    finished_run()
    page = write_report(load_experiment("run"), report_file("run")).read_text()
    (other,) = {"a" * 64, "b" * 64} - {measured}
    assert measured[:12] in page
    assert other[:12] not in page
