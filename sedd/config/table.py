"""A table: its columns, its rows, and the published numbers that stand beside ours.

A column is a text whose likelihood is measured, a number of denoising steps whose texts a judge read, or a task of MAUVE.
Published numbers are data and live only in `config/tables/*.yaml`, each with whether its paper
gives it as an upper bound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, TypeAdapter

from sedd.config.choices import SamplerName
from sedd.config.sections.model import Count
from sedd.config.sections.quality import Precision, Task
from sedd.config.settings import DatasetName, Name, Rule, Settings, Text, TokenizerName
from sedd.config.yaml.load import check_name, existing, load_yaml_model
from sedd.errors import ConfigError, Problem
from sedd.paths import table_file
from sedd.registry import DEFAULT_SAMPLER

Metric = Literal["bits_per_character", "perplexity", "generative_perplexity", "mauve"]
# what a column of each metric says, and no other
COLUMN_KEYS: dict[Metric, str] = {
    "bits_per_character": "dataset",
    "perplexity": "dataset",
    "generative_perplexity": "steps",
    "mauve": "task",
}
Split = Literal["train", "validation", "test"]
Step = Annotated[int, Field(ge=1)]


class PublishedSource(Settings):
    """Where the published numbers were read."""

    paper: Text
    """authors and year"""
    arxiv: Annotated[str, Field(pattern=r"^\d{4}\.\d{4,5}(v\d+)?$")]
    """arXiv number, with its version where that is known"""
    table: Text
    """the number of the table, or what else the numbers were read from"""
    url: Annotated[str, Field(pattern=r"^https://")]
    """address of that version"""


class Column(Settings):
    """One text, number of steps, or task."""

    label: Text
    """heading of the column"""
    dataset: DatasetName | None = None
    """the text that our rows are measured on, config/datasets/NAME.yaml"""
    split: Split = "test"
    """the part of the text behind the published numbers"""
    protocol: Literal["paper", "standard"] | None = None
    """evaluation.protocol behind the published numbers; null: they compare with either"""
    steps: Count | None = None
    """denoising steps of the texts that were judged"""
    task: Task | None = None
    """what was given of the texts that MAUVE compared"""


class PublishedValue(Settings):
    """A number as its paper prints it."""

    value: Annotated[float, Field(gt=0)]
    """in the table's metric"""
    bound: bool = False
    """whether it is an upper bound"""
    entropy_bits: Annotated[float, Field(ge=0)] | None = None
    """entropy of the judged texts beside it; null: not given"""


class PublishedRow(Settings):
    """Numbers out of the paper."""

    kind: Literal["published"]
    label: Text
    """name of the model"""
    size: Text | None = None
    """small, medium, ...; null: the table has one size"""
    values: Annotated[dict[str, PublishedValue], Field(min_length=1)]
    """by the column's name"""
    source: PublishedSource | None = None
    """where these numbers were read; null: where the table's were"""


class OurRow(Settings):
    """Numbers measured here, at one checkpoint of an experiment."""

    kind: Literal["ours"]
    label: Text
    """name of the model"""
    size: Text | None = None
    """small, medium, ...; null: the table has one size"""
    experiment: Name
    """whose evaluations fill the row"""
    step: Step | None = None
    """the checkpoint; null: the experiment's last"""
    sampler: SamplerName = DEFAULT_SAMPLER
    """that drew the judged texts"""
    precision: Precision = "float64"
    """of the draws of the judged texts"""
    mean: Literal["sequences", "corpus"] = "sequences"
    """of a generative perplexity: over texts, as in the paper's code, or over all of their tokens"""
    compare_to: Text | None = None
    """label of the published row of the same size that this one reproduces; null: none"""


class BaselineRow(Settings):
    """What a model would score that knows only how frequent each token is.

    unigram_text:  the frequencies of the measured text itself, the least such a model could reach;
    unigram_train: those of the experiment's training text.
    """

    kind: Literal["unigram_text", "unigram_train"]
    label: Text
    """name of the baseline"""
    size: Text | None = None
    """small, medium, ...; null: the table has one size"""
    experiment: Name
    """whose evaluations counted the tokens"""
    step: Step | None = None
    """the checkpoint; null: the experiment's last"""


Row = Annotated[PublishedRow | OurRow | BaselineRow, Field(discriminator="kind")]


ROWS: TypeAdapter[tuple[Row, ...]] = TypeAdapter(
    Annotated[tuple[Row, ...], Field(min_length=1, strict=False)]
)


def _labels_differ(rows: Any) -> str | None:
    times = Counter((row.kind, row.label, row.size) for row in ROWS.validate_python(rows))
    return _joined(
        f"{count} {kind} rows are {label!r} of size {size!r}; give each another label or size"
        for (kind, label, size), count in times.items()
        if count > 1
    )


def _values_have_columns(rows: Any, columns: Mapping[str, Any]) -> str | None:
    return _joined(
        f"row {row.label!r} has a value for {key!r}; the columns are {', '.join(columns)}"
        for row in ROWS.validate_python(rows)
        if row.kind == "published"
        for key in row.values
        if key not in columns
    )


def _compared_rows_are_published(rows: Any) -> str | None:
    problems = []
    made = ROWS.validate_python(rows)
    for row in made:
        if row.kind == "ours" and row.compare_to is not None and reproduced(row, made) is None:
            allowed = [other.label for other in made if _is_published(other, row.size)]
            problems.append(
                f"row {row.label!r} has compare_to {row.compare_to!r}; "
                f"the published rows of size {row.size!r} are {', '.join(allowed) or 'none'}"
            )
    return _joined(problems)


def _comparison_has_tolerance(tolerance: float | None, rows: Any) -> str | None:
    if tolerance is not None:
        return None
    return _joined(
        f"row {row.label!r} has compare_to, which needs a tolerance, such as 0.08"
        for row in ROWS.validate_python(rows)
        if row.kind == "ours" and row.compare_to is not None
    )


def _joined(problems: Iterable[str]) -> str | None:
    return "; ".join(problems) or None


def _is_published(row: Row, size: str | None) -> bool:
    return row.kind == "published" and row.size == size


def reproduced(row: OurRow, rows: Iterable[Row]) -> PublishedRow | None:
    """The published row that `row` names in `compare_to`, of the same size."""
    for other in rows:
        if other.kind == "published" and (other.label, other.size) == (row.compare_to, row.size):
            return other
    return None


def _columns_fit(columns: Mapping[str, Any], metric: Metric) -> str | None:
    wanted, problems = COLUMN_KEYS[metric], []
    for name, column in COLUMNS.validate_python(columns).items():
        told = [key for key in ("dataset", "steps", "task") if getattr(column, key) is not None]
        if told != [wanted]:
            problems.append(
                f"column {name!r} must say its {wanted}, as metric {metric} has it, and has {' and '.join(told) or 'none'}"
            )
    return _joined(problems)


def _needs_judge(judge: str | None, metric: Metric, rows: Any) -> str | None:
    compared = any(row.kind == "ours" and row.compare_to for row in ROWS.validate_python(rows))
    if metric in ("generative_perplexity", "mauve") and compared and judge is None:
        return "must name the judge behind the published numbers, which rows are compared with"
    return None


COLUMNS: TypeAdapter[dict[str, Column]] = TypeAdapter(dict[str, Column])


class TableConfig(Settings):
    """A table of one metric; smaller is better, but in MAUVE."""

    title: Text
    """what the table shows"""
    note: Text
    """what a reader must know to read the numbers rightly"""
    metric: Metric
    """the quantity in every cell"""
    tokenizer: TokenizerName
    """vocabulary of our rows; numbers measured in another do not compare"""
    tolerance: Annotated[float, Field(ge=0, lt=1)] | None = None
    """share of the published number within which ours matches it; needed by `compare_to`"""
    judge: Text | None = None
    """the model that judged, or featurised, the texts behind the published numbers"""
    source: PublishedSource
    """where the published numbers were read"""
    columns: Annotated[dict[str, Column], Field(min_length=1)]
    """by the name that rows use"""
    rows: Annotated[tuple[Row, ...], Field(min_length=1, strict=False)]
    """in the order of printing, within published, ours and baselines"""

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(("rows",), _labels_differ),
        Rule(("rows", "columns"), _values_have_columns),
        Rule(("rows",), _compared_rows_are_published),
        Rule(("tolerance", "rows"), _comparison_has_tolerance),
        Rule(("columns", "metric"), _columns_fit),
        Rule(("judge", "metric", "rows"), _needs_judge),
    )

    def experiments(self) -> list[str]:
        """Every experiment that a row is made from, once, in the order of the rows."""
        return list(dict.fromkeys(row.experiment for row in self.rows if row.kind != "published"))


def load_table(
    name: str, overrides: Sequence[str] = (), *, rename: str | None = None, writes: bool = True
) -> TableConfig:
    """Read config/tables/NAME.yaml, changed by key=value overrides.

    rename: the name that a changed table is written under; writes: False for one that is only shown.
    Raises ConfigError with everything that is wrong in the file and in the overrides.
    """
    if overrides and writes and rename in (None, name):
        what = f"{' '.join(overrides)} changes the table {name!r}: give the changed one a name, with --name"
        raise ConfigError("command line", [Problem("--name", what)])
    if rename is not None:
        check_name(rename, "--name")
    return load_yaml_model(existing(table_file, name, "NAME"), TableConfig, overrides)
