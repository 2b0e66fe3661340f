"""The main job end to end on its smallest configuration, then what edits would run again."""

import contextlib
import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import torch
from helpers.project import BIN, ROOT, command, planned

from sedd import load_model
from sedd.launch.local import job_processes
from sedd.workflow.follow import Followed

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
            drawn = 1 if samples.stem == "infill" else 2
            assert len(samples.read_text().splitlines()) == drawn
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


def test_git_ignores_every_file_that_a_build_writes(built):
    """So a fresh build leaves git clean; `make publish` copies what git keeps."""
    files = [path.relative_to(built) for path in built.rglob("*") if path.is_file()]
    given = ("config", "workflow", "Snakefile", "said.txt")
    made = [f"{path}" for path in files if path.parts[0] not in given]
    assert "results/tables/text8.md" in made
    command = ["git", "-C", str(ROOT), "check-ignore", "--no-index", "--stdin"]
    done = subprocess.run(command, input="\n".join(made), capture_output=True, text=True)
    assert done.stdout.split("\n")[:-1] == made


def test_the_build_was_followed_to_its_end_and_summed_up(built):
    """What is followed are the lines of a real Snakemake."""
    followed = Followed()
    lines = (built / "logs/snakemake.log").read_text().splitlines()
    for number, line in enumerate(lines):
        followed.read(line)
        if number == len(lines) // 2:
            assert 0 < followed.done < followed.total
            assert followed.running
            assert (followed.seconds_left(cores=2) or 0) > 0
    assert followed.done == followed.total > 50
    assert not followed.running
    assert not followed.failed
    said = (built / "said.txt").read_text()
    assert re.search(r"\d+ of \d+ jobs done in \d:\d\d, about \d+:\d\d left", said)
    for name in ("smoke_absorb", "smoke_uniform", "smoke_autoregressive"):
        assert re.search(rf"{name} .* bits per character on wiki; token frequencies alone: 4", said)
    assert re.search(r"  the city of.{8} in france$", said, re.MULTILINE)
    assert "Open    results/reports/index.html" in said
    assert len(said.splitlines()) < 40


def test_a_failed_job_is_shown_with_the_end_of_its_log(copy):
    for path in (copy / "results/runs/smoke_absorb/eval").rglob("wiki.json"):
        path.unlink()
    (copy / "results/data/wiki/text8/test/tokens.bin").write_bytes(b"x")
    words = ["--config", "config/smoke.yaml"]
    refused = command(copy, "sedd", "build", *words, check=False)
    assert refused.returncode == 1
    assert "sedd: failed: perplexity smoke_" in refused.stderr
    assert "tokens.bin" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert "bits per character" not in refused.stdout


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
        "perplexity": 1,
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
