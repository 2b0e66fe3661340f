"""Dataset: the source of its text, the format of its documents, and its splits.

A source has named parts: the splits of a hub dataset, or files. A package has one part, its file,
with the name `all`. The section `splits` maps parts, or fractions of the documents of one part, to
`train`, `validation` and `test`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from sedd.config.base import ConfigModel, Rule
from sedd.config.values import DatasetName, Sha256, Split, Text

PACKAGE_PART = "all"
ALL = {PACKAGE_PART: None}


class PackageSource(ConfigModel):
    """File in an installed Python package. The package is never imported."""

    type: Literal["package"]
    package: Text
    """name of the package for pip"""
    version: Text
    """exact version"""
    path: Text
    """path of the file, relative to site-packages"""
    sha256: Sha256
    """SHA-256 of the file, in hexadecimal"""


class HubSource(ConfigModel):
    """Dataset of the Hugging Face hub, read as a stream. Its parts are the hub's splits."""

    type: Literal["hub"]
    repo: Text
    """hub id, owner/name"""
    name: Text | None = None
    """configuration on the hub, if the dataset has several"""
    revision: Text | None = None
    """commit, tag or branch; null: the newest"""


class FileSource(ConfigModel):
    """Local files (.txt, .json, .jsonl, each also .gz), relative to the project's folder."""

    type: Literal["file"]
    files: Annotated[dict[str, Text], Field(min_length=1)]
    """file of each part, by the part's name"""


class Download(ConfigModel):
    """File on the web."""

    url: Annotated[str, Field(pattern=r"^https?://")]
    """http or https address"""
    sha256: Sha256 | None = None
    """SHA-256 of the downloaded file, in hexadecimal; null: not checked"""


class UrlSource(ConfigModel):
    """Files on the web, each downloaded once."""

    type: Literal["url"]
    files: Annotated[dict[str, Download], Field(min_length=1)]
    """address of each part, by the part's name"""


Source = Annotated[PackageSource | HubSource | FileSource | UrlSource, Field(discriminator="type")]


class JsonFormat(ConfigModel):
    """One JSON value: a list of documents, or a mapping whose values are documents."""

    type: Literal["json"]
    field: Text | None = None
    """key of the text in a document; null: each document is a text"""


class JsonLinesFormat(ConfigModel):
    """One document per line, as a JSON value."""

    type: Literal["jsonl"]
    field: Text | None = None
    """key of the text in a line; null: each line is a text"""


class RowsFormat(ConfigModel):
    """Rows of a hub dataset; each row is a document."""

    type: Literal["rows"]
    field: Text = "text"
    """column with the text"""


class TextFormat(ConfigModel):
    """Plain text, UTF-8."""

    type: Literal["text"]
    document: Literal["line", "paragraph", "file"] = "line"
    """unit of text that is one document; paragraphs are separated by empty lines; empty documents
    are dropped"""
    start_after: Text | None = None
    """string after whose first occurrence the text starts; null: start of the file"""
    end_before: Text | None = None
    """string before whose next occurrence the text ends; null: end of the file"""


Format = Annotated[
    JsonFormat | JsonLinesFormat | RowsFormat | TextFormat, Field(discriminator="type")
]


class HashSplits(ConfigModel):
    """Random split of the documents of one part, by a seeded hash: no document is in two splits."""

    type: Literal["hash"]
    part: Text | None = None
    """part of the source to split; null: the only part"""
    seed: Annotated[int, Field(ge=0)] = 0
    """seed of the split"""
    validation: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """fraction of the documents in validation"""
    test: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """fraction of the documents in test"""
    paper: Split = "test"
    """split that is measured with evaluation.protocol paper"""


class NamedSplits(ConfigModel):
    """Splits that the source provides."""

    type: Literal["named"]
    train: Text | None = None
    """part of the source to use as train; null: no such split"""
    validation: Text | None = None
    """part of the source to use as validation; null: no such split"""
    test: Text | None = None
    """part of the source to use as test; null: no such split"""
    paper: Split = "test"
    """split that is measured with evaluation.protocol paper"""


Splits = Annotated[HashSplits | NamedSplits, Field(discriminator="type")]


def _fractions(validation: float, test: float) -> str | None:
    if validation + test < 1:
        return None
    return f"must be below 1 in sum with splits.test, {test}, so that train is not empty; got {validation}"


def _rows_are_of_the_hub(format_type: str, source_type: str) -> str | None:
    if (format_type == "rows") == (source_type == "hub"):
        return None
    return f"must be rows for a hub source, and another format for files; got {format_type} with {source_type}"


def _one_part(kind: str, part: str | None, files: Mapping[str, object]) -> str | None:
    if kind != "hash" or part in files or (part is None and len(files) == 1):
        return None
    return f"must be one of the source's parts: {', '.join(files)}; got {part or 'null'}"


def _hub_part(kind: str, part: str | None, repo: str) -> str | None:
    if kind != "hash" or part is not None:
        return None
    return f"must name the split of {repo} to divide, e.g. train; got null"


def _named_part(part: str | None, files: Mapping[str, object]) -> str | None:
    if part is None or part in files:
        return None
    return f"must be one of the source's parts: {', '.join(files)}; got {part}"


class DatasetConfig(ConfigModel):
    """Dataset: source, format and splits."""

    name: DatasetName
    """file's stem, set by the loader"""
    description: Text
    """one line for lists and model cards"""
    licence: Text
    """license of the text"""
    homepage: Text | None = None
    """web page about the dataset"""
    source: Source
    """type: package, hub, file or url"""
    format: Format
    """type: json, jsonl, text, or rows (of a hub dataset)"""
    detokenizer: Literal["wikitext", "ptb", "lm1b", "lambada"] | None = None
    """function that undoes the tokenization (e.g. spaces before punctuation) of a published
    dataset; null: none"""
    splits: Splits
    """type: hash (random split of the documents) or named (splits of the source)"""

    rules = (
        Rule(("splits.validation", "splits.test", "splits.seed"), lambda v, t, _: _fractions(v, t)),
        Rule(("format.type", "source.type"), _rows_are_of_the_hub),
        Rule(("splits.part", "splits.type", "source.files"), lambda p, k, f: _one_part(k, p, f)),
        Rule(
            ("splits.part", "splits.type", "source.package"), lambda p, k, _: _one_part(k, p, ALL)
        ),
        Rule(("splits.part", "splits.type", "source.repo"), lambda p, k, r: _hub_part(k, p, r)),
        *(
            Rule(
                (f"splits.{split}", "splits.type", "source.files"),
                lambda p, k, f: _named_part(p, f) if k == "named" else None,
            )
            for split in ("train", "validation", "test")
        ),
    )

    def available_splits(self) -> list[str]:
        """Splits that the dataset has, among train, validation and test."""
        splits = self.splits
        if isinstance(splits, HashSplits):
            fractions = {"train": 1.0, "validation": splits.validation, "test": splits.test}
            return [split for split, fraction in fractions.items() if fraction > 0]
        return [split for split in ("train", "validation", "test") if getattr(splits, split)]
