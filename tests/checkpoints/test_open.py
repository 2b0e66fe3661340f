"""`open_model` on every source of a model, and its errors."""

from pathlib import Path

import pytest
import torch
from helpers.causal_model import causal_model
from helpers.loopback_hub import hub_environment, serve
from helpers.programs import run_code
from helpers.published_model import GOLDEN, published_model
from helpers.untrained_run import untrained_run

import sedd
from sedd.checkpoints.causal import CausalModel
from sedd.checkpoints.language_model import NetworkModel
from sedd.checkpoints.open import open_language_model
from sedd.checkpoints.recognize import recognize
from sedd.config import load_subject
from sedd.errors import CheckpointError, SeddError

RUN = "results/runs/smoke_absorb"
PRETRAINED = """
description: a model that others trained
pretrained: models/known
data: {tokenizer: models/known, length: 32}
sampling: {sampler: ancestral}
"""


@pytest.fixture
def sources(project: Path) -> Path:
    """One source of each kind, in the current folder."""
    pytest.importorskip("transformers")
    untrained_run("smoke_absorb")
    untrained_run("smoke_lambda_dce", rename="renamed")
    untrained_run("smoke_autoregressive")
    published_model(Path("models/golden"))
    published_model(Path("models/official"), "experiment")
    causal_model(Path("models/known"))
    Path("config/experiments/known.yaml").write_text(PRETRAINED)
    return project


TABLE = [  # source, kind, class, tokenizer, length, exact, step
    ("smoke_absorb", "experiment", NetworkModel, "text8", 32, False, 7),
    (RUN, "run", NetworkModel, "text8", 32, False, 7),
    ("renamed", "run", NetworkModel, "text8", 32, False, 7),
    (f"{RUN}/checkpoints/step_7.pt", "checkpoint", NetworkModel, "text8", 32, False, 7),
    ("smoke_autoregressive", "experiment", NetworkModel, "text8", 32, True, 7),
    ("models/golden", "folder", NetworkModel, "models/golden", 24, False, 0),
    ("models/official", "folder", NetworkModel, "models/official", 24, False, 0),
    ("models/known", "folder", CausalModel, "models/known", 32, True, 0),
    ("known", "experiment", CausalModel, "models/known", 32, True, 0),
]


@pytest.mark.usefixtures("sources")
def test_every_source_opens_with_its_tokenizer_and_length():
    for source, kind, type_, tokenizer, length, exact, step in TABLE:
        assert recognize(source).kind == kind, source
        model = open_language_model(source, device="cpu")
        assert type(model) is type_, source
        assert (model.tokenizer.name, model.length) == (tokenizer, length), source
        assert (model.is_exact, model.step) == (exact, step), source
        assert len(model.checkpoint_sha256) == 64
        assert model.experiment.data.length == length
        x0 = torch.arange(length)[None] % 27
        nats = model.negative_log_likelihood(x0, torch.Generator().manual_seed(0))
        assert nats.shape == (1,)
        assert float(nats) > 0, source


@pytest.mark.usefixtures("sources")
def test_a_run_opens_with_its_recorded_settings_and_its_name_with_those_of_today():
    path = Path("config/experiments/smoke_absorb.yaml")
    path.write_text(path.read_text().replace("dropout: 0.1", "dropout: 0.3"))
    assert load_subject("smoke_absorb").model.dropout == 0.3
    assert open_language_model(RUN, device="cpu").experiment.model.dropout == 0.1
    with pytest.raises(CheckpointError, match=r"now\):\n  model\.dropout"):
        open_language_model("smoke_absorb", device="cpu")
    assert sedd.load_model("smoke_absorb", device="cpu").length == 32


@pytest.mark.usefixtures("sources")
def test_tokenizer_and_length_may_be_given_where_a_folder_does_not_say_them():
    Path("models/golden/tokenizer.json").unlink()
    model = open_language_model(
        Path("models/golden"), device="cpu", tokenizer="models/official", length=10
    )
    assert (model.tokenizer.name, model.length) == ("models/official", 10)
    assert model.experiment.pretrained == "models/golden"


@pytest.mark.usefixtures("sources")
def test_a_folder_with_an_unusual_path_opens_too(tmp_path):
    folder = published_model(tmp_path / "my models--v1" / "golden (copy)")
    model = sedd.open_model(folder, device="cpu")
    assert len(model.sample("w3", steps=2)[0].split()) == 24


@pytest.mark.usefixtures("sources")
def test_an_export_records_its_tokenizer(project):
    from sedd.checkpoints.export import export

    export(RUN, Path("out"))
    model = open_language_model("out", device="cpu")
    assert (model.tokenizer.name, model.length) == ("text8", 32)
    assert sedd.load_model("out", device="cpu").tokenizer_name == "text8"


@pytest.mark.usefixtures("sources")
@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (
            "no/such-model",
            {},
            r"'no/such-model' is not a model: .*no such folder.*no model from the hub",
        ),
        ("models/empty", {}, r"no run under results/runs.*the folder holds nothing"),
        ("a/b/c", {}, r"no checkpoint file, .*not the form of a hub id"),
        ("Snakefile", {}, r"Snakefile: cannot be read as a checkpoint"),
        ("other.pt", {}, r"not a checkpoint of this project.*found weight; a published model"),
        ("models/golden", {"step": 3}, r"a step chooses among the checkpoints of a run"),
        (f"{RUN}/checkpoints/step_7.pt", {"step": 7}, r"a step chooses among"),
        (RUN, {"step": 3}, r"no checkpoint of step 3; steps there: 7"),
        ("smoke_uniform", {}, r"the run 'smoke_uniform' has no checkpoint yet.*sedd train"),
        (
            "models/golden",
            {"tokenizer": "text8"},
            r"its network has 37 tokens, but .*'text8' has 27",
        ),
        ("models/known", {"tokenizer": "text8"}, r"reads another vocabulary"),
        ("models/known", {"length": 64}, r"reads 32 tokens at once"),
        ("models/silent", {}, r"has no tokenizer\.json"),
    ],
)
def test_an_error_is_one_line_that_says_what_was_found(source, options, message, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    Path("models/empty").mkdir()
    torch.save({"weight": torch.ones(2)}, "other.pt")
    causal_model(Path("models/silent"))
    Path("models/silent/tokenizer.json").unlink()
    with pytest.raises(SeddError, match=message) as raised:
        open_language_model(source, device="cpu", **options)
    assert "\n" not in str(raised.value)


def test_models_of_the_hub_open_by_their_id(tmp_path):
    pytest.importorskip("transformers")
    published_model(tmp_path / "root/models/someone/sedd")
    causal_model(tmp_path / "root/models/someone/causal")
    program = (
        "import sedd\n"
        "for name in ('someone/sedd', 'someone/causal'):\n"
        "    model = sedd.open_model(name, device='cpu')\n"
        "    options = {} if model.is_exact else {'steps': 2}\n"
        "    assert model.sample(**options)[0]\n"
        "    print(model.tokenizer.name, model.length, model.is_exact, model.graph is None)\n"
        "print(sedd.load_model('someone/sedd', device='cpu').tokenizer_name)\n"
    )
    with serve(tmp_path / "root") as url:
        result = run_code(program, environment=hub_environment(url, tmp_path / "home"))
    assert result.stdout.splitlines() == [
        "someone/sedd 24 False False",
        "someone/causal 32 True True",
        "someone/sedd",
    ], result.stderr


def test_a_stored_model_without_a_tokenizer_is_expected_to_read_with_gpt2():
    loaded = sedd.load_model(GOLDEN / "absorb/hub", device="cpu")
    assert (loaded.tokenizer_name, loaded.length) == ("gpt2", 24)
