"""The main job end to end on its smallest configuration, then what edits would run again."""

import contextlib
import json
import shutil
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import torch
from helpers.project import BIN, command, planned

from sedd import load_model
from sedd.launch.local import job_processes

SMOKE = ("--configfile", "config/smoke.yaml")
pytestmark = pytest.mark.end_to_end


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    """The finished build, to be edited; modification times are kept."""
    folder = tmp_path / "project"
    shutil.copytree(built, folder, symlinks=True)
    return folder


def edit(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
    path.write_text(text.replace(old, new))


def pages(count: int) -> dict[str, int]:
    """What is made again where the pages of so many runs are: their figures, and the front page."""
    return {"report": count, "figures": count, "overview": 1}


def test_the_build_leaves_tables_reports_samples_and_numbers(built):
    results = built / "results"
    for form in ("md", "csv", "tex", "html"):
        assert (results / f"tables/text8.{form}").stat().st_size > 500
        assert (results / f"tables/zero_shot.{form}").stat().st_size > 500
    for name in ("smoke_absorb", "smoke_uniform", "smoke_absorb_bpe"):
        page = (results / f"reports/{name}.html").read_text()
        assert name in page
        assert 'id="figure-loss"' in page
        numbers = json.loads((results / f"reports/{name}.json").read_text())
        assert numbers["wiki"]["perplexity"] > 1
        number = json.loads((results / f"runs/{name}/eval/step_60/wiki.json").read_text())
        assert number["experiment"] == name
        assert number["nats_per_token"] > 0
        for samples in (results / f"runs/{name}/samples/step_60").glob("*.jsonl"):
            assert len(samples.read_text().splitlines()) == 2
        assert (results / f"runs/{name}/config.yaml").exists()


def test_the_build_leaves_judgements_that_the_tables_show(built):
    results = built / "results"
    folder = results / "runs/smoke_absorb/eval/step_60"
    judged = json.loads(
        (folder / "generative/smoke_autoregressive/analytic_4_float32.json").read_text()
    )
    assert judged["corpus_perplexity"] > 1
    assert 0 <= json.loads((folder / "mauve/infill.json").read_text())["mauve"] <= 1
    for name in ("generative_steps", "generative_samplers"):
        assert (results / f"figures/{name}.pdf").stat().st_size > 1000
    text = (results / "tables/zero_shot.md").read_text()
    assert "sedd evaluate louaaron/sedd-small" in text


def test_every_job_kept_its_log(built):
    logs = [path.read_text() for path in (built / "logs").rglob("*.log")]
    assert len(logs) >= 25
    assert any("token/s" in text for text in logs)


def test_a_finished_build_has_nothing_to_do(built):
    assert planned(built, *SMOKE) == {}


def test_a_comment_runs_nothing_again(copy):
    for file in (
        "config/experiments/smoke_absorb.yaml",
        "config/datasets/wiki.yaml",
        "config/tables/text8.yaml",
    ):
        path = copy / file
        path.write_text("# another comment\n" + path.read_text())
    assert planned(copy, *SMOKE) == {}


def test_an_edit_of_the_sampling_samples_again_and_trains_nothing(copy):
    edit(copy, "config/experiments/smoke_absorb.yaml", "count: 2", "count: 3")
    # one of each step, and three more of the last, whose texts are judged
    assert planned(copy, *SMOKE) == {
        "sample": 5,
        "generative": 1,
        "table": 2,
        "figure": 2,
        "compare": 1,  # shows the settings too
        **pages(1),
    }


def test_an_edit_of_the_evaluation_measures_again_and_trains_nothing(copy):
    edit(copy, "config/experiments/smoke_absorb.yaml", "num_draws: 2", "num_draws: 3")
    assert planned(copy, *SMOKE) == {"perplexity": 2, "table": 3, "compare": 1, **pages(1)}


def test_a_data_set_more_measures_that_alone(copy):
    edit(copy, "config/experiments/smoke_absorb.yaml", "datasets: [wiki]", "datasets: [wiki, kjv]")
    assert planned(copy, *SMOKE) == {
        "tokenize": 1,
        "perplexity": 2,
        "table": 3,
        "compare": 1,
        **pages(1),
    }


def test_an_edit_of_the_training_trains_again_with_all_that_follows(copy):
    edit(copy, "config/experiments/smoke_absorb.yaml", "lr: 0.002", "lr: 0.001")
    assert planned(copy, *SMOKE) == {
        "train": 2,
        "curves": 1,
        "sample": 5,
        "trace": 1,
        "perplexity": 2,
        "generative": 1,
        "mauve": 2,
        "table": 6,
        "figure": 2,
        "compare": 1,
        **pages(1),
    }


def test_an_edit_of_what_only_watches_the_training_trains_nothing(copy):
    edit(copy, "config/experiments/smoke_absorb.yaml", "log_every: 10", "log_every: 5")
    assert planned(copy, *SMOKE) == {"compare": 1, **pages(1)}


def test_an_edit_of_the_splits_starts_from_the_text(copy):
    edit(copy, "config/datasets/kjv.yaml", "  test: 0.05", "  test: 0.06")
    assert planned(copy, *SMOKE) == {
        "tokenize": 1,
        "perplexity": 2,
        "table": 3,
        "compare": 1,
        **pages(1),
    }


def test_training_again_makes_the_same_weights_from_the_same_settings(copy):
    path = copy / "results/runs/smoke_absorb/checkpoints/step_60.pt"
    before = torch.load(path, weights_only=True)
    shutil.rmtree(copy / "results/runs/smoke_absorb")
    command(copy, "snakemake", *SMOKE, "--", "results/runs/smoke_absorb/checkpoints/step_60.pt")
    after = torch.load(path, weights_only=True)
    for name, tensor in before["model"].items():
        assert torch.equal(tensor, after["model"][name]), name


def test_the_training_outlives_a_killed_build_and_the_next_takes_it_up(copy, monkeypatch):
    monkeypatch.chdir(copy)
    path = copy / "results/runs/smoke_absorb/checkpoints/step_60.pt"
    whole = torch.load(path, weights_only=True)
    shutil.rmtree(copy / "results/runs/smoke_absorb")
    edit(copy, "config/experiments/smoke_absorb.yaml", "steps: 60", "steps: 100000")
    words = [*SMOKE, "--", str(path.relative_to(copy))]
    build = subprocess.Popen(
        [str(BIN / "snakemake"), *words],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    first = copy / "results/runs/smoke_absorb/train/step_30.pt"
    wait_until(first.exists)
    build.kill()  # Snakemake alone: what it started is told by the kernel
    build.wait()
    wait_until(lambda: not waiters(copy))
    assert job_processes("smoke_absorb"), "the training has ended too"
    command(copy, "snakemake", "--unlock", *SMOKE)
    command(copy, "snakemake", *words)
    resumed = torch.load(path, weights_only=True)
    for name, tensor in whole["model"].items():
        assert torch.equal(tensor, resumed["model"][name]), name
    jobs = [one for one in (copy / "results/runs/smoke_absorb/jobs").iterdir() if one.is_dir()]
    assert len(jobs) == 1
    command(copy, "sedd", "cancel", "smoke_absorb")


def wait_until(holds) -> None:
    deadline = time.monotonic() + 300
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def waiters(folder: Path) -> list[psutil.Process]:
    """Processes that wait for a checkpoint of this project."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if "--die-with-parent" in process.cmdline() and process.cwd() == str(folder):
                found.append(process)
    return found


def test_load_model_takes_a_run_of_the_build(built, monkeypatch):

    monkeypatch.chdir(built)
    model, graph, noise = load_model("results/runs/smoke_uniform")
    x = torch.zeros(2, 5, dtype=torch.long)
    log_score = model(x, noise(torch.full((2,), 0.5))[0])
    assert log_score.shape == (2, 5, graph.num_states)
