"""Sentences around a table: its titles, its legend, and where its numbers come from."""

from __future__ import annotations

from sedd.report.table.fill import NOT_PUBLISHED, NOT_RUN, Cell, Table
from sedd.report.table.finding import findings
from sedd.report.table.impossible import NOT_POSSIBLE, ONE_STEP_PER_TOKEN
from sedd.report.table.layout import DASH, Style
from sedd.report.table.parts import measured_parts, other_published, rows_not_run
from sedd.results.generative import GenerativeResult
from sedd.results.perplexity import PerplexityResult
from sedd.results.weights import EARLIER
from sedd.runtime.plural import plural

NOTHING = "Nothing in this table was measured yet."


def published_title(table: Table) -> str:
    """`11 published rows without a counterpart measured here`."""
    part = other_published(table)
    count = len(part.rows) if part else 0
    return f"{plural(count, 'published row')} without a counterpart measured here"


def missing_title(table: Table) -> str:
    """`12 rows not run: how to`."""
    count = len(rows_not_run(table))
    return f"{plural(count, 'row')} not run: how to" if count else "Numbers not run: how to"


def legend(table: Table, style: Style) -> list[str]:
    """One sentence for each sign that occurs in the table, and what its numbers show."""
    parts = [*measured_parts(table), *filter(None, [other_published(table)])]
    cells = [row.cells[at] for part in parts for row in part.rows for at in part.columns]
    sentences = []
    if any(cell.bound for cell in cells):
        sentences.append(f"{style.bound}: upper bound.")
    if any(cell.standard_error is not None and cell.num_seeds == 1 for cell in cells):
        sentences.append(
            f"{style.plus_minus}: one standard error over {table.metric.error_over}; it does not "
            "cover training again with another seed."
        )
        if any(_has_ungrouped_error(cell) for cell in cells):
            sentences.append(
                "Numbers whose record has no groups have a standard error that takes sequences as "
                "independent; it is too small if neighboring sequences are alike."
            )
    if any(cell.num_seeds > 1 for cell in cells):
        sentences.append(
            f"n: mean {style.plus_minus} standard deviation over n trainings with other seeds."
        )
    if any(cell.entropy_bits is not None for cell in cells):
        sentences.append(
            "[ ]: entropy of the token frequencies within a text, in bits; and the network calls "
            "that a text took, if they were counted; and MAUVE against real texts, if it was measured."
        )
    judged = [cell.evaluation for cell in cells if isinstance(cell.evaluation, GenerativeResult)]
    if judged:
        sentences.append(f"A perplexity is the {GenerativeResult.MEAN}.")
    for convention in dict.fromkeys(one.convention for one in judged):
        sentences.append(
            f"Our numbers have the convention {convention}: {CONVENTIONS[convention]}."
        )
    sentences += map(style.escape, findings(table))
    if any(cell.why_missing == NOT_RUN for cell in cells):
        sentences.append(f"{NOT_RUN}: not measured in this build.")
    if any(cell.why_missing == EARLIER for cell in cells):
        sentences.append(f"{EARLIER}: left out; the run or its judge was trained anew since.")
    if any(cell.why_missing == NOT_PUBLISHED for cell in cells):
        sentences.append(f"{DASH}: the paper gives no number.")
    if any(cell.why_missing == ONE_STEP_PER_TOKEN for cell in cells):
        sentences.append(
            f"{DASH} in a row of ours: its sampler takes one step per token, so that its only column "
            "is that of the length of a text."
        )
    if any(cell.why_missing == NOT_POSSIBLE for cell in cells):
        sentences.append(f"{DASH} in a row of ours: the model has no such samples.")
    return sentences


def _has_ungrouped_error(cell: Cell) -> bool:
    """Whether the error of a likelihood takes neighboring sequences as independent."""
    result = cell.evaluation
    return isinstance(result, PerplexityResult) and result.group_nats_per_token is None


CONVENTIONS = {
    "every_token": "all tokens of a text but the first are scored",
    "first_eos": "as in MDLM and Duo, no end of text after the first is scored, and texts are cut to "
    "the length of the judge",
}


def verdict_rule(table: Table, style: Style) -> str:
    """A sentence that explains matches, better, worse and the reasons of no comparison."""
    tolerance = 100 * (table.config.tolerance or 0)
    better = "lower" if table.metric.is_better_low else "higher"
    other = "other judge: the published number was measured with another judge."
    if not table.metric.has_judge:
        other = (
            "other split, other protocol: the published number was measured on another split "
            "or with another evaluation.protocol."
        )
    return (
        f"Difference: ours minus published. matches: the difference is at most {tolerance:g} "
        f"{style.percent} of the published number plus two standard errors of ours. better, worse: "
        f"the difference is larger; {better} numbers are better. "
        f"{other} Such numbers are not compared."
    )


def origins(table: Table, style: Style) -> list[str]:
    """One line for each number of ours: checkpoint, data, device, seed, hashes and code."""
    lines = []
    for row in table.rows:
        for cell, column in zip(row.cells, table.config.columns.values(), strict=True):
            for measurement in cell.evaluations if row.origin == "ours" else ():
                by = measurement.provenance
                lines.append(
                    style.escape(
                        f"{row.label}, {column.label}: {measurement.experiment} at step "
                        f"{measurement.step}, {measurement.what()}; {by.device}, {by.seconds:g} s, "
                        f"seed {by.seed}, "
                        f"checkpoint {by.checkpoint_sha256[:12]}, settings {by.config_sha256[:12]}, "
                        f"code {by.code_version}"
                    )
                )
    return lines


def source(table: Table) -> tuple[str, str] | None:
    """Papers and tables of the published numbers, and the address of the first; None: the table has
    none.
    """
    sources = [one for one in (table.config.source, *(row.source for row in table.rows)) if one]
    if not sources:
        return None
    names = [f"{one.paper}, arXiv:{one.arxiv}, {_table_name(one.table)}" for one in sources]
    return "; ".join(dict.fromkeys(names)), sources[0].url


def _table_name(table: str) -> str:
    """`Table 7` for `7`; other names stay."""
    return f"Table {table}" if table.isdecimal() else table


def missing(table: Table, style: Style) -> list[str]:
    """One line for each kind of result that our rows lack: how to measure it, or why that is impossible."""
    return [
        style.escape(f"{row.label}{f' ({row.size})' if row.size else ''}, {line}")
        for row in table.rows
        for line in row.missing
    ]
