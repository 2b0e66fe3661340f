"""Batches that outlive a kill: none is lost, none is mixed with those of other settings or code."""

import multiprocessing
import time
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sedd.errors import DataError, LockError
from sedd.runtime import resumable
from sedd.runtime.distributed import World
from sedd.runtime.resumable import only_writer, partial_folder, run_resumable

ALONE = World(torch.device("cpu"))
SQUARES = [[0], [1], [4], [9]]


class Killed(Exception):
    pass


@pytest.fixture
def compute(tmp_path):
    """Runs squares of 0, ..., 3; returns the values and the numbers that were computed, not read."""

    def run(identity: str, fail_at: int | None = None) -> tuple[list, list[int]]:
        computed: list[int] = []

        def square(number: int) -> list[int]:
            if number == fail_at:
                raise Killed
            computed.append(number)
            return [number**2]

        batches = run_resumable(
            4,
            square,
            folder=tmp_path / "parts",
            identity={"settings": identity},
            world=ALONE,
            on_done=lambda number: None,
        )
        return [batch.values for batch in batches], computed

    return run


def test_finished_batches_are_not_computed_again(compute):
    with pytest.raises(Killed):
        compute("a", fail_at=2)
    assert compute("a") == (SQUARES, [2, 3])


def test_an_incomplete_line_is_dropped_and_its_batch_computed_again(compute, tmp_path):
    compute("a")
    (path,) = (tmp_path / "parts").glob("*/0.jsonl")
    path.write_text(path.read_text()[:-5])
    assert compute("a") == (SQUARES, [3])
    assert compute("a") == (SQUARES, [])


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None
)
@given(cut=st.integers(0, 400), tail=st.binary(max_size=12), bit=st.integers(0, 8 * 200))
def test_a_file_damaged_anywhere_costs_time_and_no_number(compute, tmp_path, cut, tail, bit):
    compute("a")
    (path,) = (tmp_path / "parts").glob("*/0.jsonl")
    content = bytearray(path.read_bytes())
    content[bit // 8 % len(content)] ^= 1 << bit % 8
    path.write_bytes(content[:cut] + tail)
    assert compute("a")[0] == SQUARES
    assert compute("a") == (SQUARES, [])


def test_batches_with_another_identity_are_removed(compute, tmp_path):
    compute("a")
    assert compute("b")[1] == [0, 1, 2, 3]
    assert len(list((tmp_path / "parts").iterdir())) == 1
    assert compute("a")[1] == [0, 1, 2, 3]


def test_batches_of_another_version_of_the_code_are_dropped_and_said(compute, monkeypatch, capsys):
    with pytest.raises(Killed):
        compute("a", fail_at=2)
    monkeypatch.setattr(resumable, "code_sha256", lambda: "f" * 64)
    assert compute("a")[1] == [0, 1, 2, 3]
    assert "dropping finished batches of another version of the code" in capsys.readouterr().err


def add_one(result: Path, number: int, log: Path) -> None:
    """A writer that counts in `result`, with a pause between reading and writing."""

    def work(batch: int) -> list[int]:
        time.sleep(0.02)
        return [batch]

    with only_writer(result, ALONE):
        with log.open("a") as file:
            file.write("begin\n")
        parts = run_resumable(
            5,
            work,
            folder=partial_folder(result),
            identity={"writer": number},
            world=ALONE,
            on_done=lambda batch: None,
        )
        assert [part.values for part in parts] == [[0], [1], [2], [3], [4]]
        before = int(result.read_text()) if result.exists() else 0
        result.write_text(f"{before + 1}")
        with log.open("a") as file:
            file.write("end\n")


def test_several_writers_of_one_file_take_turns_and_leave_nothing_behind(tmp_path):
    result, log = tmp_path / "folder/result.json", tmp_path / "log"
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=add_one, args=(result, number, log)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert result.read_text() == "4"
    assert log.read_text().split() == ["begin", "end"] * 4
    assert list((tmp_path / "folder").iterdir()) == [result]


def test_a_failure_keeps_the_batches_and_frees_the_lock(tmp_path):
    result = tmp_path / "result.json"
    for _ in range(2):
        with pytest.raises(Killed), only_writer(result, ALONE):
            raise Killed
    assert list(tmp_path.iterdir()) == []


def test_links_in_a_shared_folder_are_not_followed(compute, tmp_path):
    (victim := tmp_path / "victim").mkdir()
    (victim / "file").write_text("theirs")
    (tmp_path / "parts").symlink_to(victim)
    with pytest.raises(DataError, match="is a link"):
        compute("a")
    (tmp_path / ".result.lock").symlink_to(victim / "file")
    with pytest.raises(LockError, match="is a link"), only_writer(tmp_path / "result", ALONE):
        pass
    (tmp_path / "parts").unlink()
    compute("a")
    (path,) = (tmp_path / "parts").glob("*/0.jsonl")
    lines = path.read_text().splitlines(keepends=True)
    path.unlink()
    (victim / "batches").write_text("".join(lines[:2]))
    path.symlink_to(victim / "batches")
    with pytest.raises(OSError, match="symbolic links"):
        compute("a")
    assert (victim / "batches").read_text() == "".join(lines[:2])
    assert (victim / "file").read_text() == "theirs"
