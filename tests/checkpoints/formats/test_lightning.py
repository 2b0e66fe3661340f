"""Lightning checkpoints as MDLM's training code writes them, with settings of the real omegaconf."""

import collections
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers.golden_model import FOLDER
from helpers.published_model import word_tokenizer
from safetensors.torch import load_file

import sedd
from sedd.checkpoints.export import export
from sedd.checkpoints.formats.lightning import Inert, read_inert
from sedd.checkpoints.official import load_official
from sedd.checkpoints.recognize import recognize
from sedd.errors import CheckpointError

omegaconf = pytest.importorskip("omegaconf")


class Tokenizer:
    """An object of a class that the reader does not import."""

    def __init__(self):
        self.words = collections.defaultdict(list, {"a": [1]})
        self.folder = Path("somewhere")


def mdlm_settings(**changes):
    config = {
        "parameterization": "subs",
        "backbone": "dit",
        "time_conditioning": False,
        "noise": {"type": "loglinear", "sigma_min": 1e-4},
        "model": {"length": 40, "hidden_size": 48, "dropout": 0.1},
        "checkpointing": {"save_dir": "${cwd:}"},
        "callbacks": [{"every": 3}],
    }
    return omegaconf.OmegaConf.create({**config, **changes})


def lightning_file(path: Path, kind: str = "mdlm", config=None, **others) -> Path:
    """The golden model in the average; other weights in `state_dict`."""
    tensors = load_file(FOLDER / kind / "hub/model.safetensors")
    shadow = [value for name, value in tensors.items() if not name.endswith("inv_freq")]
    zeros = {
        name: value if name.endswith("inv_freq") else torch.zeros_like(value)
        for name, value in tensors.items()
    }
    content = {
        "epoch": 0,
        "global_step": 3,
        "state_dict": {**zeros, "metrics.seen": torch.tensor(3)},
        "optimizer_states": [{"state": {0: {"step": torch.tensor(1.0)}}}],
        "ema": {"decay": 0.99, "num_updates": 3, "shadow_params": shadow},
        "hyper_parameters": {
            "config": mdlm_settings() if config is None else config,
            "tokenizer": Tokenizer(),
        },
        **others,
    }
    torch.save(content, path)
    return path


@pytest.mark.parametrize("kind", ["mdlm", "mdlm_time"])
def test_the_averaged_weights_give_the_stored_logits(tmp_path, kind):
    config = mdlm_settings(time_conditioning=kind == "mdlm_time")
    model = load_official(lightning_file(tmp_path / "last.ckpt", kind, config), "cpu")
    stored = load_file(FOLDER / kind / "vectors.safetensors")
    with torch.no_grad():
        weight, bias = model.network.vocabulary_layer()
        logits = model.network.features(stored["xt"], stored["sigma"]) @ weight.T + bias
    expected = stored["logits"].flatten(0, 1)
    atol = 1e-5 * float(expected.abs().max())
    torch.testing.assert_close(logits, expected, rtol=0, atol=atol)
    assert model.length == 40


def test_it_opens_like_any_published_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = lightning_file(Path("last.ckpt"))
    word_tokenizer(Path("words"), 61)
    assert recognize(path).kind == "folder"
    model = sedd.open_model(path, device="cpu", tokenizer="words")
    assert len(model.sample(steps=2)[0].split()) == 40
    assert len(model.language_model.checkpoint_sha256) == 64
    assert sedd.load_model(path, device="cpu").length == 40


def test_it_becomes_a_folder_in_the_hubs_form(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = lightning_file(Path("last.ckpt"))
    export(str(path), Path("out"))
    weights, again = (
        dict(load_official(one, "cpu").network.named_parameters()) for one in (path, Path("out"))
    )
    assert weights.keys() == again.keys()
    assert all(torch.equal(value, again[name]) for name, value in weights.items())


def test_settings_of_the_later_codes_are_found_in_their_section(tmp_path):
    algo = {"name": "mdlm", "backbone": "dit", "parameterization": "subs"}
    config = omegaconf.OmegaConf.create(
        {"algo": {**algo, "time_conditioning": True}, "noise": {"type": "log-linear"}}
    )
    model = load_official(lightning_file(tmp_path / "last.ckpt", "mdlm_time", config), "cpu")
    assert model.objective.time_conditioning
    assert model.length == 1024


@pytest.mark.parametrize("length", [0, -1, "x", 1.5])
def test_a_recorded_length_that_is_none_is_refused(tmp_path, length):
    path = tmp_path / "last.ckpt"
    lightning_file(path, config=mdlm_settings(model={"length": length}))
    with pytest.raises(CheckpointError, match="model_length"):
        load_official(path, "cpu")


class Trap:
    """Unpickled in the usual way, it writes a file."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def write(folder: str) -> None:
    Path(folder, "sprung").touch()


@pytest.mark.parametrize("function", [write, subprocess.run, eval, exec, getattr, open])
def test_no_function_that_a_file_names_is_called(tmp_path, function):
    command = {
        write: (str(tmp_path),),
        subprocess.run: (["touch", str(tmp_path / "sprung")],),
        getattr: (Path, "touch"),
        open: (str(tmp_path / "sprung"), "w"),
    }.get(function, (f"open({str(tmp_path / 'sprung')!r}, 'w')",))
    path = lightning_file(tmp_path / "trap.ckpt", callbacks=Trap(function, *command))
    assert type(read_inert(path)["callbacks"]) is Inert
    assert load_official(path, "cpu").length == 40
    assert not (tmp_path / "sprung").exists()
    if function is not getattr:  # the trap works where objects are unpickled
        torch.load(path, weights_only=False)
        assert (tmp_path / "sprung").exists()


def test_a_file_that_names_a_function_of_the_system_is_refused(tmp_path):
    trap = Trap(os.system, f"touch {tmp_path / 'sprung'}")
    path = lightning_file(tmp_path / "trap.ckpt", callbacks=trap)
    with pytest.raises(CheckpointError, match=r"cannot be read without running code.*README\.md"):
        load_official(path, "cpu")
    assert not (tmp_path / "sprung").exists()


def test_omegaconf_is_not_imported(tmp_path):
    path = lightning_file(tmp_path / "last.ckpt")
    program = (
        "import sys; from pathlib import Path; from sedd.checkpoints.official import load_official\n"
        "load_official(Path(sys.argv[1]), 'cpu'); print('omegaconf' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True)
    assert result.stdout.strip() == "False", result.stderr


def algorithm(name: str, **changes):
    algo = {"name": name, "backbone": "dit", "parameterization": "subs", **changes}
    return {"algo": algo, "noise": {"type": "loglinear"}, "time_conditioning": False}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (algorithm("duo", parameterization="mean"), r"duo is a denoiser of uniform diffusion"),
        (algorithm("duo_base"), r"duo is a denoiser of uniform diffusion"),
        (algorithm("bd3lm"), r"bd3lm is block diffusion"),
        (algorithm("ar"), r"ar is an autoregressive model"),
        (algorithm("mdlm", backbone="dimamba"), r"backbone dit.*has .*backbone dimamba"),
        (algorithm("d3pm", parameterization="d3pm"), r"this model has parameterization d3pm"),
        ({"other": 3}, r"records no settings .*so the kind of model is unknown"),
        ({**mdlm_settings(), "noise": {"type": "cosine"}}, r"this model has .*noise\.type cosine"),
        ({**mdlm_settings(), "time_conditioning": "yes"}, r"time_conditioning: must be true or"),
    ],
)
def test_a_model_of_another_kind_is_refused_with_the_reason(tmp_path, config, message):
    path = lightning_file(tmp_path / "last.ckpt", config=omegaconf.OmegaConf.create(config))
    with pytest.raises(CheckpointError, match=message):
        load_official(path, "cpu")


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"state_dict": 3}, "has no key state_dict"),
        ({"ema": None}, "has no averaged weights"),
        ({"ema": {"shadow_params": [torch.ones(2)]}}, "the average has 1 tensors"),
        ({"hyper_parameters": {}}, "records no settings"),
    ],
)
def test_a_file_without_its_parts_is_refused(tmp_path, others, message):
    path = lightning_file(tmp_path / "last.ckpt", **others)
    with pytest.raises(CheckpointError, match=message):
        load_official(path, "cpu")


def test_a_damaged_file_is_refused_in_one_line(tmp_path):
    path = tmp_path / "last.ckpt"
    path.write_bytes(b"not a zip file")
    with pytest.raises(CheckpointError, match="cannot be read without running code") as raised:
        load_official(path, "cpu")
    assert "\n" not in str(raised.value)


def test_the_lines_of_the_readme_turn_a_file_into_a_folder_that_opens(tmp_path, monkeypatch):
    readme = (Path(__file__).parents[3] / "README.md").read_text()
    lines = next(part for part in readme.split("```python\n") if part.startswith("import safet"))
    monkeypatch.chdir(tmp_path)
    lightning_file(tmp_path / "last.ckpt")
    exec(lines.split("```")[0], {})
    (tmp_path / "config.json").write_text((FOLDER / "mdlm/hub/config.json").read_text())
    found, wanted = (
        load_official(path, "cpu").network.state_dict()
        for path in (tmp_path, tmp_path / "last.ckpt")
    )
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
