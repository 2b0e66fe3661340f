"""What `make publish` copies for git, and what it says of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.fake_results import finished_run
from helpers.hostile import HOSTILE

from sedd.config import load_experiment
from sedd.errors import DataError
from sedd.report import make_table, write_report, write_table
from sedd.report.publish import publish

BUILD = Path("config/mine.yaml")


@pytest.fixture(autouse=True)
def build(folder: Path) -> None:
    BUILD.write_text("experiments: [run]\ntables: [table]\n")


def test_tables_numbers_and_first_texts_are_published_with_their_origin() -> None:
    finished_run(*(f"text {number}" for number in range(9)))
    write_report(load_experiment("run"), Path("results/reports/run.html"))
    write_table(make_table("table"))
    (left := Path("results/published/mine/gone.md")).parent.mkdir(parents=True)
    left.touch()
    folder = publish(BUILD)
    assert folder == left.parent
    tables = {f"table.{form}" for form in ("md", "csv", "tex")}
    names = {path.name for path in folder.iterdir()}
    assert names == {*tables, "run.json", "README.md", "samples.md"}
    for name in tables:
        assert (folder / name).read_bytes() == Path("results/tables", name).read_bytes()
    said = (folder / "README.md").read_text()
    assert "| `run` | kjv | ≤ 2.000 ± 0.005 | ≤ 148.41 ± 1.48 |" in said
    assert "`make publish CONFIG=config/mine.yaml`" in said
    assert "cpu (1 threads)" in said
    texts = (folder / "samples.md").read_text()
    assert "text 4" in texts
    assert "text 5" not in texts


def test_a_text_cannot_leave_its_block() -> None:
    finished_run("```\n# not a heading\n", *HOSTILE[:3])
    write_report(load_experiment("run"), Path("results/reports/run.html"))
    write_table(make_table("table"))
    said = (publish(BUILD) / "samples.md").read_text()
    assert "````text\n```\n# not a heading\n````" in said
    assert "\x1b" not in said


def test_what_is_not_built_is_named_and_nothing_is_published() -> None:
    with pytest.raises(DataError) as caught:
        publish(BUILD)
    for name in ("tables/table.md", "tables/table.csv", "tables/table.tex", "reports/run.json"):
        assert f"results/{name}" in str(caught.value)
    assert not Path("results/published").exists()
