"""Read a source once, and write the missing parts of all requested splits."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from sedd.config import DatasetConfig
from sedd.data import token_parts
from sedd.data.encoding import Batch, Encoder, encode
from sedd.data.sources import divided
from sedd.data.token_parts import PartWriter, TokenParts


@dataclass
class _OpenPart:
    """A part of the source of which this process writes the tokens.

    claims: holds the locks and the files. writers: of each split that is absent and free.
    """

    claims: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    writers: dict[str, PartWriter] = field(default_factory=dict)


_Label = tuple[_OpenPart, str | None]
"""The part and the split of a batch. None: the part is over."""


def write_absent_parts(
    dataset: DatasetConfig,
    parts: Mapping[str, TokenParts],
    encoder: Encoder,
    num_processes: int,
    *,
    is_written: Callable[[str], bool],
    on_progress: Callable[[int], None],
) -> int:
    """Write all missing parts of the splits, except those that another process is writing. Returns
    the number of written parts.

    parts: of each split; the splits have one part of the source. is_written: whether another process
    has finished a split meanwhile, and removed its parts. on_progress: called with the number of
    documents encoded or found done since the last call.
    """
    reader = _Reader(dataset, parts, is_written, on_progress)
    with contextlib.ExitStack() as stack:
        for (part, split), encoded in encode(reader.batches(stack), encoder, num_processes):
            if split is None:
                part.claims.close()
            else:
                part.writers[split].write(encoded)
                on_progress(encoded.num_read)
    return reader.num_parts


class _Reader:
    """Reads a source as batches of texts, part by part."""

    def __init__(
        self,
        dataset: DatasetConfig,
        parts: Mapping[str, TokenParts],
        is_written: Callable[[str], bool],
        on_progress: Callable[[int], None],
    ):
        self._parts = parts
        self._is_written = is_written
        self._on_progress = on_progress
        self._texts = divided(dataset, list(parts))
        self._next = None
        self.num_parts = 0

    def batches(self, stack: contextlib.ExitStack) -> Iterator[tuple[_Label, list[str]]]:
        """Yield the texts of each part that this process writes.

        stack: closes parts that an error leaves open.
        """
        self._next = next(self._texts, None)
        for number in itertools.count():
            part = self._open(number)
            stack.enter_context(part.claims)
            yield from self._batches_of(part)
            self.num_parts += 1
            for writer in part.writers.values():
                writer.is_last = self._next is None
            if part.writers:
                yield (part, None), []
            if self._next is None:
                return

    def _open(self, number: int) -> _OpenPart:
        part = _OpenPart()
        for split, parts in self._parts.items():
            if parts.record(number) is not None:
                continue
            with contextlib.ExitStack() as claim:
                is_ours = claim.enter_context(parts.claim(number))
                # asked once the claim is held: a process that removes parts has finished the split
                if is_ours and parts.record(number) is None and not self._is_written(split):
                    part.writers[split] = claim.enter_context(parts.writing(number))
                    part.claims.push(claim.pop_all())
        return part

    def _batches_of(self, part: _OpenPart) -> Iterator[tuple[_Label, list[str]]]:
        batches: dict[str, Batch] = {split: Batch() for split in part.writers}
        skipped = 0
        for text, splits in self._texts_of_part():
            skipped += not batches
            for split in splits:
                if split in batches and batches[split].add(text):
                    yield (part, split), batches[split].texts
                    batches[split] = Batch()
        self._on_progress(skipped)
        for split, batch in batches.items():
            if batch.texts:
                yield (part, split), batch.texts

    def _texts_of_part(self) -> Iterator[tuple[str, list[str]]]:
        """The next texts, up to PART_CHARACTERS characters."""
        size = 0
        while self._next is not None and size < token_parts.PART_CHARACTERS:
            current, self._next = self._next, next(self._texts, None)
            size += len(current[0]) + 1
            yield current
