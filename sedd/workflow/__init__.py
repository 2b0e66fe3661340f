"""The build: which files, from which inputs, with which settings and resources.

Snakemake's rules query it, and dvc.yaml is generated from it. Never imports torch.
"""

from sedd.workflow.build import Build, Job

__all__ = ["Build", "Job"]
