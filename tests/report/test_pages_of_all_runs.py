"""The index page and the comparison page, for runs in every state."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.fake_results import (
    finished_run,
    train_line,
    write_evaluation,
    write_metrics,
    write_samples,
)
from helpers.html_page import Page
from helpers.project import invoke

from sedd.config import load_experiment, write_resolved
from sedd.paths import perplexity_log, run_dir
from sedd.report import write_comparison, write_index_page, write_report
from sedd.report.page.compare_page import differences
from sedd.results import infill

OUT = Path("results/reports/index.html")


def front(*names: str, tables: tuple[str, ...] = ("table",)) -> Page:
    return Page(write_index_page(names, tables, OUT))


def test_the_index_shows_the_state_of_each_run() -> None:
    finished_run()
    begun = load_experiment("run", ["seed=2"], rename="begun")
    write_resolved(begun, run_dir("begun") / "config.yaml")
    write_metrics("begun", [train_line(60)])
    text = front("run", "begun", "tiny_absorb").everything()
    assert "finished 200 of 200 3.000" in text
    assert "not finished 60 of 200 –" in text
    assert "not started 0 of 1,400 – not measured" in text


def test_the_index_links_only_to_existing_pages() -> None:
    assert "run.html" not in [link["href"] for link in front("run").named("a")]
    write_report(load_experiment("run"), Path("results/reports/run.html"))
    assert "run.html" in [link["href"] for link in front("run").named("a")]


def test_the_index_shows_failed_measurements_and_broken_runs_beside_the_others() -> None:
    log = perplexity_log("run", 200, "wiki")
    log.parent.mkdir(parents=True)
    log.write_text("sedd: no such text\n")
    write_metrics("tiny_absorb", [{"step": 1}])
    page = front("run", "tiny_absorb", "missing")
    problems = page.words["span"]
    assert any("1 measurement failed" in problem for problem in problems)
    assert any("metrics.jsonl, line 1: malformed" in problem for problem in problems)
    assert any("read: config/experiments/missing.yaml" in problem for problem in problems)


def test_the_index_shows_the_newest_number() -> None:
    write_evaluation("run", 100, "wiki", nats_per_token=5.0, perplexity=148.4)
    write_evaluation("run", 200, "wiki", nats_per_token=4.0, perplexity=54.6)
    cells = front("run").words["td"]
    assert "≤ 54.6" in cells
    assert "≤ 148.4" not in cells


def test_tables_show_published_ours_and_the_difference() -> None:
    write_evaluation("run", 200, "wiki")
    text = front("run").everything()
    assert "Ours Wiki 52.50 ≤ 54.60 ± 0.55 +2.10 +4.0% matches" in text
    assert "run at step 200" in text


def test_the_index_begins_with_a_score_a_curve_and_a_text_of_each_run() -> None:
    finished_run(f"first {'x' * 300}", "second")
    page = front("run", "tiny_absorb")
    text = page.everything()
    runs = text.rpartition("Numbers of all runs")[0]
    assert "≤ 2.000 ± 0.005 bits per character on wiki; token frequencies alone: 4.250" in runs
    assert "Validation loss: 3.50 to 3.00 nats per token in 200 steps" in runs
    assert [line["points"] for line in page.named("polyline")] == ["0.0,0.0 240.0,56.0"]
    assert f"first {'x' * 234} …" in runs
    assert "second" not in runs
    assert "not started, not measured" in runs
    infills = Path(infill.file_of(load_experiment("run")))
    write_samples("run", 200, "before and after").rename(infills)
    assert "before and after" in front("run").everything()


def test_tables_without_a_measured_number_are_folded_at_the_end() -> None:
    write_evaluation("run", 200, "wiki")
    text = front("run", tables=("text8", "table")).everything()
    first, rest = text.split("Tables without a number measured here")
    assert "Ours ≤ 54.60 ± 0.55" in first
    assert "Nothing in this table was measured yet" in rest


def test_an_empty_index_says_so() -> None:
    text = front(tables=()).everything()
    assert "No runs yet" in text
    assert "No tables" in text


def test_the_comparison_lists_only_different_settings() -> None:
    run = load_experiment("run")
    other = load_experiment("run", ["training.lr=0.5", "graph.type=uniform"], rename="other")
    by_key = {line.key: line.values for line in differences([run, other])}
    assert by_key == {"training.lr": ["0.002", "0.5"], "graph.type": ["absorb", "uniform"]}
    assert differences([run, run]) == []


def test_runs_that_have_not_started_can_be_compared() -> None:
    page = Page(write_comparison([load_experiment("run")], Path("compare.html")))
    text = page.everything()
    assert "have the same settings" in text
    assert "not measured" in text
    assert "none of these runs has logged a training step" in text


def test_each_verb_prints_the_file_that_it_wrote(folder: Path) -> None:
    finished_run()
    write_resolved(load_experiment("run"), run_dir("run") / "config.yaml")
    for words, path in (
        (["report", "run"], "results/reports/run.html"),
        (["compare"], "results/reports/compare.html"),
        (["overview", "--table", "table"], "results/reports/index.html"),
    ):
        assert invoke(*words).stdout.strip() == path
        assert (folder / path).is_file()
    paths = invoke("figures", "run").stdout.split()
    assert "results/figures/run/loss.pdf" in paths


@pytest.mark.parametrize("name", ["index", "compare"])
def test_a_run_cannot_have_the_name_of_a_page_of_all_runs(folder: Path, name: str) -> None:
    text = (folder / "config/experiments/run.yaml").read_text("utf-8")
    (folder / f"config/experiments/{name}.yaml").write_text(text, "utf-8")
    result = invoke("report", name, check=False)
    assert result.returncode == 2
    assert "page of all runs" in result.stderr


def test_compare_without_runs_is_an_error(folder: Path) -> None:
    result = invoke("compare", check=False)
    assert result.returncode == 2
    assert "no runs yet" in result.stderr
