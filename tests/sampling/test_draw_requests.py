"""Texts of many prompts in common batches, from Python and from the command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.project import invoke
from helpers.untrained_run import untrained_run

import sedd
from sedd.config import load_experiment
from sedd.evaluate import draw_requests, draw_samples, open_run, with_sampling
from sedd.registry import SAMPLERS
from sedd.runtime.resumable import partial_folder
from sedd.sampling.batches import Part, plan_batches
from sedd.sampling.prompt import Prompt, Request
from sedd.sampling.prompt_file import to_requests

PROMPTS = [
    {"prefix": "the old ", "seed": 5},
    {"prefix": "a", "suffix": " end", "seed": 6, "count": 3},
    {"seed": 7},
    {"prefix": "the old town ", "seed": 5, "count": 2},
]
PREFIXES = [{key: value for key, value in prompt.items() if key != "suffix"} for prompt in PROMPTS]


def opened(name: str, **settings):
    """The model of an untrained run.

    Sizes of batches may change the last digits of its float32 network. That a draw of the few texts
    here lies so close to a border has a chance below 1e-3, once for all: the seeds are fixed.
    """
    untrained_run(name)
    model = open_run(load_experiment(name), device="cpu")
    return replace(model, experiment=with_sampling(model.experiment, **settings))


def with_count(model, count: int):
    return replace(model, experiment=with_sampling(model.experiment, count=count))


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("sampler", SAMPLERS.names(grouped_draws=True))
@pytest.mark.parametrize(
    "name", ["smoke_absorb", "smoke_uniform", "smoke_lambda_dce", "smoke_autoregressive"]
)
def test_prompts_give_the_texts_of_single_calls_with_the_same_seeds(name, sampler):
    left_to_right = name == "smoke_autoregressive"
    if SAMPLERS[sampler].left_to_right != left_to_right:
        return
    has_mask = name != "smoke_uniform"
    if SAMPLERS[sampler].needs_mask > has_mask or (SAMPLERS[sampler].refuses_mask and has_mask):
        return
    model = opened(name, sampler=sampler, batch_size=8)
    prompts = PREFIXES if left_to_right else PROMPTS
    requests = to_requests(prompts, model.experiment, model.tokenizer, 1, 0)
    if not left_to_right:
        assert [len(batch) for batch in plan_batches(requests, model.experiment)] == [3, 1]
    together = draw_requests(model, requests)
    assert [text["index"] for text in together] == list(range(7))
    alone = [
        text
        for prompt in prompts
        for text in draw_samples(
            with_count(model, prompt.get("count", 1)),
            prefix=prompt.get("prefix", ""),
            suffix=prompt.get("suffix", ""),
            seed=prompt["seed"],
        )
    ]
    for key in ("tokens", "text", "network_calls", "settings", "seed", "prefix_tokens"):
        assert [text[key] for text in together] == [text[key] for text in alone], key
    assert len({text["text"] for text in together}) == 7


@pytest.mark.usefixtures("project")
def test_a_request_of_several_batches_shares_them_with_others():
    model = opened("smoke_absorb", batch_size=4)
    requests = [Request(Prompt([1]), 6, 0), Request(Prompt([1, 2]), 3, 1), Request(Prompt(), 1, 2)]
    plan = plan_batches(requests, model.experiment)
    assert plan == [[Part(0, 0, 4)], [Part(0, 1, 2)], [Part(1, 0, 3)], [Part(2, 0, 1)]]
    small = [*requests[1:], Request(Prompt([3]), 1, 3)]
    # the second has no prompt: a batch of masks alone has a shortcut of its own
    assert plan_batches(small, model.experiment) == [
        [Part(0, 0, 3), Part(2, 0, 1)],
        [Part(1, 0, 1)],
    ]
    texts = draw_requests(model, requests)
    alone = draw_samples(with_count(model, 6), prefix="a", seed=0)
    assert [text["tokens"] for text in texts[:6]] == [text["tokens"] for text in alone]


@pytest.mark.usefixtures("project")
def test_templates_of_several_lengths_keep_their_text():
    untrained_run("smoke_absorb")
    model = sedd.open_model("smoke_absorb", device="cpu")
    prompts = [{"template": "the [5] of france"}, {"template": "[4]abc[]xyz", "count": 2}, "the "]
    texts = model.sample(prompts=prompts, steps=4, seed=3)
    assert [len(text) for text in texts] == [4 + 5 + 10, 32, 32, 32]
    assert (texts[0][:4], texts[0][9:]) == ("the ", " of france")
    assert all((text[4:7], text[-3:]) == ("abc", "xyz") for text in texts[1:3])
    assert texts[3] == model.sample("the ", steps=4, seed=5)[0]  # seed 3, 4, 5
    with pytest.raises(TypeError, match="leave out prefix"):
        model.sample("a", prompts=prompts)


@pytest.fixture
def sampled(project: Path) -> Path:
    untrained_run("smoke_absorb")
    lines = [json.dumps({"prefix": "ab" * (number % 5 + 1)}) for number in range(30)]
    Path("prompts.jsonl").write_text("\n".join(lines))
    return project


def lines_of(path: Path) -> list[dict]:
    """The lines of a file of samples, without when and how fast they were drawn."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        line["provenance"] = {
            key: value
            for key, value in line["provenance"].items()
            if key not in ("created", "seconds")
        }
    return lines


def test_a_killed_drawing_continues_and_writes_the_same_file(sampled):
    words = ("sample", "smoke_absorb", "--prompts", "prompts.jsonl", "--batch-size", "1")
    process = subprocess.Popen(
        [sys.executable, "-m", "sedd", *words, "--steps", "60", "--out", "texts.jsonl"],
        stderr=subprocess.PIPE,
    )
    parts = partial_folder(Path("texts.jsonl"))
    deadline = time.monotonic() + 120
    finished = 0
    while finished < 3:
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline
        finished = sum(len(file.read_text().splitlines()) for file in parts.glob("*/0.jsonl"))
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not Path("texts.jsonl").exists()
    said = invoke(*words, "--steps", "60", "--out", "texts.jsonl")
    assert said.stdout == "texts.jsonl\n"  # the texts are not printed
    assert "30 texts in " in said.stderr
    assert not parts.exists()
    invoke(*words, "--steps", "60", "--out", "whole.jsonl")
    assert lines_of(Path("texts.jsonl")) == lines_of(Path("whole.jsonl"))


def test_lines_go_to_standard_output_and_nothing_else(sampled):
    words = ("sample", "smoke_absorb", "--prompts", "prompts.jsonl", "--steps", "3")
    said = invoke(*words, "--out", "-").stdout
    invoke(*words, "--out", "texts.jsonl")
    Path("printed.jsonl").write_text(said)
    assert lines_of(Path("printed.jsonl")) == lines_of(Path("texts.jsonl"))
    assert len(said.splitlines()) == 30
