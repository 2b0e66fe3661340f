"""Tokenizing that is killed at any moment, or finds the disk full."""

from __future__ import annotations

import os
import random
import resource
import signal
import time
from pathlib import Path

import pytest
from helpers.text_examples import TEXTS, json_lines

from sedd.data import encoding, token_parts
from sedd.data.token_folder import open_tokens, read_meta
from sedd.data.tokenize import tokenize_split
from sedd.errors import DataError

LONG = [f"{text} {n}" for n in range(12) for text in TEXTS]


def test_kill_9_at_any_moment_leaves_the_same_files_after_the_next_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(encoding, "BATCH_CHARACTERS", 1 << 12)
    monkeypatch.setattr(token_parts, "PART_CHARACTERS", 1 << 16)
    dataset, out = json_lines(tmp_path, LONG), tmp_path / "out"
    start = time.perf_counter()
    tokenize_split(dataset, "text8", "train", tmp_path / "whole")
    seconds = time.perf_counter() - start
    moments, killed, left = random.Random(0), 0, 0
    for _ in range(20):
        if (child := os.fork()) == 0:
            try:
                tokenize_split(dataset, "text8", "train", out, force=True)
            finally:
                os._exit(0)
        time.sleep(moments.uniform(0, 1.5 * seconds))
        os.kill(child, signal.SIGKILL)
        killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        left += any(tmp_path.glob(".out.parts/.*.tmp"))
    assert min(killed // 5, left) >= 1, "the moments must lie within the work"
    tokenize_split(dataset, "text8", "train", out, force=True)
    names = sorted(path.name for path in out.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "whole").iterdir())
    for name in ("tokens.bin", "meta.json"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_several_processes_at_once_tokenize_once_and_leave_no_lock(tmp_path: Path):
    dataset, out = json_lines(tmp_path, LONG), tmp_path / "out"
    children = []
    for _ in range(3):
        if (child := os.fork()) == 0:
            try:
                meta = tokenize_split(dataset, "text8", "train", out)
                open_tokens(out)
                os._exit(0 if meta["num_tokens"] else 1)
            finally:
                os._exit(1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    assert tokenize_split(dataset, "text8", "train", out) == read_meta(out)
    assert not list(tmp_path.glob(".*"))


def test_a_full_disk_is_one_line_and_keeps_the_older_tokens(tmp_path: Path):
    out = tmp_path / "out"
    older = tokenize_split(json_lines(tmp_path, TEXTS), "text8", "train", out)
    before, dataset = (out / "tokens.bin").read_bytes(), json_lines(tmp_path, LONG)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        with pytest.raises(
            DataError, match=r"^[^\n]*: cannot be written: File too large; free disk"
        ):
            tokenize_split(dataset, "text8", "train", out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert (out / "tokens.bin").read_bytes() == before
    assert not list(out.glob("*.tmp"))
    assert tokenize_split(dataset, "text8", "train", out)["num_tokens"] > older["num_tokens"]
