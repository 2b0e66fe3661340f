"""Texts longer than the model, drawn in windows."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
import torch
from helpers.exact import Data, chi_square
from helpers.untrained_run import untrained_run

from sedd.checkpoints.language_model import NetworkModel
from sedd.config import load_experiment
from sedd.data.tokenizers import load_tokenizer
from sedd.diffusion import Absorb, LogLinear
from sedd.evaluate import draw_samples, open_language_model, with_sampling
from sedd.objective import ScoreEntropy
from sedd.sampling.windows import draw_windows, window_starts

pytestmark = pytest.mark.usefixtures("project")
COUNT = 6000
FALSE_ALARM = 1e-4


@pytest.mark.parametrize("length", range(1, 40))
@pytest.mark.parametrize("overlap", [0, 1, 7])
def test_windows_cover_a_text_and_share_the_overlap(length, overlap):
    starts = window_starts(length, 8, overlap)
    assert starts[0] == 0
    assert starts[-1] == max(0, length - 8)
    for before, after in itertools.pairwise(starts):
        assert 0 < after - before <= 8 - overlap


def of_three_tokens() -> tuple[NetworkModel, Data]:
    """A model of two tokens with exact scores, asked for texts of three."""
    graph = Absorb(2)
    data = Data.random(graph, 2, seed=0)
    changes = {"length": 3, "overlap": 1, "sampler": "first_hitting"}
    words = ["data.length=2", *(f"sampling.{key}={value}" for key, value in changes.items())]
    model = NetworkModel(
        experiment=load_experiment("smoke_absorb", words, rename="exact"),
        step=0,
        tokenizer=load_tokenizer("text8"),
        device=torch.device("cpu"),
        checkpoint_sha256="",
        network=data.log_score,  # pyright: ignore[reportArgumentType]  # a function of (x, sigma)
        objective=ScoreEntropy(graph, LogLinear()),
    )
    return model, data


def chain(data: Data) -> torch.Tensor:
    """p(x1, x2) p(x3 | x2) of the 8 texts, where p is the law of the model's two tokens."""
    pair = data.probability.view(2, 2)
    following = pair / pair.sum(1, keepdim=True)
    return (pair[:, :, None] * following[None]).flatten()


def test_with_exact_scores_each_window_follows_the_law_given_the_tokens_it_keeps():
    model, data = of_three_tokens()
    generator = torch.Generator().manual_seed(0)
    x = draw_windows(model, COUNT, 3, clamp=None, generator=generator)
    counts = torch.bincount(x @ torch.tensor([4, 2, 1]), minlength=8).double()
    assert chi_square(counts, chain(data)) > FALSE_ALARM
    pair = data.probability.view(2, 2)
    independent = (pair[:, :, None] * pair.sum(0)[None, None]).flatten()
    assert chi_square(counts, independent) < FALSE_ALARM  # the control


def test_a_given_token_is_seen_by_the_windows_that_hold_it():
    """The suffix is token 3: token 2 is drawn without it, and nothing else is."""
    model, data = of_three_tokens()
    clamp = torch.tensor([0, 0, 1]), torch.tensor([False, False, True])
    x = draw_windows(model, COUNT, 3, clamp=clamp, generator=torch.Generator().manual_seed(0))
    assert bool((x[:, 2] == 1).all())
    counts = torch.bincount(x[:, :2] @ torch.tensor([2, 1]), minlength=4).double()
    assert chi_square(counts, data.probability) > FALSE_ALARM


@pytest.mark.parametrize("name", ["smoke_absorb", "smoke_uniform", "smoke_autoregressive"])
def test_a_long_text_begins_like_a_short_one_and_each_window_continues_the_last(name):
    untrained_run(name)
    model = open_language_model(load_experiment(name), device="cpu")
    short = draw_samples(model, prefix="the ", seed=3)
    long = replace(model, experiment=with_sampling(model.experiment, length=70, overlap=6))
    texts = draw_samples(long, prefix="the ", seed=3)
    assert [text["tokens"][:32] for text in texts] == [text["tokens"] for text in short]
    assert all(len(text["tokens"]) == 70 for text in texts)
    settings = texts[0]["settings"]
    assert (settings["length"], settings["window"], settings["overlap"]) == (70, 32, 6)
    assert "window" not in short[0]["settings"]

    # by hand: windows at 0, 26 and 38, from one generator
    generator = model.generator(3, "sample", 0)
    tokens, known = torch.zeros(2, 70, dtype=torch.long), torch.zeros(2, 70, dtype=torch.bool)
    tokens[:, :4], known[:, :4] = torch.tensor(model.tokenizer.encode_fragment("the ")), True
    drawing = model.drawing(32 if name == "smoke_autoregressive" else 8)
    for start in (0, 26, 38):
        part = slice(start, start + 32)
        clamp = tokens[:, part].clone(), known[:, part].clone()
        tokens[:, part] = model.draw(2, 32, drawing, clamp=clamp, generator=generator)
        known[:, part] = True
    assert [text["tokens"] for text in texts] == tokens.tolist()


def test_given_text_stays_anywhere_in_a_long_text():
    untrained_run("smoke_absorb")
    model = open_language_model(load_experiment("smoke_absorb"), device="cpu")
    long = replace(model, experiment=with_sampling(model.experiment, length=100))
    prefix = "ab" * 20  # longer than a window
    texts = draw_samples(long, prefix=prefix, suffix=" end", pieces={60: "middle"}, seed=1)
    for text in texts:
        assert text["text"].startswith(prefix)
        assert text["text"].endswith(" end")
        assert text["text"][60:66] == "middle"
        assert len(text["text"]) == 100
        assert text["settings"]["overlap"] == 8  # a quarter of 32
    assert texts[0]["text"] != texts[1]["text"]
