"""Loading an experiment: its file, its preset, the overrides, and the name of what comes out."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sedd.config.choices import one_of
from sedd.config.experiment import Experiment
from sedd.config.identity import training_identity
from sedd.config.pretrained import Measured, Pretrained
from sedd.config.sections.model import ModelConfig
from sedd.config.settings import NAME
from sedd.config.yaml.load import (
    check_name,
    check_reference,
    existing,
    finish,
    load_dataset,
    load_yaml_model,
    set_name,
    stems,
    value_of,
)
from sedd.config.yaml.overrides import apply_overrides, set_value
from sedd.config.yaml.problems import found, guess_or_list, validate
from sedd.config.yaml.source import KeyPath, Source, read_source
from sedd.errors import ConfigError, Problem
from sedd.paths import CONFIG, RESULTS, dataset_file, experiment_file, model_file, run_dir

SET_BY_LOADER = ("base", "overrides")
MODELS = CONFIG / "model"


def load_experiment(
    name: str, overrides: Sequence[str] = (), *, rename: str | None = None, writes: bool = True
) -> Experiment:
    """`load_subject` for what is trained here. Raises ConfigError for a pretrained model, too."""
    made = load_subject(name, overrides, rename=rename, writes=writes)
    if isinstance(made, Pretrained):
        what = (
            f"{made.pretrained!r}, trained by others, is measured as it is; this is for models that "
            "are trained here"
        )
        raise ConfigError(str(find(name)), [Problem("pretrained", what)])
    return made


def load_subject(
    name: str, overrides: Sequence[str] = (), *, rename: str | None = None, writes: bool = True
) -> Measured:
    """Read config/experiments/NAME.yaml or, without one, the resolved settings of the run NAME.

    overrides: key=value, where a value is YAML. If they change anything, a new name is needed.
    rename:    that name, under which all that is made from it is kept.
    writes:    False for an experiment that is only looked at: it may keep its name.

    Raises ConfigError with every problem of the file and of the overrides.
    """
    check_name(name, "NAME")
    if rename is not None:
        check_name(rename, "--name")
    path = find(name)
    source = read_source(path)
    identify(source, path, name)
    apply_overrides(source, overrides)
    made = resolve(source, strict=path == experiment_file(name))
    changed = changes(made, name, overrides)
    if not changed and rename in (None, name):
        return made
    if changed and writes and rename in (None, name):
        raise refused(
            f"{' '.join(overrides)} changes the experiment {name!r}: "
            "give the changed one a name of its own, with --name"
        )
    made = made.model_copy(
        update={"name": rename or name, "base": name, "overrides": tuple(overrides)}
    )
    if writes and rename is not None:
        refuse_foreign_folder(made)
    return made


M = TypeVar("M", bound=Measured)


def changed_only_in_use(experiment: M, changes: Mapping[str, Any]) -> M:
    """The experiment with other values of some keys, for one use that is not kept: it keeps its name.

    changes: from dotted keys to plain values. Raises ConfigError if they contradict the others.
    """
    source = Source("command line", experiment.model_dump(mode="json"))
    for key, value in changes.items():
        set_value(source, tuple(key.split(".")), value)
    made = resolve(source, strict=False)
    assert isinstance(made, type(experiment))
    return made


def experiment_from(path: Path) -> Measured:
    """The experiment of one file, wherever it lies. Raises ConfigError."""
    resolved = path.name == "config.yaml"
    source = read_source(path)
    identify(source, path, path.parent.name if resolved else path.stem)
    return resolve(source, strict=not resolved)


def resolved_file(name: str) -> Path:
    """What a run was made with, beside what it made."""
    return run_dir(name) / "config.yaml"


def find(name: str) -> Path:
    """The file that says what NAME is. Raises ConfigError with the names there are."""
    for path in (experiment_file(name), resolved_file(name)):
        if path.is_file():
            return path
    runs = sorted(path.parent.name for path in (RESULTS / "runs").glob("*/config.yaml"))
    known = sorted({*stems(experiment_file(name).parent), *runs})
    what = f"there is no such experiment, nor a run of that name; {guess_or_list(name, known)}"
    raise ConfigError(str(experiment_file(name)), [Problem("NAME", what)])


def identify(source: Source, path: Path, name: str) -> None:
    """Set the name; a run's resolved file says it too, and what it was made from."""
    if path.name == resolved_file(name).name and path.parent.name == name:
        if source.values.get("name", name) != name:
            given = source.values["name"]
            source.report(("name",), f"must be the folder's name, {name!r}; got {given!r}")
        source.values["name"] = name
        return
    set_name(source, name)
    for key in SET_BY_LOADER:
        if key in source.values:
            source.report((key,), "unknown key; it is set by overrides on the command line")


def resolve(source: Source, *, strict: bool) -> Measured:
    """The experiment of a source's values. strict: what it names must be there, too."""
    model: type[Measured] = Pretrained if "pretrained" in source.values else Experiment
    if model is Experiment:
        fill_preset(source)
    validate(model, source)
    if strict:
        check_texts(source)
    return finish(model, source)


def check_texts(source: Source) -> None:
    """Report data sets that are not there, or lack the split that is needed of them."""
    dataset = ("data", "dataset")
    texts = value_of(source, ("evaluation", "datasets"))
    wanted: list[tuple[KeyPath, Any, tuple[str, ...]]] = [
        (dataset, value_of(source, dataset), ("train", "validation"))
    ]
    for index, name in enumerate(texts if isinstance(texts, list) else ()):
        wanted.append((("evaluation", "datasets", index), name, ("test",)))
    if value_of(source, ("mauve", "tasks")):
        place = ("mauve", "dataset")
        split = value_of(source, ("mauve", "split")) or "validation"
        wanted.append((place, value_of(source, place), (split,)))
    for path, name, splits in wanted:
        check_reference(source, path, name, dataset_file)
        check_splits(source, path, name, splits)


def check_splits(source: Source, path: KeyPath, name: Any, needed: Sequence[str]) -> None:
    """Report a data set that is there but lacks a split that is needed of it."""
    if not isinstance(name, str) or source.is_wrong(path) or not dataset_file(name).is_file():
        return
    try:
        there = load_dataset(name).splits_there()
    except ConfigError:
        return  # told with its own file
    if missing := [split for split in needed if split not in there]:
        source.report(
            path,
            f"{name} has no {' and no '.join(missing)} split, only {', '.join(there) or 'none'}; "
            f"choose another, or give it one in {dataset_file(name)}",
        )


def fill_preset(source: Source) -> None:
    """Put the preset's values where the `model` section has none of its own."""
    model = source.values.get("model")
    if isinstance(model, str):
        where, preset, own = ("model",), model, {}
    elif isinstance(model, dict) and "preset" in model:
        where, preset = ("model", "preset"), model["preset"]
        own = {key: value for key, value in model.items() if key != "preset"}
    else:
        reject_misspelt_preset(source, model)
        return
    source.values["model"] = own
    values: dict[str, Any] = {}
    if isinstance(preset, str):
        check_reference(source, where, preset, model_file)
    else:
        source.report(where, f"must be {one_of(stems(MODELS))}, got {found(preset)}")
    if isinstance(preset, str) and NAME.fullmatch(preset) and model_file(preset).is_file():
        try:
            values = load_yaml_model(model_file(preset), ModelConfig).model_dump()
        except ConfigError as error:
            for problem in error.problems:
                source.report(where, f"preset {error.source}: {problem}")
    # of a preset that cannot be read, nothing is known but what the experiment sets itself
    source.wrong |= {
        ("model", key) for key in ModelConfig.model_fields if key not in {*own, *values}
    }
    source.values["model"] = {**values, **own}


def reject_misspelt_preset(source: Source, model: Any) -> None:
    """Report a key that was meant as `preset`, not what is missing for the lack of one."""
    others = set(model if isinstance(model, dict) else ()) - set(ModelConfig.model_fields)
    for key in difflib.get_close_matches("preset", others, n=1):
        source.reject(("model", key), "unknown key; did you mean 'preset'?")
        source.wrong |= {("model", key) for key in ModelConfig.model_fields if key not in model}


def preset_of(experiment: Experiment) -> tuple[str, ModelConfig] | None:
    """The preset that the experiment's model was made from, with its name; None if its file names none.

    Raises ConfigError if the file or the preset can no longer be read.
    """
    source = read_source(find(experiment.base or experiment.name))
    apply_overrides(source, experiment.overrides)
    model = source.values.get("model")
    name = model.get("preset") if isinstance(model, dict) else model
    if not isinstance(name, str):
        return None
    return name, load_yaml_model(existing(model_file, name, "model"), ModelConfig)


def changes(made: Measured, name: str, overrides: Sequence[str]) -> bool:
    """Whether overrides made another experiment than the one that NAME is."""
    if not overrides:
        return False
    try:
        return made != load_subject(name)
    except ConfigError:
        return True


def refused(what: str) -> ConfigError:
    return ConfigError("command line", [Problem("--name", what)])


def refuse_foreign_folder(made: Measured) -> None:
    """Raise ConfigError if a renamed experiment's folder belongs to another, of other weights."""
    if experiment_file(made.name).is_file():
        path = experiment_file(made.name)
        raise refused(f"{made.name!r} is an experiment of its own, {path}: choose another name")
    path = resolved_file(made.name)
    if not path.is_file():
        return
    there = experiment_from(path)
    same_origin = (there.base, sorted(there.overrides)) == (made.base, sorted(made.overrides))
    if not same_origin and weights_of(there) != weights_of(made):
        origin = " ".join([there.base or there.name, *there.overrides])
        raise refused(
            f"{path.parent} holds another run, {origin}: choose another name or remove it"
        )


def weights_of(subject: Measured) -> object:
    """What determines the weights."""
    return subject.pretrained if isinstance(subject, Pretrained) else training_identity(subject)
