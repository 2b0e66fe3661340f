"""A table as CSV: one line a cell, unrounded, with all that a number of ours is traced by."""

from __future__ import annotations

import csv
import io

from sedd.report.table.fill import NOT_RUN, Cell, Comparison, Row, Table
from sedd.report.table.layout import source

MEASUREMENT = (
    *(
        "experiment",
        "step",
        "split",
        "protocol",
        "judge",
        "featurizer",
        "sampler",
        "steps",
        "precision",
    ),
    *("num_sequences", "num_references", "samples_per_reference", "num_tokens", "num_draws"),
)
PROVENANCE = (
    *("seed", "config_sha256", "checkpoint_sha256", "code_version"),
    *("device", "seconds", "created"),
)
FIELDS = (
    *("table", "metric", "row", "size", "origin", "column", "dataset", "status"),
    *("bound", "value", "standard_error", "entropy_bits"),
    *("compared_to", "published", "difference", "relative_difference", "verdict"),
    *MEASUREMENT,
    *PROVENANCE,
    "source",
)


def render_csv(table: Table) -> str:
    """origin: published, ours or baseline. status: number, not run or not published."""
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS, restval="", lineterminator="\n")
    writer.writeheader()
    for row in table.rows:
        cells = zip(table.config.columns, row.cells, row.comparisons, strict=True)
        writer.writerows(_line(table, row, *cell) for cell in cells)
    return text.getvalue()


def _line(
    table: Table, row: Row, column_name: str, cell: Cell, comparison: Comparison | None
) -> dict[str, object]:
    column = table.config.columns[column_name]
    line: dict[str, object] = {
        "table": table.name,
        "metric": table.config.metric,
        "row": row.label,
        "size": row.size,
        "origin": row.origin,
        "column": column.label,
        "dataset": column.dataset,
        "status": "number" if cell.value is not None else cell.why_missing,
        "bound": "<=" if cell.bound else "",
        "value": cell.value,
        "standard_error": cell.standard_error,
        "entropy_bits": cell.entropy_bits,
    }
    if comparison is not None:
        line |= {
            "compared_to": row.compared_to,
            "published": comparison.published,
            "difference": comparison.difference,
            "relative_difference": comparison.relative,
            "verdict": comparison.verdict or NOT_RUN,
        }
    if (found := cell.evaluation) is not None:
        line |= found.model_dump(include=set(MEASUREMENT))
        line |= found.provenance.model_dump(include=set(PROVENANCE))
    if row.origin == "published":
        line["source"] = source(table)
    return line
