"""What to compute: YAML files read into frozen, checked models. Never imports torch."""

from sedd.config.check import check_project, device_problems
from sedd.config.cluster import ClusterConfig
from sedd.config.dataset import DatasetConfig
from sedd.config.experiment import (
    TRAINING_SECTIONS,
    Experiment,
    checkpoint_steps,
    run_identity,
    sampling_steps,
    scales_by_sigma,
    text_length,
    training_identity,
)
from sedd.config.experiments import changed_only_in_use, load_experiment, resolve
from sedd.config.load import load_cluster, load_dataset, load_project, load_yaml_model
from sedd.config.model import ModelConfig
from sedd.config.project import ProjectConfig
from sedd.config.resolved import resolved_yaml, write_resolved
from sedd.config.settings import section_sha256
from sedd.config.table import TableConfig, load_table
from sedd.config.training import Training

__all__ = [
    "TRAINING_SECTIONS",
    "ClusterConfig",
    "DatasetConfig",
    "Experiment",
    "ModelConfig",
    "ProjectConfig",
    "TableConfig",
    "Training",
    "changed_only_in_use",
    "check_project",
    "checkpoint_steps",
    "device_problems",
    "load_cluster",
    "load_dataset",
    "load_experiment",
    "load_project",
    "load_table",
    "load_yaml_model",
    "resolve",
    "resolved_yaml",
    "run_identity",
    "sampling_steps",
    "scales_by_sigma",
    "section_sha256",
    "text_length",
    "training_identity",
    "write_resolved",
]
