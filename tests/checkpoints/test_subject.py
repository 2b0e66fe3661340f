"""The NAME of a verb: every source of a model, the name of its results, and what is refused."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.causal_model import causal_model
from helpers.loopback_hub import hub_environment, serve
from helpers.programs import run_program
from helpers.project import invoke
from helpers.published_model import published_model
from helpers.untrained_run import untrained_run

from sedd.checkpoints.subject import find_subject
from sedd.config import Experiment, Pretrained, load_subject
from sedd.config.experiment import Sampling
from sedd.config.lookup import measured_by
from sedd.errors import CheckpointError, ConfigError

RUN = "results/runs/smoke_absorb"
OFFICIAL = "exp_local/openwebtext/2024.03.01/120000"
KNOWN = """
description: a model that others trained
pretrained: models/known
data: {tokenizer: models/known, length: 32}
sampling: {sampler: ancestral}
"""
WORDS = """
description: a line of words
licence: made for tests
source: {type: file, files: {test: words.txt}}
format: {type: text, document: line}
splits: {type: named, test: test}
"""


@pytest.fixture
def sources(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One source of each kind, in the current folder and in `outside`, which is returned.

    The path of `outside` is short: of a long one, a derived name has only the end.
    """
    pytest.importorskip("transformers")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    untrained_run("smoke_absorb")
    untrained_run("smoke_absorb", step=9)
    untrained_run("smoke_lambda_dce", rename="bare")  # without a file of settings
    published_model(Path("models/golden"))
    published_model(Path(OFFICIAL), "experiment")
    causal_model(Path("models/known"))
    Path("config/experiments/known.yaml").write_text(KNOWN)
    with tempfile.TemporaryDirectory(prefix="sources") as folder:
        outside = Path(folder)
        published_model(outside / "golden")
        shutil.copytree(RUN, outside / "run")
        Path("elsewhere").symlink_to(outside / "run")
        yield outside


def derived(path: Path) -> str:
    """The name of the run of a file or folder outside the project, if it has no unusual letters."""
    return "--".join(path.with_suffix("").parts[1:])


def test_every_source_stands_for_an_experiment_and_a_step(sources: Path) -> None:
    checkpoint = sources / "run/checkpoints/step_7.pt"
    newest = sources / "run/checkpoints/step_9.pt"
    table = [  # NAME, type, name of the results, step, key `pretrained`
        ("smoke_absorb", Experiment, "smoke_absorb", None, None),
        (RUN, Experiment, "smoke_absorb", None, None),
        (f"{RUN}/", Experiment, "smoke_absorb", None, None),
        (str(Path(RUN).resolve()), Experiment, "smoke_absorb", None, None),
        (f"{RUN}/checkpoints/step_7.pt", Experiment, "smoke_absorb", 7, None),
        ("bare", Experiment, "bare", None, None),
        ("results/runs/bare", Experiment, "bare", None, None),
        ("models/golden", Pretrained, "models--golden", 0, "./models/golden"),
        (str(sources / "golden"), Pretrained, derived(sources / "golden"), 0, None),
        (OFFICIAL, Pretrained, OFFICIAL.replace("/", "--"), 0, f"./{OFFICIAL}"),
        (str(checkpoint), Pretrained, derived(checkpoint), 0, str(checkpoint)),
        (str(sources / "run"), Pretrained, derived(newest), 0, str(newest)),
        ("models/known", Pretrained, "known", 0, "models/known"),
        ("known", Pretrained, "known", 0, "models/known"),
    ]
    for source, type_, name, step, pretrained in table:
        subject, found = find_subject(source)
        assert (type(subject), subject.name, found) == (type_, name, step), source
        if pretrained is not None:
            assert isinstance(subject, Pretrained)
            assert subject.pretrained == pretrained
    assert find_subject("smoke_absorb", step=7)[1] == 7
    chosen, _ = find_subject(str(sources / "run"), step=7)
    assert isinstance(chosen, Pretrained)
    assert chosen.pretrained == str(checkpoint)
    assert chosen.sampling == load_subject("smoke_absorb").sampling  # as the run recorded it
    assert find_subject("models/golden")[0].sampling == Sampling()


def texts(*words: str) -> str:
    return invoke("sample", *words, "--count", "2", "--steps", "2").stdout


def test_one_model_draws_the_same_texts_under_each_of_its_names(sources: Path) -> None:
    expected = texts("smoke_absorb")
    for name in (RUN, f"{RUN}/checkpoints/step_9.pt", str(sources / "run")):
        assert texts(name) == expected, name
    assert texts(f"{RUN}/checkpoints/step_7.pt") == expected  # the same weights
    assert texts("models/golden") == texts(str(sources / "golden")) != texts(OFFICIAL)


def test_results_are_kept_under_the_derived_name_with_their_settings(sources: Path) -> None:
    Path("words.txt").write_text(" ".join(f"w{n % 36 + 1}" for n in range(100)) + "\n")
    Path("config/datasets/words.yaml").write_text(WORDS)
    invoke("tokenize", "--dataset", "words", "--tokenizer", "models/golden", "--split", "test")
    few = ["evaluation.num_draws=2", "evaluation.datasets=[words]"]
    invoke("perplexity", "models/golden", *few, "--name", "few")
    assert json.loads(Path("results/runs/few/eval/step_0/words.json").read_text())["bound"]
    recorded = load_subject("few")
    assert (recorded.base, recorded.overrides) == ("models--golden", tuple(few))
    invoke("sample", "models/golden", "--steps", "2", "--trace")
    folder = Path("results/runs/models--golden")
    assert (folder / "samples/step_0/trace_analytic_2.json").is_file()
    assert load_subject("models--golden") == find_subject("models/golden")[0]
    assert texts("models--golden") == texts("few") == texts("models/golden")
    texts(OFFICIAL, "--out", f"results/runs/{OFFICIAL.replace('/', '--')}/samples/some.jsonl")
    assert load_subject(OFFICIAL.replace("/", "--")) == find_subject(OFFICIAL)[0]
    assert invoke("overview", "--table", "text8").returncode == 0  # has no page for such a model


def test_missing_texts_are_drawn_by_the_commands_that_are_printed(sources: Path) -> None:
    judged = ["models/golden", "generative.steps=[2]", "sampling.count=2"]
    judged += ["generative.judge=models/known", "--name", "judged"]
    result = invoke("generative", *judged, check=False)
    assert result.returncode == 2
    printed = re.findall(r"^  sedd (.+)$", result.stderr, re.MULTILINE)
    assert len(printed) == 1
    for line in printed:
        invoke(*line.split())
    invoke("generative", *judged)
    folder = Path("results/runs/judged/eval/step_0/generative")
    assert (folder / "models--known/analytic_2.json").is_file()


def test_a_run_is_shown_by_its_folder_too(sources: Path) -> None:
    said = invoke("status", RUN).stdout
    assert said == invoke("status", "smoke_absorb").stdout
    assert "smoke_absorb" in said
    assert (
        "no such run: results/runs/none"
        in invoke("status", "results/runs/none", check=False).stderr
    )


def test_two_sources_never_share_a_name_without_a_word(sources: Path) -> None:
    invoke("sample", "models/golden", "--steps", "2", "--trace")
    published_model(Path("models--golden"))
    twin = ["sample", "./models--golden", "--steps", "2"]
    assert find_subject("models--golden")[0] == find_subject("models/golden")[0]
    result = invoke(*twin, check=False)
    # `models--golden` has `--` in itself: a hash keeps the names apart
    assert result.returncode == 0
    assert "models--golden" not in find_subject("./models--golden")[0].name
    shutil.rmtree("models")
    Path("config/experiments/models--golden.yaml").write_text(KNOWN)
    published_model(Path("models/golden"))
    result = invoke("sample", "models/golden", "--steps", "2", check=False)
    assert result.returncode == 2
    assert "'models--golden' is an experiment of its own" in result.stderr
    Path("config/experiments/models--golden.yaml").unlink()
    settings = Path("results/runs/models--golden/config.yaml")
    settings.write_text(settings.read_text().replace("./models/golden", "models/golden"))
    result = invoke("sample", "models/golden", "--steps", "2", check=False)
    assert result.returncode == 2
    assert "holds another run, models/golden: choose another name" in result.stderr
    texts("models/golden", "--name", "other")
    assert load_subject("other").base == "models--golden"


@pytest.mark.usefixtures("sources")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["models/golden", "--step", "5"], "has no checkpoint of step 5: a step chooses among"),
        (["sedd_small_published", "--step", "5"], "has no checkpoint of step 5"),
        ([f"{RUN}/checkpoints/step_7.pt", "--step", "9"], "has no checkpoint of step 9"),
        (["elsewhere", "--step", "8"], "no checkpoint of step 8; steps there: 7, 9"),
        (["models/golden", "seed=2"], "seed=2 changes the experiment 'models--golden': name the"),
        (["models/golden", "training.lr=1", "--name", "x"], "training: unknown key"),
        (["models/golden", "evaluation.datasets=[x]", "--name", "x"], "no config/datasets/x.yaml"),
        (["models/golden", "--name", "a/b"], "--name: must be letters, digits"),
        (["models"], "the folder holds golden, known"),
        (["Snakefile"], "Snakefile: cannot be read as a checkpoint"),
    ],
)
def test_what_does_not_fit_a_source_is_refused(words: list[str], message: str) -> None:
    before = sorted(Path("results").rglob("*"))
    for verb in ("sample", "perplexity"):
        result = invoke(verb, *words, check=False)
        assert result.returncode == 2, result.stdout
        assert message in result.stderr
    assert sorted(Path("results").rglob("*")) == before


def test_an_unknown_name_is_refused_without_torch_with_the_nearest_name(project: Path) -> None:
    program = (
        "import sys\n"
        "from sedd.cli import main\n"
        "for verb in ('sample', 'perplexity', 'generative', 'mauve', 'evaluate', 'estimators'):\n"
        "    sys.argv = ['sedd', verb, 'tiny_absorbb']\n"
        "    try:\n"
        "        main()\n"
        "    except SystemExit as exit:\n"
        "        print(verb, exit.code, 'torch' in sys.modules)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )
    assert result.stdout.splitlines() == [
        f"{verb} 2 False"
        for verb in ("sample", "perplexity", "generative", "mauve", "evaluate", "estimators")
    ]
    lines = result.stderr.splitlines()
    assert len(lines) == 6
    for line in lines:
        assert line.startswith("sedd: 'tiny_absorbb' is not a model: no experiment config/exp")
        assert "and no model from the hub (" in line
        assert line.endswith("; did you mean 'tiny_absorb'?")


def test_a_model_of_the_hub_is_sampled_and_measured_by_its_id(
    project: Path, tmp_path: Path
) -> None:
    published_model(tmp_path / "root/models/someone/sedd")
    Path("words.txt").write_text(" ".join(f"w{n % 36 + 1}" for n in range(60)) + "\n")
    Path("config/datasets/words.yaml").write_text(WORDS)
    settings = ["evaluation.datasets=[words]", "evaluation.num_draws=2"]
    with serve(tmp_path / "root") as url:
        run = functools.partial(
            run_program, "sedd", environment=hub_environment(url, tmp_path / "home")
        )
        drawn = run("sample", "someone/sedd", "--steps", "2", "--count", "2")
        assert drawn.returncode == 0, drawn.stderr
        assert len(drawn.stdout.splitlines()) == 4
        measured = run("evaluate", "someone/sedd", *settings, "--name", "measured")
        assert measured.returncode == 0, measured.stderr
        missing = run("evaluate", "someone/none", *settings, "--name", "missing")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "'someone/none' is not a model" in missing.stderr
    assert Path("results/runs/measured/eval/step_0/words.json").is_file()
    subject = load_subject("measured")
    assert isinstance(subject, Pretrained)
    assert (subject.pretrained, subject.base) == ("someone/sedd", "someone--sedd")
    assert subject.data.tokenizer == "someone/sedd"


def test_a_missing_model_is_reported_before_anything_is_tokenized(sources: Path) -> None:
    experiment = KNOWN.replace("pretrained: models/known", "pretrained: models/gone")
    Path("config/experiments/gone.yaml").write_text(experiment + "evaluation: {datasets: [kjv]}\n")
    for name in ("gone", "smoke_uniform"):
        result = invoke("evaluate", name, check=False)
        assert result.returncode == 2
    assert not Path("results/data").exists()


def test_an_evaluation_of_nothing_says_which_keys_ask_for_something(sources: Path) -> None:
    result = invoke("evaluate", "models/golden", check=False)
    assert result.returncode == 2
    assert "models--golden lists nothing to measure: set evaluation.datasets" in result.stderr


def test_the_settings_of_a_source_are_shown(sources: Path) -> None:
    said = invoke("config", "show", "models/golden", "seed=5").stdout
    assert "pretrained: ./models/golden" in said
    assert "seed: 5" in said
    assert "tokenizer: models/golden" in said


def test_a_checkpoint_that_is_no_model_of_an_experiment_raises_checkpoint_error(
    sources: Path,
) -> None:
    with pytest.raises(CheckpointError, match="a published model is opened by its folder"):
        find_subject(f"{OFFICIAL}/checkpoints-meta/checkpoint.pth")
    with pytest.raises(ConfigError, match="must be letters"):
        find_subject("models/golden", rename="..")


def test_an_experiment_that_is_a_link_that_leads_nowhere_measures_no_model(project):
    (project / "config/experiments/a_lost_one.yaml").symlink_to("nowhere")
    assert measured_by("louaaron/sedd-small") == "sedd_small_published"
