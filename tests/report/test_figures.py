from __future__ import annotations

import time
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from helpers.fake_results import (
    finished_run,
    train_line,
    write_evaluation,
    write_generative,
    write_metrics,
)
from helpers.html_page import make_page
from PIL import Image

from sedd.config import load_experiment
from sedd.report import write_figures
from sedd.report.figure.content import loss_figure, perplexity_figure
from sedd.report.figure.steps_figure import curves, write_steps_figure
from sedd.report.page.perplexities import perplexities
from sedd.report.page.quality import quality_figures
from sedd.report.table.fill import make_table
from sedd.report.table.markdown import render_markdown
from sedd.results.generative import read_all
from sedd.results.training_log import read_metrics

FOLDER = Path("results/figures/run")


def test_every_figure_of_the_page_is_written_as_pdf_and_png() -> None:
    finished_run()
    before = dict(mpl.rcParams)
    paths = write_figures(load_experiment("run"), FOLDER)
    names = ("loss", "lr", "grad_norm", "tokens_per_second", "perplexity", "generative", "entropy")
    assert paths == [FOLDER / f"{name}.{suffix}" for name in names for suffix in ("pdf", "png")]
    assert dict(mpl.rcParams) == before
    for path in paths:
        if path.suffix == ".pdf":
            assert path.read_bytes().startswith(b"%PDF-")
            assert b"/Type3" not in path.read_bytes()  # font type that journals refuse
        else:
            pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
            assert pixels.shape[1] == 1650  # 5.5 inches at 300 dots per inch
            assert ((pixels.max(-1) - pixels.min(-1)) > 60).sum() > 500, f"{path}: no colored line"


def test_the_same_numbers_produce_identical_files() -> None:
    finished_run()
    paths = write_figures(load_experiment("run"), FOLDER)
    first = [path.read_bytes() for path in paths]
    time.sleep(1.1)  # a date in the file would differ
    assert first == [path.read_bytes() for path in write_figures(load_experiment("run"), FOLDER)]


def test_a_figure_without_numbers_is_deleted() -> None:
    FOLDER.mkdir(parents=True)
    (FOLDER / "perplexity.png").write_bytes(b"old")
    (FOLDER / "notes.txt").write_bytes(b"mine")
    assert write_figures(load_experiment("run"), FOLDER) == []
    assert [path.name for path in FOLDER.iterdir()] == ["notes.txt"]


def test_bars_of_a_perplexity_show_two_standard_errors_of_the_loss() -> None:
    write_evaluation("run", 200, "wiki", nats_per_token=4.0, standard_error=0.1)
    measured = perplexities(load_experiment("run")).evaluations
    line, reference = perplexity_figure({"run": measured}).lines
    assert line.low is not None
    assert line.high is not None
    assert [line.low[0], line.y[0], line.high[0]] == pytest.approx(np.exp([3.8, 4.0, 4.2]))
    assert reference.is_reference
    assert reference.y == pytest.approx(np.exp([6.5, 6.5]))


def test_each_of_several_runs_has_its_color() -> None:
    write_metrics("run", [train_line(20), train_line(40)])
    metrics = read_metrics(Path("results/runs/run/train/metrics.jsonl"))
    figure = loss_figure({"one": metrics, "two": metrics})
    assert [(line.run, line.color) for line in figure.lines] == [("one", 0), ("two", 1)]


SAMPLERS = """
title: Samplers
note: A note.
metric: generative_perplexity
tokenizer: gpt2
judge: a-judge
source: {paper: Someone 2024, arxiv: 2401.00001v2, table: "7", url: "https://arxiv.org/abs/2401.00001v2"}
columns:
  s8: {label: "8", steps: 8}
  s64: {label: "64", steps: 64}
rows:
  - {kind: published, label: Known, values: {s8: {value: 52.5, entropy_bits: 7}}}
  - {kind: ours, label: Ours, experiment: run}
  - {kind: ours, label: bound 0.1, experiment: run, sampler: {sampler: entropy_bound, gamma: 0.1}, curve: bound}
  - {kind: ours, label: bound 2, experiment: run, sampler: {sampler: entropy_bound, gamma: 2}, curve: bound}
"""


def test_figures_of_quality_are_drawn_against_the_network_calls_of_a_text(folder: Path) -> None:
    (folder / "config/tables/table.yaml").write_text(SAMPLERS)
    experiment = folder / "config/experiments/run.yaml"
    experiment.write_text(experiment.read_text() + "generative: {judge: a-judge}\n")
    write_generative("run", 200, 8, 40.0)
    write_generative("run", 200, 64, 20.0, convention="first_eos")
    write_generative("run", 200, 64, 30.0, sampler="entropy_bound_0.1", network_calls=21.5)
    write_generative("run", 200, 64, 33.0, sampler="entropy_bound_2", network_calls=5.5, mauve=0.5)
    write_generative("run", 200, 9, 1.0, network_calls=None)  # of texts from elsewhere
    table = make_table("table")
    found = {key: [point.calls for point in points] for key, points in curves(table).items()}
    assert found == {
        ("Known, published", True): [8],
        ("Ours", False): [6],
        ("Ours, convention first_eos", False): [48],
        ("bound", False): [5.5, 21.5],  # of two rows, in order
    }
    for path in write_steps_figure(table):
        assert path.stat().st_size > 1000
    lines = quality_figures({"run": read_all(load_experiment("run"))})[0].lines
    shown = {line.label: line.x.tolist() for line in lines}
    assert shown == {
        "analytic, float64, a-judge": [6, 48],
        "entropy_bound, float64, a-judge": [5.5, 21.5],
    }
    # one headline in figure, table (below) and page: the mean over texts
    assert lines[0].y.tolist() == pytest.approx([44.0, 22.0])
    page = make_page().everything()
    assert "44.00 ± 1.20" in page
    assert "Generative perplexity (mean over texts, ± one standard error over texts; conv" in page
    (mauve,) = quality_figures({"run": read_all(load_experiment("run"))})[2].lines
    assert (mauve.x.tolist(), mauve.y.tolist()) == ([5.5], [0.5])
    assert [point.mauve for point in curves(table)["bound", False]] == [0.5, None]
    text = render_markdown(table)
    assert "[7.93, 5.5, MAUVE 0.500]" in text
    assert "44.00 ± 1.20 [7.93, 6.0]" in text
    assert "convention every_token: all tokens of a text but the first" in text
    assert "convention first_eos: as in MDLM and Duo" in text
    _, apart = text.split("### Convention first\\_eos: compare only within this part")
    assert "| **ours** | Ours | 22.00 ± 0.60 [7.93, 48.0] |" in apart
    assert "44.00" not in apart.partition("MDLM and Duo")[0]
    assert "run: at 6 network calls, the lowest generative perplexity is 36.30" in text


def test_a_figure_of_published_numbers_alone_has_no_times(folder: Path) -> None:
    (folder / "config/tables/table.yaml").write_text(SAMPLERS)
    for path in write_steps_figure(make_table("table")):
        assert path.stat().st_size > 1000
