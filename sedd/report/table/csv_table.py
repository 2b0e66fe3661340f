"""A table as CSV: one line for each cell, with the unrounded number and its provenance."""

from __future__ import annotations

from typing import Any

from sedd.report.table.fill import NOT_RUN, Cell, Comparison, Row, Table
from sedd.report.table.notes import source
from sedd.report.table.parts import in_order
from sedd.runtime.csv_text import csv_text

MEASUREMENT = (
    *("experiment", "step", "split", "protocol", "judge", "featurizer"),
    *("sampler", "steps", "precision", "network_calls", "seconds_per_text", "mauve", "convention"),
    *("num_sequences", "num_references", "samples_per_reference", "num_tokens", "num_draws"),
)
PROVENANCE = (
    *("seed", "config_sha256", "checkpoint_sha256", "code_version"),
    *("device", "seconds", "created"),
)
FIELDS = (
    *("table", "metric", "row", "size", "origin", "column", "dataset", "status"),
    *("bound", "value", "standard_error", "num_seeds", "entropy_bits"),
    *("compared_to", "published", "difference", "relative_difference", "verdict"),
    *MEASUREMENT,
    *PROVENANCE,
    "source",
)


def render_csv(table: Table) -> str:
    """Columns FIELDS; a field without a value is empty. Every cell has a line, measured ones first.

    With several seeds, standard_error is the standard deviation over them, and the other fields are
    those of the first.

    origin is published, ours or baseline; status is number, not run, measured on earlier weights,
    not published, one step per token or not possible.
    """
    import pandas as pd

    lines = [
        _line(table, row, *cell)
        for row in in_order(table)
        for cell in zip(table.config.columns, row.cells, row.comparisons, strict=True)
    ]
    # object: integers in a column with empty fields stay integers
    frame = pd.DataFrame(lines, columns=list(FIELDS), dtype=object)
    return csv_text(frame)


def _line(
    table: Table, row: Row, column_name: str, cell: Cell, comparison: Comparison | None
) -> dict[str, Any]:
    column = table.config.columns[column_name]
    line: dict[str, Any] = {
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
        "num_seeds": cell.num_seeds if cell.evaluations else None,
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
    if (measurement := cell.evaluation) is not None:
        line |= measurement.model_dump(include=set(MEASUREMENT))
        line |= measurement.provenance.model_dump(include=set(PROVENANCE))
    if row.origin == "published" and (papers := source(table)):
        line["source"] = papers[0]
    return line
