"""A run written in the form of the published models, held against files of that form."""

import json
import re
from pathlib import Path

import pytest
import torch
from helpers.project import invoke
from helpers.untrained_run import untrained_run
from safetensors.torch import load_file

import sedd
from sedd import load_model
from sedd.checkpoints import run_checkpoint as checkpoint
from sedd.checkpoints.export import export
from sedd.checkpoints.export.folder import FILES
from sedd.config import load_experiment
from sedd.errors import CheckpointError
from sedd.evaluate import measure, open_language_model
from sedd.paths import checkpoint_file, evaluation_file
from sedd.runtime.atomic import write_json
from sedd.train import train

GOLDEN = Path(__file__).parents[1] / "golden"
NOISE = {"absorb": "loglinear", "uniform": "geometric"}


def golden_run(kind: str, noise: str | None = None) -> Path:
    """A run `mine` whose average holds the published weights, and whose weights are others."""
    overrides = [
        "model={hidden_size: 32, n_blocks: 2, n_heads: 4, cond_dim: 16, dropout: 0.1}",
        f"graph.type={kind}",
        f"noise={noise or f'{{type: {NOISE[kind]}}}'}",
        "data.length=24",
    ]
    experiment = load_experiment("smoke_absorb", overrides, rename="mine")
    published = load_file(GOLDEN / kind / "hub/model.safetensors")
    average = {name: value for name, value in published.items() if name != "rotary_emb.inv_freq"}
    content = {
        "format": checkpoint.FORMAT,
        "step": 7,
        "identity": "0" * 64,
        "experiment": experiment.model_dump(mode="json"),
        "vocab_size": 37,
        "model": {**published, **{name: value + 1 for name, value in average.items()}},
        "ema": {"decay": 0.9, "num_updates": 7, "shadow": average},
        "optimizer": {},
    }
    path = checkpoint_file("mine", 7)
    checkpoint.save(content, path)
    return path


def keys(settings, prefix: str = "") -> set[str]:
    if not isinstance(settings, dict):
        return {prefix}
    return {key for name in settings for key in keys(settings[name], f"{prefix}.{name}")}


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("kind", NOISE)
def test_published_weights_come_out_as_they_were_published(kind):
    golden_run(kind)
    export("mine", Path("out"))
    found, wanted = (
        load_file(folder / "model.safetensors") for folder in (Path("out"), GOLDEN / kind / "hub")
    )
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("kind", NOISE)
def test_the_configuration_has_the_published_keys_and_says_the_same_of_the_network(kind):
    golden_run(kind)
    export("mine", Path("out"))
    found = json.loads(Path("out/config.json").read_text())
    wanted = json.loads((GOLDEN / kind / "hub/config.json").read_text())
    assert keys(found) == keys(wanted)
    for section in ("tokens", "graph", "noise"):
        assert found[section] == wanted[section]
    assert found["model"] == {**wanted["model"], "name": "mine"}


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("kind", NOISE)
def test_an_export_loads_as_the_model_that_it_was_made_from(kind):
    path = golden_run(kind)
    export("mine", Path("deep/out"))
    first, first_graph, first_noise = load_model(path)
    second, second_graph, second_noise = load_model("deep/out")
    states, sigma = torch.arange(24).view(2, 12), torch.tensor([0.1, 3.0])
    assert torch.equal(first(states, sigma), second(states, sigma))
    assert all(
        torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True)
    )
    assert (type(first_graph), first_graph.vocab_size) == (
        type(second_graph),
        second_graph.vocab_size,
    )
    assert first_noise == second_noise


@pytest.mark.usefixtures("project")
def test_a_noise_that_the_published_form_cannot_say_is_refused():
    golden_run("absorb", "{type: loglinear, eps: 0.01}")
    with pytest.raises(CheckpointError, match=r"no key for noise\.eps.*0\.001.*0\.01"):
        export("mine", Path("out"))
    assert not Path("out").exists()


@pytest.mark.usefixtures("project")
def test_geometric_noise_of_another_range_comes_through():
    golden_run("uniform", "{type: geometric, sigma_min: 0.002, sigma_max: 9}")
    export("mine", Path("out"))
    _, _, noise = load_model("out")
    assert (noise.sigma_min, noise.sigma_max) == (0.002, 9.0)


@pytest.mark.usefixtures("project")
def test_only_an_earlier_export_is_replaced_and_only_when_told():
    golden_run("absorb")
    Path("empty").mkdir()
    export("mine", Path("empty"))
    with pytest.raises(CheckpointError, match=r"earlier export.*--force"):
        export("mine", Path("empty"))
    Path("empty/config.json").write_text("{}")
    export("mine", Path("empty"), force=True)
    assert json.loads(Path("empty/config.json").read_text())["tokens"] == 37

    foreign = Path("foreign")
    foreign.mkdir()
    for name in FILES:  # a model from elsewhere, in the same form
        (foreign / name).write_text("someone else's")
    with pytest.raises(CheckpointError, match="not an earlier export"):
        export("mine", foreign, force=True)
    (Path("empty") / "thesis.txt").write_text("the only copy")
    with pytest.raises(CheckpointError, match="not an earlier export"):
        export("mine", Path("empty"), force=True)
    assert {path.read_text() for path in foreign.iterdir()} == {"someone else's"}
    assert Path("empty/thesis.txt").read_text() == "the only copy"


@pytest.mark.usefixtures("project")
def test_a_folder_among_the_runs_would_be_taken_for_one_and_is_refused():
    golden_run("absorb")
    with pytest.raises(CheckpointError, match="is the folder of runs"):
        export("mine", Path("results/runs/public"))
    export("mine", Path("results/runs/mine/public"))
    assert load_model("results/runs/mine/public")


@pytest.mark.usefixtures("project")
def test_an_export_that_fails_half_way_leaves_what_was_there():
    golden_run("absorb")
    export("mine", Path("out"))
    before = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    Path("config/datasets/wiki.yaml").unlink()  # the card, written last but one, needs its licence
    with pytest.raises(Exception, match=r"wiki\.yaml"):
        export("mine", Path("out"), force=True)
    assert {path.name: path.read_bytes() for path in Path("out").iterdir()} == before
    assert not [path for path in Path().iterdir() if path.name.startswith(".out")]


@pytest.mark.usefixtures("corpus")
def test_a_trained_run_is_published_with_its_numbers_and_licence():
    overrides = [
        "data.dataset=corpus",
        "evaluation.datasets=[corpus]",
        "training.steps=2",
        "training.warmup_steps=1",
        "training.checkpoint_every=1",
    ]
    experiment = load_experiment("smoke_absorb", overrides, rename="mine")
    train(experiment)
    run = open_language_model(experiment, device="cpu")
    result = measure(run, "corpus")
    result.write(evaluation_file("mine", 2, "corpus"))

    said = invoke("export", "results/runs/mine", "out").stdout
    assert re.search(r"out: mine, step 2, with numbers on corpus", said)
    card = Path("out/README.md").read_text()
    assert f"{result.bits_per_character:.3f} ± " in card
    assert "Licence: made for tests." in card
    assert "lr: 0.002" in card
    assert "`text8`: 27 tokens" in card
    assert run.checkpoint_sha256 in card
    example = re.search(r"```python\n(.*?)```", card, re.DOTALL)
    assert example
    names = {}
    exec(example[1].replace("FOLDER", "out"), names)
    assert [len(text) for text in names["texts"]] == [32]

    content = result.model_dump(mode="json")
    content["provenance"]["checkpoint_sha256"] = "0" * 64
    write_json(evaluation_file("mine", 2, "corpus"), content)
    said = invoke("export", "mine", "out", "--force")
    assert "left out: corpus" in said.stderr
    assert "Not measured." in Path("out/README.md").read_text()

    earlier = export("mine", Path("earlier"), step=1)
    assert (earlier.step, earlier.evaluations, earlier.stale) == (1, [], [])
    assert not torch.equal(
        *(
            load_file(f"{folder}/model.safetensors")["vocab_embed.embedding"]
            for folder in ("out", "earlier")
        )
    )


def test_a_vocabulary_of_the_project_goes_with_the_model(project: Path, tmp_path: Path):
    untrained_run("smoke_absorb", rename="mine", overrides=["data.tokenizer=bytes"])
    here = sedd.open_model("mine")
    export("mine", tmp_path / "out")
    Path("config/tokenizers/bytes.yaml").unlink()
    there = sedd.open_model(tmp_path / "out")
    assert there.tokenizer.sha256 == here.tokenizer.sha256
    assert there.tokenizer.encode_batch(["Zürich"]) == here.tokenizer.encode_batch(["Zürich"])
