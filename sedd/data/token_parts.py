"""Parts of a split that is being tokenized: each whole or absent, so that a killed process loses one
part at most, and several processes can share the work.

Part n has the tokens of the split's documents in part n of the source, which holds PART_CHARACTERS
characters. `.SPLIT.parts/n.bin` has the tokens; `n.json`, written last, has their numbers, checksum
and settings. Whoever writes a part holds the lock `n.lock`. V vocabulary size.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import shutil
import sys
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from sedd.data.encoding import Encoded
from sedd.errors import DataError
from sedd.runtime.atomic import no_follow, replacing, write_text
from sedd.runtime.json_text import json_text
from sedd.runtime.lock import locked
from sedd.runtime.provenance import code_sha256

PART_CHARACTERS = 1 << 28
"""Characters of the source in a part: 60 million tokens of GPT-2, 120 MB."""
COPY_BYTES = 1 << 18

_code = functools.cache(code_sha256)


@dataclass
class PartRecord:
    """What is known of a whole part. counts: (V,) occurrences of each token."""

    settings: str
    is_last: bool
    num_bytes: int
    num_documents: int
    num_tokens: int
    num_characters: int
    crc32: int
    counts: list[int]


_RECORD = TypeAdapter(PartRecord)


class PartWriter:
    """Appends tokens to a part."""

    def __init__(self, file: IO[bytes], vocab_size: int):
        self._file = file
        self.is_last = False
        self.numbers = dict.fromkeys(
            ("num_bytes", "num_documents", "num_tokens", "num_characters", "crc32"), 0
        )
        self.counts = np.zeros(vocab_size, dtype=np.int64)

    def write(self, encoded: Encoded) -> None:
        content, numbers = encoded.tokens.tobytes(), self.numbers
        self._file.write(content)
        self.counts += np.bincount(encoded.tokens, minlength=len(self.counts))
        numbers["crc32"] = zlib.crc32(content, numbers["crc32"])
        numbers["num_bytes"] += len(content)
        numbers["num_tokens"] += len(encoded.tokens)
        numbers["num_documents"] += encoded.num_documents
        numbers["num_characters"] += encoded.num_characters


class TokenParts:
    """The parts of one split.

    settings: everything that the tokens depend on. Parts with others, or of another version of the
    code, count as absent.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]):
        """folder: of the finished split, beside which the parts are."""
        self.folder = folder.with_name(f".{folder.name}.parts")
        self._vocab_size: int = settings["vocab_size"]
        text = json_text([settings, PART_CHARACTERS, _code()], sort_keys=True)
        self._settings = hashlib.sha256(text.encode()).hexdigest()

    def record(self, number: int) -> PartRecord | None:
        """The record of a part, if it is whole."""
        try:
            content = self._record_file(number).read_bytes()
            record = _RECORD.validate_json(content)
            size = self._tokens_file(number).stat().st_size
        except (OSError, ValidationError):
            return None
        is_whole = (record.settings, record.num_bytes) == (self._settings, size)
        counts = record.counts
        has_counts = (len(counts), sum(counts)) == (self._vocab_size, record.num_tokens)
        return record if is_whole and has_counts else None

    def records(self) -> list[PartRecord] | None:
        """The records of all parts, if all are whole."""
        found = []
        for number in itertools.count():
            if (record := self.record(number)) is None:
                return None
            found.append(record)
            if record.is_last:
                return found

    @contextlib.contextmanager
    def claim(self, number: int) -> Iterator[bool]:
        """Hold the lock of a part. Yields False if another process holds it."""
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(locked(self._lock_file(number), _give_up, keep=False))
            except _HeldError:
                is_held = True
            else:
                is_held = False
            yield not is_held

    def wait(self, number: int) -> None:
        """Wait while another process holds the lock of a part."""
        with locked(self._lock_file(number), self._report, keep=False):
            pass

    @contextlib.contextmanager
    def writing(self, number: int) -> Iterator[PartWriter]:
        """Write a part, which is whole afterwards. On an error it is absent."""
        self._record_file(number).unlink(missing_ok=True)
        with (
            replacing(self._tokens_file(number)) as temporary,
            open(temporary, "wb", opener=no_follow) as file,
        ):
            writer = PartWriter(file, self._vocab_size)
            yield writer
        record = PartRecord(
            settings=self._settings,
            is_last=writer.is_last,
            counts=writer.counts.tolist(),
            **writer.numbers,
        )
        write_text(self._record_file(number), json_text(vars(record)) + "\n")

    def content(self, number: int, record: PartRecord) -> Iterator[bytes]:
        """The tokens of a part, in chunks. Raises DamagedPartError at the end if it was damaged."""
        found = 0
        with open(self._tokens_file(number), "rb", opener=no_follow) as file:
            while chunk := file.read(COPY_BYTES):
                found = zlib.crc32(chunk, found)
                yield chunk
        if found != record.crc32:
            self._record_file(number).unlink(missing_ok=True)
            raise DamagedPartError(f"{self._tokens_file(number)}: damaged; writing it again")

    def discard_others(self) -> None:
        """Remove parts with other settings that no process writes."""
        if self.folder.is_symlink():
            raise DataError(f"{self.folder}: is a link; parts are kept in a folder: remove it")
        is_reported = False
        for path in sorted(self.folder.glob("*.json")):
            if not path.stem.isdecimal() or self.record(number := int(path.stem)) is not None:
                continue
            with self.claim(number) as is_ours:
                if is_ours and self.record(number) is None:
                    if not is_reported:
                        print(
                            f"{self.folder}: dropping parts of other settings or code",
                            file=sys.stderr,
                        )
                        is_reported = True
                    path.unlink(missing_ok=True)
                    self._tokens_file(number).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove all parts, after the split is finished."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def leave(self) -> None:
        """Remove the folder if it is empty: a lock may have made it again after its removal."""
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def _report(self, holder: str) -> None:
        print(f"{self.folder}: {holder} is writing a part; waiting", file=sys.stderr, flush=True)

    def _tokens_file(self, number: int) -> Path:
        return self.folder / f"{number:05d}.bin"

    def _record_file(self, number: int) -> Path:
        return self.folder / f"{number:05d}.json"

    def _lock_file(self, number: int) -> Path:
        return self.folder / f"{number:05d}.lock"


class DamagedPartError(Exception):
    """A part that is not what its record says. It counts as absent from now on."""


class _HeldError(Exception):
    pass


def _give_up(holder: str) -> None:
    raise _HeldError
