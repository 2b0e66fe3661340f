"""The Hugging Face hub: every request to it goes through `ask`.

Requests are made by `huggingface_hub`, so its environment variables apply: HF_ENDPOINT, HF_HOME,
HF_TOKEN, HF_HUB_OFFLINE, HF_HUB_ETAG_TIMEOUT, HF_HUB_DOWNLOAD_TIMEOUT, the proxies and SSL_CERT_FILE.
What was downloaded stays in its cache, which is enough for the next time without a connection.
Functions import `huggingface_hub`, with its HTTP client: most commands make no request.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sedd.data.network import NO_CONNECTION, NetworkError, diagnose, patiently

T = TypeVar("T")


def ask(what: str, call: Callable[[], T], waits: Sequence[float] | None = None) -> T:
    """The result of a call of the hub's client, which is repeated as in `patiently`.

    what: the beginning of each message. Raises NetworkError, on one line, and nothing else for
    anything that goes wrong with the network or the hub.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    if constants.HF_HUB_OFFLINE:
        remedy = f"unset it, or {NO_CONNECTION}"
        raise NetworkError("HF_HUB_OFFLINE is set", remedy, "offline").about(what)

    def bounded() -> T:
        client: Any = get_session()
        # by default the client waits for ever, where its functions set no limit
        if getattr(getattr(client, "timeout", None), "read", 0) is None:
            client.timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
        return call()

    return patiently(f"{what} on {constants.ENDPOINT}", bounded, waits)


def knock(what: str) -> None:
    """Raise NetworkError unless the hub answers."""
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    ask(what, lambda: get_session().head(constants.ENDPOINT, timeout=constants.HF_HUB_ETAG_TIMEOUT))


def repository_info(
    what: str,
    repository: str,
    revision: str | None,
    kind: str,
    waits: Sequence[float] | None = None,
) -> tuple[str, list[str]]:
    """The commit of a revision (None: main), and the names of its files. kind: model or dataset.

    Raises NetworkError.
    """
    from huggingface_hub import HfApi, constants

    def call() -> tuple[str, list[str]]:
        info: Any = HfApi().repo_info(
            repository, revision=revision, repo_type=kind, timeout=constants.HF_HUB_ETAG_TIMEOUT
        )
        return info.sha, [one.rfilename for one in info.siblings or []]

    return ask(what, call, waits)


def hub_file(
    what: str, repository: str, path: str, revision: str | None = None, kind: str = "model"
) -> Path:
    """Path of a hub file in the local cache, downloaded or updated if the hub answers.

    revision: None: main; a commit that is in the cache takes no request.
    A copy in the cache serves if the hub gives no answer. Raises NetworkError.
    """
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url

    cached = cached_file(repository, path, revision, kind)
    if cached is not None and revision in cached.parts:  # a commit never changes
        return cached

    def call() -> Path:
        # fails at once, where the download would wait for minutes and say nothing
        get_hf_file_metadata(
            hf_hub_url(repository, path, repo_type=kind, revision=revision),
            timeout=constants.HF_HUB_ETAG_TIMEOUT,
        )
        return Path(hf_hub_download(repository, path, repo_type=kind, revision=revision))

    return or_cached(cached, lambda waits: ask(what, call, waits))


def cached_file(
    repository: str, path: str, revision: str | None = None, kind: str = "model"
) -> Path | None:
    """Path of a file in the cache; None if it is not there. Makes no request.

    Raises NetworkError for what is no name of a repository.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, HFValidationError

    try:
        return Path(
            hf_hub_download(
                repository, path, repo_type=kind, revision=revision, local_files_only=True
            )
        )
    except HFValidationError as error:
        raise diagnose(error) from error
    except (EntryNotFoundError, OSError):
        return None


def or_cached(cached: T | None, call: Callable[[Sequence[float] | None], T]) -> T:
    """What the hub answers; if it gives no answer, what is in the cache, and no second attempt.

    call: takes the waits of `ask`. Raises NetworkError.
    """
    try:
        return call(None if cached is None else ())
    except NetworkError as error:
        if cached is None or not error.is_no_answer:
            raise
        if error.kind != "offline":
            print(f"{error.reason}; using the copy in the cache", file=sys.stderr)
        return cached
