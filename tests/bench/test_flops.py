"""Model FLOPs per token, and GPU utilization."""

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from sedd.bench import BenchOptions
from sedd.bench.benchmark import rates
from sedd.bench.flops import forward_flops_per_token, train_flops_per_token
from sedd.bench.measure import Seconds
from sedd.bench.table import columns
from sedd.checkpoints.build import build_model
from sedd.config import load_yaml_model
from sedd.config.sections.model import ModelConfig
from sedd.paths import model_file

V = 300
TINY = {"vocab": 50, "length": 16, "batch": 2, "steps": 2, "repeats": 1, "device": "cpu"}


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(("work", "calls"), [("train", 2), ("perplexity", 2), ("sample", 3)])
def test_utilization_is_model_flops_over_peak_flops(work, calls):
    seconds = [Seconds(wall=wall, cpu=1.0) for wall in (0.5, 0.4, 9.0)]
    device = {"model_flops_per_token": 1000, "device_flops_per_second": 1e6}
    result = rates(BenchOptions(work, **TINY), seconds, device)
    assert result["utilization"] == pytest.approx(1000 * 2 * 16 * calls / 0.5 / 1e6)
    unknown = {**device, "device_flops_per_second": None}
    assert rates(BenchOptions(work, **TINY), seconds, unknown)["utilization"] is None
    measured = {"settings": {"steps": 2}, "device_type": "cuda"}
    path = {**result, "peak_memory_bytes": 2**20, "held_memory_bytes": 2**21}
    cells = columns("fast", path, measured)
    assert cells["utilization"] == f"{3.2 * calls * 2:.1f} %"
    assert (cells["peak memory"], cells["held memory"]) == ("1.0 MiB", "2.0 MiB")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(("preset", "millions"), [("small", 854), ("medium", 2423)])
def test_flops_of_the_papers_models_match_a_hand_calculation(preset, millions):
    # small: 6 * (12 * 12 * 768^2) + 12 * 12 * 1024 * 768 + 6 * 768 * 50258
    config = load_yaml_model(model_file(preset), ModelConfig)
    assert round(train_flops_per_token(config, 1024, 50258) / 1e6) == millions


@pytest.mark.usefixtures("project")
def test_forward_flops_match_pytorchs_flop_counter():
    experiment = BenchOptions("train", vocab=V, length=64).experiment()
    config = experiment.model.model_copy(update={"cond_dim": 1})
    model = build_model(experiment.model_copy(update={"model": config}), V)
    x, sigma = torch.zeros(2, 64, dtype=torch.long), torch.ones(2)
    plain_products = sdpa_kernel(SDPBackend.MATH)  # the counter ignores the CPU's fused attention
    with FlopCounterMode(display=False) as counter, torch.no_grad(), plain_products:
        model(x, sigma)
    counted = counter.get_total_flops() / x.numel()
    # the formula leaves out the noise embedding, once per sequence
    assert counted == pytest.approx(forward_flops_per_token(config, 64, V + 1), rel=0.01)
