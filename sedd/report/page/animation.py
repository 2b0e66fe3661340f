"""A trace on a page: its final text, and the data from which a script shows every step."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sedd.results.trace import Palette, Trace


@dataclass(frozen=True)
class Token:
    """A token of the final text.

    band: index of its color; None for a given token and for a token that never changed.
    settled: the step after which it did not change.
    """

    text: str
    band: int | None
    is_given: bool
    settled: int


@dataclass(frozen=True)
class Animation:
    """tokens: shown without a script. data: read by templates/denoise.js."""

    path: Path
    title: str
    num_steps: int
    tokens: list[Token]
    data: dict[str, Any]


def animation(trace: Trace, path: Path) -> Animation:
    """The animation of a trace that was read from `path`."""
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
    return Animation(
        path=path,
        title=f"checkpoint {about.checkpoint_step:,}, {about.sampler}, seed {about.seed}",
        num_steps=trace.num_steps,
        tokens=tokens,
        data={"pieces": trace.pieces, "frames": trace.frames, "settled": settled},
    )
