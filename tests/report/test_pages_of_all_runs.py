"""The front page and the comparison: what they say of runs in each state."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.fake_results import finished_run, train_line, write_evaluation, write_metrics
from helpers.html_page import Page
from helpers.project import command

from sedd.config import load_experiment, write_resolved
from sedd.paths import perplexity_log, run_dir
from sedd.report import write_comparison, write_front_page, write_report
from sedd.report.page.compare_page import differences

OUT = Path("results/reports/index.html")


def front(*names: str, tables: tuple[str, ...] = ("table",)) -> Page:
    return Page(write_front_page(names, tables, OUT))


def test_runs_in_each_state_are_told_apart() -> None:
    finished_run()
    begun = load_experiment("run", ["seed=2"], rename="begun")
    write_resolved(begun, run_dir("begun") / "config.yaml")
    write_metrics("begun", [train_line(60)])
    text = front("run", "begun", "tiny_absorb").everything()
    assert "finished 200 of 200 3.000" in text
    assert "not finished 60 of 200 –" in text
    assert "not started 0 of 1,400 – not measured" in text


def test_only_pages_that_are_there_are_led_to() -> None:
    assert "run.html" not in [link["href"] for link in front("run").named("a")]
    write_report(load_experiment("run"), Path("results/reports/run.html"))
    assert "run.html" in [link["href"] for link in front("run").named("a")]


def test_a_failed_measurement_and_a_broken_run_are_told_and_stop_no_other() -> None:
    log = perplexity_log("run", 200, "wiki")
    log.parent.mkdir(parents=True)
    log.write_text("sedd: no such text\n")
    write_metrics("tiny_absorb", [{"step": 1}])
    page = front("run", "tiny_absorb", "missing")
    told = page.words["span"]
    assert any("1 measurements failed" in said or "1 measurement failed" in said for said in told)
    assert any("metrics.jsonl, line 1: malformed" in said for said in told)
    assert any("there is no such experiment" in said for said in told)


def test_the_newest_number_counts() -> None:
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


def test_nothing_at_all_is_told() -> None:
    text = front(tables=()).everything()
    assert "No runs yet" in text
    assert "No tables" in text


def test_the_comparison_has_the_settings_that_differ_and_no_other() -> None:
    run = load_experiment("run")
    other = load_experiment("run", ["training.lr=0.5", "graph.type=uniform"], rename="other")
    found = {line.key: line.values for line in differences([run, other])}
    assert found == {"training.lr": ["0.002", "0.5"], "graph.type": ["absorb", "uniform"]}
    assert differences([run, run]) == []


def test_runs_that_have_not_begun_can_be_compared() -> None:
    page = Page(write_comparison([load_experiment("run")], Path("compare.html")))
    text = page.everything()
    assert "have the same settings" in text
    assert "not measured" in text
    assert "none of these runs has logged a step" in text


def test_the_verbs_write_where_they_say(folder: Path) -> None:
    finished_run()
    write_resolved(load_experiment("run"), run_dir("run") / "config.yaml")
    for words, path in (
        (["report", "run"], "results/reports/run.html"),
        (["compare"], "results/reports/compare.html"),
        (["overview", "--table", "table"], "results/reports/index.html"),
    ):
        assert command(folder, "sedd", *words).stdout.strip() == path
        assert (folder / path).is_file()
    drawn = command(folder, "sedd", "figures", "run").stdout.split()
    assert "results/figures/run/loss.pdf" in drawn


@pytest.mark.parametrize("name", ["index", "compare"])
def test_a_run_may_not_take_the_name_of_another_page(folder: Path, name: str) -> None:
    text = (folder / "config/experiments/run.yaml").read_text("utf-8")
    (folder / f"config/experiments/{name}.yaml").write_text(text, "utf-8")
    result = command(folder, "sedd", "report", name, check=False)
    assert result.returncode == 2
    assert "page of all runs" in result.stderr


def test_without_any_run_there_is_nothing_to_compare(folder: Path) -> None:
    result = command(folder, "sedd", "compare", check=False)
    assert result.returncode == 2
    assert "there is no run yet" in result.stderr
