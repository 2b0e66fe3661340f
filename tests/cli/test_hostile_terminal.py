"""No verb prints an escape sequence of a file, a vocabulary or a model."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from helpers.fake_results import finished_run
from helpers.hostile import HOSTILE, TITLE
from helpers.project import invoke
from helpers.report_project import EXPERIMENT, TABLE, lay_out
from helpers.untrained_run import untrained_run
from helpers.word_vocabulary import word_vocabulary
from ruamel.yaml import YAML

from sedd.launch.record import JobRecord
from sedd.paths import job_file, run_dir
from sedd.runtime.atomic import write_json

BAD = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
CONTROLS = "".join(text for text in HOSTILE if BAD.search(text))
# words of a vocabulary that end in such text
WORDS = [f"{word}{CONTROLS}" for word in ("a", "b", "c", "d")]


def dump(content: object, path: str) -> None:
    YAML().dump(content, Path(path))


@pytest.fixture(scope="module")
def hostile_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with control characters wherever it takes text, and a model that writes them."""
    folder = lay_out(tmp_path_factory.mktemp("hostile"))
    before = Path.cwd()
    os.chdir(folder)
    try:
        read = YAML(typ="safe").load
        dump(read(EXPERIMENT) | {"description": CONTROLS}, "config/experiments/run.yaml")
        table = read(TABLE) | {"title": CONTROLS, "note": CONTROLS}
        table["rows"][0]["label"] = table["rows"][1]["compare_to"] = CONTROLS
        dump(table, "config/tables/table.yaml")
        dump(
            read(Path("config/datasets/kjv.yaml")) | {"description": CONTROLS, "licence": CONTROLS},
            "config/datasets/kjv.yaml",
        )
        dump({"description": CONTROLS, CONTROLS: CONTROLS}, "config/experiments/broken.yaml")
        finished_run(*HOSTILE)
        (run_dir("run").with_name(f"x{TITLE}") / "checkpoints").mkdir(parents=True)
        words = word_vocabulary(Path("words"), "[UNK]", "<|endoftext|>", *WORDS)
        untrained_run("smoke_absorb", rename="model", overrides=[f"data.tokenizer={words}"])
        Path("prompts.jsonl").write_text(json.dumps({"prefix": CONTROLS, CONTROLS: 1}) + "\n")
        Path(f"text{TITLE}.txt").write_text("a b c")
        record = JobRecord(
            *("run", "1", "local", TITLE, TITLE, "0", TITLE),
            **{"num_tasks": 1, "sent": TITLE, "step_before": 0},
        )
        write_json(job_file("run"), asdict(record))
    finally:
        os.chdir(before)
    return folder


VERBS = {
    "list": ["list"],
    "status": ["status"],
    "status --json": ["status", "--json"],
    "status of one": ["status", "run"],
    "cancel": ["cancel", "run"],
    "config check": ["config", "check"],
    "config show": ["config", "show", "run"],
    "table": ["table", "table"],
    "table --show": ["table", "table", "--show"],
    "a wrong name": ["report", f"x{TITLE}"],
    "a wrong option": ["sample", "model", "--sampler", TITLE],
    "a wrong number": ["sample", "model", "--count", TITLE],
    "a wrong verb": [TITLE],
    "a wrong kind": ["list", TITLE],
    "a broken experiment": ["train", "broken"],
    "report": ["report", "run"],
    "figures": ["curves", "run"],
    "sample": ["sample", "model", "--count", "2", "--steps", "2"],
    "sample --out -": ["sample", "model", "--count", "2", "--steps", "2", "--out", "-"],
    "sample --watch": ["sample", "model", "--steps", "2", "--watch"],
    "sample with a prompt": ["sample", "model", "--prefix", TITLE, "--steps", "2"],
    "sample --at": ["sample", "model", "--at", TITLE],
    "sample --prompts": ["sample", "model", "--prompts", "prompts.jsonl"],
    "perplexity --file": ["perplexity", "model", "--file", f"text{TITLE}.txt"],
    "score": ["score", "model", "--file", "prompts.jsonl"],
    "generative": ["generative", "run", "--judge", TITLE],
    "tokenize": ["tokenize", "--dataset", "kjv", "--tokenizer", f"x{TITLE}"],
    "export": ["export", "model", f"x{TITLE}"],
    "dvc": ["dvc", "--out", "-"],
    "compare": ["compare", "run", "broken"],
    "overview": ["overview", "run"],
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_prints_no_control_characters(
    hostile_project: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.chdir(hostile_project)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    done = invoke(*VERBS[verb], check=False)
    assert done.stdout + done.stderr
    # a bar of a library begins with a carriage return
    said = re.sub(r"^\r", "", done.stdout + done.stderr)
    assert not (found := BAD.findall(said)), (found, said)
    if "--out -" in verb and "dvc" not in verb:
        assert any(TITLE in json.loads(line)["text"] for line in done.stdout.splitlines())
    elif "--json" in verb:
        assert json.loads(done.stdout)


def test_a_real_terminal_keeps_its_title(hostile_project: Path) -> None:
    words = ["sample", "model", "--steps", "2", "--watch"]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "sedd", *words],
        cwd=hostile_project,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "200"},
    ) as process:
        os.close(theirs)
        said = b""
        try:
            while part := os.read(ours, 1 << 16):
                said += part
        except OSError:  # the terminal of a process that has ended
            pass
        process.wait()
    text = said.decode()
    assert "\x1b]" not in text
    assert "\x07" not in text
    assert "\x9b" not in text
    assert r"\x1b]0;taken over\x07" in text
    assert "\x1b[" in text, "the control: it draws on the terminal"


def test_a_traceback_controls_no_terminal() -> None:
    code = (
        "from sedd.runtime.printable import filter_output; filter_output(); "
        f"raise ValueError({TITLE!r} + chr(0xdc80))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert b"\x1b" not in done.stderr
    assert rb"ValueError: \x1b]0;taken over\x07\udc80" in done.stderr
