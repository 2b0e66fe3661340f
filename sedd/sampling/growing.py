"""Samples that are written as their batches finish, in order, to a file that outlives a kill."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sedd.checkpoints.language_model import LanguageModel
from sedd.runtime.distributed import World
from sedd.runtime.growing_file import GrowingFile
from sedd.runtime.progress import progress
from sedd.runtime.resumable import only_writer
from sedd.sampling.draw import as_lines
from sedd.sampling.prompt import Request
from sedd.sampling.requested_texts import DrawnText, RequestedTexts


@dataclass(frozen=True)
class Drawn:
    """What one call has drawn: texts, the network calls of all of them, and seconds.

    num_before: texts that an earlier call, which was stopped, has written.
    """

    num_texts: int
    num_calls: int
    seconds: float
    num_before: int = 0

    @classmethod
    def of(cls, texts: Sequence[Mapping[str, Any]]) -> Drawn:
        """Of lines that record how long all of them took."""
        calls = sum(text["network_calls"] for text in texts)
        return cls(len(texts), calls, texts[0]["provenance"]["seconds"])

    def summary(self) -> str:
        """The numbers in one line."""
        before = f" after {self.num_before} earlier ones" if self.num_before else ""
        rate = self.num_texts / max(self.seconds, 0.01)
        calls = self.num_calls / max(self.num_texts, 1)
        return (
            f"{self.num_texts} texts{before} in {self.seconds:.1f} s ({rate:.1f} text/s), "
            f"{calls:.1f} network calls per text"
        )


def draw_growing(
    model: LanguageModel,
    requests: Sequence[Request],
    write: Callable[[list[dict[str, Any]]], None],
    *,
    world: World,
) -> Drawn:
    """As `draw_requests`, but rank 0 passes on the content of new lines after each batch, in order."""
    return _draw(RequestedTexts(model, requests), world, 0, write)


def draw_growing_file(
    model: LanguageModel, requests: Sequence[Request], path: Path, *, world: World
) -> Drawn:
    """As `draw_growing`, to a file that continues after a kill, see `sedd.runtime.growing_file`.

    A text depends neither on the kill nor on the time: the file has the same bytes as without it.
    """
    texts = RequestedTexts(model, requests)
    file = GrowingFile(path, texts.identity)
    with only_writer(path, world):
        num_before = world.broadcast(file.open() if world.is_first else 0)
        if num_before and world.is_first:
            what = f"resuming after {num_before} of {texts.count} texts"
            print(f"{path}: {what}", file=sys.stderr, flush=True)
        drawn = _draw(
            texts, world, num_before, lambda lines: file.append(as_lines(lines), len(lines))
        )
        if world.is_first:
            file.finish()
    return drawn


def _draw(
    texts: RequestedTexts,
    world: World,
    num_before: int,
    write: Callable[[list[dict[str, Any]]], None],
) -> Drawn:
    """Draw the texts after the first `num_before`; write their lines on rank 0."""
    start, num_texts, num_calls = time.perf_counter(), 0, 0
    batches = [at for at in range(len(texts.batches)) if texts.indices(at)[-1] >= num_before]
    waiting: dict[int, DrawnText] = {}  # texts after one that is not drawn yet
    with progress(f"sample {texts.model.name}", texts.count, "text", num_before) as bar:
        for at in range(0, len(batches), world.size):
            own = batches[at : at + world.size][world.rank : world.rank + 1]
            drawn = {
                index: text
                for number in own
                for index, text in zip(texts.indices(number), texts.draw(number, bar), strict=True)
                if index >= num_before
            }
            for some in world.all_gather(drawn):
                waiting |= some
            following = itertools.count(num_before + num_texts)
            ready = list(itertools.takewhile(waiting.__contains__, following))
            lines = [texts.line(index, waiting.pop(index), {}) for index in ready]
            if lines and world.is_first:
                write(lines)
            num_texts += len(lines)
            num_calls += sum(line["network_calls"] for line in lines)
            bar.update(len(lines))
    return Drawn(num_texts, num_calls, time.perf_counter() - start, num_before)
