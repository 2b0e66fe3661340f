"""The mathematics on an NVIDIA GPU, against the plain path and the CPU. Run them alone with: pytest -m gpu

Without a GPU, some of what would go wrong there can be seen all the same: the second half runs the same code on tensors without
contents, so that a product that is not defined or a value that would have to be waited for is an error.
"""

from __future__ import annotations

import contextlib

import pytest
import torch
from torch import Tensor

from sedd.diffusion import (
    Absorb,
    Geometric,
    Graph,
    LogLinear,
    Noise,
    Uniform,
    likelihood_bound,
    sample,
    sample_entropy_bound,
    sample_first_hitting,
    sample_margin,
    score_entropy_loss,
    weighted_score_entropy,
)
from sedd.diffusion.fast import certainty, fused, vocabulary_sum
from sedd.diffusion.fast.fused import is_certainly, is_common
from sedd.diffusion.fast.parts import require_fast_parts
from sedd.diffusion.fast.rows import loss_positions
from sedd.diffusion.fast.vocabulary_sum import Gradients
from sedd.model import DiffusionTransformer

on_gpu = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no NVIDIA GPU"),
]
KINDS = ["absorb", "uniform"]
VOCABULARY, LENGTH, BATCH = 1500, 24, 6


def process(kind: str) -> tuple[Graph, Noise]:
    if kind == "absorb":
        return Absorb(VOCABULARY), LogLinear()
    return Uniform(VOCABULARY), Geometric()


def network(kind: str, dropout: float = 0.0) -> DiffusionTransformer:
    draws = torch.Generator().manual_seed(0)
    model = DiffusionTransformer(
        VOCABULARY, kind == "absorb", hidden_size=64, n_blocks=2, n_heads=2, cond_dim=32,
        dropout=dropout, generator=draws,
    )  # fmt: skip
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=draws))
    return model


def batch(graph: Graph, noise: Noise) -> tuple[Tensor, Tensor, Tensor]:
    draws = torch.Generator().manual_seed(1)
    x0 = torch.randint(VOCABULARY, (BATCH, LENGTH), generator=draws)
    t = torch.linspace(0.1, 0.9, BATCH)
    return x0, t, graph.sample_transition(x0, noise(t)[0], draws)


def value_and_gradients(
    model: DiffusionTransformer, kind: str, *, fused: bool, half: bool
) -> tuple[Tensor, dict[str, Tensor]]:
    """On the device of the model; as the training step does it."""
    graph, noise = process(kind)
    device = next(model.parameters()).device
    x0, t, xt = (part.to(device) for part in batch(graph, noise))
    model.zero_grad(set_to_none=True)
    with torch.autocast(device.type, torch.bfloat16, enabled=half):
        nats = score_entropy_loss(model, graph, noise, x0, t, xt, fused=fused)
    (nats.sum() / BATCH).backward()
    grads = {
        name: weight.grad.cpu()
        for name, weight in model.named_parameters()
        if weight.grad is not None
    }
    return nats.detach().cpu(), grads


def assert_close(found, expected, value: float, gradient: float) -> None:
    """Values elementwise, gradients in norm, relative."""
    torch.testing.assert_close(found[0], expected[0], rtol=value, atol=0.0)
    for name, grad in expected[1].items():
        error = (found[1][name] - grad).norm() / grad.norm().clamp(min=1e-6)
        assert error < gradient, name


class TestOnAGpu:
    pytestmark = on_gpu

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("elements", [2**26, 20_000])  # one piece, several pieces
    def test_the_fused_loss_is_the_plain_one_in_float32(self, kind, elements, monkeypatch):
        monkeypatch.setitem(vocabulary_sum.CHUNK_ELEMENTS, "cuda", elements)
        model = network(kind).cuda()
        fast = value_and_gradients(model, kind, fused=True, half=False)
        plain = value_and_gradients(model, kind, fused=False, half=False)
        assert_close(fast, plain, value=1e-4, gradient=1e-3)
        on_cpu = value_and_gradients(model.cpu(), kind, fused=False, half=False)
        assert_close(fast, on_cpu, value=1e-3, gradient=1e-2)  # products may round as TF32 does

    @pytest.mark.parametrize("kind", KINDS)
    def test_the_fused_loss_in_bfloat16_is_right_to_its_eight_bits(self, kind):
        model = network(kind).cuda()
        half = value_and_gradients(model, kind, fused=True, half=True)
        assert half[0].dtype == torch.float32
        assert all(grad.dtype == torch.float32 for grad in half[1].values())
        exact = value_and_gradients(model, kind, fused=False, half=False)
        assert_close(half, exact, value=0.03, gradient=0.1)
        assert not torch.equal(half[0], exact[0])

    @pytest.mark.parametrize("kind", KINDS)
    def test_the_training_loss_waits_for_the_gpu_only_to_count_masks(self, kind, monkeypatch):
        model = network(kind).cuda()
        graph, noise = process(kind)
        x0, t, xt = (part.cuda() for part in batch(graph, noise))
        rows = loss_positions(graph, xt)
        monkeypatch.setattr(fused, "loss_positions", lambda *_: rows)  # the one wait that is known
        sigma, weight = noise(t)
        loss = weighted_score_entropy(model, graph, sigma, weight, xt, x0)  # warms everything up
        torch.cuda.set_sync_debug_mode("error")
        try:
            loss = weighted_score_entropy(model, graph, sigma, weight, xt, x0)
            (loss.sum() / BATCH).backward()
        finally:
            torch.cuda.set_sync_debug_mode("default")

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("half", [False, True])
    @pytest.mark.parametrize("on", ["cpu", "cuda"])
    def test_samples_are_whole_and_the_generator_decides_them(self, kind, half, on):
        model, (graph, noise) = network(kind).cuda().eval(), process(kind)
        tokens = torch.arange(LENGTH)
        given = tokens < 4

        def draw(seed: int) -> Tensor:
            draws = torch.Generator(on).manual_seed(seed)
            with torch.autocast("cuda", torch.bfloat16, enabled=half):
                return sample(
                    model, graph, noise, (BATCH, LENGTH), 8, clamp=(tokens, given),
                    generator=draws, device="cuda",
                )  # fmt: skip

        first, again, other = draw(1), draw(1), draw(2)
        assert first.is_cuda
        assert int(first.max()) < VOCABULARY
        assert torch.equal(first[:, given], tokens[given].cuda().expand(BATCH, 4))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)

    def test_first_hitting_fills_every_mask_on_a_gpu(self):
        model, (graph, noise) = network("absorb").cuda().eval(), process("absorb")
        assert isinstance(graph, Absorb)
        x = sample_first_hitting(model, graph, noise, (2, LENGTH), top_p=0.9, device="cuda")
        assert int(x.max()) < VOCABULARY

    @pytest.mark.parametrize("half", [False, True])
    def test_orders_by_confidence_and_the_entropy_bound_run(self, half):
        model, (graph, noise) = network("absorb").cuda().eval(), process("absorb")
        calls = torch.zeros(2, dtype=torch.int64, device="cuda")
        with torch.autocast("cuda", torch.bfloat16, enabled=half):
            x = sample_margin(model, graph, noise, (2, LENGTH), 4, device="cuda", calls=calls)
            assert calls.tolist() == [4, 4]
            assert int(x.max()) < VOCABULARY
            x = sample_entropy_bound(model, graph, noise, (2, LENGTH), top_k=5, device="cuda")
            assert int(x.max()) < VOCABULARY

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("estimator", ["paper", "stratified"])
    def test_the_bound_is_that_of_the_cpu_for_the_same_draws(self, kind, estimator):
        model, (graph, noise) = network(kind).eval(), process(kind)
        x0 = batch(graph, noise)[0]
        bounds = [
            likelihood_bound(
                model.to(device), graph, noise, x0.to(device), 4, estimator=estimator,
                generator=torch.Generator().manual_seed(0),
            ).cpu()
            for device in ("cpu", "cuda")
        ]  # fmt: skip
        torch.testing.assert_close(bounds[1], bounds[0], rtol=1e-3, atol=0.0)

    @pytest.mark.parametrize("half", [False, True])
    def test_the_compiled_network_is_the_eager_one_with_the_same_dropout(self, half):
        results = []
        for compiled in (False, True):
            model = network("absorb", dropout=0.2).cuda().train()
            if compiled:
                model.compile_trunk()
            model.dropout_generators = [
                torch.Generator("cuda").manual_seed(seed) for seed in range(BATCH)
            ]
            results.append(value_and_gradients(model, "absorb", fused=True, half=half))
        assert_close(results[1], results[0], value=0.03 if half else 1e-3, gradient=0.1)


class TestWhereNothingCanBeRead:
    """Tensors without contents, on the device `meta`: what reads a value raises. No GPU is needed."""

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("compute", [torch.float32, torch.bfloat16])
    @pytest.mark.parametrize("elements", [2**26, 20_000])
    def test_the_vocabulary_sum_and_its_gradients_read_nothing(
        self, kind, compute, elements, monkeypatch
    ):
        monkeypatch.setitem(vocabulary_sum.CHUNK_ELEMENTS, "cuda", elements)
        graph, _ = process(kind)
        rows = 40
        features, weight = empty(rows, 16), empty(graph.num_states, 16)
        bias, sigma = empty(graph.num_states), empty(rows)
        states = empty(rows, dtype=torch.int64)
        parts = require_fast_parts(graph)
        terms = parts.row_terms(sigma, sigma, states, states).scaled(sigma.double())
        gradients = Gradients.for_inputs(features, weight, bias)
        values = vocabulary_sum.vocabulary_sum(
            features, weight, bias, terms, VOCABULARY, compute, gradients
        )
        assert (values.shape, values.dtype) == ((rows,), torch.float64)
        gradients.scale_(empty().double())

    def test_the_statistics_of_laws_need_no_value(self, monkeypatch):
        monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())
        monkeypatch.setattr(certainty, "compute_dtype", lambda *_: torch.float32)
        features, weight, bias = empty(50, 16), empty(VOCABULARY + 1, 16), empty(VOCABULARY + 1)
        found = certainty.certainty_of_rows(features, weight, bias, VOCABULARY)
        assert found.entropy.shape == found.maximum.shape == found.second.shape == (50,)

    def test_a_common_derivative_is_seen_without_reading_it(self):
        values = empty(BATCH).requires_grad_()
        seen = []
        values.register_hook(seen.append)
        (values.sum() * empty()).backward()  # as the training step does
        assert is_common(seen[0])
        assert not is_certainly(seen[0][0], 1.0)

    def test_it_would_be_seen_if_a_value_were_read(self):
        with pytest.raises((NotImplementedError, RuntimeError), match="meta"):
            is_common(empty(BATCH))

    def test_the_network_with_dropout_reads_nothing(self, monkeypatch):
        monkeypatch.setattr(
            torch, "autocast", lambda *_, **__: contextlib.nullcontext()
        )  # unknown to `meta`
        model = network("absorb", dropout=0.1).to("meta").train()
        states, sigma = empty(BATCH, LENGTH, dtype=torch.int64), empty(BATCH)
        rows = empty(50, dtype=torch.int64)
        model.features(states, sigma, rows).sum().backward()
        assert model.blocks[0].get_parameter("attn_qkv.weight").grad is not None


def empty(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.empty(shape, dtype=dtype, device="meta")
