"""`dvc repro` on a small build, beside Snakemake: both see the same changes, and what one has made is made for both."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from contextlib import chdir, contextmanager
from pathlib import Path

import pytest
import torch
import yaml
from dvc.repo import Repo
from helpers.project import BIN, command, planned
from helpers.versioned import commit, environment, run, versioned_project, write_stages

pytestmark = pytest.mark.end_to_end

RUN = "results/runs/smoke_absorb"
EXPERIMENT = "config/experiments/smoke_absorb.yaml"
STAGE_OF = {
    "tokenize": "data-*",
    "train": "train-smoke_absorb",
    "sample": "evaluate-smoke_absorb",
    "trace": "evaluate-smoke_absorb",
    "perplexity": "evaluate-smoke_absorb",
    "generative": "evaluate-smoke_absorb",
    "mauve": "evaluate-smoke_absorb",
    "report": "report-smoke_absorb",
    "figures": "report-smoke_absorb",
    "table": "tables",
    "figure": "tables",
    "compare": "pages",
    "overview": "pages",
}


def small_project(folder: Path) -> Path:
    """One experiment of two checkpoints, of which the last is measured, and its stages."""
    versioned_project(folder)
    build = {"experiments": ["smoke_absorb"], "tables": ["text8"]}
    (folder / "config/config.yaml").write_text(yaml.safe_dump(build))
    path = folder / EXPERIMENT
    experiment = yaml.safe_load(path.read_text())
    (folder / "config/model/smoke.yaml").write_text(yaml.safe_dump(experiment["model"]))
    experiment["model"] = "smoke"
    experiment["evaluation"] |= {"datasets": ["wiki", "kjv"], "checkpoints": "last"}
    del experiment["generative"], experiment["mauve"]
    path.write_text(yaml.safe_dump(experiment, sort_keys=False))
    write_stages(folder)
    return folder


@pytest.fixture(scope="module")
def versioned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small build made by `dvc repro`, committed and pushed; tests leave it as it is."""
    folder = small_project(tmp_path_factory.mktemp("versioned") / "project")
    commit(folder, "Configure")
    run(folder, "dvc", "repro")
    # the build itself changes no file that git keeps, and adds none
    assert run(folder, "git", "status", "--porcelain").stdout == "?? dvc.lock\n"
    commit(folder, "Build")
    run(folder, "dvc", "push")
    return folder


@pytest.fixture
def copy(versioned: Path, tmp_path: Path) -> Path:
    """The finished build, to be edited; modification times are kept."""
    return shutil.copytree(versioned, tmp_path / "project", symlinks=True)


@contextmanager
def edited(folder: Path, edits: dict[tuple[str, str], str]):
    """With the one place of each old text replaced in its file; then as before."""
    before = {file: (folder / file).read_text() for file, _ in edits}
    for (file, old), new in edits.items():
        text = (folder / file).read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        (folder / file).write_text(text.replace(old, new))
    try:
        yield
    finally:
        for file, text in before.items():
            (folder / file).write_text(text)


def changed_stages(folder: Path) -> set[str]:
    """Stages that DVC would run for what was edited."""
    with chdir(folder), Repo() as repo:
        return set(repo.status())


def concerned_stages(folder: Path) -> tuple[set[str], set[str]]:
    """Stages whose rules Snakemake would run for what was edited, and those it would run after them."""
    said = command(folder, "snakemake", "--dry-run").stdout
    first, after = set(), set()
    for block in re.split(r"^(?:local)?rule ", said, flags=re.MULTILINE)[1:]:
        rule = block.partition(":")[0]
        if rule in STAGE_OF:
            (dataset,) = re.findall(r"output: results/data/([^/]+)/", block) or ["?"]
            stage = STAGE_OF[rule].replace("*", dataset)
            (first if "reason: Params have changed" in block else after).add(stage)
    return first, after


def idle(folder: Path) -> bool:
    return planned(folder) == {} and changed_stages(folder) == set()


def test_a_build_by_dvc_is_finished_for_both_and_leaves_git_clean(versioned):
    assert planned(versioned) == {}
    said = run(versioned, "dvc", "repro").stdout
    assert said.count("didn't change, skipping") == 7
    assert "Running" not in said
    assert run(versioned, "git", "status", "--porcelain").stdout == ""
    assert run(versioned, "git", "ls-files", "results").stdout == ""


@pytest.mark.parametrize(
    "edits",
    [
        {(EXPERIMENT, "  lr: 0.002"): "  lr: 0.001"},
        {(EXPERIMENT, "  log_every: 10"): "  log_every: 5"},
        {(EXPERIMENT, "  count: 2"): "  count: 3"},
        {(EXPERIMENT, "  num_draws: 2"): "  num_draws: 3"},
        {(EXPERIMENT, "seed: 1"): "seed: 2", ("config/model/smoke.yaml", "0.1"): "0.2"},
        {
            (EXPERIMENT, "description: "): "description: A run, ",
            ("config/datasets/kjv.yaml", "  test: 0.05"): "  test: 0.06",
            ("config/tables/text8.yaml", "title: "): "title: Table, ",
        },
        {
            (EXPERIMENT, "description: "): "# a comment\ndescription: ",
            ("config/datasets/wiki.yaml", "description: "): "description: Text, ",
            ("config/model/smoke.yaml", "dropout: "): "# a comment\ndropout: ",
            ("config/tables/text8.yaml", "title: "): "# a comment\ntitle: ",
        },
    ],
    ids=[
        "training",
        "log_every",
        "sampling",
        "evaluation",
        "seed, preset",
        "page, splits, table",
        "comments",
    ],
)
def test_an_edit_concerns_the_same_stages_and_rules(versioned, edits):
    with edited(versioned, edits):
        stages, (first, after) = changed_stages(versioned), concerned_stages(versioned)
    assert first <= stages, "DVC misses an edit"
    assert stages <= first | after, "DVC would run what Snakemake leaves as it is"
    assert bool(first) == bool(stages)
    assert changed_stages(versioned) == set()


@pytest.mark.parametrize("cache_type", ["copy", "symlink"])
def test_a_clone_is_finished_after_one_command_unless_it_was_edited(
    versioned, tmp_path, cache_type
):
    clone = tmp_path / "clone"
    run(tmp_path, "git", "clone", "--quiet", str(versioned), str(clone))
    refused = run(clone, "make", "--silent", "pull", check=False)
    assert refused.returncode == 2
    (line,) = refused.stdout.splitlines()
    assert "is not public" in line
    assert "dvc remote modify --local storage url FOLDER" in line
    (tmp_path / "sedd-dvc").symlink_to(versioned.parent / "sedd-dvc")
    (clone / ".venv").mkdir()
    (clone / ".venv/bin").symlink_to(BIN)
    for stamp in ("installed", "installed-dvc"):  # the second depends on the first
        (clone / ".venv" / stamp).touch()
    run(clone, "dvc", "config", "--local", "cache.type", cache_type)
    assert planned(clone)["train"] == 2, "git has no file of the build"

    with edited(clone, {(EXPERIMENT, "  lr: 0.002"): "  lr: 0.001"}):
        refused = run(clone, "make", "pull", check=False)
        assert refused.returncode == 2
        assert "To rebuild: dvc repro" in refused.stdout
        assert "train-smoke_absorb" in changed_stages(clone)
        if cache_type == "copy":  # links have the times of the build, so Snakemake sees no change
            assert planned(clone)["train"] == 2
    run(clone, "make", "pull")
    assert (clone / RUN / "checkpoints/step_60.pt").is_symlink() == (cache_type == "symlink")
    assert list((clone / "results/figures/smoke_absorb").glob("*.pdf"))
    assert planned(clone) == {}
    assert "up to date" in run(clone, "dvc", "repro").stdout
    assert run(clone, "git", "status", "--porcelain").stdout == ""
    assert not (clone / RUN / "train").exists()
    if cache_type == "symlink":  # the edits below are seen alike
        return
    with edited(clone, {(EXPERIMENT, "  log_every: 10"): "  log_every: 5"}):
        # only pages show the setting; nothing is trained
        assert planned(clone).keys() == {"report", "figures", "compare", "overview"}
        assert changed_stages(clone) == {"report-smoke_absorb", "pages"}
        ran = re.findall(r"Running stage '(.*)'", run(clone, "dvc", "repro").stdout)
        assert ran == ["report-smoke_absorb", "pages"]
        assert not (clone / RUN / "train").exists()
    with edited(clone, {(EXPERIMENT, "  num_draws: 2"): "  num_draws: 3"}):
        again = {"perplexity", "table", "report", "figures", "compare", "overview"}
        assert planned(clone).keys() == again


def test_a_page_made_where_the_run_was_not_trained_has_its_curves(copy):
    page = copy / "results/reports/smoke_absorb.html"
    pictures = re.findall(r'id="(figure-[a-z-]+)"', page.read_text())
    assert "figure-loss" in pictures
    shutil.rmtree(copy / RUN / "train")
    page.unlink()
    command(copy, "sedd", "report", "smoke_absorb")
    assert re.findall(r'id="(figure-[a-z-]+)"', page.read_text()) == pictures


def test_an_edit_of_the_evaluation_measures_again_and_the_difference_is_told(copy):
    kept = [copy / RUN / "checkpoints/step_60.pt", copy / "results/data/wiki/text8/train"]
    before = [path.stat().st_mtime_ns for path in kept]
    path = copy / EXPERIMENT
    path.write_text(path.read_text().replace("  num_draws: 2", "  num_draws: 3"))
    said = run(copy, "dvc", "repro").stdout
    assert re.findall(r"Running stage '(.*)'", said) == [
        "evaluate-smoke_absorb",
        "report-smoke_absorb",
        "tables",
        "pages",
    ]
    assert [path.stat().st_mtime_ns for path in kept] == before
    assert idle(copy)

    commit(copy, "Draw more")
    told = json.loads(run(copy, "dvc", "params", "diff", "HEAD~1", "HEAD", "--json").stdout)
    assert told == {EXPERIMENT: {"evaluation.num_draws": {"old": 2, "new": 3, "diff": 1}}}
    told = json.loads(run(copy, "dvc", "metrics", "diff", "HEAD~1", "HEAD", "--json").stdout)
    numbers = told["results/reports/smoke_absorb.json"]
    assert numbers["wiki.perplexity"]["old"] != numbers["wiki.perplexity"]["new"]

    # back to the first commit: DVC has the files
    run(copy, "git", "checkout", "--quiet", "HEAD~1")
    run(copy, "dvc", "checkout")
    assert "Running stage" not in run(copy, "dvc", "repro").stdout
    assert changed_stages(copy) == set()


def results(folder: Path) -> dict[Path, int]:
    """Modification times of all evaluations and samples."""
    return {
        path: path.stat().st_mtime_ns
        for part in ("eval", "samples")
        for path in (folder / RUN / part).rglob("*")
        if path.is_file()
    }


def test_beside_a_running_snakemake_dvc_removes_nothing_and_later_makes_only_what_changed(copy):
    path = copy / EXPERIMENT
    path.write_text(path.read_text().replace("  count: 2", "  count: 3"))
    before = results(copy)
    assert len(before) > 3
    running = subprocess.Popen(
        ["snakemake", "evaluations"],
        cwd=copy,
        env=environment(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 200
    # a lock is a list of files: until the list of outputs is written, it holds nobody back
    while not any(lock.stat().st_size for lock in copy.glob(".snakemake/locks/*.output.lock")):
        assert time.monotonic() < deadline
        assert running.poll() is None
        time.sleep(0.01)
    os.killpg(running.pid, signal.SIGKILL)  # before it made anything: its lock stays
    running.wait()
    kept = results(copy)
    refused = run(copy, "dvc", "repro", check=False)
    assert refused.returncode != 0
    assert "LockException" in refused.stdout + refused.stderr
    assert results(copy) == kept

    run(copy, "snakemake", "--unlock")
    run(copy, "dvc", "repro")
    after = results(copy)
    changed = {path.name for path in before if after[path] != before[path]}
    assert changed == {path.name for path in (copy / RUN / "samples").rglob("*.jsonl")}
    assert idle(copy)


def test_a_killed_stage_loses_no_training(copy):
    path = copy / EXPERIMENT
    path.write_text(path.read_text().replace("  lr: 0.002", "  lr: 0.001"))
    trainer = copy / RUN / "train"
    shutil.rmtree(trainer)
    build = subprocess.Popen(
        ["dvc", "repro", "train-smoke_absorb"],
        cwd=copy,
        env=environment(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 200
    while not (trainer / "state_30.pt").exists():
        assert time.monotonic() < deadline
        assert build.poll() is None
        time.sleep(0.01)
    os.killpg(build.pid, signal.SIGKILL)
    build.wait()
    first = (trainer / "step_30.pt").stat().st_ino

    run(copy, "snakemake", "--unlock")
    run(copy, "dvc", "repro", "train-smoke_absorb")
    assert (trainer / "step_30.pt").stat().st_ino == first, "trained again from the start"
    resumed = torch.load(copy / RUN / "checkpoints/step_60.pt", weights_only=True)["model"]

    command(copy, "sedd", "train", "smoke_absorb", "--name", "whole")
    whole = torch.load(copy / "results/runs/whole/checkpoints/step_60.pt", weights_only=True)
    for name, tensor in whole["model"].items():
        assert torch.equal(tensor, resumed[name]), name


def test_a_build_that_dvc_did_not_run_is_taken_up_without_running_again(copy):
    lock = copy / "dvc.lock"
    known = lock.read_text()
    lock.unlink()
    assert len(changed_stages(copy)) == 7
    run(copy, "dvc", "commit", "--force")
    assert yaml.safe_load(lock.read_text()) == yaml.safe_load(known)
    assert idle(copy)
