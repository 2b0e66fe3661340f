"""Which extra of this package installs which optional library."""

from __future__ import annotations

EXTRAS = {
    "snakemake": "pipeline",
    "submitit": "pipeline",
    "psutil": "pipeline",
    "tensorboard": "pipeline",
    "pandas": "report",
    "matplotlib": "report",
    "bokeh": "report",
    "PIL": "report",
    "jinja2": "report",
    "datasets": "hub",
    "pyarrow": "hub",
    "transformers": "evaluate",
    "mauve": "mauve",
    "faiss": "mauve",
    "wandb": "wandb",
    "lm_eval": "lm-eval",
}
"""Name of the extra by name of the imported module."""


def missing_library(error: ModuleNotFoundError) -> str | None:
    """One line that says how to install the missing library; None if no extra installs it."""
    module = (error.name or "").partition(".")[0]
    extra = EXTRAS.get(module)
    if extra is None:
        return None
    return f"the library `{module}` is not installed; to install it: pip install 'sedd[{extra}]'"
