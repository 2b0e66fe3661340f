"""A kind of result that is added from outside the package, with a module and a rule of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from helpers import word_count
from helpers.project import command, planned

from sedd.config import load_experiment
from sedd.results import samples
from sedd.results.kinds import KINDS
from sedd.workflow import Build
from sedd.workflow.dvc import dvc_yaml

MINE = ("--configfile", "config/mine.yaml")
RULE = """
from sedd.results.kinds import KINDS

sys.path.append(workflow.basedir)
from word_count import KIND

KINDS[KIND.rule] = KIND


rule word_count:
    input:
        inputs("word_count"),
    output:
        "results/runs/{experiment}/words/step_{step}.txt",
    params:
        settings=settings("word_count"),
    shell:
        "echo {params.settings[description]:q} | cat - {input:q} | wc -w > {output:q}"
"""
FILES = [f"results/runs/smoke_absorb/words/step_{step}.txt" for step in (30, 60)]


@pytest.fixture
def mine(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the toy kind, and the build config/mine.yaml of one experiment."""
    shutil.copy(word_count.__file__, project)
    (project / "workflow/rules/words.smk").write_text(RULE)
    snakefile = project / "Snakefile"
    last = 'include: "workflow/rules/report.smk"\n'
    text = snakefile.read_text()
    assert last in text
    snakefile.write_text(text.replace(last, f'{last}include: "workflow/rules/words.smk"\n'))
    (project / "config/mine.yaml").write_text(
        "experiments: [smoke_absorb]\ntables: []\nreports: false\n"
    )
    monkeypatch.setitem(KINDS, "word_count", word_count.KIND)
    return project


def test_the_build_asks_for_an_added_kind_of_result(mine: Path) -> None:
    build = Build(Path("config/mine.yaml"))
    assert build.targets("word_count") == FILES
    assert set(FILES) < set(build.targets("evaluations"))
    jobs = planned(mine, *MINE, "--", "evaluations")
    assert jobs["word_count"] == 2
    assert jobs["sample"] >= 2


def test_an_added_kind_of_result_is_made_by_its_rule_and_again_after_an_edit(mine: Path) -> None:
    texts = Path(samples.file_of(load_experiment("smoke_absorb"), 60))
    texts.parent.mkdir(parents=True)
    texts.write_text("three more words\n")
    config = Path("config/experiments/smoke_absorb.yaml")
    text = config.read_text()
    description = load_experiment("smoke_absorb").description
    words = (*MINE, "--allowed-rules", "word_count", "--", FILES[1])
    command(mine, "snakemake", *words)
    assert int(Path(FILES[1]).read_text()) == len(description.split()) + 3
    config.write_text(text.replace("log_every: 10", "log_every: 5"))
    assert planned(mine, *words) == {}
    config.write_text(text.replace(description, "Another description"))
    assert planned(mine, *words) == {"word_count": 1}


def test_the_stage_of_dvc_has_the_rule_the_settings_and_the_folder_of_an_added_kind(
    mine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stage() -> dict:
        return yaml.safe_load(dvc_yaml(Path("config/mine.yaml")))["stages"]["evaluate-smoke_absorb"]

    path, folder = "config/experiments/smoke_absorb.yaml", "results/runs/smoke_absorb/words"
    after = stage()
    monkeypatch.delitem(KINDS, "word_count")
    before = stage()
    assert set(after["cmd"].split()) - set(before["cmd"].split()) == {"word_count"}
    assert [out for out in after["outs"] if out not in before["outs"]] == [
        {folder: {"persist": True}}
    ]
    keys, fewer = (one["params"][0][path] for one in (after, before))
    assert set(keys) - set(fewer) == {"description"}
    assert after["deps"] == before["deps"]
