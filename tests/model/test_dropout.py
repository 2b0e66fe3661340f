"""Dropout from a generator for each sequence."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from sedd.model import DiffusionTransformer
from sedd.model.dropout import draw_kept, keep_probability, kept_elements

SHARE = 0.7


def network(dropout: float = 1 - SHARE) -> DiffusionTransformer:
    draws = torch.Generator().manual_seed(0)
    model = DiffusionTransformer(
        11,
        True,
        hidden_size=16,
        n_blocks=2,
        n_heads=2,
        cond_dim=8,
        dropout=dropout,
        generator=draws,
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3, generator=draws)
    return model.double().train()


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def run(model: DiffusionTransformer, x: Tensor, *seeds: int) -> Tensor:
    model.dropout_generators = generators(*seeds)
    return model(x, torch.full((len(x),), 0.7, dtype=torch.float64))


def tokens(batch: int = 3) -> Tensor:
    return torch.randint(11, (batch, 6), generator=torch.Generator().manual_seed(1))


def test_a_sequences_dropout_depends_on_its_own_generator_alone():
    model, x = network(), tokens()
    whole = run(model, x, 5, 6, 7)
    for row, seed in enumerate((5, 6, 7)):
        alone = run(model, x[row : row + 1], seed)
        torch.testing.assert_close(alone[0], whole[row], rtol=1e-12, atol=1e-13)
    mates = run(model, x, 1, 6, 2)
    torch.testing.assert_close(mates[1], whole[1], rtol=1e-12, atol=1e-13)
    assert (mates[0] - whole[0]).abs().max() > 1e-3


def test_chosen_rows_keep_what_they_keep_among_all():
    model, x = network(), tokens()
    sigma, rows = torch.tensor([0.3, 0.7, 1.1], dtype=torch.float64), torch.tensor([0, 4, 6, 17])
    found = []
    for wanted in (rows, None):
        model.dropout_generators = generators(5, 6, 7)
        found.append(model.features(x, sigma, wanted))
    torch.testing.assert_close(found[0], found[1][rows], rtol=1e-12, atol=1e-13)


def test_gradients_too_are_sums_over_sequences_with_their_own_masks():
    model, x = network(), tokens()
    run(model, x, 5, 6, 7).square().sum().backward()
    whole = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    for row, seed in enumerate((5, 6, 7)):
        run(model, x[row : row + 1], seed).square().sum().backward()
    for parameter, expected in zip(model.parameters(), whole, strict=True):
        torch.testing.assert_close(parameter.grad, expected, rtol=1e-10, atol=1e-10)


def test_generators_leave_the_global_one_untouched():
    model, x = network(), tokens()
    before = torch.get_rng_state()
    run(model, x, 5, 6, 7)
    assert torch.equal(torch.get_rng_state(), before)


def test_without_generators_the_global_one_decides():
    model, x = network(), tokens()
    sigma = torch.ones(3, dtype=torch.float64)
    results = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        results.append(model(x, sigma))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


@pytest.mark.parametrize("given", [True, False])
def test_each_element_stays_with_the_probability_asked_for_and_the_mean_is_kept(given):
    torch.manual_seed(0)
    shape = (4, 3, 50, 40)
    kept = draw_kept(SHARE, shape, generators(1, 2, 3, 4) if given else None, torch.device("cpu"))
    assert (kept.shape, kept.dtype) == ((4, 3, 2, 50, 40), torch.bool)
    # 5 standard errors: false alarm 6e-7; of each block and branch, 8000 draws
    share = kept.double().mean(dim=(0, 3, 4))
    assert (share - SHARE).abs().max() < 5 * (SHARE * (1 - SHARE) / 8000) ** 0.5
    assert not torch.equal(kept[:, 0], kept[:, 1])
    assert not torch.equal(kept[:, :, 0], kept[:, :, 1])
    assert not torch.equal(kept[0], kept[1])


@pytest.mark.parametrize("dropout", [0.1, 0.5, 1 / 3, 1e-9, 1 - 1e-9])
def test_the_share_that_stays_is_the_nearest_that_16_bits_can_say(dropout):
    share = keep_probability(dropout)
    assert 0 < share <= 1
    assert abs(share - (1 - dropout)) <= (2**-17 if dropout < 0.9 else 2**-16)
    every = torch.arange(-(2**15), 2**15, dtype=torch.int16).view(torch.int64)
    assert kept_elements(every, share).double().mean() == share


@pytest.mark.parametrize("dropout", [0.5, 1 - 1.4 * 2**-16])
def test_what_stays_is_scaled_up_so_that_the_branch_keeps_its_mean(dropout):
    """By the share that does stay, after rounding."""
    block = network(dropout=dropout).blocks[0]
    x = torch.zeros(2**16, 1, 1, dtype=torch.float64)
    every = torch.arange(-(2**15), 2**15, dtype=torch.int16).view(torch.int64)
    kept = kept_elements(every, keep_probability(dropout)).view(x.shape)
    added = block._add(x, torch.ones_like(x), torch.full_like(x, 3.0), kept)
    assert added.mean().item() == 3.0


def test_the_blocks_are_one_graph_for_a_compiler_with_dropout_as_an_input():
    """Traced without a break and run as traced; whether a compiler then makes it fast is another matter."""
    model, x = network(), tokens()
    eager = run(model, x, 5, 6, 7)
    model._run_blocks = torch.compile(model._run_blocks, backend="eager", fullgraph=True)
    torch.testing.assert_close(run(model, x, 5, 6, 7), eager, rtol=1e-12, atol=1e-13)
    assert (run(model, x, 1, 2, 3) - eager).abs().max() > 1e-3


def test_a_wrong_number_of_generators_is_refused():
    with pytest.raises(ValueError, match="2 generators for 3 sequences"):
        run(network(), tokens(), 1, 2)


def test_evaluation_draws_no_dropout_masks():
    model, x = network().eval(), tokens()
    model.dropout_generators = generators(1)  # would be refused if they were used
    sigma = torch.ones(3, dtype=torch.float64)
    assert torch.equal(model(x, sigma), model(x, sigma))


def test_new_weights_come_from_the_generator_alone():
    def weights(seed: int) -> Tensor:
        draws = torch.Generator().manual_seed(seed)
        model = DiffusionTransformer(
            50, True, hidden_size=64, n_blocks=2, n_heads=2, cond_dim=32, generator=draws
        )
        return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])

    before = torch.get_rng_state()
    first, again, other = (weights(seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_new_weights_have_the_published_laws():
    """Uniform within 1 / sqrt(inputs), as PyTorch's layers draw; zero where the network must begin by saying nothing."""
    model = DiffusionTransformer(
        500, True, hidden_size=64, n_blocks=2, n_heads=2, cond_dim=32,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    inputs = {"sigma_map.mlp.0": 256, "sigma_map.mlp.2": 32, ".mlp.2": 256}  # others: 64
    for name, weight in model.named_parameters():
        if "adaLN" in name or "output_layer.linear" in name:
            assert torch.equal(weight, torch.zeros_like(weight)), name
        elif "norm" in name:
            assert torch.equal(weight, torch.ones_like(weight)), name
        else:
            width = next((n for part, n in inputs.items() if part in name), 64)
            bound = width**-0.5
            assert weight.abs().max() <= bound, name
            assert weight.abs().max() > 0.8 * bound, name
            # variance b^2 / 3, of n draws to within 5 standard errors, sqrt(4 / 5 / n) of it each
            room = 5 * (0.8 / weight.numel()) ** 0.5
            assert abs(3 * weight.square().mean().item() / bound**2 - 1) < room, name
