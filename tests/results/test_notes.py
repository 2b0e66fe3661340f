"""Notes on a run: which code trained it, which code measured it, and misnamed checkpoints."""

import json
import subprocess
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sedd.paths import checkpoint_file, curves_dir, evaluation_file, metrics_file
from sedd.results.notes import notes, recorded_step, training_parts
from sedd.runtime import provenance
from sedd.runtime.atomic import write_json, write_text
from sedd.runtime.provenance import code_version


def log(*starts: tuple[int, str]) -> None:
    lines = [{"step": step, "kind": "start", "code_version": code} for step, code in starts]
    others = [{"step": 1, "kind": "train", "loss_nats_per_token": 1.0}, [], "start"]
    texts = [
        *map(json.dumps, [*lines, *others]),
        '{"kind": "start"',
        '{"kind": "start", "step": "x"}',
    ]
    write_text(metrics_file("x"), "\n".join(texts))


@pytest.mark.parametrize(
    ("starts", "parts"),
    [
        ([(0, "a")], [(0, "a")]),
        ([(0, "a"), (30, "a"), (40, "a")], [(0, "a")]),
        ([(0, "a"), (30, "b"), (40, "b")], [(0, "a"), (30, "b")]),
        ([(0, "a"), (30, "b"), (30, "a")], [(0, "a")]),  # what b trained was lost
        ([(0, "a"), (30, "b"), (20, "a")], [(0, "a")]),
        ([(0, "a"), (30, "b"), (0, "c")], [(0, "c")]),
        ([], []),
    ],
)
def test_the_parts_of_a_training_are_those_that_its_weights_come_from(
    tmp_path, monkeypatch, starts, parts
):
    monkeypatch.chdir(tmp_path)
    log(*starts)
    assert training_parts("x") == parts
    expected = ["trained by several versions of the code: from step 0 by a, from step 30 by b"]
    assert notes("x") == (expected if len(parts) == 2 else [])


def test_the_parts_are_also_read_from_the_curves(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_text(curves_dir("x") / "start.csv", "step,device,code_version\n0,cpu,a\n30,cpu,b\n")
    assert training_parts("x") == [(0, "a"), (30, "b")]


def test_results_of_other_code_are_counted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, code in (("one", code_version()), ("two", "0.0.1+abc"), ("three", None)):
        made = {"code_version": code} if code else {}
        write_json(evaluation_file("x", 7, name), {"provenance": made})
    write_text(evaluation_file("x", 7, "four"), "[" * 100_000)
    write_text(
        Path("results/runs/x/samples/step_7/a_1.jsonl"), '{"provenance": {"code_version": "1"}}\n{'
    )
    write_text(Path("results/runs/x/samples/step_7/b_1.jsonl"), '{"about": {"provenance": 3}}')
    (note,) = notes("x")
    assert note.startswith("2 of 3 results were made by another version of the code that computes")
    assert ": 1 by 0.0.1+abc, 1 by 1; today's is " in note


def test_code_that_only_shows_numbers_makes_the_same_ones(tmp_path, monkeypatch):
    """Between two commits of a repository with the package's layout."""
    package = tmp_path / "sedd"

    def commit(file: str) -> str:
        write_text(package / file, str(len(list(package.rglob("*.py")))))
        identity = ["-c", "user.name=Someone", "-c", "user.email=someone@example.org"]
        for words in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", file]):
            subprocess.run(["git", *words], cwd=tmp_path, check=True)
        return provenance.code_version.__wrapped__()

    monkeypatch.setattr(provenance, "__file__", str(package / "runtime/provenance.py"))
    first, page, loss = (commit(file) for file in ("a.py", "report/page.py", "diffusion/loss.py"))
    same = provenance.makes_the_same_numbers.__wrapped__
    for today, version, expected in (
        (page, first, True),
        (first, page, True),
        (loss, page, False),
        (loss, first, False),
        (loss, loss, True),
        (loss, f"{loss}-dirty", False),
        (loss, "0.1.0+0123456789ab", False),
        (loss, "0.1.0", False),
        ("0.1.0", loss, False),
    ):
        monkeypatch.setattr(provenance, "code_version", lambda today=today: today)
        assert same(version) is expected, (today, version)


def saved(path: Path, content) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(content, path)
    return path


@pytest.mark.parametrize("step", [0, 1, 200, 60_000, 400_000, 2**31, 2**40])
def test_the_step_of_a_checkpoint_is_read_without_torch(tmp_path, monkeypatch, step):
    monkeypatch.chdir(tmp_path)
    others = {f"weight.{n}": torch.ones(2) for n in range(300)}  # more than one byte of references
    content = {"format": 1, "model": others, "step": step, "vocab_size": 27}
    assert recorded_step(saved(checkpoint_file("x", step), content)) == step
    assert notes("x") == []
    saved(checkpoint_file("x", 3), content)
    assert notes("x") == [f"step_3.pt holds step {step}; it cannot be opened: delete it"]


@given(content=st.data())
def test_a_damaged_file_holds_no_step(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("damaged") / "step_5.pt"
    whole = saved(path, {"format": 1, "step": 5}).read_bytes()
    cut = content.draw(st.integers(0, len(whole) - 1))
    path.write_bytes(whole[:cut] + content.draw(st.binary(max_size=20)))
    assert recorded_step(path) in (None, 5)
