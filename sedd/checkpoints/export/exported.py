"""What an export holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sedd.results.perplexity import PerplexityResult


@dataclass(frozen=True)
class Exported:
    """Content of an export.

    run: its name, or the published model as the user gave it. step: of the checkpoint; 0 for a
        published model.
    evaluations: results in its model card. stale: datasets whose results were left out, because an
        earlier checkpoint of this step was measured.
    """

    folder: Path
    run: str
    step: int
    evaluations: list[PerplexityResult]
    stale: list[str]
