"""What to compute: YAML files read into frozen, checked models. Never imports torch."""

from sedd.config.check import check_project, device_problems
from sedd.config.cluster import ClusterConfig
from sedd.config.dataset import DatasetConfig
from sedd.config.experiment import (
    Experiment,
    Subject,
    checkpoint_steps,
    scales_by_sigma,
)
from sedd.config.find import subject_name, tables_with
from sedd.config.identity import Identity, Keys, differences, run_identity, training_identity
from sedd.config.load_experiment import changed_only_in_use, load_experiment, load_subject, resolve
from sedd.config.pretrained import (
    Drawn,
    Measured,
    Pretrained,
    drawings,
    evaluated_steps,
    measured_steps,
    reference_dataset,
    sampling_steps,
    text_length,
    training_dataset,
)
from sedd.config.project import ProjectConfig
from sedd.config.queries import measured_split, measuring_tokens, needed_tokens, training_tokens
from sedd.config.sections.model import ModelConfig
from sedd.config.sections.training import Training
from sedd.config.settings import section_sha256
from sedd.config.table import TableConfig, load_table
from sedd.config.yaml.load import load_cluster, load_dataset, load_project, load_yaml_model
from sedd.config.yaml.write import resolved_yaml, write_resolved

__all__ = [
    "ClusterConfig",
    "DatasetConfig",
    "Drawn",
    "Experiment",
    "Identity",
    "Keys",
    "Measured",
    "ModelConfig",
    "Pretrained",
    "ProjectConfig",
    "Subject",
    "TableConfig",
    "Training",
    "changed_only_in_use",
    "check_project",
    "checkpoint_steps",
    "device_problems",
    "differences",
    "drawings",
    "evaluated_steps",
    "load_cluster",
    "load_dataset",
    "load_experiment",
    "load_project",
    "load_subject",
    "load_table",
    "load_yaml_model",
    "measured_split",
    "measured_steps",
    "measuring_tokens",
    "needed_tokens",
    "reference_dataset",
    "resolve",
    "resolved_yaml",
    "run_identity",
    "sampling_steps",
    "scales_by_sigma",
    "section_sha256",
    "subject_name",
    "tables_with",
    "text_length",
    "training_dataset",
    "training_identity",
    "training_tokens",
    "write_resolved",
]
