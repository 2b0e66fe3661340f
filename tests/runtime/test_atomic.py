import contextlib
import fcntl
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from sedd.errors import DataError
from sedd.runtime import atomic
from sedd.runtime.atomic import replacing, write_json, write_text
from sedd.runtime.lock import held_file, holder


def test_a_failed_write_keeps_the_old_file_and_no_temporary_file(tmp_path):
    path = tmp_path / "numbers.json"
    write_json(path, {"a": 1})

    def fail_half_way():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        fail_half_way()
    assert json.loads(path.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_the_final_name_does_not_exist_before_the_file_is_complete(tmp_path):
    path = tmp_path / "deep" / "file"
    with replacing(path) as temporary:
        temporary.write_text("content")
        assert not path.exists()
    assert path.read_text() == "content"


def test_nan_raises_instead_of_writing_invalid_json(tmp_path):
    with pytest.raises(DataError, match="JSON"):
        write_json(tmp_path / "nan.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_file_permissions_follow_the_umask(tmp_path):
    (tmp_path / "plain").write_text("")
    write_json(tmp_path / "ours", 1)
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


WRITE_AND_WAIT = """
import sys, time
from pathlib import Path
from sedd.runtime.atomic import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    print(temporary, flush=True)
    time.sleep(100)
"""


@contextlib.contextmanager
def writing(path: Path):
    """A process that is writing `path`. Yields the process and its temporary file."""
    words = [sys.executable, "-c", WRITE_AND_WAIT, str(path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def test_the_next_success_removes_what_killed_writers_left_and_nothing_else(tmp_path: Path):
    path, other = tmp_path / "tokens.bin", tmp_path / "tokens"
    with writing(path) as (killed, left), writing(path) as (_, live), writing(other) as (last, far):
        for process in (killed, last):
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert left.read_text() == live.read_text() == far.read_text() == "half"
        write_text(path, "whole")
        # what is of another target, or of a live writer, stays
        assert {one.name for one in tmp_path.iterdir()} == {"tokens.bin", live.name, far.name}
        assert path.read_text() == "whole"


def test_a_file_is_kept_that_another_container_or_machine_may_be_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "file"
    free = 2**22  # above the largest process number of Linux
    held = tmp_path / f"{atomic._prefix(path)}{free}-a.tmp"
    held.write_text("of a process with this number in another container")
    with held.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        write_text(path, "1")
        assert held.exists()
    with monkeypatch.context() as patch:
        patch.setattr("socket.gethostname", lambda: "another")
        write_text(path, "2")
        assert held.exists()
    write_text(path, "3")  # the control: nobody holds it
    assert list(tmp_path.iterdir()) == [path]


def save_tensors(path: Path) -> None:
    safetensors.numpy.save_file({"a": np.zeros(2)}, path)


WRITERS: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("a"),
    "tensors": save_tensors,  # the library itself writes files of mode 0600
}


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o027, 0o077])
@pytest.mark.parametrize("writer", WRITERS)
def test_permissions_follow_the_umask_whatever_library_writes_the_file(
    tmp_path: Path, writer: str, umask: int
):
    before = os.umask(umask)
    try:
        with replacing(tmp_path / "file") as temporary:
            WRITERS[writer](temporary)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~umask


def test_the_umask_of_other_threads_is_never_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("os.umask", lambda mask: pytest.fail("the umask is the whole process's"))
    write_text(tmp_path / "file", "a")


def test_a_link_at_a_temporary_name_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    victim = tmp_path / "victim"
    victim.write_text("mine")
    path = tmp_path / "shared" / "file"
    path.parent.mkdir()
    # no name can be foreseen; here one is, and a link waits there
    monkeypatch.setattr("secrets.token_hex", lambda size: "0" * 2 * size)
    with replacing(path) as temporary:
        name = temporary
        temporary.write_text("a")
    name.symlink_to(victim)
    with pytest.raises(OSError, match="exists"):
        write_text(path, "b")

    def replace_by_a_link() -> None:
        with replacing(path) as temporary:
            temporary.unlink()
            temporary.symlink_to(victim)

    name.unlink()
    with pytest.raises(OSError, match="symbolic links"):
        replace_by_a_link()
    assert (victim.read_text(), path.read_text()) == ("mine", "a")


def test_a_link_or_a_pipe_in_the_place_of_a_lock_is_neither_read_nor_waited_for(tmp_path: Path):
    victim, lock = tmp_path / "victim", tmp_path / "lock"
    victim.write_text("a secret")
    lock.symlink_to(victim)
    with victim.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert holder(lock) is None
    os.mkfifo(held_file(lock))
    assert holder(lock) is None
