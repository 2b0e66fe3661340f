from __future__ import annotations

import time
from pathlib import Path

import pytest
from helpers.fake_results import train_line, validation_line, write_metrics

from sedd.errors import DataError
from sedd.results.training_log import POINTS, curve, read_metrics


def test_of_a_repeated_step_the_last_line_counts_for_each_kind() -> None:
    lines = [train_line(1, 9.0), train_line(2, 8.0), validation_line(2, 7.0), train_line(2, 6.0)]
    metrics = read_metrics(write_metrics("run", [*lines, train_line(3, 5.0)]))
    assert curve(metrics, "train", "loss_nats_per_token").values.tolist() == [
        [1, 9],
        [2, 6],
        [3, 5],
    ]
    assert curve(metrics, "validation", "loss_nats_per_token").values.tolist() == [[2, 7]]


def test_a_resumed_run_s_steps_come_in_order() -> None:
    metrics = read_metrics(
        write_metrics("run", [train_line(step) for step in (10, 20, 30, 20, 40)])
    )
    assert metrics["step"].tolist() == [10, 20, 30, 40]


def test_no_metrics_are_an_empty_curve() -> None:
    metrics = read_metrics(Path("nowhere.jsonl"))
    assert curve(metrics, "train", "lr").empty
    assert curve(read_metrics(write_metrics("run", [])), "train", "lr").empty


def test_a_line_that_is_being_written_is_left_out_and_any_other_damage_is_told() -> None:
    path = write_metrics("run", [train_line(1), train_line(2)])
    with path.open("a", encoding="utf-8") as file:
        file.write('{"step": 3, "ki')
    assert read_metrics(path)["step"].tolist() == [1, 2]
    with path.open("a", encoding="utf-8") as file:
        file.write("\n")
    with pytest.raises(DataError, match=r"metrics\.jsonl, line 3: malformed"):
        read_metrics(path)


@pytest.mark.parametrize("line", ["[1]", '{"step": 1}', '{"step": "1", "kind": "train"}', "7"])
def test_a_line_without_step_and_kind_is_malformed(line: str) -> None:
    path = write_metrics("run", [train_line(1)])
    path.write_text(f"{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match="line 1"):
        read_metrics(path)


def test_a_long_curve_is_thinned_to_means_that_keep_its_level_and_its_ends() -> None:
    count = 200_000
    path = write_metrics("run", [])
    path.write_text(
        "".join(
            f'{{"step": {n}, "kind": "train", "loss_nats_per_token": {n / count}, "lr": 0.1}}\n'
            for n in range(1, count + 1)
        ),
        encoding="utf-8",
    )
    started = time.perf_counter()
    metrics = read_metrics(path)
    thin = curve(metrics, "train", "loss_nats_per_token", "lr")
    assert time.perf_counter() - started < 20  # about 1 s: room for a busy machine
    assert len(metrics) == count
    assert len(thin) == POINTS
    assert thin["loss_nats_per_token"].mean() == pytest.approx(0.5, abs=1e-3)
    assert thin["loss_nats_per_token"].iloc[0] < 1 / POINTS
    assert thin["loss_nats_per_token"].iloc[-1] > 1 - 1 / POINTS
    assert thin["step"].is_monotonic_increasing
    assert (thin["lr"] - 0.1).abs().max() < 1e-12
