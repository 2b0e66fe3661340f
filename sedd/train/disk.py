"""A disk that takes no more, told in words: where, what the system said, and the way out."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from sedd.errors import CheckpointError

# what a write can meet, of all that the system calls an OSError
REFUSED = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.EIO,
    }
)


@contextlib.contextmanager
def refusals_told(folder: Path) -> Iterator[None]:
    """Raise a CheckpointError where a file under `folder` could not be written."""
    try:
        yield
    except OSError as error:
        if error.errno not in REFUSED:
            raise
        where = error.filename or folder
        raise CheckpointError(
            f"{where}: cannot be saved: {error.strerror}; what was saved before is whole. "
            "Make room, or make the folder writable; then the same command goes on from the last state"
        ) from error
