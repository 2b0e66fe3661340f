"""Publish a finished checkpoint under its public path. Works on files only and imports no torch."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from sedd.runtime.atomic import replacing


def hash_file(path: Path) -> Path:
    """Path of the SHA-256 file beside a checkpoint."""
    return path.with_name(f"{path.name}.sha256")


def recorded_sha256(path: Path) -> str | None:
    """The hash that the file beside a checkpoint records; None without one.

    A damaged record, which may not be text, gives a text that is not a hash.
    """
    if not (record := hash_file(path)).is_file():
        return None
    return b"".join(record.read_bytes().split()[:1])[:64].decode(errors="replace")


def publish(source: Path, target: Path) -> None:
    """Hard-link a checkpoint and its hash file to their public paths.

    Copies where links are not supported. Does nothing if `target` already is the same file.
    """
    if target.exists() and target.samefile(source):
        return
    pairs = [(source, target)]
    if hash_file(source).exists():
        pairs.insert(0, (hash_file(source), hash_file(target)))
    for old, new in pairs:
        with replacing(new) as temporary:
            temporary.unlink()
            try:
                temporary.hardlink_to(old)
            except OSError:
                shutil.copyfile(old, temporary)
            # Snakemake needs outputs newer than inputs, but the file may be older
            os.utime(temporary)
