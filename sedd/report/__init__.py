"""Tables and pages, made from what the runs left under results/. Needs no torch."""

from pathlib import Path

from sedd.config import Experiment
from sedd.report.tables import make_table
from sedd.report.write import render_text, write_table

__all__ = ["make_table", "render_text", "write_report", "write_table"]


def write_report(experiment: Experiment, out: Path) -> Path:
    """Write the page of a run to `out` and return it; see sedd.report.run.

    Its libraries, for pictures and long curves, are loaded only here: a table takes a second.
    """
    from sedd.report.run import write_report as write

    return write(experiment, out)
