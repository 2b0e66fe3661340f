"""Export of a checkpoint in the form of the published models, with a model card."""

from sedd.checkpoints.export.export_run import export
from sedd.checkpoints.export.exported import Exported
from sedd.checkpoints.export.push import check_push, push

__all__ = ["Exported", "check_push", "export", "push"]
