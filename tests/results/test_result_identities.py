"""The settings that each result depends on: pinned for every shipped experiment, and blind to everything else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from helpers.experiment_file import shipped_names
from helpers.project import ROOT
from pydantic import create_model

from sedd.config import Experiment, Identity, load_dataset, load_experiment, load_subject
from sedd.config.sections.training import Training
from sedd.results import checkpoint, tokens
from sedd.results.kinds import KINDS

PINNED = ROOT / "tests/golden/identities.json"
IDENTITIES = {
    "checkpoint": checkpoint.identity,
    **{{"sample": "samples"}.get(rule, rule): kind.identity for rule, kind in KINDS.items()},
}


def identities() -> dict[str, dict[str, Identity]]:
    """Of every shipped experiment and dataset."""
    found: dict[str, dict[str, Identity]] = {
        name: {kind: identity(load_subject(name)) for kind, identity in IDENTITIES.items()}
        for name in shipped_names("experiments")
    }
    datasets = {name: tokens.identity(load_dataset(name)) for name in shipped_names("datasets")}
    return {**found, "datasets": datasets}


def test_the_identities_of_all_shipped_experiments_are_pinned(project: Path) -> None:
    """A new key at its default must not change an identity: it would train and measure everything again.

    After an intended change: PYTHONPATH=tests python tests/results/test_result_identities.py
    """
    pinned = json.loads(PINNED.read_text())
    now = json.loads(json.dumps(identities()))
    now["datasets"] = {name: now["datasets"][name] for name in pinned["datasets"]}
    assert {name: now[name] for name in pinned} == pinned


def test_a_new_key_at_its_default_changes_no_identity(project: Path) -> None:
    old = load_experiment("tiny_absorb")
    wider = create_model("Training", __base__=Training, shiny=(float, 0.5))
    at_default = wider(**old.training.model_dump())
    changed = wider(**old.training.model_dump(), shiny=0.25)
    default, other = (
        checkpoint.identity(old.model_copy(update={"training": training}))
        for training in (at_default, changed)
    )
    assert default == checkpoint.identity(old)
    assert other == {**default, "training.shiny": 0.25}


CHANGES: list[tuple[str, set[str]]] = [
    ("description=another", set()),
    ("training.log_every=7", set()),
    ("training.lr=0.5", {"checkpoint"}),
    ("seed=2", {"checkpoint", "samples", "trace", "perplexity", "mauve", "infill"}),
    ("evaluation.seed=2", {"samples", "trace", "infill", "perplexity", "mauve"}),  # and no training
    ("sampling.count=3", {"samples"}),
    ("sampling.batch_size=3", {"samples", "mauve", "infill"}),
    ("sampling.steps=7", {"mauve", "infill"}),  # in the paths of samples and traces
    ("sampling.precision=float32", {"trace", "mauve", "infill"}),
    ("sampling.infill=['the [20]']", {"infill"}),
    ("evaluation.num_draws=7", {"perplexity"}),
    ("evaluation.datasets=[kjv]", set()),
    ("evaluation.checkpoints=last", set()),
    ("generative.steps=[7]", {"generative"}),
    ("generative.judge=another", set()),  # in the paths
    ("generative.batch_size=3", set()),
    ("mauve.tasks=[infill]", set()),
    ("mauve.references=20", {"mauve"}),
]


@pytest.mark.parametrize(("override", "expected"), CHANGES)
def test_an_edit_changes_the_identities_that_it_concerns_and_no_other(
    project: Path, override: str, expected: set[str]
) -> None:
    before = load_subject("tiny_absorb")
    after = load_subject("tiny_absorb", [override], writes=False)
    assert isinstance(after, Experiment)
    assert {
        kind for kind, identity in IDENTITIES.items() if identity(before) != identity(after)
    } == expected


if __name__ == "__main__":
    lines = (f"  {json.dumps(name)}: {json.dumps(one)}" for name, one in identities().items())
    PINNED.write_text("{\n" + ",\n".join(lines) + "\n}\n")
