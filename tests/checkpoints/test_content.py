"""A checkpoint whose content is not what it seems is refused in one line, wherever it is opened."""

import re
import shutil
from pathlib import Path

import pytest
import torch
from helpers.causal_model import causal_model
from helpers.published_model import published_model
from helpers.untrained_run import untrained_run
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from sedd.checkpoints import run_checkpoint
from sedd.checkpoints.build import build_model, parameters_of
from sedd.checkpoints.formats.tensors import all_finite
from sedd.checkpoints.open import open_language_model
from sedd.checkpoints.run_checkpoint import KEYS, load_trained
from sedd.checkpoints.run_folder import steps_present
from sedd.config import load_experiment
from sedd.errors import CheckpointError
from sedd.paths import run_dir
from sedd.runtime.publish import hash_file

NOT_FINITE = [float("nan"), float("inf"), -float("inf")]
WRONG = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**80), 2**80),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.dictionaries(st.integers(0, 3), st.floats(), max_size=2),
    st.just(torch.zeros(2)),
)
PLACES = [(key,) for key in sorted(KEYS)] + [
    ("ema", "decay"),
    ("ema", "num_updates"),
    ("ema", "shadow"),
    ("ema", "shadow", "vocab_embed.embedding"),
    ("model", "vocab_embed.embedding"),
    ("model", "blocks.0.norm1.weight"),
    ("experiment", "model"),
    ("experiment", "model", "hidden_size"),
    ("experiment", "model", "n_blocks"),
    ("experiment", "training"),
]


def same(one, other) -> bool:
    if isinstance(one, torch.Tensor) or isinstance(other, torch.Tensor):
        return False
    return type(one) is type(other) and one == other


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(place=("format",), wrong=torch.zeros(0))
@example(place=("format",), wrong=True)
@given(place=st.sampled_from(PLACES), wrong=WRONG)
def test_a_value_of_another_kind_never_ends_in_a_traceback(project, place, wrong):
    content = run_checkpoint.read(untrained_run("smoke_absorb"))
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    before, inner[place[-1]] = inner[place[-1]], wrong
    path = Path("wrong.pt")
    run_checkpoint.save(content, path)
    # values that are allowed there: any text is a hash, any number of updates an average's age
    if (place == ("identity",) and isinstance(wrong, str)) or same(before, wrong):
        return
    problem = None
    try:
        load_trained(path)
    except CheckpointError as error:
        problem = str(error)
    if problem is None:
        assert place[-1] in ("step", "num_updates", "decay", "training")
    else:
        assert str(path) in problem


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("ema", 3, r"ema must be a mapping from names, found 3"),
        ("ema", {}, r"ema\.decay: missing; ema\.num_updates: missing; ema\.shadow: missing"),
        ("model", [], r"model must be a mapping from names to tensors, found list"),
        ("vocab_size", "27", r"vocab_size must be a whole number of at least 1, found str"),
        ("step", 2**80, r"step must be a whole number of at least 0, found int"),
    ],
)
def test_the_message_says_what_was_found_and_what_is_allowed(project, key, value, message):
    content = run_checkpoint.read(untrained_run("smoke_absorb"))
    run_checkpoint.save({**content, key: value}, Path("wrong.pt"))
    with pytest.raises(CheckpointError, match=message):
        load_trained(Path("wrong.pt"))


def test_a_network_that_is_larger_than_the_file_is_refused_before_it_is_built(project):
    content = run_checkpoint.read(untrained_run("smoke_absorb"))
    content["experiment"]["model"] |= {"hidden_size": 8_000_000, "n_blocks": 1000}
    run_checkpoint.save(content, Path("large.pt"))
    with pytest.raises(CheckpointError, match=r"need [\d,]{15,} parameters, but it holds [\d,]{6}"):
        load_trained(Path("large.pt"))


@pytest.mark.parametrize("name", ["smoke_absorb", "smoke_uniform", "smoke_lambda_dce"])
def test_the_number_of_parameters_is_known_without_the_network(project, name):
    experiment = load_experiment(name)
    network = build_model(experiment, 27)
    assert parameters_of(experiment, 27) == sum(one.numel() for one in network.parameters())


# --- weights that are not finite -------------------------------------------------------------------


def poison(tensors, name: str, value: float = float("nan")):
    changed = {key: tensor.clone() for key, tensor in tensors.items()}
    changed[name].view(-1)[-1] = value
    return changed


def run(folder: Path) -> Path:
    path = untrained_run("smoke_absorb")
    content = run_checkpoint.read(path)
    content["ema"]["shadow"] = poison(content["ema"]["shadow"], "output_layer.linear.bias")
    run_checkpoint.save(content, path)
    return path


def last_weights(folder: Path) -> Path:
    path = untrained_run("smoke_absorb")
    content = run_checkpoint.read(path)
    run_checkpoint.save(
        {**content, "model": poison(content["model"], "sigma_map.mlp.0.bias")}, path
    )
    return path


def hub_folder(folder: Path) -> Path:
    published_model(folder)
    weights = folder / "model.safetensors"
    save_file(poison(load_file(weights), "output_layer.linear.weight"), weights)
    return folder


def old_hub_folder(folder: Path) -> Path:
    hub_folder(folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


def official_experiment(folder: Path) -> Path:
    published_model(folder, "experiment")
    path = folder / "checkpoints-meta/checkpoint.pth"
    content = torch.load(path, weights_only=True)
    content["ema"]["shadow_params"][3].view(-1)[0] = float("inf")
    torch.save(content, path)
    return folder


def lightning(folder: Path) -> Path:
    pytest.importorskip("omegaconf")
    from formats.test_lightning import lightning_file

    content = lightning_file(folder.with_suffix(".ckpt"))
    stored = torch.load(content, weights_only=False)
    stored["ema"]["shadow_params"][3].view(-1)[0] = float("nan")
    torch.save(stored, content)
    return content


def causal(folder: Path) -> Path:
    causal_model(folder)
    weights = folder / "model.safetensors"
    save_file(poison(load_file(weights), "transformer.ln_f.bias"), weights, {"format": "pt"})
    return folder


KINDS = [run, last_weights, hub_folder, old_hub_folder, official_experiment, lightning, causal]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_weights_that_are_not_finite_are_refused_in_every_kind_of_model(project, kind, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    with pytest.raises(CheckpointError, match=r"holds numbers that are not finite \(NaN or inf"):
        open_language_model(kind(project / "model"), device="cpu", length=16)


@given(
    place=st.integers(0, 999),
    value=st.sampled_from([*NOT_FINITE, 3e38, 0.0]),
    dtype=st.sampled_from([torch.float32, torch.float64, torch.bfloat16, torch.float16]),
)
def test_every_number_of_a_tensor_is_looked_at(place, value, dtype):
    tensor = torch.linspace(-1e3, 1e3, 1000, dtype=torch.float64).to(dtype)
    tensor[place] = value
    assert all_finite(tensor) == bool(torch.isfinite(tensor).all())


# --- names of files ---------------------------------------------------------------------------------


def test_a_copy_under_the_name_of_another_step_is_refused_and_shown_by_status(project):
    from helpers.project import invoke

    path = untrained_run("smoke_absorb", step=7)
    copy = path.with_name("step_99.pt")
    shutil.copy(path, copy)
    for name in ("step_foo.pt", "step_07.pt", "state_old.pt", "step_.pt", "step_٣.pt"):
        shutil.copy(path, path.with_name(name))
    assert steps_present(run_dir("smoke_absorb")) == [7, 99]
    with pytest.raises(
        CheckpointError, match=r"step_99\.pt: holds step 7, but its name is that of s"
    ):
        open_language_model("smoke_absorb", device="cpu")
    open_language_model("smoke_absorb", step=7, device="cpu")
    text = invoke("status").stdout
    assert "smoke_absorb: step_99.pt holds step 7; it cannot be opened: delete it" in text
    assert "smoke_absorb: step_foo.pt is not the name of a checkpoint; ignored" in text
    copy.write_bytes(b"no checkpoint")
    assert "step_99.pt is damaged" in invoke("status").stdout
    for other in (copy, *path.parent.glob("step_[!7]*")):
        other.unlink(missing_ok=True)
    assert not re.search("step_.*(holds|damaged|ignored)", invoke("status").stdout)


def test_a_checkpoint_under_a_name_of_its_own_is_opened(project):
    path = untrained_run("smoke_absorb", step=7)
    path.rename("best.pt")
    hash_file(path).unlink()
    assert load_trained(Path("best.pt")).step == 7
