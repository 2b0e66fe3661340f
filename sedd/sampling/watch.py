"""Show a text while it is denoised, live in the terminal: `sedd sample --watch`."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.live import Live
from rich.text import Text

from sedd.results.trace import LIGHT, Palette
from sedd.runtime.printable import printable, unfiltered

MASK = "▁"
FRAME_SECONDS = 0.04  # slow enough to see the steps of a small model


class Watch(Live):
    """Live display of a text while it is denoised.

    Tokens are colored by the step at which they appeared; masks are shown as low lines. When the
    output is not a terminal, only the last state is printed.
    """

    def __init__(self, title: str, steps: int):
        super().__init__(
            console=Console(file=unfiltered(sys.stdout), highlight=False),
            auto_refresh=False,
            vertical_overflow="visible",
        )
        self._title, self._palette, self._steps = printable(title), Palette(steps), steps
        self._appeared: list[int] = []
        self._tokens: list[str | None] = []
        self._step = -1

    def show(self, tokens: list[str | None]) -> None:
        """Display the next state: the text of the token at each position, None for the mask."""
        self._step += 1
        previous = self._tokens or tokens
        self._appeared = [
            self._step if new != old else step
            for new, old, step in zip(
                tokens, previous, self._appeared or [0] * len(tokens), strict=True
            )
        ]
        self._tokens = tokens
        self.update(self._text(), refresh=True)
        if self.console.is_terminal:
            time.sleep(FRAME_SECONDS)

    def _text(self) -> Text:
        text = Text(f"{self._title}, step {self._step} of {self._steps}\n", style="bold")
        for token, step in zip(self._tokens, self._appeared, strict=True):
            if token is None:
                text.append(MASK, style="dim not bold")
            elif step == 0:
                text.append(printable(token), style="not bold")
            else:
                color = LIGHT[self._palette.band(step)]
                text.append(printable(token), style=f"not bold #000000 on {color}")
        return text
