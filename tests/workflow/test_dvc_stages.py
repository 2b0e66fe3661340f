"""dvc.yaml says again, for DVC, what the configuration and the rules say: the two must not drift apart."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo
from helpers.project import ROOT, command
from helpers.versioned import filled, read_stages, versioned_project

from sedd.config import TRAINING_SECTIONS, load_project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return versioned_project(tmp_path_factory.mktemp("stages") / "project")


@pytest.fixture(scope="module")
def stages(project: Path) -> dict:
    """The stages as DVC reads them, by name."""
    with Repo(str(project)) as repo:
        return {stage.name: stage for stage in repo.index.stages}


@dataclass(frozen=True)
class Job:
    """What a rule would make of what."""

    rule: str
    inputs: list[str]
    outputs: list[str]


@pytest.fixture(scope="module")
def jobs(project: Path) -> list[Job]:
    """All of the build, without the target rules, which make nothing."""
    said = command(project, "snakemake", "--dry-run").stdout
    found = []
    for block in re.split(r"^(?:local)?rule ", said, flags=re.MULTILINE)[1:]:
        files = dict(re.findall(r"^    (input|output): (.*)$", block, re.MULTILINE))
        if "output" in files:
            inputs, outputs = (files.get(kind, "").split(", ") for kind in ("input", "output"))
            found.append(Job(block.partition(":")[0], list(filter(None, inputs)), outputs))
    return found


def covers(folder: str, path: str) -> bool:
    return Path(path).is_relative_to(folder)


def outs(stage) -> list[str]:
    return [out.def_path for out in stage.outs]


def deps(stage) -> list[str]:
    return [dep.def_path for dep in stage.deps if not hasattr(dep, "params")]


def params(stage) -> dict[str, list[str]]:
    return {dep.def_path: dep.params for dep in stage.deps if hasattr(dep, "params")}


def rules(stage) -> list[str]:
    """The rules that a stage may run."""
    words = shlex.split(stage.cmd)
    return words[words.index("--allowed-rules") + 1 : words.index("--")]


def kept(jobs: list[Job], stages: dict) -> Iterator[tuple[Job, object, set[str]]]:
    """Each job with the stage that keeps what it makes, and the outs as which it does."""
    for job in jobs:
        found = {
            (stage.name, out, path)
            for stage in stages.values()
            for out in outs(stage)
            for path in job.outputs
            if covers(out, path)
        }
        assert sorted(path for _, _, path in found) == sorted(job.outputs), job
        (name,) = {name for name, _, _ in found}
        yield job, stages[name], {out for _, out, _ in found}


def test_the_experiments_texts_and_tables_are_those_of_the_default_build(project, monkeypatch):
    monkeypatch.chdir(project)
    there = read_stages(project)
    wanted = filled(there)
    assert there == wanted, f"in dvc.yaml, write:\n{yaml.safe_dump(wanted, sort_keys=False)}"


def test_every_file_of_the_build_is_kept_by_the_stage_that_may_run_its_rule(jobs, stages):
    filled_outs = set()
    for job, stage, where in kept(jobs, stages):
        assert job.rule in rules(stage), f"{stage.name} keeps {job.outputs}"
        filled_outs |= where
    assert filled_outs == {out for stage in stages.values() for out in outs(stage)}


def test_a_stage_depends_on_what_its_rules_take_from_others_and_on_nothing_else(jobs, stages):
    made = {path for job in jobs for path in job.outputs}
    taken: dict[str, set[str]] = {name: set() for name in stages}
    for job, stage, _ in kept(jobs, stages):
        for path in job.inputs:
            if path not in made:
                assert path in params(stage), f"{stage.name} does not look at {path}"
            elif not any(covers(out, path) for out in outs(stage)):
                found = [dep for dep in deps(stage) if covers(dep, path)]
                assert found, f"{stage.name} does not depend on {path}"
                taken[stage.name] |= set(found)
    for name, stage in stages.items():
        assert set(deps(stage)) == taken[name]


def test_training_depends_on_the_sections_that_determine_the_weights(stages):
    for name in load_project(ROOT / "config/config.yaml").experiments:
        sections = params(stages[f"train@{name}"])[f"config/experiments/{name}.yaml"]
        assert tuple(sections) == TRAINING_SECTIONS


def test_every_section_that_a_stage_looks_at_stands_in_its_file(project, stages):
    for stage in stages.values():
        for path, sections in params(stage).items():
            there = yaml.safe_load((project / path).read_text())
            assert set(sections) <= set(there), f"{stage.name}: {path}"


def test_the_trainer_s_own_folders_are_out_of_sight(project, stages):
    with Repo(str(project)) as repo:
        for name in ("train", "train.0123456789ab", "jobs"):
            inside = project / "results/runs/tiny_absorb" / name / "file"
            assert repo.dvcignore.is_ignored_file(str(inside)), name
        for stage in stages.values():
            for out in stage.outs:
                assert not out.persist
                assert not repo.dvcignore.is_ignored(repo.fs, out.fs_path)
