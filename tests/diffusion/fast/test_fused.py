"""The fused loss against the plain one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from helpers.linear_network import LinearNetwork
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.testing import assert_close

from sedd.diffusion import (
    Absorb,
    Geometric,
    Graph,
    LogLinear,
    Noise,
    SplitNetwork,
    Uniform,
    score_entropy_loss,
)
from sedd.diffusion.fast import vocabulary_sum

BATCH, LENGTH = 4, 9
KINDS = ["absorb", "uniform"]


def process(kind: str, vocab_size: int) -> tuple[Graph, Noise]:
    return (
        (Absorb(vocab_size), LogLinear())
        if kind == "absorb"
        else (Uniform(vocab_size), Geometric())
    )


def inputs(graph: Graph, noise: Noise, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Clean tokens, times and noisy states."""
    generator = torch.Generator().manual_seed(seed)
    x0 = torch.randint(graph.vocab_size, (BATCH, LENGTH), generator=generator)
    t = torch.rand(BATCH, generator=generator, dtype=torch.float64).clamp(min=1e-3)
    return x0, t, graph.sample_transition(x0, noise(t)[0], generator)


def value_and_gradients(
    network: nn.Module, loss: Callable[[], Tensor], reduce: Callable[[Tensor], Tensor]
) -> tuple[Tensor, dict[str, Tensor]]:
    network.zero_grad(set_to_none=True)
    value = loss()
    reduce(value).backward()
    return value.detach(), {name: p.grad for name, p in network.named_parameters()}


REDUCTIONS = {
    "mean": lambda value: value.mean(),
    "sum": lambda value: value.sum(),
    "accumulated": lambda value: value.mean() / 3,
    "weighted": lambda value: value @ torch.tensor([1.0, -2.0, 0.0, 0.3], dtype=value.dtype),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("vocab_size", [2, 7, 1300])
def test_value_and_all_gradients_are_those_of_the_plain_loss(
    kind, reduction, vocab_size, monkeypatch
):
    monkeypatch.setitem(vocabulary_sum.CHUNK_ELEMENTS, "cpu", 1000)  # 1300 states: six pieces
    graph, noise = process(kind, vocab_size)
    network = LinearNetwork(graph, LENGTH)
    assert isinstance(network, SplitNetwork)
    x0, t, xt = inputs(graph, noise)
    found, expected = (
        value_and_gradients(
            network,
            lambda fused=fused: score_entropy_loss(network, graph, noise, x0, t, xt, fused=fused),
            REDUCTIONS[reduction],
        )
        for fused in (True, False)
    )
    assert_close(found[0], expected[0], rtol=1e-12, atol=0.0)
    for name, gradient in expected[1].items():
        assert_close(found[1][name], gradient, rtol=1e-11, atol=1e-12 * float(gradient.abs().max()))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(KINDS),
    vocab_size=st.integers(2, 40),
    t=st.floats(1e-5, 1.0),
    seed=st.integers(0, 1000),
)
def test_fused_and_plain_agree_at_any_time_and_state(kind, vocab_size, t, seed):
    """x and x0 at random, also pairs that the process hardly ever makes."""
    graph, noise = process(kind, vocab_size)
    generator = torch.Generator().manual_seed(seed)
    x0 = torch.randint(vocab_size, (2, LENGTH), generator=generator)
    xt = torch.randint(graph.num_states, (2, LENGTH), generator=generator)
    times = torch.full((2,), t, dtype=torch.float64)
    network = LinearNetwork(graph, LENGTH, seed=seed)
    with torch.no_grad():
        plain = score_entropy_loss(network, graph, noise, x0, times, xt, fused=False)
        fused = score_entropy_loss(network, graph, noise, x0, times, xt, fused=True)
        single = score_entropy_loss(
            network.float(), graph, noise, x0, times.float(), xt, fused=True
        )
    assert_close(fused, plain, rtol=1e-12, atol=1e-13)
    # the network itself runs in float32 here; log(expm1(sigma)) at t = 1 feels the rounding of t
    assert_close(single.double(), plain, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_backward_pass_gives_the_gradients_again(kind):
    graph, noise = process(kind, 7)
    network = LinearNetwork(graph, LENGTH)
    x0, t, xt = inputs(graph, noise)
    loss = score_entropy_loss(network, graph, noise, x0, t, xt, fused=True).mean()
    parameters = list(network.parameters())
    first = torch.autograd.grad(loss, parameters, retain_graph=True)
    second = torch.autograd.grad(loss, parameters)
    for one, other in zip(first, second, strict=True):
        assert_close(one, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("frozen", ["weight", "state"])
def test_frozen_parameters_get_no_gradient_and_the_others_theirs(frozen):
    graph, noise = process("absorb", 7)
    network = LinearNetwork(graph, LENGTH)
    x0, t, xt = inputs(graph, noise)
    free = [p for name, p in network.named_parameters() if name != frozen]
    expected = torch.autograd.grad(
        score_entropy_loss(network, graph, noise, x0, t, xt, fused=False).mean(), free
    )
    network.get_parameter(frozen).requires_grad_(False)
    score_entropy_loss(network, graph, noise, x0, t, xt, fused=True).mean().backward()
    assert network.get_parameter(frozen).grad is None
    for parameter, gradient in zip(free, expected, strict=True):
        assert_close(parameter.grad, gradient, rtol=1e-11, atol=1e-13)


def test_a_batch_without_masks_has_zero_loss_and_zero_gradients():
    graph, noise = process("absorb", 7)
    network = LinearNetwork(graph, LENGTH)
    x0, t, _ = inputs(graph, noise)
    loss = score_entropy_loss(network, graph, noise, x0, t, xt=x0, fused=True)
    loss.mean().backward()
    assert torch.equal(loss.detach(), torch.zeros(BATCH, dtype=torch.float64))
    assert all(torch.equal(p.grad, torch.zeros_like(p)) for p in network.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_autocast_multiplies_in_bfloat16_and_sums_in_float32(kind):
    graph, noise = process(kind, 600)
    network = LinearNetwork(graph, LENGTH).float()
    x0, t, xt = inputs(graph, noise)
    exact, exact_gradients = value_and_gradients(
        network,
        lambda: score_entropy_loss(network, graph, noise, x0, t.float(), xt, fused=True),
        torch.mean,
    )

    def half() -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            return score_entropy_loss(network, graph, noise, x0, t.float(), xt, fused=True)

    value, gradients = value_and_gradients(network, half, torch.mean)
    assert value.dtype == torch.float32
    # logits of size 5 carry 8 bits: an error of 1 % each, partly averaged out
    assert_close(value, exact, rtol=0.02, atol=0.0)
    assert not torch.equal(value, exact)
    for name, gradient in exact_gradients.items():
        assert gradients[name].dtype == torch.float32
        error = (gradients[name] - gradient).norm() / gradient.norm()
        assert error < 0.03, name


@pytest.mark.parametrize("distance", [1e-3, 1e-2, 0.1])
def test_in_bfloat16_a_gradient_keeps_its_digits_where_the_scores_are_nearly_right(distance):
    """The slope of a logit is a difference there, e^z - r: rounded before it is taken, little would be left of it."""
    graph, noise = process("uniform", 2000)
    network = LinearNetwork(graph, LENGTH)
    with torch.no_grad():
        network.weight *= distance / network.weight.norm(dim=1, keepdim=True)
        network.bias.zero_()
    x0, _, _ = inputs(graph, noise)
    t = torch.full((BATCH,), 0.95, dtype=torch.float64)  # the true ratios are nearly 1
    xt = graph.sample_transition(x0, noise(t)[0], torch.Generator().manual_seed(2))

    def loss() -> Tensor:
        time = t.to(network.weight.dtype)
        return score_entropy_loss(network, graph, noise, x0, time, xt, fused=True)

    _, exact = value_and_gradients(network, loss, torch.mean)
    with torch.autocast("cpu", torch.bfloat16):
        _, gradients = value_and_gradients(network.float(), loss, torch.mean)
    for name in ("weight", "bias"):
        error = (gradients[name].double() - exact[name]).norm() / exact[name].norm()
        assert error < 0.01, name


@pytest.mark.parametrize("kind", KINDS)
def test_no_table_of_logits_is_ever_made(kind, monkeypatch):
    monkeypatch.setitem(vocabulary_sum.CHUNK_ELEMENTS, "cpu", 5000)
    graph, noise = process(kind, 4000)
    network = LinearNetwork(graph, LENGTH).float()
    x0, t, xt = inputs(graph, noise)

    def largest(fused: bool) -> int:
        sizes = []

        class Watch(torch.utils._python_dispatch.TorchDispatchMode):
            def __torch_dispatch__(self, func, types, args=(), kwargs=None):
                out = func(*args, **(kwargs or {}))
                sizes.extend(
                    o.numel()
                    for o in (out if isinstance(out, tuple) else (out,))
                    if isinstance(o, Tensor)
                )
                return out

        with Watch():
            score_entropy_loss(
                network, graph, noise, x0, t.float(), xt, fused=fused
            ).mean().backward()
        return max(sizes)

    assert largest(fused=True) <= 4001 * 6  # the weight of the vocabulary layer
    assert largest(fused=False) >= BATCH * LENGTH * 4000


def test_fused_is_refused_for_a_plain_callable():
    graph, noise = process("absorb", 7)
    network = LinearNetwork(graph, LENGTH)
    x0, t, xt = inputs(graph, noise)
    with pytest.raises(TypeError, match="SplitNetwork"):
        score_entropy_loss(lambda x, s: network(x, s), graph, noise, x0, t, xt, fused=True)


def test_a_plain_callable_takes_the_plain_path():
    graph, noise = process("uniform", 7)
    network = LinearNetwork(graph, LENGTH)
    x0, t, xt = inputs(graph, noise)
    plain = score_entropy_loss(lambda x, s: network(x, s), graph, noise, x0, t, xt)
    assert_close(
        plain,
        score_entropy_loss(network, graph, noise, x0, t, xt, fused=True),
        rtol=1e-12,
        atol=0.0,
    )


@pytest.mark.parametrize(
    ("kind", "vocab_size", "calls"), [("uniform", 255, 1), ("uniform", 256, 0), ("absorb", 2, 0)]
)
def test_the_fused_loss_is_chosen_where_it_pays(kind, vocab_size, calls):
    graph, noise = process(kind, vocab_size)
    network = LinearNetwork(graph, LENGTH)
    forwards = []
    network.register_forward_hook(lambda *_: forwards.append(1))
    x0, t, xt = inputs(graph, noise)
    score_entropy_loss(network, graph, noise, x0, t, xt)
    assert len(forwards) == calls


def test_times_and_states_are_drawn_from_the_generator():
    graph, noise = process("absorb", 7)
    network = LinearNetwork(graph, LENGTH)
    x0, _, _ = inputs(graph, noise)
    first, again, other = (
        score_entropy_loss(network, graph, noise, x0, generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("num_rows", [0, 1, 476, 583, 10**6])
@pytest.mark.parametrize("num_states", [2, 27, 256, 1000, 50257])
def test_pieces_hold_every_state_once_and_begin_at_whole_lines_of_the_cache(num_rows, num_states):
    found = list(vocabulary_sum.vocabulary_chunks(num_rows, num_states, torch.device("cpu")))
    states = [state for piece in found for state in range(piece.start, piece.stop)]
    assert states == list(range(num_states))
    assert all(piece.start % 64 == 0 for piece in found)
    assert max(piece.stop - piece.start for piece in found) == found[0].stop
    assert found[0].stop <= max(256, vocabulary_sum.CHUNK_ELEMENTS["cpu"] // max(num_rows, 1) + 64)
