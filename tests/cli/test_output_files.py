"""Output files: what stands in their place is never lost, and a write that fails is one line."""

import os
import resource
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from helpers.project import invoke

from sedd.cli import app
from sedd.errors import DataError
from sedd.runtime.atomic import check_replaceable, write_text

REGULAR = {"a new file", "an old file", "a new folder"}


def places(folder: Path) -> dict[str, Path]:
    """Places of every kind for an output file, by name."""
    (folder / "old").write_text("old")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(folder / "socket"))
    places = {
        "a new file": folder / "new",
        "an old file": folder / "old",
        "a new folder": folder / "deep/er/new",
        "a folder": folder / "folder",
        "a pipe": folder / "fifo",
        "a socket": folder / "socket",
        "below a file": folder / "old/new",
        "in /proc": Path("/proc/new"),
        "in a new folder in /proc": Path("/proc/deep/new"),
        "a name too long": folder / ("n" * 300),
    }
    if os.geteuid() == 0:
        os.mknod(folder / "device", stat.S_IFCHR | 0o600, os.makedev(1, 3))
        places["a device"] = folder / "device"
    for name in ("old", "fifo", "folder", "nothing"):
        (folder / f"link_{name}").symlink_to(folder / name)
        places[f"a link to {name}"] = folder / f"link_{name}"
    return places


def kinds(folder: Path) -> dict[str, int]:
    return {path.name: path.lstat().st_mode for path in folder.iterdir()}


def test_only_regular_and_new_files_can_be_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found, before = places(tmp_path), kinds(tmp_path)
    for name, path in found.items():
        if name in REGULAR:
            check_replaceable(path)
            continue
        with pytest.raises(DataError) as refused:
            check_replaceable(path)
        assert str(path) in str(refused.value), name
        assert "\n" not in str(refused.value)
        if "link" not in name:  # a result of the product may be a link into DVC's cache
            with pytest.raises((DataError, OSError)):
                write_text(path, "new")
    assert kinds(tmp_path) == before


def test_a_link_in_the_place_of_a_result_is_replaced_and_not_followed(tmp_path):
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / "ours").symlink_to(tmp_path / "theirs")
    write_text(tmp_path / "ours", "new")
    assert (tmp_path / "theirs").read_text() == "theirs"
    assert (tmp_path / "ours").read_text() == "new"


def output_options():
    """(verb, option) of every option of every verb that names an output file."""
    verbs = dict(typer.main.get_command(app).commands)
    verbs |= {f"bench {work}": command for work, command in verbs.pop("bench").commands.items()}
    for verb, command in verbs.items():
        for option in command.params:
            if {"--out", "--json"} & set(option.opts) and not option.is_flag:
                yield pytest.param(verb, option.opts[0], id=f"{verb} {option.opts[0]}")


WORDS = {
    "sample": ["smoke_absorb"],
    "perplexity": ["smoke_absorb", "--file", "x.txt"],
    "score": ["smoke_absorb", "--file", "x.jsonl"],
    "estimators": ["smoke_absorb"],
    "bench bound": ["--until", "2"],
}


@pytest.mark.parametrize(("verb", "option"), [*output_options()])
def test_every_verb_refuses_before_any_work(project, verb, option):
    suffix = ".json" if verb in ("perplexity", "score") else ""
    os.mkfifo(f"pipe{suffix}")
    writes_to_stdout = verb in ("sample", "dvc")
    for path in ("pipe", "/proc/x", *([] if writes_to_stdout else ["-"])):
        result = invoke(*verb.split(), *WORDS.get(verb, []), option, path, check=False)
        assert result.returncode == 2
        assert "cannot be" in result.stderr or "- is not a file" in result.stderr
    assert stat.S_ISFIFO(Path(f"pipe{suffix}").stat().st_mode)


@pytest.mark.parametrize(
    "words",
    [("table", "text8"), ("report", "smoke_absorb"), ("dvc",), ("config", "reference")],
    ids=" ".join,
)
def test_a_full_disk_is_one_line(project, words):
    """A limit of the size of files stands for the disk: the same write fails, in the same way."""
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))  # noqa: E731
    run = subprocess.run(
        [sys.executable, "-m", "sedd", *words], capture_output=True, text=True, preexec_fn=limit
    )
    assert run.returncode == 2, run.stderr
    (line,) = run.stderr.splitlines()
    assert line.startswith("sedd: ")
    assert "File too large; free disk space, then run the same command again" in line
    assert not list(Path().rglob("*.tmp"))
