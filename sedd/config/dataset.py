"""Dataset: the source of its text, the format of its documents, and its splits.

A source has named parts: the splits of a hub dataset, or files. A package has one part, its file,
with the name `all`. The section `splits` maps parts, or fractions of the documents of one part, to
`train`, `validation` and `test`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from sedd.config.base import ConfigModel, Rule
from sedd.config.values import MAX_COUNT, DatasetName, Sha256, Split, Text, WebAddress

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
    """Dataset of the Hugging Face hub, downloaded to its cache. Its parts are the hub's splits."""

    type: Literal["hub"]
    repo: Text
    """hub id, owner/name"""
    name: Text | None = None
    """configuration on the hub, if the dataset has several"""
    revision: Text | None = None
    """commit, tag or branch; null: the newest"""


Files = Annotated[tuple[Text, ...], Field(min_length=1, strict=False)]


class FileSource(ConfigModel):
    """Local files, each also compressed (.gz, .zst), relative to the project's folder."""

    type: Literal["file"]
    files: Annotated[dict[str, Text | Files], Field(min_length=1)]
    """files of each part, by the part's name: a file, a folder, a pattern such as shards/*.parquet,
    or a list of these; the files of a folder or a pattern are read in the order of their names"""


class Download(ConfigModel):
    """File on the web."""

    url: WebAddress
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

    endings: ClassVar = (".json",)
    type: Literal["json"]
    field: Text | None = None
    """key of the text in a document; null: each document is a text"""


class JsonLinesFormat(ConfigModel):
    """One document per line, as a JSON value."""

    endings: ClassVar = (".jsonl", ".ndjson", ".json")
    type: Literal["jsonl"]
    field: Text | None = None
    """key of the text in a line; null: each line is a text"""


class RowsFormat(ConfigModel):
    """Rows of a dataset of the hub, or of parquet or arrow files; each row is a document."""

    endings: ClassVar = (".parquet", ".arrow")
    type: Literal["rows"]
    field: Text = "text"
    """column with the text"""


class CsvFormat(ConfigModel):
    """Rows of a CSV file, whose first row names the columns; each row is a document."""

    endings: ClassVar = (".csv", ".tsv")
    type: Literal["csv"]
    field: Text = "text"
    """column with the text"""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    """character between two columns; "\\t" is a tab"""


class IdsFormat(ConfigModel):
    """Token ids in place of text, for a tokenizer of ids. An .npy file holds integers: each row, or
    all of an array of one dimension, is a document. A .jsonl file has a list of ids per line."""

    endings: ClassVar = (".npy", ".jsonl")
    type: Literal["ids"]
    field: Text | None = None
    """key of the ids in a line; null: each line is a list"""


class TextFormat(ConfigModel):
    """Plain text, UTF-8."""

    endings: ClassVar = (".txt", ".text", ".raw", ".md")
    type: Literal["text"]
    document: Literal["line", "line_with_end", "paragraph", "file"] = "line"
    """unit of text that is one document; line: without white space at its ends; line_with_end:
    with its line end and other white space, as rows of WikiText on the hub, where an empty line is
    an empty row; paragraphs are separated by empty lines; empty documents are dropped"""
    start_after: Text | None = None
    """string after whose first occurrence the text starts; null: start of the file"""
    end_before: Text | None = None
    """string before whose next occurrence the text ends; null: end of the file"""


Format = Annotated[
    JsonFormat | JsonLinesFormat | RowsFormat | CsvFormat | TextFormat | IdsFormat,
    Field(discriminator="type"),
]
FORMATS = (JsonFormat, JsonLinesFormat, RowsFormat, CsvFormat, TextFormat, IdsFormat)


class HashSplits(ConfigModel):
    """Random split of the documents of one part, by a seeded hash: no document is in two splits."""

    type: Literal["hash"]
    part: Text | None = None
    """part of the source to split; null: the only part"""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
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


class LastSplits(ConfigModel):
    """The last documents of one part, as in MDLM: train, then validation, then test. Empty rows
    count as documents."""

    type: Literal["last"]
    part: Text | None = None
    """part of the source to split; null: the only part"""
    validation: Annotated[int, Field(ge=0, le=MAX_COUNT)]
    """documents in validation"""
    test: Annotated[int, Field(ge=0, le=MAX_COUNT)] = 0
    """documents in test, after those of validation"""
    paper: Split = "test"
    """split that is measured with evaluation.protocol paper"""


Splits = Annotated[HashSplits | LastSplits | NamedSplits, Field(discriminator="type")]


def _fractions(validation: float, test: float, kind: str) -> str | None:
    if kind != "hash" or validation + test < 1:
        return None
    return f"must be below 1 in sum with splits.test, {test}, so that train is not empty; got {validation}"


def _hub_has_rows(format_type: str, source_type: str) -> str | None:
    if source_type != "hub" or format_type == "rows":
        return None
    return f"must be rows for a hub source; got {format_type}"


def _one_part(kind: str, part: str | None, files: Mapping[str, object]) -> str | None:
    if kind == "named" or part in files or (part is None and len(files) == 1):
        return None
    return f"must be one of the source's parts: {', '.join(files)}; got {part or 'null'}"


def _hub_part(kind: str, part: str | None, repo: str) -> str | None:
    if kind == "named" or part is not None:
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
    homepage: WebAddress | None = None
    """web page about the dataset"""
    source: Source
    """type: package, hub, file or url"""
    format: Format
    """type: text, json, jsonl, csv, rows (of the hub, parquet or arrow) or ids"""
    detokenizer: Literal["wikitext", "ptb", "lm1b", "lambada", "scientific_papers"] | None = None
    """function that undoes the tokenization (e.g. spaces before punctuation) of a published
    dataset; null: none"""
    splits: Splits
    """type: hash (random split of the documents), last (the last documents of a part) or named
    (splits of the source)"""

    rules = (
        Rule(("splits.validation", "splits.test", "splits.type"), _fractions),
        Rule(("format.type", "source.type"), _hub_has_rows),
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
        held_out = [split for split in ("validation", "test") if getattr(splits, split)]
        has_train = not isinstance(splits, NamedSplits) or splits.train
        return ["train", *held_out] if has_train else held_out
