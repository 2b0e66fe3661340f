"""Files that grow by lines: nothing finished is lost, and nothing is continued by mistake."""

from pathlib import Path

import pytest

from sedd.errors import DataError
from sedd.runtime import growing_file
from sedd.runtime.growing_file import GrowingFile, state_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of which two of three lines are on disk, and the third is torn."""
    path = tmp_path / "lines"
    file = GrowingFile(path, {"settings": "a"})
    assert file.open() == 0
    file.append("one\n", 1)
    file.append("zwölf\n", 1)
    with path.open("a") as torn:
        torn.write("thr")
    return path


def test_a_torn_line_is_dropped_and_the_file_continues(path):
    file = GrowingFile(path, {"settings": "a"})
    assert file.open() == 2
    assert path.read_text() == "one\nzwölf\n"
    file.append("three\n", 1)
    file.finish()
    assert path.read_text() == "one\nzwölf\nthree\n"
    assert [*path.parent.iterdir()] == [path]


def test_a_finished_file_is_not_continued_and_is_replaced_by_the_first_lines(path):
    GrowingFile(path, {"settings": "a"}).finish()
    file = GrowingFile(path, {"settings": "a"})
    assert file.open() == 0
    assert path.read_text() == "one\nzwölf\nthr"
    file.append("new\n", 1)
    assert path.read_text() == "new\n"
    assert GrowingFile(path, {"settings": "a"}).open() == 1


def test_the_unfinished_file_of_another_computation_or_code_is_refused(path, monkeypatch):
    before = path.read_bytes()
    with pytest.raises(DataError, match="its 2 lines are of another command"):
        GrowingFile(path, {"settings": "b"}).open()
    monkeypatch.setattr(growing_file, "code_sha256", lambda: "f" * 64)
    with pytest.raises(DataError, match=r"another version of the code.*name another file"):
        GrowingFile(path, {"settings": "a"}).open()
    assert path.read_bytes() == before
    path.unlink()
    assert GrowingFile(path, {"settings": "b"}).open() == 0


@pytest.mark.parametrize("content", ["", "one\n", "One\nzwölf\n", "zwölf\none\n"])
def test_a_file_that_was_edited_is_refused(path, content):
    path.write_text(content)
    with pytest.raises(DataError, match="first 2 lines are not those that were written"):
        GrowingFile(path, {"settings": "a"}).open()
    assert path.read_text() == content


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"computation": "a", "lines": -1}', "\0"])
def test_a_damaged_state_is_one_line(path, content):
    state_file(path).write_text(content)
    with pytest.raises(DataError, match="is not the state of an unfinished file; remove it"):
        GrowingFile(path, {"settings": "a"}).open()


def test_links_are_not_followed(path, tmp_path):
    (victim := tmp_path / "victim").write_text("theirs")
    path.unlink()
    path.symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        GrowingFile(path, {"settings": "a"}).open()
    state_file(path).unlink()
    state_file(path).symlink_to(victim)
    with pytest.raises(DataError, match="is not the state"):
        GrowingFile(path, {"settings": "a"}).open()
    assert victim.read_text() == "theirs"


def test_a_kill_between_lines_and_their_record_draws_these_lines_again(path):
    file = GrowingFile(path, {"settings": "a"})
    assert file.open() == 2
    recorded = state_file(path).read_bytes()
    file.append("three\n", 1)
    state_file(path).write_bytes(recorded)
    assert GrowingFile(path, {"settings": "a"}).open() == 2
    assert path.read_text() == "one\nzwölf\n"
