"""Generative perplexity by judges whose opinion is known, and what is refused."""

import json
import math
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.causal_model import LETTERS, causal_model
from helpers.corpus import WORDS
from helpers.project import invoke

from sedd.cli.options import record_settings
from sedd.config import draw_settings, load_experiment, with_changes, with_drawing
from sedd.data.tokenizers import load_tokenizer
from sedd.errors import CheckpointError, DataError
from sedd.evaluate import (
    draw_samples,
    only_writer,
    open_language_model,
    with_sampling,
    write_samples,
)
from sedd.evaluate.generative import entropy, judge_texts, read_drawn
from sedd.evaluate.judge import open_judge
from sedd.paths import generative_file, grid_file, samples_file
from sedd.results import samples
from sedd.results.record import is_current
from sedd.runtime.distributed import World
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
    one = judge_texts(known, texts[:1], tokens[:1], known.tokenizer, batch_size=2)
    errors = {key: value for key, value in one.model_dump().items() if "error" in key}
    assert set(errors.values()) == {None}
    assert "±" not in one.summary()


def test_perplexities_beyond_a_float_are_recorded_by_their_nats(project):
    pytest.importorskip("transformers")
    law = torch.full((len(LETTERS),), -900.0)
    law[0] = 0.0
    causal_model(project / "models/certain", law.tolist())
    judge = open_judge("models/certain", CPU)
    said = judge_texts(judge, ["", ""], [[1, 2, 3], [3, 4, 5, 6]], judge.tokenizer, batch_size=2)
    assert said.nats_per_token == pytest.approx(900.0)
    assert said.corpus_perplexity is said.mean_sequence_perplexity is None
    assert said.corpus_perplexity_standard_error is None
    assert "too large, e^900.0 over all tokens" in said.summary()


def test_the_conventions_differ_by_the_ends_of_text_that_are_scored(project):
    """A text with 0.1 nats for an end of text (E), and 5 nats for each other token."""
    pytest.importorskip("transformers")
    E = len(LETTERS) - 1
    text, other = [5, E, 7, 8, E, E, E, 3], {3, 7, 8}
    law = torch.full((len(LETTERS),), 1 - math.exp(-0.1) - 3 * math.exp(-5.0))
    law = (law / (len(LETTERS) - 4)).log()
    law[E], law[list(other)] = -0.1, -5.0
    causal_model(project / "models/ends", law.tolist(), length=8)
    judge = open_judge("models/ends", CPU)

    def judged(tokens, convention):
        return judge_texts(judge, [""], [tokens], judge.tokenizer, 2, convention)

    every, first = (judged(text, name) for name in ("every_token", "first_eos"))
    assert every.corpus_perplexity == pytest.approx(math.exp(15.4 / 7), rel=1e-5)
    assert every.corpus_perplexity == pytest.approx(9.03, abs=5e-3)
    assert first.corpus_perplexity == pytest.approx(math.exp(15.1 / 4), rel=1e-5)
    assert first.corpus_perplexity == pytest.approx(43.6, abs=5e-2)
    assert (every.num_tokens, first.num_tokens) == (7, 4)
    assert (every.convention, first.convention) == ("every_token", "first_eos")
    # a longer text is cut to the judge's context of 8 tokens, and not scored in chunks
    assert judged(text + [7] * 8, "first_eos").num_tokens == 4
    assert judged(text + [7] * 8, "every_token").num_tokens == 14
    # the first end of text counts as the first one even where it is the first token
    assert judged([E, 7, E, 8], "first_eos").num_tokens == 2
    with pytest.raises(DataError, match="no text has two tokens"):
        judged([E, E, E], "first_eos")


def test_the_commands_that_the_verb_prints_draw_every_point_of_the_grid(judged):
    """Samplers with options: drawn by `sedd sample`, judged, and recorded under their labels."""
    grid = [
        "generative.samplers=[first_hitting,{sampler: euler, temperature: 0.7, top_k: 9}]",
        "generative.precisions=[float64]",
        "sampling.count=4",
    ]
    experiment = load_experiment("drawn", grid, rename="grid")
    record_settings(experiment)
    refused = invoke("generative", "grid", check=False)
    lines = [line.strip() for line in refused.stderr.splitlines() if "sedd sample" in line]
    assert len(lines) == 2
    for line in lines:
        said = invoke(*shlex.split(line)[1:])
        assert "network calls per text" in said.stderr
    wrong = ["--sampler", "euler", "--option", "count=3"]
    refused = invoke("sample", "grid", *wrong, check=False)
    assert (refused.returncode, "must be temperature, top_k" in refused.stderr) == (2, True)
    invoke("generative", "grid")
    path = generative_file("grid", 60, "judge", "euler_0.7_9", 4, "float64")
    result = json.loads(path.read_text())
    drawn = read_drawn(samples_file("grid", 60, "euler_0.7_9", 4))
    assert drawn[0].settings["temperature"] == 0.7
    assert result["sampler"] == "euler_0.7_9"
    assert result["network_calls"] == np.mean([text.network_calls for text in drawn])
    assert result["seconds_per_text"] == (drawn[0].provenance.seconds or 0) / 4
    # what the command drew is what `sedd evaluate` takes for current
    for point in draw_settings(experiment):
        identity = samples.KIND.identity(with_drawing(experiment, point))
        checkpoint = drawn[0].provenance.checkpoint_sha256
        assert is_current(samples_file("grid", 60, *point), identity, checkpoint)
    judge = open_judge("judge", CPU)
    with pytest.raises(DataError, match=r"text8 has no end of text, which generative\.convention"):
        judge_texts(judge, ["a b"], [[1, 0, 2]], judge.tokenizer, 2, "first_eos")
    changed = with_changes(experiment, {"sampling.top_p": 0.5})
    identity = samples.KIND.identity(with_drawing(changed, draw_settings(changed)[0]))
    assert not is_current(samples_file("grid", 60, "first_hitting", 32), identity, checkpoint)


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


def test_an_end_of_text_of_another_vocabulary_is_one_token_for_the_judge(known, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    gpt2 = load_tokenizer("gpt2")
    first, second = gpt2.encode_batch(["the old", "town"])
    tokens = [*first, gpt2.separator_id, *second]
    anew = judge_texts(known, [gpt2.decode(tokens)], [tokens], gpt2, 2)
    assert anew.num_tokens == len("the old") + 1 + len("town") - 1
    letters = [LETTERS.index(letter) for letter in "he oldtown"]
    nats = -sum(LAW[token] for token in [*letters, len(LETTERS) - 1])
    assert anew.corpus_perplexity == pytest.approx(math.exp(nats / 11), rel=1e-5)


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
    refused = invoke("generative", "drawn", check=False)
    assert refused.returncode == 2
    assert (
        "sedd sample drawn --step 60 --sampler analytic --steps 4 --precision float32"
        in refused.stderr
    )
    run = open_language_model(judged, device="cpu")
    for precision in ("float64", "float32"):
        asked = replace(run, experiment=with_sampling(judged, steps=4, precision=precision))
        write_samples(
            draw_samples(asked, seed=1), samples_file("drawn", 60, "analytic", 4, precision)
        )
    invoke("generative", "drawn")
    path = generative_file("drawn", 60, "judge", "analytic", 4, "float32")
    said = json.loads(path.read_text())
    assert (said["judge"], said["precision"], said["num_sequences"]) == ("judge", "float32", 4)
    assert said["provenance"]["checkpoint_sha256"] == run.checkpoint_sha256
    assert len(json.loads(grid_file("drawn", 60, "judge").read_text())["files"]) == 2
    before = path.stat().st_mtime_ns
    invoke("generative", "drawn")
    assert path.stat().st_mtime_ns == before


def test_a_killed_drawing_goes_on_and_draws_the_same(judged, tmp_path, monkeypatch):
    run = open_language_model(judged, device="cpu")
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
    with only_writer(out, World(CPU)):
        write_samples(resumed, out)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["texts.jsonl"]
