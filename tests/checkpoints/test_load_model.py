"""`load_model` on every form that a model comes in, published ones against their stored outputs."""

import ast
import functools
import json
import shutil
from pathlib import Path

import pytest
import tokenizers
import torch
from helpers.loopback_hub import hub_environment, serve
from helpers.programs import run_code
from safetensors.torch import load_file
from torch.nn import Parameter
from torch.utils._python_dispatch import TorchDispatchMode

from sedd import load_model, sample_text
from sedd.config import load_experiment
from sedd.diffusion import Absorb, Uniform, sample
from sedd.errors import CheckpointError, DataError
from sedd.evaluate import open_language_model
from sedd.train import train

GOLDEN = Path(__file__).parents[1] / "golden"
KINDS = {"absorb": Absorb, "uniform": Uniform}
load_on_cpu = functools.partial(load_model, device="cpu")
WORDS = ["w0", "<eos>", *(f"w{n}" for n in range(2, 37))]  # as many as the stored models know


def assert_log_score(loaded, kind: str, name: str = "log_score") -> None:
    model, graph, noise = loaded
    vectors = load_file(GOLDEN / kind / "vectors.safetensors")
    assert type(graph) is KINDS[kind]
    sigma, dsigma = noise(vectors["t"])
    torch.testing.assert_close(sigma, vectors["sigma"], rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(dsigma, vectors["dsigma"], rtol=1e-5, atol=1e-7)
    expected = vectors[name]
    atol = 2e-6 * expected.abs().max().item()  # logits near zero are sums of larger terms
    torch.testing.assert_close(
        model(vectors["xt"], vectors["sigma"]), expected, rtol=1e-5, atol=atol
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_published_folder_gives_the_stored_log_scores(kind):
    assert_log_score(load_on_cpu(GOLDEN / kind / "hub"), kind)


@pytest.mark.parametrize("kind", KINDS)
def test_an_official_experiment_gives_the_log_scores_of_its_averaged_weights(kind, tmp_path):
    """Its folder `checkpoints`, of older ones, does not make it a run of ours."""
    folder = shutil.copytree(GOLDEN / kind / "experiment", tmp_path / "experiment")
    (folder / "checkpoints").mkdir()
    shutil.copy(folder / "checkpoints-meta/checkpoint.pth", folder / "checkpoints/checkpoint_1.pth")
    assert_log_score(load_on_cpu(folder), kind, "ema.log_score")


@pytest.mark.parametrize("form", ["hub", "experiment"])
def test_a_step_is_refused_where_there_is_one_set_of_weights(form):
    with pytest.raises(CheckpointError, match="a step chooses among the checkpoints of a run"):
        load_on_cpu(GOLDEN / "absorb" / form, step=3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_older_form_with_pytorch_model_bin_loads_too(kind, tmp_path):
    (tmp_path / "config.json").write_text((GOLDEN / kind / "hub/config.json").read_text())
    torch.save(load_file(GOLDEN / kind / "hub/model.safetensors"), tmp_path / "pytorch_model.bin")
    assert_log_score(load_on_cpu(tmp_path), kind)


def test_a_hub_repository_is_fetched_and_used_in_three_lines(tmp_path):
    repository = tmp_path / "root" / "models" / "someone" / "sedd-golden"
    repository.mkdir(parents=True)
    for file in (GOLDEN / "absorb" / "hub").iterdir():
        (repository / file.name).write_bytes(file.read_bytes())
    (repository / "optimizer.bin").write_bytes(b"large, and not needed")
    program = (
        "import torch; from sedd import load_model; from sedd.diffusion import sample\n"
        "model, graph, noise = load_model('someone/sedd-golden', device='cpu')\n"
        "x = sample(model, graph, noise, (2, 24), 4, generator=torch.Generator().manual_seed(1))\n"
        "print(int(x.max()) < graph.vocab_size, tuple(x.shape))\n"
    )
    with serve(tmp_path / "root") as url:
        home = tmp_path / "home"
        result = run_code(program, environment=hub_environment(url, home))
    assert result.stdout.strip() == "True (2, 24)", result.stderr
    fetched = {path.name for path in home.rglob("snapshots/*/*")}
    assert fetched == {"config.json", "model.safetensors"}


def test_text_goes_in_and_comes_out_with_the_vocabulary_named(tmp_path, monkeypatch):
    """As the README says it, with a model and a tokenizer from the hub."""
    vocabulary = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="w0")
    )
    vocabulary.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    for name, files in {
        "sedd-golden": [
            (GOLDEN / "absorb" / "hub" / file, file)
            for file in ("config.json", "model.safetensors")
        ],
        "words": [],
    }.items():
        folder = tmp_path / "root" / "models" / "someone" / name
        folder.mkdir(parents=True)
        for source, file in files:
            (folder / file).write_bytes(source.read_bytes())
    vocabulary.save(str(tmp_path / "root/models/someone/words/tokenizer.json"))
    program = (
        "from sedd import load_model, sample_text\n"
        "loaded = load_model('someone/sedd-golden')\n"
        "given = dict(tokenizer='someone/words', length=24, steps=4)\n"
        "print(sample_text(loaded, **given)[0])\n"
        "print(sample_text(loaded, prefix='w3 w4', suffix='w5', seed=1, count=2, **given))\n"
    )
    with serve(tmp_path / "root") as url:
        result = run_code(program, environment=hub_environment(url, tmp_path / "home"))
    assert result.returncode == 0, result.stderr
    free, around = result.stdout.strip().splitlines()
    assert len(free.split()) == 24
    first, second = ast.literal_eval(around)
    assert first != second
    for text in (first, second):
        assert text.split()[:2] == ["w3", "w4"]
        assert text.split()[-1] == "w5"
        assert set(text.split()) <= set(WORDS)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no NVIDIA GPU")
@pytest.mark.parametrize("kind", KINDS)
def test_a_model_is_put_on_the_gpu_if_there_is_one_and_samples_there(kind):
    model, graph, noise = load_model(GOLDEN / kind / "hub")
    assert next(model.parameters()).is_cuda
    x = sample(model, graph, noise, (2, 24), 4, device="cuda")
    assert x.is_cuda
    assert int(x.max()) < graph.vocab_size
    loaded = load_model(GOLDEN / kind / "hub", device="cpu")
    assert not next(loaded[0].parameters()).is_cuda


@pytest.mark.parametrize("kind", KINDS)
def test_the_weights_of_a_loaded_model_are_cast_once_and_not_at_each_step(kind):
    def casts(steps: int) -> int:
        model, graph, noise = load_on_cpu(GOLDEN / kind / "hub")
        seen = []

        class Watch(TorchDispatchMode):
            def __torch_dispatch__(self, func, types, args=(), kwargs=None):
                if func is torch.ops.aten._to_copy.default and isinstance(args[0], Parameter):
                    seen.append(args[0])
                return func(*args, **(kwargs or {}))

        draws = torch.Generator().manual_seed(1)
        with torch.autocast("cpu", torch.bfloat16), Watch():
            sample(model, graph, noise, (2, 24), steps, generator=draws)
        return len(seen)

    assert 0 < casts(3) == casts(9)


def test_a_vocabulary_that_is_not_the_models_is_told():
    with pytest.raises(DataError, match=r"'text8' \(27 tokens\) .* the model \(37 tokens\)"):
        sample_text(load_on_cpu(GOLDEN / "absorb" / "hub"), tokenizer="text8", length=10)


@pytest.mark.parametrize("kind", KINDS)
def test_a_published_model_samples_around_a_given_prefix_and_suffix(kind):
    model, graph, noise = load_on_cpu(GOLDEN / kind / "hub")
    tokens = torch.arange(24)
    given = (tokens < 3) | (tokens >= 20)
    x = sample(
        model,
        graph,
        noise,
        (2, 24),
        4,
        clamp=(tokens, given),
        generator=torch.Generator().manual_seed(1),
    )
    assert torch.equal(x[:, given], tokens[given].expand(2, -1))
    assert int(x.max()) < graph.vocab_size


def test_a_run_loads_by_name_folder_and_checkpoint_alike(corpus):
    overrides = ["data.dataset=corpus", "evaluation.datasets=[corpus]"]
    experiment = load_experiment("smoke_absorb", overrides, rename="mine")
    train(experiment)
    run = open_language_model(experiment, device="cpu")
    x, sigma = torch.full((1, 5), 27), torch.tensor([0.5])
    wanted = run.network(x, sigma)
    for source in ("mine", "results/runs/mine", "results/runs/mine/checkpoints/step_60.pt"):
        model, graph, _ = load_on_cpu(source)
        assert torch.equal(model(x, sigma), wanted)
        assert graph.vocab_size == 27
    earlier, *_ = load_on_cpu("mine", step=30)
    assert not torch.equal(earlier(x, sigma), wanted)


def test_anything_else_gets_one_error_that_says_what_was_tried(project, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(
        CheckpointError, match=r"no run under results/runs.*config\.json.*no model from the hub"
    ):
        load_on_cpu("no/such-model")


def test_a_file_that_would_run_code_when_unpickled_is_refused(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    torch.save({"model": Trap()}, tmp_path / "trap.pt")
    (tmp_path / "config.json").write_text((GOLDEN / "absorb/hub/config.json").read_text())
    torch.save({"weight": Trap()}, tmp_path / "pytorch_model.bin")
    for source in (tmp_path / "trap.pt", tmp_path):
        with pytest.raises(CheckpointError, match="cannot be read"):
            load_on_cpu(source)
    assert not (tmp_path / "sprung").exists()


def test_weights_that_do_not_fit_are_told_by_name_and_shape(tmp_path):
    settings = json.loads((GOLDEN / "absorb/hub/config.json").read_text())
    settings["model"]["hidden_size"] = 64
    (tmp_path / "config.json").write_text(json.dumps(settings))
    (tmp_path / "model.safetensors").write_bytes(
        (GOLDEN / "absorb/hub/model.safetensors").read_bytes()
    )
    with pytest.raises(CheckpointError, match=r"blocks\.0\..*expected .*found"):
        load_on_cpu(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"model": {}}, "has no averaged weights"),
        ({"ema": {"shadow_params": [torch.ones(2)]}}, "the average has 1 tensors"),
        ([torch.ones(2)], "has no averaged weights"),
    ],
)
def test_an_official_checkpoint_without_its_average_is_told(tmp_path, content, message):
    (tmp_path / ".hydra").mkdir()
    (tmp_path / "checkpoints-meta").mkdir()
    text = (GOLDEN / "absorb/experiment/.hydra/config.yaml").read_text()
    (tmp_path / ".hydra/config.yaml").write_text(text)
    torch.save(content, tmp_path / "checkpoints-meta/checkpoint.pth")
    with pytest.raises(CheckpointError, match=message):
        load_on_cpu(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"model": 3}, "model: must be a mapping"), ({"tokens": 0}, "tokens: must be at least 2")],
)
def test_a_published_configuration_that_cannot_be_is_told(tmp_path, change, message):
    settings = json.loads((GOLDEN / "absorb/hub/config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**settings, **change}))
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match=message):
        load_on_cpu(tmp_path)


def test_weights_that_are_no_tensors_are_told(tmp_path):
    (tmp_path / "config.json").write_text((GOLDEN / "absorb/hub/config.json").read_text())
    torch.save([1, 2], tmp_path / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="holds no mapping from names to tensors"):
        load_on_cpu(tmp_path)


def test_a_folder_with_a_foreign_configuration_is_told(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"config\.json does not describe a diffusion"):
        load_on_cpu(tmp_path)
    (tmp_path / "config.json").write_text((GOLDEN / "absorb/hub/config.json").read_text())
    with pytest.raises(CheckpointError, match=r"model\.safetensors: cannot be read as weights"):
        load_on_cpu(tmp_path)
