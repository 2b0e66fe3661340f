"""Score Entropy Discrete Diffusion, from raw text to the paper's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sedd.checkpoints.load_model import load_model
    from sedd.sampling.sample_text import sample_text

__all__ = ["load_model", "sample_text"]


def __getattr__(name: str) -> Any:
    """`from sedd import load_model` brings in torch; `import sedd` does not."""
    if name == "load_model":
        from sedd.checkpoints.load_model import load_model

        return load_model
    if name == "sample_text":
        from sedd.sampling.sample_text import sample_text

        return sample_text
    raise AttributeError(f"module 'sedd' has no attribute {name!r}")
