"""A run's checkpoint in the form in which the paper's models are published, with a model card."""

from sedd.checkpoints.export.export_run import Exported, export

__all__ = ["Exported", "export"]
