"""The Hugging Face hub: files of a repository, and rows of a data set as a stream.

`HF_ENDPOINT`, `HF_HOME`, `HF_HUB_OFFLINE` and the proxy variables mean what they mean to `huggingface_hub`.
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

TIMEOUT_SECONDS = 3.0


def is_reachable() -> bool:
    """Whether a server answers. Asked first because the client itself tries for half a minute before giving up."""
    if constants.HF_HUB_OFFLINE:
        return False
    request = urllib.request.Request(constants.ENDPOINT, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
            return True
    except urllib.error.HTTPError:
        return True  # it answered
    except (OSError, http.client.HTTPException):
        return False


def hub_file(repository: str, path: str) -> Path:
    """The file in the local cache, fetched or brought up to date where the hub can be reached.

    Raises what `hf_hub_download` raises: `LocalEntryNotFoundError` when it is in neither place.
    """
    return Path(hf_hub_download(repository, path, local_files_only=not is_reachable()))


def dataset_commit(repository: str, revision: str | None) -> str:
    """The commit that a tag or branch (null: main) stands for now; a full commit stands for itself."""
    if revision is not None and re.fullmatch("[0-9a-f]{40}", revision):
        return revision
    _require_hub(repository, "give source.revision as a full commit once the data is here")
    try:
        commit = HfApi().dataset_info(repository, revision=revision).sha
    except (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError) as error:
        raise DataError(
            f"hub data set {repository}: not found at revision {revision or 'main'}; "
            "correct source.repo or source.revision, and log in with `hf auth login` if it is gated"
        ) from error
    except OSError as error:
        raise DataError(f"hub data set {repository}: the hub refused: {error}") from error
    assert commit is not None
    return commit


def rows(
    repository: str, name: str | None, revision: str | None, part: str, field: str
) -> Iterator[str]:
    """Yield column `field` of each row of the hub's split `part`, also where it is empty."""
    try:
        import datasets
    except ImportError as error:
        raise DataError(
            f"hub data set {repository}: needs the library `datasets`; install it with: pip install 'sedd[hub]'"
        ) from error
    _require_hub(repository, "run this once where the hub can be reached")
    place = f"hub data set {repository}, split {part}"
    try:
        stream = datasets.load_dataset(
            repository,
            name,
            split=part,
            revision=dataset_commit(repository, revision),
            streaming=True,
        )
        for number, row in enumerate(stream):
            yield text_of(row, field, f"{place}, row {number}")
    except (OSError, ValueError) as error:
        raise DataError(f"{place}: cannot be read: {error}") from error


def _require_hub(repository: str, way_out: str) -> None:
    if not is_reachable():
        state = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else "it does not answer"
        raise DataError(
            f"hub data set {repository}: the hub {constants.ENDPOINT} cannot be reached ({state}); {way_out}"
        )
