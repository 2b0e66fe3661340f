"""Export of a run's checkpoint: the published form of the paper's models, with a model card."""

from sedd.checkpoints.export.export_run import Exported, export

__all__ = ["Exported", "export"]
