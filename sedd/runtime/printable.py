"""Text of unknown origin, made safe to print.

The command line prints through `filter_output`, so that no text from a file or a model controls the
terminal. Only what draws on the terminal itself (bars, screens, colors) writes to `unfiltered`
streams; its texts pass through `printable`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, TextIO, cast

from sedd.runtime.json_text import CONTROLS

# newline and tab are text; embedded directions make a text look like another one
_SPELLED = {
    **{code: f"\\x{code:02x}" for code in CONTROLS if chr(code) not in "\n\t"},
    **{code: f"\\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))},
    **{code: f"\\u{code:04x}" for code in range(0xD800, 0xE000)},  # no text: cannot be encoded
}


def printable(text: str) -> str:
    """The text with control characters spelled out, so that it cannot control a terminal."""
    return text.translate(_SPELLED)


class _Printed:
    """A text stream whose content passes through `printable`."""

    def __init__(self, stream: TextIO):
        self.unfiltered = stream

    def write(self, text: str) -> int:
        # bars of libraries begin with a carriage return, and a message starts a line anyway
        start = "\r" if text.startswith("\r") else ""
        return self.unfiltered.write(start + printable(text.removeprefix(start)))

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unfiltered, name)


def filter_output() -> None:
    """Filter what this process prints from now on, tracebacks and messages of libraries included."""
    sys.stdout = cast(TextIO, _Printed(unfiltered(sys.stdout)))
    sys.stderr = cast(TextIO, _Printed(unfiltered(sys.stderr)))


def unfiltered(stream: TextIO) -> TextIO:
    """The stream behind a filtered one, for escape sequences of our own."""
    return stream.unfiltered if isinstance(stream, _Printed) else stream
