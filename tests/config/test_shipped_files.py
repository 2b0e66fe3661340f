from __future__ import annotations

from pathlib import Path

import pytest
from helpers.experiment_file import SHIPPED, shipped_names, shipped_yaml

from sedd.config import (
    check_project,
    load_cluster,
    load_dataset,
    load_experiment,
    load_project,
    load_subject,
    load_table,
    needed_tokens,
)

EXPERIMENTS = shipped_names("experiments")
BUILDS = [path for path in shipped_yaml() if path.parent == SHIPPED]


def test_every_shipped_file_is_valid(here: Path) -> None:
    assert [str(error) for error in check_project()] == []


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_shipped_experiment_has_the_name_of_its_file(here: Path, name: str) -> None:
    experiment = load_subject(name)
    assert (experiment.name, experiment.base, experiment.overrides) == (name, None, ())


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_shipped_experiment_starts_with_command_hardware_and_metric(name: str) -> None:
    lines = (SHIPPED / "experiments" / f"{name}.yaml").read_text().splitlines()
    head = "\n".join(line for line in lines if line.startswith("#"))
    assert lines[0].startswith("# ")
    for word in ("Command:", "Hardware:", "Metric:", name):
        assert word in head


@pytest.mark.parametrize("path", BUILDS, ids=lambda path: path.stem)
def test_all_files_named_in_a_build_load(here: Path, path: Path) -> None:
    project = load_project(path)
    assert load_cluster(project.cluster).num_devices >= 1
    for name in project.experiments:
        experiment = load_subject(name)
        for dataset, _, _ in needed_tokens(experiment):
            assert load_dataset(dataset).name == dataset
    for name in project.tables:
        assert load_table(name).title


@pytest.mark.parametrize("size", ["small", "medium"])
@pytest.mark.parametrize("graph", ["absorb", "uniform"])
def test_the_papers_experiments_have_the_papers_settings(here: Path, size: str, graph: str) -> None:
    """arXiv 2310.16834v3 and its code: network, optimizer and noise."""
    experiment = load_experiment(f"sedd_{size}_{graph}")
    model, training, noise = experiment.model, experiment.training, experiment.noise
    widths = {"small": (768, 12, 12), "medium": (1024, 24, 16)}
    assert (model.hidden_size, model.n_blocks, model.n_heads) == widths[size]
    assert (model.cond_dim, model.dropout) == (128, 0.1)
    assert experiment.data.length * training.batch_size == 1024 * 512
    assert (training.lr, training.beta1, training.beta2, training.eps) == (3e-4, 0.9, 0.999, 1e-8)
    assert (training.warmup_steps, training.decay_fraction) == (2500, 0)
    assert (training.grad_clip, training.ema_decay, training.time_eps) == (1, 0.9999, 1e-3)
    # micro-batches as large as on each of the paper's 8 GPUs, half as large for the medium model
    assert training.accum == {"small": 8, "medium": 16}[size]
    if graph == "absorb":
        assert (noise.type, noise.eps) == ("loglinear", 1e-3)
    else:
        assert (noise.type, noise.sigma_min, noise.sigma_max) == ("geometric", 1e-4, 20)
    assert experiment.evaluation.num_draws == 1000
    assert set(experiment.evaluation.datasets) == {
        "lambada",
        "wikitext2",
        "ptb",
        "wikitext103",
        "lm1b",
    }
