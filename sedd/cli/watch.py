"""A text being denoised, live in the terminal: `sedd sample --watch`."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.text import Text

from sedd.results.trace import LIGHT, Palette

MASK = "▁"
SECONDS_A_FRAME = 0.04  # a small model is faster than an eye


class Watch:
    """Shows each state of a text: tokens in the colour of the step that they came in, masks as a line below.

    Not on a terminal, only the last state is printed.
    """

    def __init__(self, title: str, steps: int):
        self._title, self._palette, self._steps = title, Palette(steps), steps
        self._came: list[int] = []
        self._last: list[str | None] = []
        self._step = -1
        self._console = Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, vertical_overflow="visible")

    def show(self, state: list[str | None]) -> None:
        """The next state: the text of the token at each position, None for the mask."""
        self._step += 1
        changed = [now != then for now, then in zip(state, self._last or state, strict=True)]
        self._came = self._came or [0] * len(state)
        self._came = [
            self._step if new else came for new, came in zip(changed, self._came, strict=True)
        ]
        self._last = state
        self._live.update(self._text(), refresh=True)
        if self._console.is_terminal:
            time.sleep(SECONDS_A_FRAME)

    def _text(self) -> Text:
        text = Text(f"{self._title}, step {self._step} of {self._steps}\n", style="bold")
        for piece, came in zip(self._last, self._came, strict=True):
            if piece is None:
                text.append(MASK, style="dim not bold")
            elif came == 0:
                text.append(piece, style="not bold")
            else:
                colour = LIGHT[self._palette.band(came)]
                text.append(piece, style=f"not bold #000000 on {colour}")
        return text

    def __enter__(self) -> Watch:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()
