"""The build: which files, from which inputs, with which settings and resources. Snakemake's rules and dvc.yaml ask it."""

from sedd.workflow.build import Build, Job

__all__ = ["Build", "Job"]
