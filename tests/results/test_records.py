from __future__ import annotations

import re
from pathlib import Path

import pytest
from helpers.fake_results import write_evaluation, write_samples

from sedd.config import load_experiment
from sedd.errors import DataError
from sedd.results.perplexity import read as read_perplexity
from sedd.results.samples import read as read_samples
from sedd.results.samples import read_all as read_all_samples


def test_what_was_not_measured_is_none() -> None:
    assert read_perplexity("run", 200, "wiki") is None
    assert read_all_samples(load_experiment("run")) == {}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('"num_draws": 32', '"num_draws": 3', None),
        ('"num_draws": 32', '"num_draws": "many"', "num_draws"),
        ('"seed": 7', '"sea": 7', "provenance.seed"),
        ('"standard_error": 0.01', '"standard_error": -0.01', "standard_error"),
        ('"nats_per_token": 4.0', '"nats_per_token": NaN', "nats_per_token"),
        ("}", "", "content"),
        ('"seed": 7', '"seed": 7, "extra": 1', "provenance.extra"),
    ],
)
def test_a_malformed_evaluation_names_its_file_and_key(
    before: str, after: str, told: str | None
) -> None:
    path = write_evaluation("run", 200, "wiki")
    path.write_text(path.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")
    if told is None:  # the control: an edit alone is not a mistake
        assert read_perplexity("run", 200, "wiki") is not None
        return
    with pytest.raises(DataError, match=rf"{re.escape(str(path))}: malformed: .*{re.escape(told)}"):
        read_perplexity("run", 200, "wiki")


def test_numbers_that_lie_in_the_place_of_others_are_refused() -> None:
    path = write_evaluation("run", 200, "wiki")
    path.rename(path.with_name("kjv.json"))
    with pytest.raises(DataError, match=r"kjv\.json: holds the result of .*dataset 'wiki'"):
        read_perplexity("run", 200, "kjv")


def test_a_malformed_sample_names_its_line() -> None:
    path = write_samples("run", 200, "one", "two")
    with path.open("a", encoding="utf-8") as file:
        file.write('{"index": 2}\n')
    with pytest.raises(
        DataError, match=r"analytic_64\.jsonl, line 3: malformed: text: Field required"
    ):
        read_samples(path)


def test_a_foreign_folder_among_the_steps_is_named() -> None:
    path = write_samples("run", 200, "one")
    path.parent.rename(Path(path.parent.parent, "step_old"))
    with pytest.raises(DataError, match="step_old"):
        read_all_samples(load_experiment("run"))
