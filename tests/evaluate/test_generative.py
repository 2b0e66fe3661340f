"""Generative perplexity by judges whose opinion is known, and what is refused."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.causal_model import LETTERS, causal_model
from helpers.corpus import WORDS
from helpers.project import command

from sedd.config import load_experiment
from sedd.data.tokenizers import load_tokenizer
from sedd.errors import CheckpointError, DataError
from sedd.evaluate import draw_samples, open_run, with_sampling, write_samples
from sedd.evaluate.generative import entropy, judge_texts, read_drawn
from sedd.evaluate.judge import open_judge
from sedd.paths import generative_file, grid_file, samples_file
from sedd.train import train

LAW = torch.log_softmax(torch.linspace(2, -3, len(LETTERS)), 0).tolist()
CPU = torch.device("cpu")


@pytest.fixture
def known(project):
    """A judge whose next token has the law LAW, whatever came before."""
    pytest.importorskip("transformers")
    causal_model(project / "models/known", LAW)
    return open_judge("models/known", CPU)


def test_both_conventions_are_what_a_known_law_makes_of_them(known):
    texts = ["the old town", "lies", "on its bank and"]
    tokens = known.tokenizer.encode_batch(texts)
    said = judge_texts(known, texts, tokens, known.tokenizer, batch_size=2)
    nats = [-sum(LAW[token] for token in text[1:]) for text in tokens]
    counts = [len(text) - 1 for text in tokens]
    means = [math.exp(s / n) for s, n in zip(nats, counts, strict=True)]
    assert said.mean_sequence_perplexity == pytest.approx(np.mean(means), rel=1e-5)
    assert said.corpus_perplexity == pytest.approx(math.exp(sum(nats) / sum(counts)), rel=1e-5)
    wanted = np.std(means, ddof=1) / math.sqrt(3)
    assert said.mean_sequence_perplexity_standard_error == pytest.approx(wanted, rel=1e-4)
    assert (said.num_tokens, said.retokenized) == (sum(counts), False)
    assert said.entropy_nats == pytest.approx(np.mean([entropy(text) for text in tokens]))


def test_the_entropy_is_that_of_a_texts_own_frequencies():
    assert entropy([5, 5, 5]) == 0
    assert entropy([1, 2, 3, 4]) == pytest.approx(math.log(4))
    assert entropy([1, 1, 2, 2, 2, 2]) == pytest.approx(math.log(3) - 2 / 3 * math.log(2))


def test_texts_of_another_vocabulary_are_read_anew(known):
    text8 = load_tokenizer("text8")
    texts = ["the old town", "lies on its bank"]
    anew = judge_texts(known, texts, text8.encode_batch(texts), text8, batch_size=2)
    own = judge_texts(known, texts, known.tokenizer.encode_batch(texts), known.tokenizer, 2)
    assert anew.retokenized is True
    assert anew.corpus_perplexity == own.corpus_perplexity


def test_a_text_longer_than_the_judge_reads_is_scored_in_pieces(known):
    tokens = [[1, 2, 3, 4] * 20]  # 80 tokens; the judge reads 32: pieces of 32, 32 and 16
    said = judge_texts(known, ["x"], tokens, known.tokenizer, batch_size=8)
    assert said.num_tokens == 77


def test_how_texts_are_batched_changes_nothing(project):
    pytest.importorskip("transformers")
    causal_model(project / "models/random")
    judge = open_judge("models/random", CPU)
    texts = [" ".join(WORDS[i:])[: 5 + 3 * i] for i in range(8)]
    tokens = judge.tokenizer.encode_batch(texts)
    one, many = (judge_texts(judge, texts, tokens, judge.tokenizer, size) for size in (1, 5))
    assert one.corpus_perplexity == pytest.approx(many.corpus_perplexity, rel=1e-6)


def test_texts_too_short_to_score_are_counted_and_none_is_an_error(known):
    said = judge_texts(known, ["a", "the"], [[1], [20, 8, 5]], known.tokenizer, 2)
    assert (said.num_sequences, said.num_too_short) == (1, 1)
    with pytest.raises(DataError, match="no text has two tokens"):
        judge_texts(known, ["a"], [[1]], known.tokenizer, 2)


def test_a_judge_that_cannot_judge_is_told(project):
    with pytest.raises(CheckpointError, match="a judge must be causal"):
        open_judge("smoke_absorb", CPU)
    with pytest.raises(CheckpointError, match="is not a model"):
        open_judge("models/nowhere", CPU)


def test_an_empty_file_of_samples_is_told_with_the_way_out(tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(DataError, match=r"holds no sample; draw it again: sedd sample"):
        read_drawn(tmp_path / "empty.jsonl")
    (tmp_path / "other.jsonl").write_text('{"text": "x"}\n')
    with pytest.raises(DataError, match="tokens: Field required"):
        read_drawn(tmp_path / "other.jsonl")


@pytest.fixture
def judged(corpus):
    """A diffusion with texts drawn in two ways, and an autoregressive run that judges them."""
    overrides = ["data.dataset=corpus", "evaluation.datasets=[corpus]", "mauve.tasks=[]"]
    longer = ["training.steps=120", "training.checkpoint_every=120"]
    judge = load_experiment("smoke_autoregressive", [*overrides, *longer], rename="judge")
    train(judge)
    grid = [
        "generative.judge=judge",
        "generative.steps=[4]",
        "generative.precisions=[float64,float32]",
    ]
    run = load_experiment("smoke_absorb", [*overrides, *grid, "sampling.count=4"], rename="drawn")
    train(run)
    return run


def test_real_text_is_likelier_than_its_letters_in_another_order(judged):
    judge = open_judge("judge", CPU)
    rng = np.random.default_rng(0)
    real = [line[:32] for line in Path("corpus.txt").read_text().splitlines()[:40]]
    shuffled = ["".join(rng.permutation(list(text))) for text in real]
    text8 = load_tokenizer("text8")
    found = [
        judge_texts(judge, texts, text8.encode_batch(texts), text8, 8).corpus_perplexity
        for texts in (real, shuffled)
    ]
    # frequencies are the same: what differs is all that the judge has learnt of order
    assert found[0] < 0.8 * found[1]


def test_the_verb_judges_every_way_of_drawing_once(judged):
    here = Path.cwd()
    refused = command(here, "sedd", "generative", "drawn", check=False)
    assert refused.returncode == 2
    assert (
        "sedd sample drawn --step 60 --sampler analytic --steps 4 --precision float32"
        in refused.stderr
    )
    run = open_run(judged, device="cpu")
    for precision in ("float64", "float32"):
        asked = replace(run, experiment=with_sampling(judged, steps=4, precision=precision))
        write_samples(
            draw_samples(asked, seed=1), samples_file("drawn", 60, "analytic", 4, precision)
        )
    command(here, "sedd", "generative", "drawn")
    path = generative_file("drawn", 60, "judge", "analytic", 4, "float32")
    said = json.loads(path.read_text())
    assert (said["judge"], said["precision"], said["num_sequences"]) == ("judge", "float32", 4)
    assert said["provenance"]["checkpoint_sha256"] == run.checkpoint_sha256
    assert len(json.loads(grid_file("drawn", 60, "judge").read_text())["files"]) == 2
    before = path.stat().st_mtime_ns
    command(here, "sedd", "generative", "drawn")
    assert path.stat().st_mtime_ns == before


def test_a_killed_drawing_goes_on_and_draws_the_same(judged, tmp_path, monkeypatch):
    run = open_run(judged, device="cpu")
    whole = draw_samples(run, seed=1)
    out, drawn = tmp_path / "out/texts.jsonl", []

    class Killed(BaseException):
        pass

    real = type(run).draw

    def draw(self, *words, **options):
        if len(drawn) == 1:
            raise Killed
        drawn.append(1)
        return real(self, *words, **options)

    monkeypatch.setattr(type(run), "draw", draw)
    with pytest.raises(Killed):
        draw_samples(run, seed=1, out=out)
    drawn.clear()
    resumed = draw_samples(run, seed=1, out=out)  # of two batches the second alone is drawn
    assert [text["tokens"] for text in resumed] == [text["tokens"] for text in whole]
    write_samples(resumed, out)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["texts.jsonl"]
