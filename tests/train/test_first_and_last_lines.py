"""What a training says at its start and at its end, and only once."""

from __future__ import annotations

import contextlib
import json
import re

import pytest
import torch
from helpers.project import invoke

from sedd.checkpoints.build import parameters_of
from sedd.cli import app
from sedd.config import load_experiment
from sedd.paths import run_dir, tokens_dir, train_dir
from sedd.runtime.distributed import World
from sedd.train.recorder import Recorder
from sedd.train.step import StepResult

FEW = [
    *("data.dataset=corpus", "evaluation.datasets=[corpus]", "training.steps=4"),
    *("training.checkpoint_every=2", "training.log_every=1", "training.warmup_steps=1"),
]
TIME = r"run: about \d+:\d\d:\d\d to step 4\n"


def trained(*words: str) -> str:
    return invoke("train", "smoke_absorb", *FEW, "--name", "run", *words).stderr


def test_a_training_begins_with_its_size_and_time_and_ends_with_the_next_commands(corpus):
    said = trained("--until", "2", "--device", "cpu")
    size = parameters_of(load_experiment("smoke_absorb"), vocab_size=27)
    tokens = json.loads((tokens_dir("corpus", "text8", "train") / "meta.json").read_text())
    threads = torch.get_num_threads()
    assert (
        f"run: {size:,} parameters on cpu ({threads} threads); {tokens['num_tokens']:,} tokens of "
        f"corpus; steps 0 to 2 of 256 tokens\n" in said
    )
    assert len(re.findall(TIME.replace("step 4", "step 2"), said)) == 1
    said = trained("--device", "cpu")
    assert "run: resuming from step 2\n" in said
    assert "; steps 2 to 4 of 256 tokens\n" in said
    assert len(re.findall(TIME, said)) == 1
    last = said.splitlines()[-1]
    assert last == "run: trained; next: sedd evaluate run, sedd sample run"
    verbs = [verb.name for verb in app.registered_commands]
    assert set(re.findall(r"sedd (\w+) run", last)) <= set(verbs)


def test_a_finished_training_names_the_next_commands_without_training(corpus):
    trained("--device", "cpu")
    said = trained("--device", "cpu")
    assert "parameters" not in said
    assert said.splitlines()[-1] == "run: trained; next: sedd evaluate run, sedd sample run"


@pytest.fixture
def recorder(corpus):
    """Makes the recorder of a rank, for steps 5 to 25."""
    with contextlib.ExitStack() as stack:

        def make(rank: int = 0) -> Recorder:
            world = World(torch.device("cpu"), rank, size=2)
            experiment = load_experiment("smoke_absorb", FEW, rename="run")
            train_dir("run").mkdir(parents=True, exist_ok=True)
            return Recorder(experiment, train_dir("run"), "0", world, stack, first=5, last=25)

        yield make


RESULT = StepResult(torch.tensor(1.0), torch.tensor(1.0), 0.1)


def test_the_time_left_is_that_of_the_remaining_steps_at_the_first_rate(recorder, capsys):
    one = recorder()
    one.log_step(10, 1.0, RESULT, (5, 450.0), 256)  # 15 steps of 90 seconds are left
    one.log_step(15, 1.0, RESULT, (5, 1.0), 256)
    said = capsys.readouterr().err
    assert re.findall(r"about .*", said) == ["about 0:22:30 to step 25"]


def test_only_rank_0_speaks(recorder, capsys):
    for rank, lines in ((1, 0), (0, 1)):
        one = recorder(rank)
        one.announce(1_234_567, 89_000)
        one.log_step(10, 1.0, RESULT, (5, 1.0), 256)
        said = capsys.readouterr().err
        assert said.count("1,234,567 parameters on cpu") == lines
        assert said.count("about 0:00:03 to step 25") == lines
        assert (run_dir("run") / "train/metrics.jsonl").exists() == bool(lines)
