"""Files and texts beside a checkpoint that are no text end in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.project import invoke
from helpers.untrained_run import untrained_run

from sedd.checkpoints.run_checkpoint import verified_sha256
from sedd.config import load_experiment
from sedd.errors import CheckpointError
from sedd.report.page.origin import origin
from sedd.results.training_log import read_metrics
from sedd.runtime.publish import hash_file, recorded_sha256


def test_a_hash_file_of_any_content_is_a_damaged_one(project: Path):
    path, experiment = untrained_run("smoke_absorb", step=60), load_experiment("smoke_absorb")
    assert recorded_sha256(path) == verified_sha256(path)
    for record in (b"", b"\n", b"\xff\xfe\x00", b"0" * 64, b"\x00" * 10_000):
        hash_file(path).write_bytes(record)
        with pytest.raises(CheckpointError, match=r"^[^\n]*damaged: its SHA-256 is [^\n]*$"):
            verified_sha256(path)
        (checkpoint,) = origin(experiment, read_metrics(Path("none")), []).checkpoints
        assert checkpoint.sha256 == recorded_sha256(path)
    hash_file(path).unlink()  # the control: without a record nothing is compared
    assert verified_sha256(path)


HOSTILE = ["a\udcff", "\udcc3", "\ud83d"]


def test_a_prompt_that_is_no_text_is_one_line(project: Path):
    untrained_run("smoke_absorb", step=60)
    Path("bytes.jsonl").write_bytes(b'{"prefix": "caf\xe9"}\n')
    Path("digits.jsonl").write_bytes(b'{"seed": ' + b"9" * 5000 + b"}\n")
    Path("deep.jsonl").write_bytes(b"[" * 100_000 + b"\n")
    for words in (
        *(["--prefix", text] for text in HOSTILE),
        *(["--suffix", text] for text in HOSTILE),
        *(["--at", f"3={text}"] for text in HOSTILE),
        *(["--prompts", name] for name in ("bytes.jsonl", "digits.jsonl", "deep.jsonl")),
    ):
        refused = invoke("sample", "smoke_absorb", "--count", "1", *words, check=False)
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1), (words, refused.stderr)
