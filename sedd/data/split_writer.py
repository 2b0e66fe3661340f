"""The token folder of one split while it is written: from parts to a complete folder."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sedd.data.token_folder import meta_file, open_tokens, read_meta, tokens_file
from sedd.data.token_parts import DamagedPartError, PartRecord, TokenParts
from sedd.data.verified import record_verified
from sedd.errors import DataError
from sedd.runtime.atomic import no_follow, replacing, sync_folder, write_json
from sedd.runtime.lock import locked


class SplitWriter:
    """Writes a split, unless this or another process has written it.

    identity: the keys of `meta.json` that are known before a document is read. force: write it even
    if it is up to date now.
    """

    def __init__(self, folder: Path, identity: dict[str, Any], *, force: bool):
        self.folder, self.identity = folder, identity
        self.split: str = identity["split"]
        self.parts = TokenParts(folder, identity)
        self._replaced = _stamp(folder) if force else None
        """of a meta.json that does not count"""

    def is_missing(self) -> bool:
        """Whether there is work. Waits for a process that is finishing the split."""
        if self._is_undamaged():
            return False
        with self._locked():
            if self._is_undamaged():
                return False  # another process has just written it
            self.parts.discard_others()
        return True

    def is_written(self) -> bool:
        """Whether the folder is complete with these settings, by its meta alone."""
        try:
            return self._has_meta() and self._describes(read_meta(self.folder))
        except DataError:
            return False

    def needs_parts(self) -> bool:
        return not self.is_written() and self.parts.records() is None

    def wait_for_parts(self, num_parts: int) -> None:
        """Wait for the parts that other processes are writing. One that was killed leaves its part
        absent.
        """
        for number in range(num_parts):
            if self.parts.record(number) is None and not self.is_written():
                self.parts.wait(number)
        self.parts.leave()

    def finish(self) -> bool:
        """Join the parts. Returns whether the split is complete, which another process may have
        done; False if a part is absent or damaged. Raises DataError for a split without a token.
        """
        with self._locked():
            if self.is_written():
                return True
            if (records := self.parts.records()) is None:
                return False
            try:
                self._join(records)
            except DamagedPartError as error:
                print(error, file=sys.stderr)
                return False
            self.parts.remove()
        return True

    def _join(self, records: Sequence[PartRecord]) -> None:
        """Copy the parts into tokens.bin, and write its meta."""
        folder, digest = self.folder, hashlib.sha256()
        keys = ("num_documents", "num_tokens", "num_characters")
        numbers = {key: sum(getattr(one, key) for one in records) for key in keys}
        with replacing(tokens_file(folder)) as temporary:
            with open(temporary, "wb", opener=no_follow) as file:
                for number, record in enumerate(records):
                    for chunk in self.parts.content(number, record):
                        file.write(chunk)
                        digest.update(chunk)
            if numbers["num_tokens"] == 0:
                self.parts.remove()
                raise DataError(
                    f"dataset {self.identity['dataset']}: split {self.split} has no text; "
                    "increase its fraction in `splits`, or compare `format` with the source"
                )
            # new tokens with an old meta.json must not look complete
            remove_meta(folder)
            sync_folder(folder)
        meta = {**self.identity, **numbers, "tokens_sha256": digest.hexdigest()}
        counts = np.sum([np.array(one.counts, dtype=np.int64) for one in records], axis=0)
        record_verified(tokens_file(folder), meta, counts)
        write_json(meta_file(folder), meta)

    def _is_undamaged(self) -> bool:
        """`is_written`, with tokens that are what the meta says. Damage is reported once."""
        try:
            return self._has_meta() and self._describes(open_tokens(self.folder)[1])
        except DataError as error:
            print(f"{error}\ntokenizing again", file=sys.stderr)
            self._replaced = _stamp(self.folder)
            return False

    def _has_meta(self) -> bool:
        """Whether there is a meta.json that is not to be replaced."""
        return meta_file(self.folder).exists() and _stamp(self.folder) != self._replaced

    def _describes(self, meta: dict[str, Any]) -> bool:
        described = {**meta, "licence": self.identity["licence"]}
        return described == {**meta, **self.identity}

    def _locked(self) -> contextlib.AbstractContextManager[int | None]:
        """The lock of the folder. It is beside the folder, which holds tokens alone."""
        path = self.folder.with_name(f".{self.folder.name}.lock")
        return locked(path, self._report, keep=False)

    def _report(self, holder: str) -> None:
        what = f"{self.folder}: {holder} is writing these tokens; waiting"
        print(what, file=sys.stderr, flush=True)


def _stamp(folder: Path) -> tuple[int, int] | None:
    """What differs for a meta.json that was written anew."""
    try:
        stat = meta_file(folder).stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_mtime_ns


def remove_meta(folder: Path) -> None:
    """Remove `meta.json`, also if a folder is in its place."""
    path = meta_file(folder)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
