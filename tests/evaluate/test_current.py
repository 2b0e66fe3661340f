"""Which results are kept after an edit of the settings."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from sedd.config import load_experiment, load_subject
from sedd.evaluate import measure, open_language_model
from sedd.evaluate.evaluate_all import evaluate_all
from sedd.paths import evaluation_file, samples_file, tokens_dir
from sedd.runtime.distributed import World
from sedd.train import train

TEXT = """
description: A run
model: {hidden_size: 32, n_blocks: 1, n_heads: 2, cond_dim: 16, dropout: 0.0}
graph: {type: absorb}
noise: {type: loglinear}
data: {dataset: corpus, tokenizer: text8, length: 32}
training: {steps: 4, checkpoint_every: 4, batch_size: 4, warmup_steps: 1, log_every: 2, validation_sequences: 4}
sampling: {steps: 4, count: 2}
evaluation: {datasets: [corpus], num_draws: 2, batch_size: 2, max_sequences: 8}
"""
WORLD = World(torch.device("cpu"))


@pytest.fixture
def config(corpus: Path) -> Path:
    """The file of the trained experiment `mine`."""
    path = corpus / "config/experiments/mine.yaml"
    path.write_text(TEXT)
    train(load_experiment("mine"))
    return path


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def evaluated() -> list[str]:
    """The results that `sedd evaluate` makes now."""
    results: list[str] = []
    evaluate_all(load_subject("mine"), None, WORLD, lambda path, result: results.append(path.name))
    return results


def test_an_added_dataset_keeps_the_finished_batches_of_a_half_done_measurement(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    calls: list[int] = []
    run = open_language_model(load_experiment("mine"), device="cpu")
    original = type(run).negative_log_likelihood

    def counted(self, *arguments):
        calls.append(1)
        if len(calls) == 3:
            raise Killed
        return original(self, *arguments)

    monkeypatch.setattr(type(run), "negative_log_likelihood", counted)
    with pytest.raises(Killed):
        measure(run, "corpus")
    edit(config, "datasets: [corpus]", "datasets: [corpus, kjv]")
    measure(open_language_model(load_experiment("mine"), device="cpu"), "corpus")
    assert len(calls) == 3 + 2, "of four batches two were finished"
    # the control: other draws share nothing
    edit(config, "num_draws: 2", "num_draws: 3")
    measure(open_language_model(load_experiment("mine"), device="cpu"), "corpus")
    assert len(calls) == 3 + 2 + 4


def test_an_edit_of_what_no_result_depends_on_measures_nothing_again(config: Path) -> None:
    assert evaluated() == ["corpus.json"]
    assert evaluated() == []
    edit(config, "description: A run", "description: Another description")
    edit(config, "log_every: 2", "log_every: 1")
    edit(config, "sampling: {steps: 4, count: 2}", "sampling: {steps: 8, count: 3}")
    assert evaluated() == []
    edit(config, "num_draws: 2", "num_draws: 3")
    assert evaluated() == ["corpus.json"]


def test_judged_texts_are_drawn_again_only_if_their_settings_change(config: Path) -> None:
    judge = TEXT.replace("graph: {type: absorb}\nnoise: {type: loglinear}\n", "")
    judge = judge.replace("sampling: {steps: 4", "sampling: {sampler: ancestral, steps: 32")
    judge = judge.replace(", num_draws: 2", "") + "objective: {type: autoregressive}\n"
    Path("config/experiments/reader.yaml").write_text(judge)
    train(load_experiment("reader"))
    config.write_text(TEXT + "generative: {steps: [4], judge: reader}\n")
    assert evaluated() == ["corpus.json", "analytic_4.json"]
    path = samples_file("mine", 4, "analytic", 4)
    drawn = path.stat().st_mtime_ns
    edit(config, "description: A run", "description: Another description")
    edit(config, "log_every: 2", "log_every: 1")
    evaluated()
    assert path.stat().st_mtime_ns == drawn
    edit(config, "count: 2", "count: 3")
    evaluated()
    assert path.stat().st_mtime_ns != drawn


def test_a_text_of_the_papers_protocol_is_measured_on_its_own_tokens(config: Path) -> None:
    edit(config, "num_draws: 2", "num_draws: 2, protocol: paper")
    assert evaluated() == ["corpus.json"]
    text = evaluation_file("mine", 4, "corpus").read_text()
    assert '"protocol": "paper"' in text
    assert tokens_dir("corpus", "text8", "paper").is_dir()
