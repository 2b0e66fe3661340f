"""Style and file formats of figures for a paper: PDF with embedded fonts, and PNG, on white."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure as Canvas

from sedd.runtime.atomic import replacing
from sedd.runtime.printable import printable

FORMATS = ("pdf", "png")
# for matplotlib.rc_context: global settings stay unchanged
STYLE: dict[Any, Any] = {
    "pdf.fonttype": 42,  # TrueType, which journals require
    "font.size": 9,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
}
# no dates: the same numbers produce identical files
METADATA: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}


def plain(text: str) -> str:
    """The text as a label that Matplotlib shows as written: it takes `$` for a formula, and hides a
    legend's label that begins with `_`.
    """
    shown = printable(text).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def save_canvas(canvas: Canvas, stem: Path, *, dpi: int) -> list[Path]:
    """Write STEM.pdf and STEM.png atomically and return their paths."""
    paths = []
    for suffix in FORMATS:
        path = stem.with_name(f"{stem.name}.{suffix}")
        with replacing(path) as temporary:
            canvas.savefig(temporary, format=suffix, dpi=dpi, metadata=METADATA[suffix])
        paths.append(path)
    return paths
