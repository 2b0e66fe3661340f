"""A build with a sweep, and with a run of `sedd train --name`."""

from __future__ import annotations

from pathlib import Path

from helpers.project import planned

from sedd.config import load_experiment, write_resolved
from sedd.workflow import Build
from sedd.workflow.dvc import dvc_yaml

SWEEP = """\
description: for a test
base: smoke_absorb
grid: {training.lr: [0.001, 0.002]}
seeds: [1, 2]
"""
MINE = "experiments: [gentle]\nsweeps: [s]\ntables: [text8]\n"


def test_runs_of_sweeps_and_of_the_command_line_are_built(project: Path) -> None:
    Path("config/sweeps/s.yaml").write_text(SWEEP)
    gentle = load_experiment("smoke_absorb", ["training.lr=0.001"], rename="gentle")
    write_resolved(gentle, Path("results/runs/gentle/config.yaml"))
    Path("config/mine.yaml").write_text(MINE)
    build = Build(Path("config/mine.yaml"))
    runs = [member.name for member in build.sweeps["s"].members()]
    assert [*build.experiments] == ["gentle", *runs]
    assert build.compared == ["gentle"]
    [sweep] = build.jobs("sweep")
    assert sweep.outputs[0] == "results/reports/sweeps/s.html"
    assert {Path(path).parts[2] for path in sweep.inputs} == set(runs)
    # tables have no row for these runs of the sweep
    assert not [path for path in build.jobs("table")[0].inputs if "/s-" in path]
    jobs = planned(project, "--configfile", "config/mine.yaml")
    assert (jobs["train"], jobs["report"], jobs["sweep"]) == (2 * 5 + 2, 5, 1)  # and the judge
    only = ["--config", "sweeps=[s]", "--configfile", "config/config.yaml"]
    jobs = planned(project, *only, "--", *Build(sweeps=["s"]).sweep_targets())
    assert (jobs["train"], jobs["report"], jobs["sweep"]) == (2 * 4 + 2, 4, 1)


def test_dvc_has_the_stages_of_a_sweep(project: Path) -> None:
    Path("config/sweeps/s.yaml").write_text(SWEEP)
    Path("config/mine.yaml").write_text("sweeps: [s]\n")
    text = dvc_yaml(Path("config/mine.yaml"))
    stage = text.split("train-s-lr_0_001-seed_2:")[1].split("\n  train-")[0]
    assert "--config 'experiments=[s-lr_0.001-seed_2]' 'sweeps=[]'" in stage
    assert "config/sweeps/s.yaml: [base, grid, seeds]" in stage
    assert "config/experiments/smoke_absorb.yaml: [seed," in stage
    assert "results/reports/sweeps/s.html" in text.split("sweep-s:")[1]
