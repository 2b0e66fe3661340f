"""`sedd bench` measures the computation that it names. No test checks a speed."""

import functools
import json
import math
from pathlib import Path

import pytest
import torch
from helpers.project import ROOT
from typer.testing import CliRunner

from sedd.bench import BenchOptions, benchmark, render, run_bench
from sedd.bench.index import index
from sedd.bench.measured_path import LocalPath
from sedd.bench.plain import plain_graph
from sedd.bench.work import (
    head_steps,
    make_plain,
    perplexity_steps,
    prepare,
    sample_steps,
    train_steps,
)
from sedd.checkpoints.build import build_graph, build_noise
from sedd.cli import app
from sedd.errors import ConfigError
from sedd.model import ExponentialMovingAverage
from sedd.train.state import TrainState

V = 300  # large enough for the fused loss
CPU = torch.device("cpu")
TINY = {"vocab": 50, "length": 16, "batch": 2, "steps": 2, "repeats": 1, "device": "cpu"}


@pytest.fixture
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def training_parts(graph: str, *, plain: bool = False):
    """A training state with random weights, its experiment, graph and noise."""
    experiment = BenchOptions("train", graph=graph, vocab=V, length=16, batch=4).experiment()
    state = TrainState.fresh(experiment, V, CPU)
    draws = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for weight in state.model.parameters():
            weight.add_(0.05 * torch.randn(weight.shape, generator=draws))
    state.ema = ExponentialMovingAverage(state.model, experiment.training.ema_decay)
    transition, noise = build_graph(experiment, V), build_noise(experiment)
    if plain:
        transition = make_plain(state, experiment, transition)
    return state, experiment, transition, noise


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("graph", ["absorb", "uniform"])
@pytest.mark.parametrize("work", ["train", "head", "sample", "perplexity"])
def test_both_paths_run_in_bfloat16(work, graph):
    """Neither path raises; the tests below compare their results."""
    bfloat16 = ("training.precision=bfloat16",)
    options = BenchOptions(work, graph=graph, overrides=bfloat16, **TINY)
    for plain in (False, True):
        prepare(options, CPU, plain=plain)(2)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("graph", ["absorb", "uniform"])
def test_both_networks_return_float32_log_scores_under_bfloat16(graph):
    x = torch.randint(V, (4, 16), generator=torch.Generator().manual_seed(1))
    sigma = torch.tensor([1e-3, 0.1, 1.0, 5.0])
    scores = []
    for plain in (False, True):
        state, *_ = training_parts(graph, plain=plain)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            scores.append(state.model.eval()(x, sigma))
    assert scores[1].dtype == torch.float32
    torch.testing.assert_close(*scores, rtol=0.02, atol=0.02)


@pytest.mark.usefixtures("project", "float64")
@pytest.mark.parametrize("graph", ["absorb", "uniform"])
def test_both_paths_train_to_the_same_weights(graph):
    trained = []
    for plain in (False, True):
        state, *rest = training_parts(graph, plain=plain)
        train_steps(state, *rest, plain=plain)(3)
        trained.append((dict(state.model.named_parameters()), state.ema.shadow))
        assert state.ema.num_updates == state.step == 3
    untrained = dict(training_parts(graph)[0].model.named_parameters())
    assert not torch.equal(
        untrained["vocab_embed.embedding"], trained[0][0]["vocab_embed.embedding"]
    )
    for fast, plain in zip(*trained, strict=True):
        for name in fast:
            # the textbook loss loses a few digits where its terms cancel
            torch.testing.assert_close(fast[name], plain[name], rtol=1e-7, atol=1e-9)


@pytest.mark.usefixtures("project", "float64")
@pytest.mark.parametrize("graph", ["absorb", "uniform"])
def test_both_paths_compute_the_same_log_scores_and_losses(graph):
    state, _, exact, _ = training_parts(graph)
    model = state.model.eval()
    plain_state, *_ = training_parts(graph, plain=True)
    draws = torch.Generator().manual_seed(0)
    x0 = torch.randint(V, (4, 16), generator=draws)
    sigma = torch.tensor([1e-3, 0.1, 1.0, 5.0])
    x = exact.sample_transition(x0, sigma, draws)
    log_score = model(x, sigma)
    assert log_score.std() > 0.05
    torch.testing.assert_close(
        plain_state.model.eval()(x, sigma), log_score, rtol=1e-10, atol=1e-12
    )
    loss = plain_graph(exact).score_entropy(log_score, sigma, x, x0)
    torch.testing.assert_close(
        loss, exact.score_entropy(log_score, sigma, x, x0), rtol=1e-8, atol=1e-9
    )


@pytest.mark.usefixtures("project", "float64")
@pytest.mark.parametrize("graph", ["absorb", "uniform"])
def test_both_heads_have_the_same_gradients(graph):
    grads = []
    for plain in (False, True):
        state, *rest = training_parts(graph, plain=plain)
        work = head_steps(state, *rest, plain=plain)
        grads.append({})
        for name, weight in state.model.named_parameters():
            weight.register_hook(lambda grad, name=name: grads[-1].update({name: grad.clone()}))
        work(1)
    assert "output_layer.linear.weight" in grads[0]
    assert "blocks.0.attn_qkv.weight" not in grads[0]
    for name in grads[0]:
        torch.testing.assert_close(grads[0][name], grads[1][name], rtol=1e-7, atol=1e-9)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("work", [train_steps, sample_steps, perplexity_steps, head_steps])
def test_only_the_plain_path_computes_every_score(work):
    calls = {}
    for plain in (False, True):
        state, *rest = training_parts("absorb", plain=plain)
        counted = []
        state.model.register_forward_hook(lambda *_, counted=counted: counted.append(1))
        work(state, *rest, plain=plain)(2)
        calls[plain] = len(counted)
    assert calls[False] == 0
    assert calls[True] >= 2


@pytest.mark.usefixtures("project")
def test_the_plain_optimizer_has_pytorchs_defaults():
    assert training_parts("absorb")[0].optimizer.defaults["fused"]
    defaults = training_parts("absorb", plain=True)[0].optimizer.defaults
    assert (defaults["fused"], defaults["foreach"]) == (None, None)


@pytest.fixture
def plain_in_this_process(monkeypatch):
    """Measure the plain path here: a separate process imports torch anew. `test_measure.py` tests the process."""
    monkeypatch.setattr(benchmark, "RemotePath", functools.partial(LocalPath.warmed_up, plain=True))


@pytest.mark.usefixtures("project", "plain_in_this_process")
@pytest.mark.parametrize("work", ["train", "sample", "perplexity", "head"])
@pytest.mark.parametrize("graph", ["absorb", "uniform"])
def test_every_computation_is_measured_on_both_paths(work, graph):
    measured = run_bench(BenchOptions(work, graph=graph, plain=True, **TINY))
    assert json.loads(json.dumps(measured, allow_nan=False)) == measured
    assert measured["results"].keys() == {"fast", "plain"}
    for path in measured["results"].values():
        assert path["median_seconds"] == path["seconds"][0]
        written = 2 * 16 * (1 if work == "sample" else 2)
        assert math.isclose(path["tokens_per_second"] * path["median_seconds"], written)
        assert math.isclose(path["steps_per_second"] * path["median_seconds"], 2)
        assert path["utilization"] is None
    fast, plain = (measured["results"][name]["median_seconds"] for name in ("fast", "plain"))
    assert math.isclose(measured["plain_to_fast"]["time"], plain / fast)
    assert f"plain / fast: time {plain / fast:.2f}" in render(measured)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no NVIDIA GPU")
@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("work", ["train", "sample", "perplexity", "head"])
@pytest.mark.parametrize("graph", ["absorb", "uniform"])
def test_every_computation_is_measured_on_both_paths_on_a_gpu(work, graph):
    measured = run_bench(BenchOptions(work, graph=graph, plain=True, **{**TINY, "device": "cuda"}))
    assert json.loads(json.dumps(measured, allow_nan=False)) == measured
    for path in measured["results"].values():
        assert path["peak_memory_bytes"] > 0
        assert path["held_memory_bytes"] > 0
    assert "held memory" in render(measured)


@pytest.mark.usefixtures("project")
def test_overrides_change_the_network_and_are_printed():
    words = ("model.hidden_size=32", "model.n_heads=2", "model.dropout=0.2")
    measured = run_bench(BenchOptions("train", overrides=words, **TINY))
    assert measured["model"]["hidden_size"] == 32
    assert measured["model"]["dropout"] == 0.2
    assert "tiny model.hidden_size=32" in render(measured)
    small = run_bench(BenchOptions("train", **TINY))["model_flops_per_token"]
    assert measured["model_flops_per_token"] < small


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["graph.type=uniform"], "use the option --graph instead"),
        (["model.hiden_size=3"], "did you mean 'hidden_size'"),
        (["model.n_heads=7"], "must divide hidden_size 64"),
    ],
)
def test_invalid_overrides_are_rejected(words, message):
    with pytest.raises(ConfigError, match=message):
        run_bench(BenchOptions("train", overrides=tuple(words), **TINY))


@pytest.mark.usefixtures("project")
def test_the_number_of_threads_is_restored():
    before = torch.get_num_threads()
    measured = run_bench(BenchOptions("perplexity", threads=before + 1, **TINY))
    assert measured["device"] == f"cpu ({before + 1} threads)"
    assert torch.get_num_threads() == before


@pytest.mark.usefixtures("project")
def test_an_unknown_preset_or_device_is_rejected_with_the_allowed_values():
    with pytest.raises(ConfigError, match=r"--model: .*small"):
        run_bench(BenchOptions("train", model="huge", **TINY))
    with pytest.raises(ConfigError, match=r"--device: must be cpu"):
        run_bench(BenchOptions("train", **{**TINY, "device": "meta"}))


@pytest.mark.usefixtures("project")
def test_the_verb_prints_a_table_and_writes_the_same_numbers_as_json():
    words = "bench train --vocab 50 --length 16 --batch 2 --steps 2 --repeats 1 --device cpu"
    said = CliRunner().invoke(app, [*words.split(), "--plain", "--json", "speed.json"]).stdout
    measured = json.loads(Path("speed.json").read_text())
    assert said.strip() == render(measured)
    for title in ("ms per step", "steps/s", "tokens/s", "peak memory"):
        assert title in said
    assert measured["settings"]["vocab"] == 50
    assert measured["torch"] == torch.__version__
    assert measured["code_version"].startswith("0.")


@pytest.mark.usefixtures("project", "plain_in_this_process")
def test_the_index_has_a_row_for_each_measurement_of_both_paths(tmp_path):
    both = run_bench(BenchOptions("train", plain=True, **TINY))
    alone = run_bench(BenchOptions("sample", **TINY))
    for name, measured in {"both": both, "alone": alone}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(measured))
    (row,) = [line for line in index(tmp_path).splitlines() if line.startswith("| train")]
    assert f"{both['plain_to_fast']['time']:.2f}" in row
    assert row.count("|") == 15
    assert "| sample" not in index(tmp_path)


def test_the_index_ends_with_the_other_pages(tmp_path):
    for name in ("b", "README", "a"):
        (tmp_path / f"{name}.md").write_text(f"## {name}\n")
    assert index(tmp_path).endswith("|\n\n## a\n\n## b\n")


def test_the_index_of_the_repository_is_current():
    folder = ROOT / "results/benchmarks"
    assert (folder / "README.md").read_text() == index(folder)
