"""What was measured before a run was trained anew is left out everywhere, and said."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.fake_results import (
    PROVENANCE,
    finished_run,
    start_line,
    train_line,
    write_generative,
    write_metrics,
    write_samples,
)
from helpers.html_page import Page, make_page

from sedd.config import draw_settings, load_experiment
from sedd.errors import DataError
from sedd.evaluate.grid import check_drawn
from sedd.paths import checkpoint_file, run_dir, trace_stem
from sedd.report import make_table, render_text
from sedd.report.page.perplexities import perplexities
from sedd.report.table.csv_table import render_csv
from sedd.results.generative import read_all as read_all_generative
from sedd.results.mauve import read_all as read_all_mauve
from sedd.results.weights import earlier_files, is_earlier
from sedd.runtime.publish import hash_file

SAID = "measured on earlier weights"
OTHER = "a" * 64


def record(run: str, step: int, sha256: str) -> None:
    path = hash_file(checkpoint_file(run, step))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{sha256}  step_{step}.pt\n")


def trained(sha256_of_200: str) -> None:
    """A finished run with every kind of result of both checkpoints; weights of 100 are the same."""
    finished_run()
    write_samples("run", 200, "a sample", provenance=PROVENANCE)
    trace = trace_stem("run", 200, "analytic", 64).with_suffix(".json")
    trace.write_text(trace.read_text().replace("{}", '{"checkpoint_sha256": "%s"}' % ("d" * 64)))
    record("run", 100, PROVENANCE["checkpoint_sha256"])
    record("run", 200, sha256_of_200)


def show() -> tuple[str, str, Page]:
    table = make_table("table")
    return render_text(table), render_csv(table), make_page()


def test_results_of_the_present_weights_are_shown() -> None:
    trained(PROVENANCE["checkpoint_sha256"])
    text, lines, page = show()
    assert SAID not in text + lines + page.everything().lower()
    assert "<= 54.60" in text
    assert earlier_files("run") == set()


def test_results_of_earlier_weights_are_left_out_and_said() -> None:
    trained(OTHER)
    text, lines, page = show()
    assert "<= 54.60" not in text
    assert text.count(SAID) == 3  # two cells and the legend
    assert "earlier weights" in lines.splitlines()[1]
    assert "403.43" in text, "a baseline does not depend on weights"
    experiment = load_experiment("run")
    assert {key[1] for key in perplexities(experiment).cells} == {100}
    assert {one.step for one in read_all_generative(experiment)} == {100}
    assert read_all_mauve(experiment) == []
    note = page.everything()
    assert "Measured on earlier weights" in note
    left_out = earlier_files("run")
    assert len(left_out) == 7
    assert {path.parts[4] for path in left_out} == {"step_200"}
    assert all(str(path) in note for path in left_out)
    assert "script>alert(3)" not in note, "the trace is left out"


def test_results_stay_where_there_is_no_checkpoint_to_compare_with() -> None:
    trained(PROVENANCE["checkpoint_sha256"])
    for path in run_dir("run").glob("checkpoints/*"):
        path.unlink()
    assert SAID not in show()[0]


def test_results_beyond_a_training_that_began_anew_are_of_earlier_weights() -> None:
    trained(OTHER)
    for path in run_dir("run").glob("checkpoints/*"):
        path.unlink()
    write_metrics("run", [start_line(0), train_line(150)])
    assert [is_earlier("run", step, "d" * 64) for step in (100, 200)] == [False, True]


def test_a_judge_that_was_trained_anew_judges_no_longer() -> None:
    trained(PROVENANCE["checkpoint_sha256"])
    experiment = load_experiment("run")
    for step in (16, 64):
        write_generative("run", 200, step, 10.0, judge_sha256=OTHER)
    record("a-judge", 60, OTHER)
    assert {one.step for one in read_all_generative(experiment)} == {200}
    record("a-judge", 60, "b" * 64)
    assert read_all_generative(experiment) == []


def test_texts_of_earlier_weights_are_not_judged() -> None:
    path = Path("config/experiments/run.yaml")
    path.write_text(path.read_text() + "generative: {steps: [64], judge: a-judge}\n")
    experiment = load_experiment("run")
    assert draw_settings(experiment) == [("analytic", 64, "float64")]
    trained(PROVENANCE["checkpoint_sha256"])
    check_drawn(experiment, 200)
    record("run", 200, OTHER)
    with pytest.raises(DataError, match=r"are of earlier weights; draw them:\n  sedd sample run "):
        check_drawn(experiment, 200)
