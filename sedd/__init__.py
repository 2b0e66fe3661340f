"""Score Entropy Discrete Diffusion, from raw text to the paper's tables."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sedd.api import open_model
    from sedd.checkpoints.load_model import load_model
    from sedd.sampling.sample_text import sample_text

__all__ = ["load_model", "open_model", "sample_text"]

_MODULES = {
    "load_model": "sedd.checkpoints.load_model",
    "open_model": "sedd.api",
    "sample_text": "sedd.sampling.sample_text",
}


def __getattr__(name: str) -> Any:
    """Import a public function on first use: `import sedd` alone does not import torch."""
    if name not in _MODULES:
        raise AttributeError(f"module 'sedd' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)
