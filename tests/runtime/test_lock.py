"""Locks with flock, and on file systems that refuse it. Each holder is a process of its own."""

import errno
import fcntl
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from sedd.errors import LockError
from sedd.runtime import lock
from sedd.runtime.lock import Holder, held_file, holder, locked

FLOCK, REFUSALS = 0, (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)
HEAD = """
import fcntl, os, subprocess, sys, time
from pathlib import Path
if number := int(sys.argv[1]):
    def refuse(*arguments):
        raise OSError(number, os.strerror(number))
    fcntl.flock = refuse
from sedd.runtime.lock import adopt, locked
path = Path(sys.argv[2])
def wait(text):
    print("waits for", text, flush=True)
"""
# a second holder would read the same number
COUNT = """
count = path.with_name("count")
for _ in range(15):
    with locked(path, wait, keep=len(sys.argv) < 4):
        before = int(count.read_text())
        time.sleep(0.002)
        count.write_text(str(before + 1))
"""
HOLD = """
with locked(path, wait):
    print("holds", flush=True)
    sys.stdin.read()
"""
CHILD = """
adopt(path)
print("holds", flush=True)
sys.stdin.read()
"""
PARENT = f"""
with locked(path, wait) as descriptor:
    fds = () if descriptor is None else (descriptor,)
    words = [sys.executable, "-c", {HEAD + CHILD!r}, *sys.argv[1:]]
    subprocess.run(words, pass_fds=fds, start_new_session=True)
"""


def start(program: str, number: int, path: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HEAD + program, str(number), str(path), *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def says(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("more", [(), ("removed",)], ids=["kept", "removed"])
@pytest.mark.parametrize("number", [FLOCK, *REFUSALS])
def test_a_lock_has_one_holder_at_a_time(tmp_path, number, more):
    (tmp_path / "count").write_text("0")
    processes = [start(COUNT, number, tmp_path / "lock", *more) for _ in range(3)]
    for process in processes:
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 0, stderr
    assert (tmp_path / "count").read_text() == "45"
    assert holder(tmp_path / "lock") is None
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"count"} | ({"lock"} if not more else set())


@pytest.mark.parametrize("number", [FLOCK, errno.ENOSYS])
def test_the_lock_of_a_killed_process_is_free(tmp_path, number):
    first = start(HOLD, number, tmp_path / "lock")
    assert says(first) == "holds"
    assert holder(tmp_path / "lock") == str(first.pid)
    second = start(HOLD, number, tmp_path / "lock")
    assert says(second).startswith(f"waits for process {first.pid}")
    first.kill()
    first.wait()
    assert says(second) == "holds"
    assert holder(tmp_path / "lock") == str(second.pid)
    second.communicate("")


@pytest.mark.parametrize("number", [FLOCK, errno.ENOSYS])
def test_a_child_process_holds_the_lock_after_its_parent_was_killed(tmp_path, number):
    parent = start(PARENT, number, tmp_path / "lock")
    assert says(parent) == "holds"  # the child, which inherits the standard output
    parent.send_signal(9)
    parent.wait()
    second = start(HOLD, number, tmp_path / "lock")
    assert says(second).startswith("waits for process")
    time.sleep(3 * lock.POLL_SECONDS)
    assert holder(tmp_path / "lock") is not None
    assert second.poll() is None
    assert parent.stdin is not None
    parent.stdin.close()  # ends the child
    assert says(second) == "holds"
    second.communicate("")


@pytest.mark.parametrize(
    "change",
    [{"machine": "another", "host": "node7"}, {"machine": ""}],
    ids=["another machine", "unknown machine"],
)
def test_a_holder_that_may_still_run_keeps_the_lock_and_the_file_to_remove_is_named(
    tmp_path, change
):
    path = tmp_path / "lock"
    other = replace(Holder.this_process(), pid=2**22 + 1, **change)
    held_file(path).write_text(json.dumps(asdict(other)))
    process = start(HOLD, errno.ENOSYS, path)
    line = says(process)
    assert f"process {other.pid} on {other.host}" in line
    assert f"if that process no longer runs, remove {held_file(path)}" in line
    assert held_file(path).exists()
    held_file(path).unlink()
    assert says(process) == "holds"
    process.communicate("")


def test_a_reused_process_id_is_another_process():
    now = Holder.this_process()
    assert not now.has_ended
    assert replace(now, started="1").has_ended


def test_a_link_is_not_followed_and_what_is_no_file_is_named(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "victim")
    (tmp_path / "folder").mkdir()
    for name, words in (("link", "is a link"), ("folder", "Is a directory")):
        with pytest.raises(LockError, match=words), locked(tmp_path / name, print):
            pass
    assert not (tmp_path / "victim").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="root takes the part of two accounts")
def test_a_folder_of_another_account_is_named_with_its_owner(tmp_path):
    program = f"{HEAD}os.setuid(65534)\n{HOLD}"
    for parent in (tmp_path, *tmp_path.parents):
        if "pytest-" in parent.name or "popen-" in parent.name or parent == tmp_path:
            parent.chmod(0o755)
    words = [sys.executable, "-c", program, "0", str(tmp_path / "lock")]
    result = subprocess.run(words, capture_output=True, text=True, input="")
    assert "cannot be opened: Permission denied; it belongs to root" in result.stderr


@pytest.mark.parametrize(
    "content",
    [b"[" * 100_000, b'{"a":' * 50_000, b"9" * 5000, b"\xff", b"{}", b'{"pid": "x"}', b""],
)
def test_a_damaged_held_file_names_no_holder_and_is_reported(tmp_path, monkeypatch, content):
    path = tmp_path / "lock"
    held_file(path).write_bytes(content)
    os.utime(held_file(path), (0, 0))
    assert holder(path) is None
    monkeypatch.setattr(fcntl, "flock", refuse_flock)
    with pytest.raises(LockError, match="held: names no process: it is damaged; remove it"):  # noqa: SIM117
        with locked(path, print):
            pass


def refuse_flock(*_: int) -> None:
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))


def test_a_folder_that_another_process_removes_meanwhile_is_made_again(tmp_path, monkeypatch):
    path, removals, real = tmp_path / "parts/one.lock", [], os.open

    def removing(name, *args):
        if name == path and len(removals) < 3:
            removals.append(name)
            path.parent.rmdir()
        return real(name, *args)

    monkeypatch.setattr(lock.os, "open", removing)
    with locked(path, print):
        assert holder(path) == f"{os.getpid()}"
    assert len(removals) == 3
