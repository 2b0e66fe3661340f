"""The adapter to lm_eval: its multiple-choice tasks on models of this project. No download."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from helpers.causal_model import LETTERS, causal_model
from helpers.project import invoke
from helpers.untrained_run import untrained_run

pytest.importorskip("lm_eval", reason="needs the extra lm-eval")

from lm_eval import simple_evaluate
from lm_eval.tasks import TaskManager

import sedd
from sedd.evaluate.lm_eval import SeddModel

LAW = torch.log_softmax(torch.linspace(2, -3, len(LETTERS)), 0).tolist()
TASK = """task: letters
dataset_path: json
dataset_kwargs: {data_files: {test: FILE}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{context}}"
doc_to_choice: "{{choices}}"
doc_to_target: label
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
  - {metric: acc_norm, aggregation: mean, higher_is_better: true}
"""
QUESTIONS = [
    {"context": "ab", "choices": ["z", "a"], "label": 1},
    {"context": "ab", "choices": ["y", "aaaa"], "label": 1},
    {"context": "the river", "choices": ["x", "a", "b"], "label": 0},
    {"context": "the old town", "choices": ["lies", "is", "runs"], "label": 2},
]


@pytest.fixture
def task(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the task `letters`."""
    monkeypatch.setenv("HF_DATASETS_CACHE", str(project / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = project / "tasks"
    folder.mkdir()
    questions = folder / "questions.jsonl"
    questions.write_text("\n".join(map(json.dumps, QUESTIONS)))
    (folder / "letters.yaml").write_text(TASK.replace("FILE", str(questions)))
    return folder


def evaluated(model: SeddModel, folder: Path) -> dict[str, Any]:
    tasks = TaskManager(include_path=str(folder), include_defaults=False)
    result = simple_evaluate(model=model, tasks=["letters"], task_manager=tasks)
    return result["results"]["letters"]


def scored(name: str) -> dict[str, Any]:
    """The same questions by `sedd score`; lm_eval puts a space before each choice."""
    spaced = [{**one, "choices": [f" {text}" for text in one["choices"]]} for one in QUESTIONS]
    Path("q.jsonl").write_text("\n".join(map(json.dumps, spaced)))
    invoke("score", name, "--file", "q.jsonl", "--out", "here")
    return json.loads(Path("here.json").read_text())["choices"]


@pytest.mark.parametrize("name", ["smoke_autoregressive", "smoke_lambda_dce", "models/known"])
def test_a_multiple_choice_task_has_the_accuracy_of_sedd_score(task, name):
    if "/" in name:
        causal_model(Path(name), LAW)
    else:
        untrained_run(name)
    found = evaluated(SeddModel(name, device="cpu"), task)
    expected = scored(name)
    if name == "smoke_lambda_dce":  # its estimates have other draws
        assert 0 <= found["acc,none"] <= 1
        return
    assert found["acc,none"] == pytest.approx(expected["accuracy"])
    assert found["acc_norm,none"] == pytest.approx(expected["normalized"])
    assert found["acc_stderr,none"] == pytest.approx(expected["standard_error"])
    if name == "models/known":
        assert (found["acc,none"], found["acc_norm,none"]) == (0.25, 0.5)


def requests(*args: tuple[Any, ...]) -> list[SimpleNamespace]:
    return [SimpleNamespace(args=one, task_name="t", doc_id=0) for one in args]


@pytest.mark.usefixtures("project")
def test_a_long_context_loses_its_first_tokens(caplog):
    untrained_run("smoke_autoregressive")
    adapter, model = (
        SeddModel("smoke_autoregressive", device="cpu"),
        sedd.open_model("smoke_autoregressive", device="cpu"),
    )
    (score, _), (short, _) = adapter.loglikelihood(
        requests(("x" * 20 + "a" * 30, "bc"), ("a" * 30, "bc"))
    )
    assert score == short == pytest.approx(-model.score("a" * 30, "bc").nats)
    assert "1 of 2 contexts are cut on the left to the model's 32 tokens" in caplog.text
    with pytest.raises(NotImplementedError, match="t: asks whether a continuation is what greedy"):
        adapter.loglikelihood(requests(("a", "b")))


@pytest.mark.usefixtures("project")
def test_a_rolling_likelihood_gives_the_last_window_its_context():
    untrained_run("smoke_autoregressive")
    adapter = SeddModel("smoke_autoregressive", device="cpu")
    model = sedd.open_model("smoke_autoregressive", device="cpu")
    short, long = "the old town", "abcdefghij" * 4
    found = adapter.loglikelihood_rolling(requests((short,), (long,)))
    expected = -(model.nll([long[:32]])[0] + model.score(long[8:32], long[32:]).nats)
    assert found == pytest.approx([-model.nll([short])[0], expected], rel=1e-5)
    with pytest.raises(NotImplementedError, match="sedd sample"):
        adapter.generate_until([])


def test_the_command_of_the_harness_knows_the_model(task):
    untrained_run("smoke_absorb")
    words = ["--model", "sedd", "--model_args", "name=smoke_absorb,num_draws=4"]
    result = subprocess.run(
        [
            *(sys.executable, "-m", "sedd.evaluate.lm_eval", "run", *words),
            *("--tasks", "letters", "--include_path", str(task), "--device", "cpu"),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "200"},
        timeout=600,
    )
    assert result.returncode == 0, result.stderr
    assert "|letters|" in result.stdout.replace(" ", "")
    (value,) = re.findall(r"\|acc +\|[^|]*\| *([\d.]+)\|", result.stdout)
    assert 0 <= float(value) <= 1
