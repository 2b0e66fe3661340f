"""The page of a sweep: mean and standard deviation over seeds."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers.fake_results import train_line, validation_line, write_evaluation, write_metrics
from helpers.html_page import Page

from sedd.config import load_sweep
from sedd.report import write_sweep
from sedd.report.figure.over_seeds import mean_figures, over_seeds
from sedd.report.page.sweep_page import Spread, spread

SWEEP = """\
description: Rates & <b>seeds</b>
base: run
grid: {training.lr: [0.001, 0.002, 0.004]}
seeds: [1, 2]
"""


def test_numbers_and_curves_of_a_setting_are_those_of_its_seeds(folder: Path) -> None:
    """The first setting has two seeds, of the second one is measured, of the third none."""
    (folder / "config/sweeps/s.yaml").write_text(SWEEP)
    for run, loss in (("0.001-seed_1", 3.0), ("0.001-seed_2", 3.5), ("0.002-seed_1", 4.0)):
        name = f"s-lr_{run}"
        losses = [validation_line(100, loss + 1), validation_line(200, loss)]
        write_metrics(name, [train_line(100), *losses])
        write_evaluation(name, 100, "wiki", nats_per_token=9.0)
        write_evaluation(name, 200, "wiki", nats_per_token=loss, bits_per_character=loss / 2)
    page, table, text = write_sweep(load_sweep("s"))
    assert page == Path("results/reports/sweeps/s.html")
    shown = Page(page).everything()
    a, b = math.exp(3), math.exp(3.5)
    mean, sd = (a + b) / 2, (b - a) / math.sqrt(2)
    assert f"0.001 wiki 200 2 ≤ {mean:.2f} ± {sd:.2f} ≤ 1.625 ± 0.177" in shown
    assert "0.002 wiki 200 1 of 2 ≤ 54.60 ≤ 2.000" in shown
    assert "0.004 not measured" in shown
    assert "Rates & <b>seeds</b>" in shown
    rows = pd.read_csv(table)
    assert rows["training.lr"].tolist() == [0.001, 0.002]
    assert rows["n"].tolist() == [2, 1]
    np.testing.assert_allclose(rows["perplexity_mean"], [mean, math.exp(4)])
    np.testing.assert_allclose(rows["perplexity_sd"], [sd, np.nan])
    assert f"| `s-lr_0.001` | wiki | 200 | 2 | ≤ {mean:.2f} ± {sd:.2f} |" in text.read_text()


def test_a_spread_is_mean_and_standard_deviation() -> None:
    assert spread([1.0, 2.0, 3.0]) == Spread(2.0, 1.0)
    assert spread([5.0]) == Spread(5.0, None)
    assert spread([5.0, None]) == Spread(None, None)


@pytest.mark.parametrize(("values", "sd"), [([[2.0, 4.0], [4.0, 8.0]], [2**0.5, 8**0.5])])
def test_a_band_is_one_standard_deviation_around_the_mean(
    values: list[list[float]], sd: list[float]
) -> None:
    """A step that one seed has not reached is left out."""
    curves = [
        pd.DataFrame({"step": [10, 20], "kind": "validation", "loss_nats_per_token": one})
        for one in values
    ]
    curves[0].loc[2] = [30, "validation", 1.0]
    table = over_seeds(curves, "loss_nats_per_token")
    assert table["step"].tolist() == [10, 20]
    [line] = mean_figures({"s": curves}, {})[0].lines
    assert line.low is not None
    np.testing.assert_allclose(line.y, [3.0, 6.0])
    np.testing.assert_allclose(line.y - line.low, sd)
