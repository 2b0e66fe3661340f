"""Load an experiment: its definition, its preset, the overrides, and the name of the changed one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sedd.config import definition
from sedd.config.experiment import Experiment
from sedd.config.file_names import check_exists, check_run_name, existing
from sedd.config.identity import training_identity
from sedd.config.load import load_dataset
from sedd.config.preset import fill_preset
from sedd.config.pretrained import AnyExperiment, Pretrained
from sedd.config.queries import DrawSetting, sampler_at
from sedd.config.sections.model import ModelConfig
from sedd.config.sweep import sweep_with
from sedd.config.yaml.overrides import apply_overrides, set_value
from sedd.config.yaml.source import KeyPath, Source
from sedd.config.yaml.validate import load_yaml_model, require, validate
from sedd.errors import ConfigError, Problem
from sedd.paths import dataset_file, experiment_file, model_file, sweep_file
from sedd.registry import OBJECTIVES


def load_experiment(
    name: str, overrides: Sequence[str] = (), *, rename: str | None = None, writes: bool = True
) -> Experiment:
    """`load_subject` for experiments with a training. Raises ConfigError for a pretrained model."""
    subject = load_subject(name, overrides, rename=rename, writes=writes)
    if isinstance(subject, Pretrained):
        what = (
            f"{subject.pretrained!r} is a pretrained model; name an experiment that is trained here"
        )
        raise ConfigError(str(definition.find(name)), [Problem("pretrained", what)])
    return subject


def load_subject(
    name: str, overrides: Sequence[str] = (), *, rename: str | None = None, writes: bool = True
) -> AnyExperiment:
    """Read the experiment NAME: a file of config/experiments, a member of a sweep, or a run.

    overrides: key=value, where a value is YAML. If they change anything, `rename` is required.
    rename:    name of the changed experiment; its results are kept under this name.
    writes:    False for an experiment that is only shown; it may keep its name.

    Raises ConfigError with all problems of the file and of the overrides.
    """
    check_run_name(name, "NAME")
    if rename is not None:
        check_run_name(rename, "--name")
    source = definition.read(name)
    apply_overrides(source, overrides)
    subject = resolve(source, strict=definition.find(name) != definition.resolved_file(name))
    if is_changed(subject, name, overrides) or rename not in (None, name):
        return renamed(subject, name, overrides, rename=rename, writes=writes)
    refuse_own_weights(subject)
    return subject


def change_subject(
    subject: AnyExperiment,
    overrides: Sequence[str],
    *,
    rename: str | None = None,
    writes: bool = True,
) -> AnyExperiment:
    """`load_subject` for an experiment without a file: its settings were read from a model.

    Raises ConfigError also if its name belongs to an experiment, or to a run of other weights.
    """
    if rename is not None:
        check_run_name(rename, "--name")
    source = Source("command line", subject.model_dump(mode="json"))
    apply_overrides(source, overrides)
    changed = resolve(source, strict=bool(overrides))
    if changed != subject or rename not in (None, subject.name):
        return renamed(changed, subject.name, overrides, rename=rename, writes=writes)
    if writes:
        refuse_foreign_folder(subject)
    return subject


def renamed(
    subject: AnyExperiment, base: str, overrides: Sequence[str], *, rename: str | None, writes: bool
) -> AnyExperiment:
    """A changed experiment with its new name and its origin. base: the name before the change."""
    if writes and rename in (None, base):
        raise refused(
            f"{' '.join(overrides)} changes the experiment {base!r}: "
            "name the changed experiment, with --name"
        )
    update = {"name": rename or base, "base": base, "overrides": tuple(overrides)}
    subject = subject.model_copy(update=update)
    refuse_own_weights(subject)
    if writes and rename is not None:
        refuse_foreign_folder(subject)
    return subject


M = TypeVar("M", bound=AnyExperiment)


def with_changes(experiment: M, changes: Mapping[str, Any]) -> M:
    """The experiment with other values of some keys, under the same name, for one use in memory.

    changes: maps dotted keys to plain values. Raises ConfigError if they contradict other keys.
    """
    source = Source("command line", experiment.model_dump(mode="json"))
    for key, value in changes.items():
        set_value(source, tuple(key.split(".")), value)
    changed = resolve(source, strict=False)
    assert isinstance(changed, type(experiment))
    return changed


def with_drawing(experiment: M, drawn: DrawSetting) -> M:
    """The experiment with a point of its grid in `sampling`. Raises ConfigError."""
    label, steps, precision = drawn
    point = sampler_at(experiment, label)
    changes = experiment.sampling.changes(point.sampler, point.given())
    changes |= {"steps": steps, "precision": precision}
    return with_changes(experiment, {f"sampling.{key}": changes[key] for key in changes})


def experiment_from(path: Path) -> AnyExperiment:
    """The experiment of one file, in any folder. Raises ConfigError."""
    resolved = path.name == definition.resolved_file("x").name
    return resolve(definition.read_file(path), strict=not resolved)


def resolve(source: Source, *, strict: bool) -> AnyExperiment:
    """The experiment of a source's values. strict: the datasets it names must exist."""
    model: type[AnyExperiment] = Pretrained if "pretrained" in source.values else Experiment
    if model is Experiment:
        fill_preset(source)
    fill_estimator(source)
    subject = validate(model, source)
    if strict:
        check_datasets(source)
    return require(subject, source)


def fill_estimator(source: Source) -> None:
    """Fill in the estimator of the likelihood bound that a file leaves out."""
    evaluation = source.values.setdefault("evaluation", {})
    is_exact = source.get(("objective", "type")) in OBJECTIVES.names(left_to_right=True)
    if isinstance(evaluation, dict) and evaluation.get("protocol") != "paper" and not is_exact:
        evaluation.setdefault("estimator", "stratified")


def check_datasets(source: Source) -> None:
    """Report datasets that do not exist, or that lack a required split."""
    check_dataset(source, ("data", "dataset"), ("train", "validation"))
    names = source.get(("evaluation", "datasets"))
    # mdlm takes the split that there is
    measured = () if source.get(("evaluation", "protocol")) == "mdlm" else ("test",)
    for index in range(len(names) if isinstance(names, list) else 0):
        check_dataset(source, ("evaluation", "datasets", index), measured)
    for section, wanted in ((("mauve",), "tasks"), (("generative", "mauve"), "references")):
        if source.get((*section, wanted)):
            split = source.get((*section, "split")) or "validation"
            check_dataset(source, (*section, "dataset"), (split,))


def check_dataset(source: Source, path: KeyPath, splits: Sequence[str]) -> None:
    """Report the dataset named at a key if it does not exist or lacks one of the splits."""
    name = source.get(path)
    if not isinstance(name, str) or source.is_wrong(path):
        return
    check_exists(source, path, name, dataset_file)
    try:
        available = load_dataset(name).available_splits()
    except ConfigError:
        return  # missing: reported above; invalid: reported with the dataset's own file
    if missing := [split for split in splits if split not in available]:
        source.report(
            path,
            f"{name} has no {' and no '.join(missing)} split, only {', '.join(available) or 'none'}; "
            f"choose another dataset, or add the split to {dataset_file(name)}",
        )


def preset_of(experiment: Experiment) -> tuple[str, ModelConfig] | None:
    """Name and keys of the preset that the experiment's file names, or None.

    Raises ConfigError if the file or the preset can no longer be read.
    """
    source = definition.read(experiment.base or experiment.name)
    apply_overrides(source, experiment.overrides)
    model = source.values.get("model")
    name = model.get("preset") if isinstance(model, dict) else model
    if not isinstance(name, str):
        return None
    return name, load_yaml_model(existing(model_file, name, "model"), ModelConfig)


def is_changed(subject: AnyExperiment, name: str, overrides: Sequence[str]) -> bool:
    """Whether the overrides change the experiment NAME."""
    if not overrides:
        return False
    try:
        return subject != load_subject(name)
    except ConfigError:
        return True


def refused(what: str) -> ConfigError:
    return ConfigError("command line", [Problem("--name", what)])


def refuse_own_weights(subject: AnyExperiment) -> None:
    """Raise ConfigError if a training would begin with its own weights."""
    if isinstance(subject, Experiment) and subject.training.init == subject.name:
        what = f"must be another model than the experiment itself; got {subject.name}"
        raise ConfigError(subject.name, [Problem("training.init", what)])


def refuse_foreign_folder(subject: AnyExperiment) -> None:
    """Raise ConfigError if the new name belongs to another experiment, or to a run of other
    weights.
    """
    path = experiment_file(subject.name)
    if path.is_file():
        raise refused(f"{subject.name!r} is an experiment of its own, {path}: choose another name")
    sweep = sweep_with(subject.name)
    if sweep is not None and load_subject(subject.name) != subject:
        raise refused(f"{subject.name!r} is a run of {sweep_file(sweep.name)}: choose another name")
    path = definition.resolved_file(subject.name)
    if not path.is_file():
        return
    run = experiment_from(path)
    same_origin = run.base is not None and (
        (run.base, sorted(run.overrides)) == (subject.base, sorted(subject.overrides))
    )
    if not same_origin and weights_of(run) != weights_of(subject):
        origin = run.pretrained if isinstance(run, Pretrained) else run.base or run.name
        raise refused(
            f"{path.parent} holds another run, {' '.join([origin, *run.overrides])}: "
            "choose another name or remove it"
        )


def weights_of(subject: AnyExperiment) -> object:
    """What determines the weights: the training identity, or the source of a pretrained model."""
    return subject.pretrained if isinstance(subject, Pretrained) else training_identity(subject)
