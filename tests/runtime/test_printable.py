"""Texts of unknown origin in a terminal."""

from sedd.runtime.printable import printable
from sedd.sampling.watch import Watch


def test_escape_sequences_are_spelled_out_and_text_is_unchanged():
    assert printable("a\x1b[31mb\x07\x9b2J\x7f\r") == r"a\x1b[31mb\x07\x9b2J\x7f\x0d"
    assert printable("two\nlines\tand é ü 中") == "two\nlines\tand é ü 中"


def test_a_watched_text_cannot_control_the_terminal(capsys):
    with Watch("run", 1) as watch:
        watch.show([None, None])
        watch.show(["\x1b[2J", "b"])
    said = capsys.readouterr().out
    assert "\x1b[2J" not in said
    assert r"\x1b[2J" in said
