"""Traces: one text from noise to its end, with the token at each position after each step.

Frame 0 is the noise, frame k the state after k steps. A frame holds the changes only: pairs of a
position and the index of a piece. A piece is the text of a token; None is the mask. `sedd sample
--trace` writes traces; pages and GIFs show them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sedd.config import AnyExperiment, Experiment, Keys, measured_steps, text_length
from sedd.errors import DataError
from sedd.results import checkpoint, samples
from sedd.results.kind import Job, Kind
from sedd.runtime.atomic import write_text
from sedd.runtime.json_text import json_text

PATH = "results/runs/{experiment}/samples/step_{step}/trace_{sampler}_{steps}.json"
# in the path
TARGETS = ("sampling.sampler", "sampling.steps")

# Background colors of tokens settled early (blue) to late (yellow), ordered by lightness; text is
# readable on each.
LIGHT = (
    "#8eb1f1",
    "#7ebff3",
    "#71ccef",
    "#6dd8e6",
    "#76e1d9",
    "#8be8ca",
    "#a6edba",
    "#c5f0ac",
    "#e3f1a3",
    "#fff0a1",
)
DARK = (
    "#0f2a5f",
    "#003560",
    "#00405d",
    "#004955",
    "#00504b",
    "#00553f",
    "#1b5932",
    "#3b5b26",
    "#535b1b",
    "#685b19",
)


class About(BaseModel):
    """The text of a trace and the settings that drew it.

    parts: first position and number of tokens of each given text that is neither prefix nor suffix.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    experiment: str
    checkpoint_step: int
    sampler: str
    steps: int
    prefix_tokens: int = Field(ge=0)
    suffix_tokens: int = Field(ge=0)
    parts: list[tuple[int, int]] = []
    seed: int
    provenance: dict[str, Any]


class Trace(BaseModel):
    """One text from noise to its end.

    frames[0] holds a piece for every position; later frames hold changed positions only, as pairs
    (position, index into `pieces`).
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    about: About
    pieces: list[str | None]
    frames: list[list[tuple[int, int]]] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_sound(self) -> Trace:
        length = len(self.frames[0])
        if [position for position, _ in self.frames[0]] != list(range(length)):
            raise ValueError("the first frame must have every position, in order")
        for start, size in self.about.parts:
            if start < 0 or size < 1 or start + size > length:
                raise ValueError(
                    f"a given text of {size} tokens at position {start} is not within the {length} tokens"
                )
        for frame in self.frames:
            for position, piece in frame:
                if not (0 <= position < length and 0 <= piece < len(self.pieces)):
                    raise ValueError(
                        f"a frame has position {position} and piece {piece}, but the text has "
                        f"{length} positions and {len(self.pieces)} pieces"
                    )
        return self

    @property
    def length(self) -> int:
        return len(self.frames[0])

    @property
    def num_steps(self) -> int:
        """Number of recorded steps; fewer than requested if nothing was left to change."""
        return len(self.frames) - 1

    def states(self) -> list[list[int]]:
        """The index of the piece at each position, after each step."""
        now = [0] * self.length
        states = []
        for frame in self.frames:
            for position, piece in frame:
                now[position] = piece
            states.append(list(now))
        return states

    def settled(self) -> list[int]:
        """The last step that changed each position; 0 if it was given or never changed."""
        last = [0] * self.length
        for step, frame in enumerate(self.frames):
            for position, _ in frame:
                last[position] = step
        return last

    def given(self) -> list[bool]:
        """Whether each position belongs to the prefix, the suffix or another given part."""
        first_free, end = self.about.prefix_tokens, self.length - self.about.suffix_tokens
        given = [not first_free <= position < end for position in range(self.length)]
        for start, size in self.about.parts:
            given[start : start + size] = [True] * size
        return given


@dataclass(frozen=True)
class Palette:
    """The color band, 0 to num_bands - 1, of each of `num_steps` steps."""

    num_steps: int
    num_bands: int = len(LIGHT)

    def band(self, step: int) -> int:
        return min(max(step - 1, 0) * self.num_bands // max(self.num_steps, 1), self.num_bands - 1)


def build_trace(
    about: dict[str, Any], states: Sequence[Sequence[int]], pieces: dict[int, str | None]
) -> Trace:
    """A trace from the token ids at each position after each step. pieces: the text of each id."""
    place = {token: number for number, token in enumerate(pieces)}
    frames: list[list[tuple[int, int]]] = []
    before: Iterable[int | None] = [None] * len(states[0])
    for state in states:
        changes = enumerate(zip(before, state, strict=True))
        frames.append([(at, place[now]) for at, (then, now) in changes if then != now])
        before = state
    return Trace(about=About(**about), pieces=list(pieces.values()), frames=frames)


def write_trace(trace: Trace, path: Path) -> None:
    """Write a trace as JSON, one frame per line."""
    head = {"about": trace.about.model_dump(exclude_defaults=True), "pieces": trace.pieces}
    text = json_text(head, ensure_ascii=False)[:-1]
    frames = ",\n".join(json_text(frame, separators=(",", ":")) for frame in trace.frames)
    write_text(path, f'{text}, "frames": [\n{frames}\n]}}\n')


def read_trace(path: Path) -> Trace:
    """Read a trace. Raises DataError if the file cannot be read, or is not one."""
    try:
        return Trace.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(map(str, problem["loc"])) or "content"
        raise DataError(
            f"{path}: malformed: {where}: {problem['msg']}; delete the file and make it again"
        ) from error


def _jobs(subject: AnyExperiment) -> list[Job]:
    """One text of the last checkpoint; none of a model that does not begin from noise, and none of
    a text that is drawn in windows.
    """
    if not isinstance(subject, Experiment) or subject.graph is None:
        return []
    if text_length(subject) > subject.data.length:
        return []
    sampler, steps, _ = samples.own_drawing(subject)
    step = measured_steps(subject)[-1]
    return [{"experiment": subject.name, "step": step, "sampler": sampler, "steps": steps}]


KIND = Kind(
    rule="trace",
    position=2,
    outputs=(PATH, PATH.replace(".json", ".gif")),
    keys=Keys(
        include=("seed", "evaluation.seed", "data.tokenizer", "data.length", "sampling"),
        # a trace is one text, whatever `count` and `batch_size` say
        exclude=(*TARGETS, "sampling.count", "sampling.batch_size", "sampling.infill"),
    ),
    targets=TARGETS,
    jobs=_jobs,
    inputs=checkpoint.files_of_job,
)
