"""Data sets of the Hugging Face hub: the files of one part are downloaded, and read row by row.

The files stay in the hub's cache, with a list of those that make up each part: the same commit is
read again without a request.
"""

from __future__ import annotations

import contextlib
import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sedd.data.hub import ask, hub_file, or_cached, repository_info
from sedd.data.readers import text_of
from sedd.errors import DataError, first_line
from sedd.runtime.atomic import write_json
from sedd.runtime.extras import missing_library

COMMIT = re.compile("[0-9a-f]{40}")
ON_HUB = re.compile("hf://datasets/[^@]+@[^/]+/(.+)")
DESCRIPTIONS = ("README.md", ".huggingface.yaml", "dataset_infos.json")
"""Files that say what the configurations of a dataset are."""


@dataclass(frozen=True)
class HubDataset:
    """A dataset of the hub. name: of its configuration, revision: None for the newest."""

    repository: str
    name: str | None = None
    revision: str | None = None

    def __str__(self) -> str:
        return f"hub dataset {self.repository}"

    def commit(self) -> str:
        """Current commit of the revision. A full commit hash is returned unchanged.

        Without an answer of the hub, the commit of the last download. Raises DataError.
        """
        if self.revision is not None and COMMIT.fullmatch(self.revision):
            return self.revision
        return _newest_commit(self)

    def fetch(self, part: str) -> tuple[Path, list[str]]:
        """The cached folder of the dataset's commit, and the paths in it of the files of one hub split.

        Missing files are downloaded. Raises DataError, also if the library
        `datasets` is missing.
        """
        commit = self.commit()
        known = self._known() if self._known().get("commit") == commit else {}
        parts, described = known.get("parts", {}), known.get("described", [])
        if part not in parts:
            _, names = repository_info(f"{self}", self.repository, commit, "dataset")
            described = [name for name in DESCRIPTIONS if name in names]
            parts = {**parts, part: self._files_of(part, commit)}
        files = parts[part]
        found = [
            hub_file(f"{self}", self.repository, path, commit, "dataset")
            for path in (*described, *files)
        ]
        if parts != known.get("parts"):
            with contextlib.suppress(OSError):  # a cache that only others may write
                write_json(self._list(), {"commit": commit, "described": described, "parts": parts})
        return found[-1].parents[len(Path(files[-1]).parts) - 1], files

    def rows(self, part: str, field: str) -> Iterator[str]:
        """Yield column `field` of each row of the hub's split `part`, including empty texts.

        Raises DataError if the library `datasets` is missing, the files are neither in the cache
        nor on the hub, or a row is malformed.
        """
        datasets = _library(f"{self}")
        folder, files = self.fetch(part)
        where = f"{self}, split {part}"
        try:
            stream: Any = datasets.load_dataset(
                f"{folder}",
                self.name,
                split=part,
                data_files={part: files},
                streaming=True,
                trust_remote_code=False,
            )
            for number, row in enumerate(stream):
                yield text_of(row, field, f"{where}, row {number}")
        except DataError:
            raise
        except Exception as error:  # the library and the readers under it raise many kinds
            raise DataError(
                f"{where}: cannot be read ({type(error).__name__}: {first_line(error)}); correct "
                f"source.name, or delete {folder} if it is damaged"
            ) from error

    def _files_of(self, part: str, commit: str) -> list[str]:
        """Paths in the repository of the files of a split, as the library `datasets` finds them."""
        datasets = _library(f"{self}")

        def call() -> dict[str, list[str]]:
            builder = datasets.load_dataset_builder(self.repository, self.name, revision=commit)
            return dict(builder.config.data_files or {})

        parts = ask(f"{self}", call)
        if part not in parts:
            raise DataError(
                f"{self}: has no split {part}; its splits: {', '.join(map(str, parts))}"
            )
        places = [(one, ON_HUB.fullmatch(one)) for one in parts[part]]
        if elsewhere := next((one for one, place in places if place is None), None):
            raise DataError(
                f"{self}: split {part} is not on the hub, but at {elsewhere}; use source.type: url"
            )
        return [place[1] for _, place in places if place is not None]

    def _list(self) -> Path:
        """The file that lists what was downloaded."""
        from huggingface_hub import cached_assets_path

        names = [one or "default" for one in (self.name, self.revision)]
        folder = cached_assets_path("sedd", self.repository, "--".join(names))
        return folder / "parts.json"

    def _known(self) -> dict[str, Any]:
        try:
            return json.loads(self._list().read_text())
        except (OSError, ValueError):
            return {}


@functools.cache  # one process reads one commit, also if the dataset changes meanwhile
def _newest_commit(dataset: HubDataset) -> str:
    what = f"{dataset} at revision {dataset.revision or 'main'}"
    repository, revision = dataset.repository, dataset.revision
    return or_cached(
        dataset._known().get("commit"),
        lambda waits: repository_info(what, repository, revision, "dataset", waits)[0],
    )


def _library(what: str) -> Any:
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise DataError(f"{what}: {missing_library(error)}") from error
    return datasets
