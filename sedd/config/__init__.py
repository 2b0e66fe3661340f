"""Configuration: YAML files read into frozen, validated models.

Never imports torch.
"""

from sedd.config.alphabet import Alphabet, alphabet_of
from sedd.config.base import section_sha256
from sedd.config.check import check_project, device_problems
from sedd.config.cluster import ClusterConfig
from sedd.config.dataset import DatasetConfig
from sedd.config.experiment import Experiment, Subject
from sedd.config.identity import Identity, Keys, differences, run_identity, training_identity
from sedd.config.load import find_tokenizer, load_cluster, load_dataset, load_project, load_table
from sedd.config.load_experiment import (
    change_subject,
    load_experiment,
    load_subject,
    resolve,
    with_changes,
    with_drawing,
)
from sedd.config.lookup import measured_by, tables_with
from sedd.config.pretrained import AnyExperiment, Pretrained
from sedd.config.project import ProjectConfig
from sedd.config.queries import (
    DrawSetting,
    base_sampler,
    checkpoint_steps,
    draw_settings,
    evaluated_steps,
    grid_samplers,
    judged_reference_tokens,
    measured_split,
    measured_steps,
    measuring_seed,
    measuring_tokens,
    needed_tokens,
    reference_tokens,
    sampler_at,
    sampling_steps,
    scales_by_sigma,
    text_length,
    training_dataset,
    training_tokens,
    window_overlap,
)
from sedd.config.sections.model import ModelConfig
from sedd.config.sections.training import Training
from sedd.config.sweep import SweepConfig, load_sweep
from sedd.config.table import TableConfig
from sedd.config.tokenizer import TokenizerConfig
from sedd.config.yaml.validate import load_yaml_model
from sedd.config.yaml.write import resolved_yaml, write_resolved

__all__ = [
    "Alphabet",
    "AnyExperiment",
    "ClusterConfig",
    "DatasetConfig",
    "DrawSetting",
    "Experiment",
    "Identity",
    "Keys",
    "ModelConfig",
    "Pretrained",
    "ProjectConfig",
    "Subject",
    "SweepConfig",
    "TableConfig",
    "TokenizerConfig",
    "Training",
    "alphabet_of",
    "base_sampler",
    "change_subject",
    "check_project",
    "checkpoint_steps",
    "device_problems",
    "differences",
    "draw_settings",
    "evaluated_steps",
    "find_tokenizer",
    "grid_samplers",
    "judged_reference_tokens",
    "load_cluster",
    "load_dataset",
    "load_experiment",
    "load_project",
    "load_subject",
    "load_sweep",
    "load_table",
    "load_yaml_model",
    "measured_by",
    "measured_split",
    "measured_steps",
    "measuring_seed",
    "measuring_tokens",
    "needed_tokens",
    "reference_tokens",
    "resolve",
    "resolved_yaml",
    "run_identity",
    "sampler_at",
    "sampling_steps",
    "scales_by_sigma",
    "section_sha256",
    "tables_with",
    "text_length",
    "training_dataset",
    "training_identity",
    "training_tokens",
    "window_overlap",
    "with_changes",
    "with_drawing",
    "write_resolved",
]
