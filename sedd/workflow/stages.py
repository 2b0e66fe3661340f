"""The stages of dvc.yaml: what each runs, the settings that it depends on, and the files that it
makes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sedd.config import Experiment, Keys
from sedd.config.definition import defining_files, read
from sedd.config.yaml.source import read_source
from sedd.paths import (
    dataset_file,
    figures_dir,
    model_file,
    name_of_folder,
    report_file,
    run_dir,
    sweep_file,
    table_file,
    tokenizer_file,
)
from sedd.results import checkpoint, tokens, vocabulary
from sedd.results.kinds import KINDS
from sedd.workflow.build import Build

Params = dict[str, list[str] | None]


@dataclass
class Stage:
    """One stage.

    rules: the rules that it may run. params: for each file of settings its keys, or None for all of
        them.
    targets: of Snakemake. outs: files and folders that DVC keeps, with options.
    """

    name: str
    rules: tuple[str, ...]
    targets: list[str]
    experiments: list[str] = field(default_factory=list)
    params: list[Params] = field(default_factory=list)
    outs: dict[str, dict[str, Any]] = field(default_factory=dict)
    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    plots: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def kept(self) -> list[str]:
        """Everything that the stage makes."""
        return [*self.outs, *self.metrics, *self.plots]


def stages(build: Build, config: Path) -> Iterator[Stage]:
    """Every stage of the build that `config` describes, in the order of dvc.yaml."""
    for job in build.jobs("vocabulary"):
        name = job.wildcards.tokenizer
        text = vocabulary.learned_from(name)
        assert text is not None, "a job learns its vocabulary"
        yield Stage(
            name=_stage_name("vocabulary", name),
            rules=("vocabulary",),
            targets=[job.outputs[0]],
            params=[
                _params(tokenizer_file(name), [vocabulary.LEARNED]),
                _params(dataset_file(text), [tokens.KEYS]),
            ],
            outs=_cached([str(Path(job.outputs[0]).parent)]),
        )
    splits: dict[str, list[str]] = {}
    declared: dict[str, dict[str, Params]] = {}
    for job in build.jobs("tokenize"):
        if vocabulary.declaration(name := name_of_folder(job.wildcards.tokenizer)):
            params = _params(tokenizer_file(name), [vocabulary.DECLARED])
            declared.setdefault(job.wildcards.dataset, {})[name] = params
        folders = splits.setdefault(job.wildcards.dataset, [])
        folders.append(str(Path(job.outputs[0]).parent))
    for dataset, folders in splits.items():
        yield Stage(
            name=_stage_name("data", dataset),
            rules=("tokenize",),
            targets=[f"{folder}/meta.json" for folder in folders],
            params=[
                _params(dataset_file(dataset), [tokens.KEYS]),
                *declared.get(dataset, {}).values(),
            ],
            outs=_cached(folders),
        )
    for name in build.trained:
        yield _train_stage(build, name)
    for name in build.experiments:
        yield _evaluate_stage(build, name)
    for name in build.trained if build.project.reports else ():
        page, figures = report_file(name), figures_dir(name)
        yield Stage(
            name=_stage_name("report", name),
            rules=("report", "figures"),
            targets=[str(page), str(figures)],
            params=[*({str(file): None} for file in defining_files(name)), *_preset(name)],
            outs=_cached([str(page), str(figures)]),
            metrics=_cached([str(page.with_suffix(".json"))]),
        )
    if build.tables:
        yield Stage(
            name="tables",
            rules=("tables", "table", "figure"),
            targets=["tables"],
            params=[{str(table_file(name)): None} for name in build.tables],
            outs=_cached(build.targets("tables")),
        )
    for job in build.jobs("sweep"):
        name = job.wildcards.sweep
        yield Stage(
            name=_stage_name("sweep", name),
            rules=("sweep",),
            targets=[job.outputs[0]],
            params=[{str(sweep_file(name)): None}],
            outs=_cached(job.outputs),
        )
    if build.project.reports:
        pages = [*build.targets("compare"), *build.targets("overview")]
        presets = {next(iter(one)): one for name in build.trained for one in _preset(name)}
        yield Stage(
            name="pages",
            rules=("compare", "overview"),
            targets=pages,
            params=[
                _params(config, [Keys(("experiments", "sweeps", "tables"))]),
                *(
                    {str(file): None}
                    for file in dict.fromkeys(
                        file for name in build.trained for file in defining_files(name)
                    )
                ),
                *presets.values(),
            ],
            outs=_cached(pages),
        )


def _train_stage(build: Build, name: str) -> Stage:
    train, validation, start = build.files_of("curves", name)
    axes = {"x": "step", "y": "loss_nats_per_token"}
    keys = [checkpoint.KEYS, Keys(checkpoint.TARGETS)]
    return Stage(
        name=_stage_name("train", name),
        rules=("checkpoints", "train", "curves"),
        targets=["checkpoints"],
        experiments=[name],
        params=[*_params_of(name, keys), *_preset(name)],
        outs=_cached([str(run_dir(name) / "checkpoints"), start]),
        plots={train: axes, validation: axes},
    )


def _evaluate_stage(build: Build, name: str) -> Stage:
    kinds = KINDS.values()
    keys = [keys for kind in kinds for keys in (kind.keys, Keys(kind.targets))]
    # results/runs/NAME/FOLDER
    folders = {Path(*Path(path).parts[:4]) for kind in kinds for path in kind.outputs}
    if not isinstance(build.subject(name), Experiment):
        keys.append(Keys(("pretrained",)))
    return Stage(
        name=_stage_name("evaluate", name),
        rules=("evaluations", *KINDS),
        targets=["evaluations"],
        experiments=[name],
        params=_params_of(name, keys),
        outs=_cached(sorted(str(folder).format(experiment=name) for folder in folders)),
    )


def _cached(paths: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Outs that DVC keeps in its cache, and git ignores."""
    return {path: {} for path in paths}


def _params_of(name: str, choices: list[Keys]) -> list[Params]:
    """The keys that the choices cover, in each file that an experiment is defined in."""
    swept = Keys(("base", "grid", "seeds"))
    return [_params(file, [*choices, swept]) for file in defining_files(name)]


def _params(path: Path, choices: list[Keys]) -> Params:
    """The keys of a YAML file that the choices cover together; a section as a whole if all of it is
    covered.
    """
    return {str(path): [*_covered(read_source(path).values, choices, "")]}


def _covered(values: Mapping[str, Any], choices: list[Keys], prefix: str) -> Iterator[str]:
    for name, value in values.items():
        key = f"{prefix}{name}"
        if _covers_all(choices, key):
            yield key
        elif isinstance(value, Mapping):
            yield from _covered(value, choices, f"{key}.")


def _covers_all(choices: list[Keys], key: str) -> bool:
    """Whether one choice has the key, and the others have all that it excludes within it."""
    return any(
        choice.covers(key)
        and all(
            any(other.covers(excluded) for other in choices)
            for excluded in choice.exclude
            if excluded.startswith(f"{key}.")
        )
        for choice in choices
    )


def _preset(name: str) -> list[Params]:
    """The preset that an experiment's network is made from, as a file that a stage depends on."""
    model = read(name).values.get("model")
    preset = model.get("preset") if isinstance(model, Mapping) else model
    return [{str(model_file(preset)): None}] if isinstance(preset, str) else []


def _stage_name(kind: str, name: str) -> str:
    return f"{kind}-{name.replace('.', '_')}"
