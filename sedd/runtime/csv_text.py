"""Tables as CSV whose texts are texts in a spreadsheet too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sedd.runtime.printable import printable

if TYPE_CHECKING:
    import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet runs a cell that begins with one of these; a quote before it makes it a text."""


def csv_text(frame: pd.DataFrame) -> str:
    """The frame as CSV, with headings and without an index. Numbers stay as they are."""
    import pandas as pd

    texts = frame.rename(columns=_cell)
    for name in texts.select_dtypes(exclude="number").columns:
        # object: integers in a column with empty cells stay integers
        cells = [_cell(value) for value in texts[name]]
        texts[name] = pd.Series(cells, index=texts.index, dtype=object)
    return texts.to_csv(index=False, lineterminator="\n")


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return ("'" if value.startswith(FORMULA) else "") + printable(value)
