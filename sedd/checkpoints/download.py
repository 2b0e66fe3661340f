"""Download of a published model from the hub. Never imports torch."""

from __future__ import annotations

from pathlib import Path

from sedd.data.hub import is_reachable
from sedd.errors import CheckpointError, first_line

PATTERNS = ("model*.safetensors*", "pytorch_model*.bin*")  # one file, or shards with an index


def download_model(repository: str) -> Path:
    """Download configuration, tokenizer and weights of a hub repository; return their folder.

    Without a connection, an earlier download is used. Raises CheckpointError with the hub's reason
    on one line.
    """
    from huggingface_hub import list_repo_files, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        files = list_repo_files(repository) if is_reachable() else []
        # many repositories hold the same weights in both formats: skip the older one
        has_safetensors = any(name.endswith(".safetensors") and "/" not in name for name in files)
        weights = [name for name in PATTERNS if not has_safetensors or name.startswith("model")]
        return Path(
            snapshot_download(
                repository,
                allow_patterns=["config.json", "tokenizer.json", *weights],
                local_files_only=not files,
            )
        )
    except LocalEntryNotFoundError as error:
        raise CheckpointError("no answer from it, and no copy in its cache") from error
    except Exception as error:  # the hub's client raises many kinds: names, network, access
        raise CheckpointError(f"{type(error).__name__}: {first_line(error)}") from error
