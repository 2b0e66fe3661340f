"""Interactive figures on a page, drawn by Bokeh in the browser: zoom, pan and hover values.

Bokeh's script is copied from the installed package into the page: the page needs no network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import bokeh
import numpy as np
from bokeh.document import Document
from bokeh.models import ColumnDataSource, HoverTool, NumeralTickFormatter, Range1d, Whisker
from bokeh.plotting import figure as new_plot

from sedd.report.figure.content import STEP, Figure, Line

HEIGHT_WIDE, HEIGHT_SMALL = 340, 230
TOOLS = "pan,box_zoom,wheel_zoom,reset,save"


@cache
def bokeh_script() -> str:
    """The plotting part of BokehJS, about 1.3 MB."""
    path = Path(bokeh.__file__).parent / "server" / "static" / "js" / "bokeh.min.js"
    return path.read_text(encoding="utf-8")


def embedded(figures: Sequence[Figure]) -> dict[str, Any]:
    """Input of `Bokeh.embed.embed_items`: one document, drawn into the elements `figure-NAME`.

    Figures by optimizer step have a common x range: zooming one of them zooms all.
    """
    document = Document()
    roots, step_range = {}, None
    for figure in figures:
        plot = _plot(figure)
        if figure.x_label == STEP:
            step_range = step_range or plot.x_range
            plot.x_range = step_range
        document.add_root(plot)
        roots[plot.id] = f"figure-{figure.name}"
    item = {"docid": "page", "roots": roots, "root_ids": list(roots)}
    return {"documents": {"page": document.to_json(deferred=False)}, "items": [item]}


def _plot(figure: Figure) -> Any:
    plot: Any = new_plot(
        height=HEIGHT_WIDE if figure.is_wide else HEIGHT_SMALL,
        sizing_mode="stretch_width",
        x_axis_label=figure.x_label,
        y_axis_label=figure.y_label,
        x_axis_type="log" if figure.is_log_x else "linear",
        y_axis_type="log" if figure.is_log_y else "linear",
        tools=TOOLS,
        active_drag="box_zoom",
        active_scroll=None,
        toolbar_location="above",
    )
    plot.border_line_color = plot.outline_line_color = None
    plot.toolbar.logo = None
    plot.toolbar.autohide = True
    for axis in (plot.xaxis, plot.yaxis):
        axis.axis_label_text_font_style = "normal"
        axis.minor_tick_line_color = None
    plot.xaxis.formatter = NumeralTickFormatter(format="0,0")
    if figure.is_log_x:  # network calls: a tick for each power of two
        xs = [float(x) for line in figure.lines for x in line.x] or [1.0]
        powers = range(math.floor(math.log2(min(xs))), math.ceil(math.log2(max(xs))) + 1)
        plot.xaxis.ticker = [2.0**power for power in powers]
    if not figure.is_log_y:
        plot.yaxis.formatter.use_scientific = False
    for line in figure.lines:
        _draw(plot, figure, line)
    lowest, highest = _y_limits(figure)
    if figure.is_from_zero:
        plot.y_range = Range1d(start=0, end=highest * 1.05 or 1)
    elif figure.is_log_y:  # Bokeh's own limits ignore error bars
        plot.y_range = Range1d(start=lowest / 1.1, end=highest * 1.1)
    if len(figure.lines) > 1:
        plot.legend.click_policy = "hide"
        plot.legend.background_fill_alpha = 0.75
        plot.legend.border_line_color = None
        plot.legend.padding = 4
        plot.legend.glyph_width = 24
        plot.legend.spacing = 0
        if len(figure.lines) > 2:  # below the plot, so that it hides no curve
            plot.add_layout(plot.legend[0], "below")
            num_columns = 2 if figure.is_wide else 1
            plot.legend.ncols = num_columns
            plot.legend.spacing = 8
            plot.height += 26 * math.ceil(len(figure.lines) / num_columns)
    elif plot.legend:
        plot.legend.visible = False
    return plot


def _y_limits(figure: Figure) -> tuple[float, float]:
    """Minimum and maximum over all lines and their error bars."""
    values = np.concatenate(
        [y for line in figure.lines for y in (line.y, line.low, line.high) if y is not None]
    )
    return float(values.min()), float(values.max())


def _draw(plot: Any, figure: Figure, line: Line) -> None:
    color, dash = line.style
    columns: dict[str, Any] = {"x": line.x.astype(np.float64), "y": line.y.astype(np.float64)}
    if line.low is not None and line.high is not None:
        columns |= {"low": line.low.astype(np.float64), "high": line.high.astype(np.float64)}
    source = ColumnDataSource(columns)
    common = {"source": source, "legend_label": line.label, "name": line.run}
    if line.is_reference:
        plot.line("x", "y", line_color=color, line_dash="dashed", line_alpha=0.8, **common)
        return
    if "low" in columns and figure.is_log_y:
        bars = Whisker(
            base="x", lower="low", upper="high", source=source, line_color=color, name=line.run
        )
        for head in (bars.upper_head, bars.lower_head):
            head.update(size=8, line_color=color)  # pyright: ignore[reportOptionalMemberAccess]
        plot.add_layout(bars)
    elif "low" in columns:
        plot.varea("x", "low", "high", fill_color=color, fill_alpha=0.22, **common)
    curves = [plot.line("x", "y", line_color=color, line_width=1.75, line_dash=dash, **common)]
    if line.is_marked:
        curves.append(plot.scatter("x", "y", color=color, size=6, **common))
    tips = [(figure.x_label, "@x{0,0}"), (line.label, "@y{0,0.0000}")]
    plot.add_tools(HoverTool(renderers=curves[:1], tooltips=tips, mode="vline", visible=False))
