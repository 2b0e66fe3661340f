"""A data set: where its text comes from, how documents are read out of it, and their splits.

A source has named parts: the splits of a hub data set, or files. A package holds one file, whose
part is called `all`. `splits` then says which part, or which share of one part's documents, is our
`train`, `validation` and `test`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from sedd.config.base import ConfigModel, Rule
from sedd.config.values import DatasetName, Sha256, Text

PACKAGE_PART = "all"
ALL = {PACKAGE_PART: None}
Split = Literal["train", "validation", "test"]


class PackageSource(ConfigModel):
    """A file that an installed Python distribution carries. The package is never imported."""

    type: Literal["package"]
    package: Text
    """name of the distribution, as pip knows it"""
    version: Text
    """exact version"""
    path: Text
    """the file, relative to the folder that packages are installed in"""
    sha256: Sha256
    """of the file, in hexadecimal"""


class HubSource(ConfigModel):
    """A data set of the Hugging Face hub, read as a stream. Its parts are the hub's splits."""

    type: Literal["hub"]
    repo: Text
    """hub id, owner/name"""
    name: Text | None = None
    """configuration of the data set, where it has several"""
    revision: Text | None = None
    """commit, tag or branch; null: the newest"""


class FileSource(ConfigModel):
    """Local files (.txt, .json, .jsonl, each also .gz), relative to the project's folder."""

    type: Literal["file"]
    files: Annotated[dict[str, Text], Field(min_length=1)]
    """from a part's name to its file"""


class Download(ConfigModel):
    """One file on the web."""

    url: Annotated[str, Field(pattern=r"^https?://")]
    """address, http or https"""
    sha256: Sha256 | None = None
    """of the file as served, in hexadecimal; null: not checked"""


class UrlSource(ConfigModel):
    """Files on the web, downloaded once."""

    type: Literal["url"]
    files: Annotated[dict[str, Download], Field(min_length=1)]
    """from a part's name to its address"""


Source = Annotated[PackageSource | HubSource | FileSource | UrlSource, Field(discriminator="type")]


class JsonFormat(ConfigModel):
    """One JSON value: a list of documents, or a mapping whose values are documents."""

    type: Literal["json"]
    field: Text | None = None
    """key of the text within a document; null: a document is the text itself"""


class JsonLinesFormat(ConfigModel):
    """One JSON value a line, each a document."""

    type: Literal["jsonl"]
    field: Text | None = None
    """key of the text within a line; null: a line is the text itself"""


class RowsFormat(ConfigModel):
    """Rows of a hub data set, each a document."""

    type: Literal["rows"]
    field: Text = "text"
    """column of the text"""


class TextFormat(ConfigModel):
    """Plain text in UTF-8."""

    type: Literal["text"]
    document: Literal["line", "paragraph", "file"] = "line"
    """a line, a paragraph (between empty lines) or the whole file; empty ones are left out"""
    start_after: Text | None = None
    """the text begins after the first place where this stands; null: at the start of the file"""
    end_before: Text | None = None
    """the text ends before the next place where this stands; null: at the end of the file"""


Format = Annotated[
    JsonFormat | JsonLinesFormat | RowsFormat | TextFormat, Field(discriminator="type")
]


class HashSplits(ConfigModel):
    """Shares of one part's documents, by a seeded hash: no document is in two splits."""

    type: Literal["hash"]
    part: Text | None = None
    """the source's part; null: the only one"""
    seed: Annotated[int, Field(ge=0)] = 0
    """another seed gives another division"""
    validation: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """share of the documents"""
    test: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """share of the documents"""
    paper: Split = "test"
    """the split that evaluation.protocol paper measures"""


class NamedSplits(ConfigModel):
    """Splits that the source already has, by the name of the part; null: there is none."""

    type: Literal["named"]
    train: Text | None = None
    """part of the source"""
    validation: Text | None = None
    """part of the source"""
    test: Text | None = None
    """part of the source"""
    paper: Split = "test"
    """the split that evaluation.protocol paper measures"""


Splits = Annotated[HashSplits | NamedSplits, Field(discriminator="type")]


def _shares(validation: float, test: float) -> str | None:
    if validation + test < 1:
        return None
    return f"with splits.test {test} must stay below 1, so that train gets some; got {validation}"


def _rows_are_of_the_hub(format_type: str, source_type: str) -> str | None:
    if (format_type == "rows") == (source_type == "hub"):
        return None
    return (
        f"rows belong to a hub source and files to the others; got {format_type} with {source_type}"
    )


def _one_part(kind: str, part: str | None, files: Mapping[str, object]) -> str | None:
    if kind != "hash" or part in files or (part is None and len(files) == 1):
        return None
    return f"must be one of the source's parts: {', '.join(files)}; got {part or 'null'}"


def _hub_part(kind: str, part: str | None, repo: str) -> str | None:
    if kind != "hash" or part is not None:
        return None
    return f"must name the split of {repo} whose documents are divided, e.g. train; got null"


def _named_part(part: str | None, files: Mapping[str, object]) -> str | None:
    if part is None or part in files:
        return None
    return f"must be one of the source's parts: {', '.join(files)}; got {part}"


class DatasetConfig(ConfigModel):
    """`config/datasets/NAME.yaml`."""

    name: DatasetName
    """the file's stem, set by the loader"""
    description: Text
    """one line"""
    licence: Text
    """licence of the text"""
    homepage: Text | None = None
    """where the text is described"""
    source: Source
    """type: package, hub, file or url"""
    format: Format
    """type: json, jsonl, text, or rows of a hub data set"""
    detokenizer: Literal["wikitext", "ptb", "lm1b", "lambada"] | None = None
    """undoes the spacing of a published text; null: the text is taken as it is"""
    splits: Splits
    """type: hash (shares of the documents) or named (splits of the source)"""

    rules = (
        Rule(("splits.validation", "splits.test", "splits.seed"), lambda v, t, _: _shares(v, t)),
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

    def splits_there(self) -> list[str]:
        """Those of train, validation and test that the data set has."""
        rule = self.splits
        if isinstance(rule, HashSplits):
            shares = {"train": 1.0, "validation": rule.validation, "test": rule.test}
            return [split for split, share in shares.items() if share > 0]
        return [split for split in ("train", "validation", "test") if getattr(rule, split)]
