"""Cells that no measurement can fill say so, and no command is suggested for them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from helpers.fake_results import write_generative

from sedd.config import load_subject, text_length
from sedd.registry import SAMPLERS
from sedd.report import make_table
from sedd.report.table.write import FORMATS

TABLE = """
title: A title
note: A note.
metric: {metric}
tokenizer: gpt2
source: {{paper: Someone 2024, arxiv: 2401.00001v2, table: "7", url: "https://arxiv.org/abs/2401.00001v2"}}
columns:
{columns}
rows:
  - {{kind: ours, label: Ours, experiment: {experiment}{sampler}}}
"""
STEPS = "  s16: {label: Sixteen, steps: 16}\n  s64: {label: Sixty-four, steps: 64}"
RUN_JUDGED = "generative: {steps: [16, 64], samplers: [%s], judge: a-judge}\n"


@pytest.fixture
def write(folder: Path):
    """Writes a table with one row of ours, for samplers by steps, and returns it filled."""

    def fill(sampler: str, columns: str = STEPS, experiment: str = "run", metric: str = ""):
        if experiment == "run":
            path = folder / "config/experiments/run.yaml"
            text = path.read_text().partition("generative:")[0]
            samplers = ", ".join(dict.fromkeys(["analytic", sampler]))
            path.write_text(text + RUN_JUDGED % samplers)
        text = TABLE.format(
            metric=metric or "generative_perplexity",
            columns=columns,
            experiment=experiment,
            sampler=f", sampler: {sampler}" if sampler else "",
        )
        (folder / "config/tables/table.yaml").write_text(text)
        return make_table("table")

    return fill


def statuses(table) -> list[str]:
    lines = csv.DictReader(io.StringIO(FORMATS["csv"](table)))
    return [line["status"] for line in lines]


@pytest.mark.parametrize("sampler", SAMPLERS.names(left_to_right=False, refuses_mask=False))
def test_a_sampler_of_one_step_per_token_has_one_column(write, sampler: str) -> None:
    """Texts have 64 tokens."""
    table = write(sampler)
    if SAMPLERS[sampler].one_step_per_token:
        assert statuses(table) == ["one step per token", "not run"]
        assert table.rows[0].missing == ["Sixty-four: sedd train run && sedd evaluate run"]
    else:
        assert statuses(table) == ["not run", "not run"]
        (line,) = table.rows[0].missing
        assert line == "Sixteen, Sixty-four: sedd train run && sedd evaluate run"


@pytest.mark.parametrize("form", ["md", "tex"])
def test_a_measured_row_has_dashes_and_one_note_about_them(write, form: str) -> None:
    write("first_hitting")
    write_generative("run", 200, 64, 30.0, sampler="first_hitting")
    write_generative("run", 200, 16, 40.0)
    path = Path("config/tables/table.yaml")
    path.write_text(path.read_text() + "  - {kind: ours, label: Grid, experiment: run}\n")
    text = FORMATS[form](make_table("table"))
    assert "takes one step per token, so that its only column" in text
    assert "the paper gives no number" not in text
    if form == "md":
        assert "| **ours** | Ours | – | 33.00" in text
        assert "| **ours** | Grid | 44.00" in text
        assert text.count("not run") == 3  # the cell of Grid at 64 steps, its note, and a title
        assert "Ours, Sixteen" not in text


def test_a_row_without_any_possible_column_says_which_one_to_add(write) -> None:
    table = write("first_hitting", "  s16: {label: Sixteen, steps: 16}")
    assert table.rows[0].missing == [
        "cannot be measured: first_hitting takes one step per token, and a text has 64: add a column "
        "with steps: 64"
    ]


def test_a_sampler_that_does_not_fit_the_model_is_not_suggested(write) -> None:
    for experiment, sampler, reason in (
        ("smoke_uniform", "first_hitting", "with graph.type uniform: first_hitting fills masks"),
        ("smoke_absorb", "gibbs", "gibbs is for graphs without a mask"),
        ("smoke_autoregressive", "analytic", "must be ancestral with objective.type autoregres"),
        ("smoke_absorb", "ancestral", "ancestral samples from left to right"),
    ):
        table = write(sampler, experiment=experiment)
        assert statuses(table) == ["not possible"] * 2
        (line,) = table.rows[0].missing
        assert line.startswith("cannot be measured: its sampler ")
        assert reason in line


def test_infills_of_a_left_to_right_model_are_not_suggested(write) -> None:
    columns = "  standard: {label: A, task: standard}\n  infill: {label: B, task: infill}"
    table = write("", columns, "smoke_autoregressive", "mauve")
    assert statuses(table) == ["not run", "not possible"]
    assert [line.partition(":")[0] for line in table.rows[0].missing] == ["A"]


def test_the_shipped_table_of_samplers_suggests_no_impossible_steps() -> None:
    table = make_table("generative_samplers")
    rows = [row for row in table.config.rows if row.kind == "ours"]
    seen = set()
    for row, filled in zip(rows, table.rows, strict=True):
        sampler = row.sampler if isinstance(row.sampler, str) else row.sampler.sampler
        length = text_length(load_subject(row.experiment))
        for column, cell in zip(table.config.columns.values(), filled.cells, strict=True):
            is_impossible = SAMPLERS[sampler].one_step_per_token and column.steps != length
            expected = "one step per token" if is_impossible else "not run"
            assert cell.why_missing == expected, (row.label, column.label)
            seen.add(expected)
    assert len(seen) == 2
