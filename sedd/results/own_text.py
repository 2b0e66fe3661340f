"""Likelihoods of a user's own texts, which need no configured dataset."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from sedd.config import Keys
from sedd.results.perplexity import Likelihood
from sedd.results.record import Record
from sedd.runtime.atomic import write_text
from sedd.runtime.json_text import json_text

# the settings that a result depends on, besides the texts
KEYS = Keys(
    include=("seed", "data.tokenizer", "data.length", "evaluation"),
    exclude=(
        "evaluation.datasets",
        "evaluation.checkpoints",
        "evaluation.protocol",
        "evaluation.max_sequences",
    ),
)


class OwnTextResult(Likelihood):
    """The likelihood of the texts of some files.

    per_document: whether each document was scored by itself, at its own length; if not, documents
        are packed into sequences of `length` tokens with a separator after each, as datasets are,
        and the last sequence is shorter. files: as the user gave them.
    num_split: documents longer than `length`, which were scored in windows, without the text
        before a window.
    """

    LOCATION: ClassVar = ("experiment", "step")

    files: list[str]
    texts_sha256: str
    per_document: bool
    length: int
    num_documents: int
    num_split: int

    def what(self) -> str:
        split = f", {self.num_split:,} of them in windows" if self.num_split else ""
        documents = f"{self.num_documents:,} documents{split}"
        packed = "" if self.per_document else f", packed into {self.num_sequences:,} sequences"
        times = f", {self.num_draws} times each" if self.bound else ""
        return f"{', '.join(self.files)}: {documents}{packed}, {self.num_tokens:,} tokens{times}"


class DocumentNats(Record):
    """The likelihood of one document.

    index: from 0. file, line: where it was read. nats: -log p, or an estimated upper bound on it,
    with the standard error of the estimate, which is 0 for an exact model.
    tokens: without a separator. windows: parts of at most the model's length that were scored one
    by one and summed; 1: the document fits.
    """

    index: int
    file: str
    line: int
    nats: float
    standard_error: float
    tokens: int
    characters: int
    windows: int
    text: str


def write_documents(path: Path, documents: Sequence[DocumentNats]) -> list[Path]:
    """Write the documents beside `path`, as JSON lines and as CSV without the texts."""
    rows = [document.model_dump() for document in documents]
    lines = "".join(json_text(row, ensure_ascii=False) + "\n" for row in rows)
    table = io.StringIO()
    columns = [name for name in DocumentNats.model_fields if name != "text"]
    writer = csv.DictWriter(table, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    paths = [path.with_suffix(".jsonl"), path.with_suffix(".csv")]
    for file, content in zip(paths, (lines, table.getvalue()), strict=True):
        write_text(file, content)
    return paths
