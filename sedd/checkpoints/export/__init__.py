"""Export of a checkpoint in the form of the published models, with a model card."""

from sedd.checkpoints.export.export_run import Exported, export

__all__ = ["Exported", "export"]
