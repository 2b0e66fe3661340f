"""Upload of an export to the Hugging Face hub, with its model card.

The environment variables of `huggingface_hub` apply: HF_ENDPOINT, HF_TOKEN and the proxies.
"""

from __future__ import annotations

from pathlib import Path

from sedd.data.hub import knock
from sedd.data.network import NetworkError
from sedd.errors import CheckpointError, first_line

LOG_IN = "log in with `hf auth login`, or set HF_TOKEN, with a token that may write"


def check_push(repository: str) -> None:
    """Raise CheckpointError unless an upload can be tried: before the export is written."""
    from huggingface_hub import get_token
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise CheckpointError(f"--push {repository}: {first_line(error)}") from error
    if "/" not in repository:
        raise CheckpointError(f"--push {repository}: must be OWNER/NAME, such as me/{repository}")
    if get_token() is None:
        raise CheckpointError(f"--push {repository}: no token for the hub; {LOG_IN}")
    try:
        knock(f"--push {repository}")
    except NetworkError as error:
        raise CheckpointError(str(error)) from error


def push(folder: Path, repository: str, *, private: bool = False) -> str:
    """Upload the files of an export, and return the address of the commit.

    private: make a new repository private; one that exists stays as it is.
    Raises CheckpointError with the hub's reason on one line.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi()
    try:
        # None: the owner's default
        api.create_repo(repository, private=private or None, exist_ok=True)
        return str(
            api.upload_folder(
                repo_id=repository, folder_path=folder, commit_message="Export of sedd"
            ).commit_url
        )
    except HfHubHTTPError as error:
        status = error.response.status_code
        advice = f"; {LOG_IN} to {repository}" if status in (401, 403) else ""
        raise CheckpointError(
            f"--push {repository}: the hub refused the upload ({first_line(error)}){advice}"
        ) from error
    except Exception as error:  # the hub's client and its upload library raise many kinds
        raise CheckpointError(
            f"--push {repository}: the upload failed ({first_line(error)}); "
            "the same command tries again"
        ) from error
