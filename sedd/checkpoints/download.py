"""Download of a published model from the hub. Never imports torch."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

from sedd.data.hub import cached_file, hub_file, or_cached, repository_info
from sedd.data.network import NetworkError
from sedd.errors import CheckpointError

PATTERNS = ("model*.safetensors*", "pytorch_model*.bin*")  # one file, or shards with an index


def download_model(repository: str) -> Path:
    """Download configuration, tokenizer and weights of a hub repository; return their folder.

    All files are those of one commit. Without an answer of the hub, an earlier download is used.
    Raises CheckpointError with the hub's reason on one line.
    """
    cached = cached_file(repository, "config.json")
    folder = None if cached is None else cached.parent
    try:
        return or_cached(folder, lambda waits: _download(repository, waits))
    except NetworkError as error:
        raise CheckpointError(str(error)) from error


def _download(repository: str, waits: Sequence[float] | None) -> Path:
    commit, names = repository_info("model", repository, None, "model", waits)
    files = [name for name in names if "/" not in name]
    if "config.json" not in files:
        raise NetworkError(f"{repository} holds no config.json", "name a model", "absent")
    # many repositories hold the same weights in both formats: skip the older one
    has_safetensors = any(name.endswith(".safetensors") for name in files)
    weights = [one for one in PATTERNS if not has_safetensors or one.startswith("model")]
    for name in files:
        if any(fnmatch(name, pattern) for pattern in ("tokenizer.json", *weights)):
            hub_file(name, repository, name, commit)
    folder = hub_file("config.json", repository, "config.json", commit).parent
    # the newest is recorded only now: an interrupted download does not count as one
    hub_file("config.json", repository, "config.json")
    return folder
