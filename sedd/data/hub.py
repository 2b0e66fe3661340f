"""The Hugging Face hub: files from a repository, and rows of a data set as a stream.

The environment variables of `huggingface_hub` apply: HF_ENDPOINT, HF_HOME, HF_HUB_OFFLINE and the
proxies.
"""

from __future__ import annotations

import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from huggingface_hub import HfApi, constants, hf_hub_download
from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError, RevisionNotFoundError

from sedd.data.readers import text_of
from sedd.errors import DataError
from sedd.runtime.extras import missing_library

TIMEOUT_SECONDS = 3.0


def is_reachable() -> bool:
    """Whether the hub answers. `huggingface_hub` itself would retry for half a minute."""
    if constants.HF_HUB_OFFLINE:
        return False
    request = urllib.request.Request(constants.ENDPOINT, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
            return True
    except urllib.error.HTTPError:
        return True  # an error status is an answer
    except (OSError, http.client.HTTPException):
        return False


def hub_file(repository: str, path: str) -> Path:
    """Path of a hub file in the local cache, downloaded or updated if the hub is reachable.

    Raises the errors of `hf_hub_download`, such as `LocalEntryNotFoundError` if the hub is
    unreachable and the cache has no copy.
    """
    return Path(hf_hub_download(repository, path, local_files_only=not is_reachable()))


def dataset_commit(repository: str, revision: str | None) -> str:
    """Current commit of a tag or branch (None: main). A full commit hash is returned unchanged.

    Raises DataError if the hub is unreachable, or has no such data set or revision.
    """
    if revision is not None and re.fullmatch("[0-9a-f]{40}", revision):
        return revision
    _require_hub(
        repository, "set source.revision to a full commit hash to use a downloaded copy offline"
    )
    try:
        commit = HfApi().dataset_info(repository, revision=revision).sha
    except (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError) as error:
        raise DataError(
            f"hub data set {repository}: not found at revision {revision or 'main'}; "
            "correct source.repo or source.revision, and log in with `hf auth login` if it is gated"
        ) from error
    except OSError as error:
        raise DataError(f"hub data set {repository}: request to the hub failed: {error}") from error
    assert commit is not None
    return commit


def rows(
    repository: str, name: str | None, revision: str | None, part: str, field: str
) -> Iterator[str]:
    """Yield column `field` of each row of the hub's split `part`, including empty texts.

    Raises DataError if the library `datasets` is missing, the hub is unreachable or a row is
    malformed.
    """
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise DataError(f"hub data set {repository}: {missing_library(error)}") from error
    _require_hub(repository, "run this on a machine with access to the hub")
    location = f"hub data set {repository}, split {part}"
    try:
        stream = datasets.load_dataset(
            repository,
            name,
            split=part,
            revision=dataset_commit(repository, revision),
            streaming=True,
        )
        for number, row in enumerate(stream):
            yield text_of(row, field, f"{location}, row {number}")
    except (OSError, ValueError) as error:
        raise DataError(f"{location}: cannot be read: {error}") from error


def _require_hub(repository: str, remedy: str) -> None:
    if not is_reachable():
        reason = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else "no answer"
        raise DataError(
            f"hub data set {repository}: the hub {constants.ENDPOINT} is unreachable ({reason}); "
            f"{remedy}"
        )
