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
    measured_steps,
    needed_tokens,
    training_tokens,
)
from sedd.paths import (
    comparison_file,
    figure_stem,
    figures_dir,
    folder_name,
    index_page_file,
    report_file,
    table_stem,
)
from sedd.registry import METRICS
from sedd.results import checkpoint, curves, samples, tokens
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


# tokenize, train, curves


def _tokenize_jobs(subject: AnyExperiment) -> list[Job]:
    return [
        {"dataset": dataset, "tokenizer": folder_name(tokenizer), "split": split}
        for dataset, tokenizer, split in needed_tokens(subject)
    ]


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
    """Every number of the table's metric: a table takes those that it has rows for."""
    return build.targets(METRICS[build.tables[wildcards.table].metric].result)


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
    ]


def _one_page(build: Build) -> list[Job]:
    return [{}] if build.project.reports else []


def _comparison_inputs(build: Build, wildcards: Any) -> list[str]:
    return [
        path
        for name in build.trained
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
    "tokenize": Rule(
        jobs=_tokenize_jobs,
        outputs=(f"{tokens.PATH}/tokens.bin", f"{tokens.PATH}/meta.json"),
        inputs=lambda build, wildcards: [],
        settings=lambda build, wildcards: tokens.identity(load_dataset(wildcards.dataset)),
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
        build_jobs=_one_page,
        outputs=(str(comparison_file()),),
        inputs=_comparison_inputs,
        settings=lambda build, wildcards: [
            one.model_dump(mode="json") for one in build.trained.values()
        ],
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
