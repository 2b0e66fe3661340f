"""`sedd bench sample --sampler` compares samplers by the cost of a network call."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sedd.bench import render_samplers
from sedd.cli import app

pytestmark = pytest.mark.usefixtures("project")
SIZE = "--vocab 50 --length 16 --batch 2 --steps 3 --repeats 2 --device cpu"


def bench(words: str, *more: str):
    return CliRunner().invoke(app, ["bench", *words.split(), *SIZE.split(), *more])


def test_samplers_are_compared_with_the_default_one_by_the_cost_of_a_network_call() -> None:
    point = "{sampler: remask, remask: {schedule: conf}}"
    said = bench("sample --sampler first_hitting --json x.json", "--sampler", point).stdout
    measured = json.loads(Path("x.json").read_text())
    assert said.strip() == render_samplers(measured).strip()
    found = measured["samplers"]
    assert list(found) == ["analytic", "first_hitting", "remask_conf"]
    assert found["first_hitting"]["network_calls"] == 16  # one for each token
    assert 1 <= found["analytic"]["network_calls"] <= 4  # three steps, and one to remove all noise
    assert found["analytic"]["cpu_time_ratio_spread"] == [1.0, 1.0]
    for one in found.values():
        calls = one["median_seconds"] / one["seconds_per_call"]
        assert calls == pytest.approx(one["network_calls"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("sample --sampler ouler", "--sampler ouler: Input should be"),
        ("sample --graph uniform --sampler first_hitting", "first_hitting fills masks"),
        ("train --sampler euler", "use it with `sedd bench sample`"),
        ("sample --plain --sampler euler", "without --plain, --compile"),
    ],
)
def test_a_comparison_that_cannot_be_made_is_refused(words: str, message: str) -> None:
    result = bench(words)
    assert result.exit_code != 0
    assert message in f"{result.output} {result.exception}"
