"""Rules of a table: rows and columns must fit together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from sedd.config.base import Rule
from sedd.registry import METRICS

if TYPE_CHECKING:
    from sedd.config.table import Column, PublishedSource, Row


def _labels_differ(rows: Sequence[Row]) -> str | None:
    times = Counter((row.kind, row.label, row.size) for row in rows)
    return _joined(
        f"{count} {kind} rows have label {label!r} and size {size!r}; change a label or a size"
        for (kind, label, size), count in times.items()
        if count > 1
    )


def _values_have_columns(rows: Sequence[Row], columns: Mapping[str, Column]) -> str | None:
    return _joined(
        f"row {row.label!r} has a value for {key!r}; the columns are {', '.join(columns)}"
        for row in rows
        if row.kind == "published"
        for key in row.values
        if key not in columns
    )


def _compared_rows_are_published(rows: Sequence[Row]) -> str | None:
    problems = []
    for row in rows:
        if row.kind != "ours" or row.compare_to is None:
            continue
        allowed = [
            other.label for other in rows if other.kind == "published" and other.size == row.size
        ]
        if row.compare_to not in allowed:
            problems.append(
                f"row {row.label!r} has compare_to {row.compare_to!r}; "
                f"the published rows of size {row.size!r} are {', '.join(allowed) or 'none'}"
            )
    return _joined(problems)


def _comparison_has_tolerance(tolerance: float | None, rows: Sequence[Row]) -> str | None:
    if tolerance is not None:
        return None
    return _joined(
        f"row {row.label!r} has compare_to, which needs a tolerance, such as 0.08"
        for row in rows
        if row.kind == "ours" and row.compare_to is not None
    )


def _published_rows_have_a_source(
    source: PublishedSource | None, rows: Sequence[Row]
) -> str | None:
    missing = [row.label for row in rows if row.kind == "published" and row.source is None]
    if source is None and missing:
        return f"must name the paper of the published rows {', '.join(map(repr, missing))}"
    return None


def _columns_fit(columns: Mapping[str, Column], metric: str) -> str | None:
    required, problems = METRICS[metric].column_key, []
    for name, column in columns.items():
        keys = [key for key in ("dataset", "steps", "task") if getattr(column, key) is not None]
        if keys != [required]:
            problems.append(
                f"column {name!r} must have {required}, as the metric is {metric}; "
                f"it has {' and '.join(keys) or 'none'}"
            )
    return _joined(problems)


def _comparison_has_judge(judge: str | None, metric: str, rows: Sequence[Row]) -> str | None:
    compared = any(row.kind == "ours" and row.compare_to for row in rows)
    if METRICS[metric].has_judge and compared and judge is None:
        return "must name the judge of the published numbers, because rows have compare_to"
    return None


def _joined(problems: Iterable[str]) -> str | None:
    return "; ".join(problems) or None


RULES = (
    Rule(("rows",), _labels_differ),
    Rule(("rows", "columns"), _values_have_columns),
    Rule(("rows",), _compared_rows_are_published),
    Rule(("tolerance", "rows"), _comparison_has_tolerance),
    Rule(("source", "rows"), _published_rows_have_a_source),
    Rule(("columns", "metric"), _columns_fit),
    Rule(("judge", "metric", "rows"), _comparison_has_judge),
)
