"""Texts in alphabets of their own, packed or one document a sequence: from training to samples."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import torch
from helpers.untrained_run import untrained_run

import sedd
from sedd.checkpoints.load_model import LoadedModel
from sedd.config import load_experiment, needed_tokens
from sedd.data.padded import PaddedBlocks
from sedd.data.tokenize import tokenize_needed
from sedd.data.tokenizers import load_tokenizer
from sedd.evaluate import draw_samples, measure, open_language_model
from sedd.objective import Drawing
from sedd.paths import metrics_file, tokens_dir
from sedd.train import train

CHINESE = "天地玄黃宇宙洪荒日月盈昃辰宿列張寒來暑往秋收冬藏閏餘成歲律呂調陽"
KINDS = {
    "dna": ("chars: ACGT", lambda draws: "".join(draws.choices("ACGT", k=draws.randint(1, 40)))),
    "chinese": (
        "train: char\nsize: 300\ndataset: mine",
        lambda draws: "".join(draws.choices(CHINESE, k=draws.randint(1, 20))),
    ),
    "integers": (
        "ids: 388",
        lambda draws: " ".join(str(draws.randrange(388)) for _ in range(draws.randint(1, 40))),
    ),
}
CASES = [
    ("dna", "smoke_absorb", "padded"),
    ("dna", "smoke_d3pm_uniform", "padded"),
    ("chinese", "smoke_lambda_dce", "packed"),
    ("integers", "smoke_uniform", "padded"),
    ("integers", "smoke_autoregressive", "padded"),
]


@pytest.mark.parametrize(("kind", "base", "blocks"), CASES)
def test_it_trains_is_measured_and_samples(project: Path, kind: str, base: str, blocks: str):
    tokenizer_text, write = KINDS[kind]
    draws = random.Random(0)
    texts = [write(draws) for _ in range(300)]
    Path("mine.txt").write_text("\n".join(texts))
    Path("config/datasets/mine.yaml").write_text(
        "description: for a test\nlicence: none\nsource: {type: file, files: {all: mine.txt}}\n"
        "format: {type: text, document: line}\nsplits: {type: hash, validation: 0.2, test: 0.2}\n"
    )
    Path("config/tokenizers/mine.yaml").write_text(f"description: for a test\n{tokenizer_text}\n")
    changes = [
        "data.dataset=mine", "data.tokenizer=mine", "data.length=16", f"data.blocks={blocks}",
        "evaluation.datasets=[mine]", "evaluation.max_sequences=40", "mauve.tasks=[]",
        "generative.steps=[]", "training.steps=8", "training.checkpoint_every=8",
        "training.validate_every=4", "training.log_every=1", "training.warmup_steps=1",
    ]  # fmt: skip
    experiment = load_experiment(base, changes, rename="own")
    tokenize_needed(needed_tokens(experiment))
    train(experiment)
    lines = list(map(json.loads, metrics_file("own").read_text().splitlines()))
    losses = [one["loss_nats_per_token"] for one in lines if one["kind"] == "train"]
    size = load_tokenizer("mine").vocab_size
    assert 0.3 * torch.tensor(size).log() < losses[0] < 20 * torch.tensor(size).log()

    run = open_language_model(experiment, device="cpu")
    result = measure(run, "mine")
    tokens = PaddedBlocks(tokens_dir("mine", "mine", "test"), 16)
    sequences = tokens[range(len(tokens))]
    own = int((sequences != tokens.pad).sum())
    assert own == tokens.meta["num_tokens"] - tokens.meta["num_documents"]
    if blocks == "padded":
        assert result.num_sequences == min(40, len(tokens))
        assert result.num_tokens <= own
        # a short text by itself is measured as with its padding
        short = sequences[(sequences != tokens.pad).sum(1) == 5][:1]
        values = [
            run.negative_log_likelihood(x0, torch.Generator().manual_seed(3))
            for x0 in (short, short[:, :5])
        ]
        torch.testing.assert_close(*values)
    (text, *_) = draw_samples(run, seed=1)
    assert len(text["tokens"]) == 16

    changed = experiment.model_copy(
        update={"sampling": experiment.sampling.model_copy(update={"length": 7})}
    )
    short_texts = draw_samples(open_language_model(changed, device="cpu"), seed=1)
    assert {len(one["tokens"]) for one in short_texts} == {7}


def test_sample_text_pads_a_short_text_of_a_padded_run_as_the_verb_does(project: Path):
    text = "description: for a test\nchars: ACGT\n"
    Path("config/tokenizers/mine.yaml").write_text(text)
    changes = ["data.tokenizer=mine", "data.blocks=padded", "mauve.tasks=[]"]
    untrained_run("smoke_absorb", rename="own", overrides=changes)
    experiment = load_experiment("smoke_absorb", changes, rename="own")
    run = open_language_model(experiment, device="cpu")
    draws = torch.Generator().manual_seed(0)
    tokens = run.draw(3, 7, Drawing("analytic", 4), clamp=None, generator=draws)
    loaded = sedd.load_model("own", "cpu")
    texts = sedd.sample_text(loaded, count=3, length=7, steps=4)
    assert texts == [run.tokenizer.decode(row) for row in tokens.tolist()]
    unpadded = LoadedModel(tuple(loaded), "mine", 7)
    assert texts != sedd.sample_text(unpadded, count=3, steps=4)
