"""What each Snakemake rule makes from what: its jobs in a build, outputs, inputs and settings.

The rules of results of a checkpoint are those of `sedd.results.kinds`; the others are in RULES.

A rule of `workflow/rules` spells its outputs literally, and the YAML file that it is about; a test
compares the outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sedd.config import (
    AnyExperiment,
    Experiment,
    evaluated_steps,
    load_dataset,
    load_sweep,
    measured_steps,
    needed_tokens,
    training_tokens,
)
from sedd.data.parts import files_of_split
from sedd.paths import (
    comparison_file,
    figure_stem,
    figures_dir,
    folder_name,
    index_page_file,
    name_of_folder,
    report_file,
    sweep_stem,
    table_stem,
)
from sedd.registry import METRICS
from sedd.results import checkpoint, curves, fetched, samples, tokens, vocabulary
from sedd.results.kind import Job, Kind
from sedd.results.kinds import KINDS

if TYPE_CHECKING:
    from sedd.workflow.build import Build


@dataclass(frozen=True)
class Rule:
    """A rule as functions of the build and of the wildcards of a job.

    outputs: paths with wildcards in braces. jobs: of one experiment; or, for rules that concern the
        whole build, build_jobs.
    """

    outputs: tuple[str, ...]
    inputs: Callable[[Build, Any], list[str]]
    settings: Callable[[Build, Any], Any]
    jobs: Callable[[AnyExperiment], list[Job]] = lambda subject: []
    build_jobs: Callable[[Build], list[Job]] = lambda build: []


# fetch, vocabulary, tokenize, train, curves


def _tokenize_jobs(subject: AnyExperiment) -> list[Job]:
    return [
        {"dataset": dataset, "tokenizer": folder_name(tokenizer), "split": split}
        for dataset, tokenizer, split in needed_tokens(subject)
    ]


def _tokenize_settings(build: Build, wildcards: Any) -> Any:
    identity = tokens.identity(load_dataset(wildcards.dataset))
    declared = vocabulary.declaration(name_of_folder(wildcards.tokenizer))
    return {**identity, **{f"tokenizer.{key}": value for key, value in declared.items()}}


def _train_jobs(subject: AnyExperiment) -> list[Job]:
    steps = measured_steps(subject) if isinstance(subject, Experiment) else []
    return [{"experiment": subject.name, "step": step} for step in steps]


def _train_inputs(build: Build, wildcards: Any) -> list[str]:
    """The tokens, the initial weights, and the checkpoint before, so that a run has one trainer at a
    time.
    """
    experiment = build.trained_subject(wildcards.experiment)
    earlier = [step for step in measured_steps(experiment) if step < int(wildcards.step)]
    return [
        *(path for split in training_tokens(experiment) for path in tokens.files(*split)),
        *checkpoint.files_of_source(experiment.training.init),
        *(checkpoint.files(experiment, earlier[-1]) if earlier else []),
    ]


def _run_jobs(subject: AnyExperiment) -> list[Job]:
    """One job for each model that is trained here."""
    return [{"experiment": subject.name}] if isinstance(subject, Experiment) else []


# tables and pages


def _table_jobs(build: Build) -> list[Job]:
    return [{"table": name} for name in build.tables]


def _figure_jobs(build: Build) -> list[Job]:
    return [
        {"table": name}
        for name, table in build.tables.items()
        if METRICS[table.metric].has_steps_figure
    ]


def _table_inputs(build: Build, wildcards: Any) -> list[str]:
    """Every number of the table's metric: a table takes those that it has rows for. Of the runs of
    a sweep, only those with a row.
    """
    table = build.tables[wildcards.table]
    kind, rows = METRICS[table.metric].result, table.experiments()
    names = [one for one in build.experiments if one in rows or one in build.project.experiments]
    return list(dict.fromkeys(path for name in names for path in build.files_of(kind, name)))


def _page_jobs(build: Build) -> list[Job]:
    return [{"experiment": name} for name in build.trained] if build.project.reports else []


def _page_inputs(build: Build, wildcards: Any) -> list[str]:
    """All results of a run. Of its samples, those that only a judge reads are left out."""
    name = wildcards.experiment
    subject = build.trained_subject(name)
    results = {rule: build.files_of(rule, name) for rule in ("perplexity", "generative", "mauve")}
    return [
        *build.files_of("curves", name),
        *results["perplexity"],
        *(samples.file_of(subject, step) for step in evaluated_steps(subject)),
        *results["generative"],
        *results["mauve"],
        *(path for path in build.files_of("trace", name) if path.endswith(".json")),
        *build.files_of("infill", name),
    ]


def _one_page(build: Build) -> list[Job]:
    return [{}] if build.project.reports else []


def _comparison_jobs(build: Build) -> list[Job]:
    return _one_page(build) if build.compared else []


def _comparison_inputs(build: Build, wildcards: Any) -> list[str]:
    return _compared_files(build, build.compared)


def _sweep_jobs(build: Build) -> list[Job]:
    return [{"sweep": name} for name in build.sweeps] if build.project.reports else []


def _sweep_inputs(build: Build, wildcards: Any) -> list[str]:
    members = load_sweep(wildcards.sweep).members()
    return _compared_files(build, [member.name for member in members])


def _sweep_settings(build: Build, wildcards: Any) -> Any:
    """The sweep, and its base: the page shows what differs."""
    sweep = load_sweep(wildcards.sweep)
    return [sweep.model_dump(mode="json"), build.subject(sweep.base).model_dump(mode="json")]


def _compared_files(build: Build, names: list[str]) -> list[str]:
    """What a comparison of these runs reads."""
    return [
        path
        for name in names
        for rule in ("curves", "perplexity")
        for path in build.files_of(rule, name)
    ]


def _overview_inputs(build: Build, wildcards: Any) -> list[str]:
    return [*build.targets("table"), *(str(report_file(name)) for name in build.trained)]


def _page_settings(build: Build, wildcards: Any) -> Any:
    """A page shows all settings."""
    return build.subject(wildcards.experiment).model_dump(mode="json")


def _table_settings(build: Build, wildcards: Any) -> Any:
    return build.tables[wildcards.table].model_dump(mode="json")


def _none(build: Build, wildcards: Any) -> None:
    return None


RULES: dict[str, Rule] = {
    "fetch_texts": Rule(
        jobs=fetched.texts_jobs,
        outputs=(fetched.TEXTS_PATH,),
        inputs=lambda build, wildcards: [],
        settings=lambda build, wildcards: load_dataset(wildcards.dataset).source.model_dump(
            mode="json"
        ),
    ),
    "fetch_repository": Rule(
        jobs=fetched.repository_jobs,
        outputs=(fetched.REPOSITORY_PATH,),
        inputs=lambda build, wildcards: [],
        settings=_none,
    ),
    "vocabulary": Rule(
        jobs=lambda subject: vocabulary.jobs([subject.data.tokenizer]),
        outputs=tuple(f"{vocabulary.PATH}/{name}.json" for name in ("tokenizer", "meta")),
        inputs=lambda build, wildcards: vocabulary.inputs(wildcards.tokenizer),
        settings=lambda build, wildcards: vocabulary.identity(wildcards.tokenizer),
    ),
    "tokenize": Rule(
        jobs=_tokenize_jobs,
        outputs=(f"{tokens.PATH}/tokens.bin", f"{tokens.PATH}/meta.json"),
        inputs=lambda build, wildcards: [
            *fetched.files_of_texts(wildcards.dataset, wildcards.split),
            *fetched.files_of_tokenizer(name_of_folder(wildcards.tokenizer)),
            *map(str, files_of_split(load_dataset(wildcards.dataset), wildcards.split)),
            *vocabulary.files(name_of_folder(wildcards.tokenizer)),
        ],
        settings=_tokenize_settings,
    ),
    "train": Rule(
        jobs=_train_jobs,
        outputs=(checkpoint.PATH,),
        inputs=_train_inputs,
        settings=lambda build, wildcards: checkpoint.identity(
            build.trained_subject(wildcards.experiment)
        ),
    ),
    "curves": Rule(
        jobs=_run_jobs,
        outputs=tuple(curves.PATH.replace("{kind}", kind) for kind in curves.KINDS),
        inputs=lambda build, wildcards: checkpoint.files(build.subject(wildcards.experiment)),
        settings=_none,
    ),
    "table": Rule(
        build_jobs=_table_jobs,
        outputs=tuple(f"{table_stem('{table}')}.{form}" for form in ("md", "csv", "tex", "html")),
        inputs=_table_inputs,
        settings=_table_settings,
    ),
    "figure": Rule(
        build_jobs=_figure_jobs,
        outputs=tuple(f"{figure_stem('{table}')}.{form}" for form in ("pdf", "png")),
        inputs=_table_inputs,
        settings=_table_settings,
    ),
    "report": Rule(
        build_jobs=_page_jobs,
        outputs=(
            str(report_file("{experiment}").with_suffix(".json")),
            str(report_file("{experiment}")),
        ),
        inputs=_page_inputs,
        settings=_page_settings,
    ),
    "figures": Rule(
        build_jobs=_page_jobs,
        outputs=(str(figures_dir("{experiment}")),),
        inputs=_page_inputs,
        settings=_page_settings,
    ),
    "compare": Rule(
        build_jobs=_comparison_jobs,
        outputs=(str(comparison_file()),),
        inputs=_comparison_inputs,
        settings=lambda build, wildcards: [
            build.trained[name].model_dump(mode="json") for name in build.compared
        ],
    ),
    "sweep": Rule(
        build_jobs=_sweep_jobs,
        outputs=tuple(f"{sweep_stem('{sweep}')}.{form}" for form in ("html", "csv", "md")),
        inputs=_sweep_inputs,
        settings=_sweep_settings,
    ),
    "overview": Rule(
        build_jobs=_one_page,
        outputs=(str(index_page_file()),),
        inputs=_overview_inputs,
        settings=_none,
    ),
}


def rules() -> dict[str, Rule]:
    """Every rule by name, those of added kinds of results included."""
    return RULES | {name: _rule_of(kind) for name, kind in KINDS.items()}


def _rule_of(kind: Kind) -> Rule:
    return Rule(
        outputs=kind.outputs,
        inputs=lambda build, wildcards: kind.inputs(build.subject(wildcards.experiment), wildcards),
        settings=lambda build, wildcards: kind.identity(
            kind.at(build.subject(wildcards.experiment), wildcards)
        ),
        jobs=kind.jobs,
    )
