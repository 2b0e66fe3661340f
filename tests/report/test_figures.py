from __future__ import annotations

import time
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from helpers.fake_results import finished_run, train_line, write_evaluation, write_metrics
from PIL import Image

from sedd.config import load_experiment
from sedd.report import write_figures
from sedd.report.figure.content import loss_figure, perplexity_figure
from sedd.report.page.perplexities import perplexities
from sedd.results.metrics import read_metrics

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
