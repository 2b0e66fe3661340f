"""A run's curves as CSV: what the trainer logged, for those who have not trained it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from helpers.fake_results import train_line, validation_line, write_lines, write_metrics

from sedd.config import Experiment, load_experiment, run_identity
from sedd.errors import DataError
from sedd.paths import curves_dir, metrics_file, train_dir
from sedd.report import write_curves
from sedd.results.curves import run_metrics
from sedd.results.training_log import curve, read_metrics

KEPT = ("loss_nats_per_token", "lr", "seconds")


def train_run(lr: float = 0.002) -> Experiment:
    """What the trainer leaves for the experiment `run`, learnt at `lr`."""
    path = Path("config/experiments/run.yaml")
    path.write_text(path.read_text().replace("lr: 0.002", f"lr: {lr}"))
    experiment = load_experiment("run")
    start = {"step": 0, "kind": "start", "device": "cpu", "world_size": 1, "created": "now"}
    lines = [start, *(train_line(step, loss=5 - step / 100) for step in (20, 40, 60))]
    write_metrics("run", [*lines, validation_line(60, loss=1 / 3)])
    settings = run_identity(experiment, "f" * 64)
    write_lines(train_dir("run") / "identity.json", [{"identity": "e", "settings": settings}])
    return experiment


def test_each_kind_of_line_has_a_file_with_its_own_columns():
    files = write_curves(train_run())
    assert [path.name for path in files] == ["train.csv", "validation.csv", "start.csv"]
    train, validation, start = map(pd.read_csv, files)
    assert train["step"].tolist() == [20, 40, 60]
    assert set(train.columns) == set(train_line(1)) - {"kind"}
    assert set(validation.columns) == set(validation_line(1)) - {"kind"}
    assert validation["loss_nats_per_token"].tolist() == [1 / 3]
    assert start.to_dict("records") == [
        {"step": 0, "device": "cpu", "world_size": 1, "created": "now"}
    ]


def test_without_the_trainer_s_folder_the_curves_are_what_it_logged():
    experiment = train_run()
    write_curves(experiment)
    logged = read_metrics(metrics_file("run"))
    shutil.rmtree(train_dir("run"))
    read = run_metrics(experiment)
    pd.testing.assert_frame_equal(curve(read, "train", *KEPT), curve(logged, "train", *KEPT))
    pd.testing.assert_frame_equal(
        curve(read, "validation", "loss_nats_per_token", "standard_error"),
        curve(logged, "validation", "loss_nats_per_token", "standard_error"),
    )


def test_a_trainer_s_folder_of_other_settings_is_not_taken_for_the_run_s():
    wanted = train_run()
    write_curves(wanted)
    there = json.loads((train_dir("run") / "identity.json").read_text())
    there["settings"]["training.lr"] = 0.5
    write_lines(train_dir("run") / "identity.json", [there])
    write_metrics("run", [train_line(20, loss=9.0)])
    assert curve(run_metrics(wanted), "train", "loss_nats_per_token").values.tolist() == [
        [20, 4.8],
        [40, 4.6],
        [60, 4.4],
    ]
    with pytest.raises(DataError, match=r"no metrics of a run with these settings.*sedd train run"):
        write_curves(wanted)


def test_a_run_that_trains_is_read_as_it_logs_though_older_curves_are_there():
    experiment = train_run()
    write_curves(experiment)
    write_metrics("run", [train_line(step) for step in (20, 40, 60, 80)])
    assert run_metrics(experiment)["step"].tolist() == [20, 40, 60, 80]


def test_curves_of_a_run_that_was_not_trained_here_are_refused_with_the_way_out():
    with pytest.raises(DataError, match=r"metrics\.jsonl.*sedd train run"):
        write_curves(load_experiment("run"))


def test_malformed_curves_are_named():
    experiment = train_run()
    write_curves(experiment)
    shutil.rmtree(train_dir("run"))
    (curves_dir("run") / "validation.csv").write_text("loss_nats_per_token\n1.0\n")
    with pytest.raises(DataError, match=r"curves/validation\.csv: malformed"):
        run_metrics(experiment)
