"""`sedd evaluate`: all that an experiment asks, of a run and of a model from the hub, in one process and in several."""

import hashlib
import json
import shutil
import time
from pathlib import Path

import pytest
import tokenizers
from helpers.causal_model import causal_model
from helpers.loopback_hub import hub_environment, serve
from helpers.processes import finish, start
from helpers.programs import run_program
from helpers.project import invoke

from sedd.config import load_experiment
from sedd.evaluate import measure, open_language_model
from sedd.paths import (
    evaluation_file,
    generative_file,
    grid_file,
    mauve_file,
    run_dir,
    samples_file,
    tokens_dir,
)
from sedd.runtime.resumable import partial_folder
from sedd.train import train

pytest.importorskip("transformers")
pytest.importorskip("mauve")
GOLDEN = Path(__file__).parents[1] / "golden/absorb/hub"
CHANGES = ["data.dataset=corpus", "evaluation.datasets=[corpus]"]
ASKED = [
    *("generative.judge=judge", "generative.steps=[4,8]", "generative.precisions=[float64]"),
    *("mauve.featurizer=judge", "mauve.tasks=[infill]", "sampling.count=4"),
    "evaluation.batch_size=2",
]


@pytest.fixture
def run(corpus):
    """A diffusion that is to be measured in every way, and an autoregressive run that judges it."""
    nothing = ["generative.steps=[]", "mauve.tasks=[]"]
    train(load_experiment("smoke_autoregressive", [*CHANGES, *nothing], rename="judge"))
    experiment = load_experiment("smoke_absorb", [*CHANGES, *ASKED], rename="asked")
    train(experiment)
    return experiment


RESULTS = [
    evaluation_file("asked", 60, "corpus"),
    generative_file("asked", 60, "judge", "analytic", 4, "float64"),
    generative_file("asked", 60, "judge", "analytic", 8, "float64"),
    mauve_file("asked", 60, "infill"),
]


def numbers(path: Path) -> dict[str, object]:
    """What a JSON says, but for where and when it was made."""
    made = json.loads(path.read_text())
    for key in ("provenance", "num_processes", "samples_sha256", "seconds_per_text"):
        made.pop(key, None)
    return made


def times() -> dict[str, int]:
    """When each file of numbers and texts was written; not their list, which every call writes."""
    found = run_dir("asked").rglob("step_60/**/*.json*")
    every = grid_file("asked", 60, "judge")
    return {str(path): path.stat().st_mtime_ns for path in found if path != every}


def test_one_command_measures_all_that_is_asked_and_only_what_is_missing(run):
    shutil.rmtree(tokens_dir("corpus", "text8", "test"))
    said = invoke("evaluate", "asked").stdout
    for path in RESULTS:
        assert f"{path}: " in said
    result = json.loads(RESULTS[0].read_text())
    wanted = measure(open_language_model(run, device="cpu"), "corpus")
    assert result["nats_per_token"] == pytest.approx(wanted.nats_per_token, rel=1e-6)
    assert len(json.loads(grid_file("asked", 60, "judge").read_text())["files"]) == 2
    before = times()
    invoke("evaluate", "asked")
    assert times() == before, "what is current was made again"
    samples_file("asked", 60, "analytic", 4, "float64").unlink()
    time.sleep(1.1)  # texts keep the second of their drawing: an equal file is not judged again
    invoke("evaluate", "asked")
    changed = {path for path, at in times().items() if before[path] != at}
    again = [samples_file("asked", 60, "analytic", 4, "float64"), RESULTS[1]]
    assert changed == set(map(str, again))


def test_several_processes_share_the_work_and_find_the_same_numbers(run):
    invoke("evaluate", "asked")
    alone = [numbers(path) for path in RESULTS]
    for made in ("eval", "samples"):
        shutil.rmtree(run_dir("asked") / made)
    assert [code for code, _ in finish(start(2, "evaluate", "asked"))] == [0, 0]
    assert json.loads(RESULTS[0].read_text())["num_processes"] == 2
    assert [numbers(path) for path in RESULTS] == alone


def test_a_killed_measurement_goes_on_and_finds_the_same_number(run, monkeypatch):
    opened = open_language_model(run, device="cpu")
    whole = measure(opened, "corpus")
    shutil.rmtree(partial_folder(RESULTS[0]))
    asked, real = [], type(opened).negative_log_likelihood

    class Killed(BaseException):
        pass

    def negative_log_likelihood(self, *words):
        asked.append(1)
        if len(asked) == 3:
            raise Killed
        return real(self, *words)

    monkeypatch.setattr(type(opened), "negative_log_likelihood", negative_log_likelihood)
    with pytest.raises(Killed):
        measure(opened, "corpus")
    resumed = measure(opened, "corpus")
    assert len(asked) == 3 + 2  # of four batches the two that were not done
    assert resumed.nats_per_token == whole.nats_per_token


EXPERIMENT = """
description: a diffusion that others published
pretrained: someone/sedd-golden
data: {tokenizer: someone/words, length: 24}
sampling: {sampler: analytic, steps: 4, count: 3, batch_size: 2}
evaluation: {datasets: [words], num_draws: 2, batch_size: 4}
generative: {steps: [4], precisions: [float64], judge: someone/letters}
"""
DATASET = """
description: a line of words
licence: made for tests
source: {type: file, files: {test: words.txt}}
format: {type: text, document: line}
splits: {type: named, test: test}
"""


def test_a_model_of_the_hub_is_measured_by_its_hub_id_without_a_connection_once_it_is_fetched(
    project, tmp_path
):
    hub = tmp_path / "root/models/someone"
    shutil.copytree(GOLDEN, hub / "sedd-golden")
    size = json.loads((GOLDEN / "config.json").read_text())["tokens"]
    causal_model(hub / "letters")
    (hub / "words").mkdir()
    names = {"<eos>": 0, **{f"w{number}": number for number in range(1, size)}}
    vocabulary = tokenizers.Tokenizer(tokenizers.models.WordLevel(names, unk_token="w1"))
    vocabulary.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    vocabulary.save(str(hub / "words/tokenizer.json"))
    Path("words.txt").write_text(" ".join(f"w{n % (size - 1) + 1}" for n in range(200)) + "\n")
    Path("config/datasets/words.yaml").write_text(DATASET)
    Path("config/experiments/golden.yaml").write_text(EXPERIMENT)
    with serve(tmp_path / "root") as url:
        environment = hub_environment(url, tmp_path / "home")
        words = ["fetch", "someone/sedd-golden"]
        said = run_program("sedd", *words, environment=environment)
    assert said.stdout.splitlines() == [
        "results/fetched/tokenizer/someone--words.json: fetched",
        "results/fetched/model/someone--sedd-golden.json: fetched",
        "results/fetched/model/someone--letters.json: fetched",
    ], said.stderr
    environment["HF_HUB_OFFLINE"] = "1"  # as on the node of a cluster
    result = run_program("sedd", "evaluate", "someone/sedd-golden", environment=environment)
    assert result.returncode == 0, result.stderr
    measured = json.loads(evaluation_file("golden", 0, "words").read_text())
    assert (measured["bound"], measured["num_sequences"]) == (True, 200 // 24)
    said = json.loads(
        generative_file("golden", 0, "someone/letters", "analytic", 4, "float64").read_text()
    )
    assert (said["num_sequences"], said["retokenized"]) == (3, True)
    weights = hashlib.sha256((GOLDEN / "model.safetensors").read_bytes()).hexdigest()
    assert measured["provenance"]["checkpoint_sha256"] == weights
