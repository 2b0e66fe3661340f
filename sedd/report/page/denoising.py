"""A trace as a page shows it: the text at its end, and what a script needs to show it at any step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sedd.results.trace import Palette, Trace


@dataclass(frozen=True)
class Token:
    """A position at the end of a trace. band: which colour; None if it was given, or never changed."""

    text: str
    band: int | None
    is_given: bool
    settled: int


@dataclass(frozen=True)
class Denoising:
    """What the page is made of: tokens without a script, `data` with it."""

    path: Path
    title: str
    num_steps: int
    tokens: list[Token]
    data: dict[str, Any]


def denoising(trace: Trace, path: Path) -> Denoising:
    """The page's part for one trace."""
    about, settled, given = trace.about, trace.settled(), trace.given()
    palette = Palette(trace.num_steps)
    tokens = [
        Token(
            text=trace.pieces[piece] or "",
            band=None if given[at] or not settled[at] else palette.band(settled[at]),
            is_given=given[at],
            settled=settled[at],
        )
        for at, piece in enumerate(trace.states()[-1])
    ]
    return Denoising(
        path=path,
        title=f"checkpoint {about.checkpoint_step:,}, {about.sampler}, seed {about.seed}",
        num_steps=trace.num_steps,
        tokens=tokens,
        data={"pieces": trace.pieces, "frames": trace.frames, "settled": settled},
    )
