"""Tables, figures and HTML pages from the files under results/.

Never imports torch. Imports plotting libraries only to draw figures: `sedd table` takes about a
second.
"""

from collections.abc import Sequence
from pathlib import Path

from sedd.config import Experiment, SweepConfig
from sedd.report.table.fill import make_table
from sedd.report.table.terminal import render_text
from sedd.report.table.write import write_table

__all__ = [
    "make_table",
    "render_text",
    "write_comparison",
    "write_curves",
    "write_figures",
    "write_index_page",
    "write_report",
    "write_sweep",
    "write_table",
]


def write_report(experiment: Experiment, out: Path) -> Path:
    """Write the page of a run to `out` and its numbers beside it; see sedd.report.page.run_page."""
    from sedd.report.page.run_page import write_report as write

    return write(experiment, out)


def write_curves(experiment: Experiment) -> list[Path]:
    """Write the curves of a run as CSV and return the files; see sedd.results.curves."""
    from sedd.results.curves import write_curves as write

    return write(experiment)


def write_figures(experiment: Experiment, folder: Path) -> list[Path]:
    """Write the figures of a run into `folder` and return the files; see sedd.report.figure.pdf."""
    from sedd.report.figure.pdf import write_figures as write

    return write(experiment, folder)


def write_comparison(experiments: Sequence[Experiment], out: Path) -> Path:
    """Write the page that compares runs to `out`; see sedd.report.page.compare_page."""
    from sedd.report.page.compare_page import write_comparison as write

    return write(experiments, out)


def write_sweep(sweep: SweepConfig) -> list[Path]:
    """Write the page of a sweep and its numbers; see sedd.report.page.sweep_page."""
    from sedd.report.page.sweep_page import write_sweep as write

    return write(sweep)


def write_index_page(experiments: Sequence[str], tables: Sequence[str], out: Path) -> Path:
    """Write the page of all runs and tables to `out`; see sedd.report.page.index_page."""
    from sedd.report.page.index_page import write_index_page as write

    return write(experiments, tables, out)
