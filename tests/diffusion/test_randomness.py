"""A batch with one generator per group of texts: each group draws as it does alone."""

from __future__ import annotations

import pytest
import torch
from helpers.linear_network import LinearNetwork

from sedd.diffusion import Absorb, LogLinear, Uniform, sample_causal
from sedd.diffusion.fast import score_tables
from sedd.diffusion.randomness import GroupedGenerator, rand, randint, row_chunks
from sedd.model import DiffusionTransformer
from sedd.registry import SAMPLERS

V, L = 5, 12
SIZES = (2, 1, 3)
CPU = torch.device("cpu")


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def grouped() -> GroupedGenerator:
    return GroupedGenerator([seeded(group) for group in range(len(SIZES))], SIZES)


@pytest.mark.parametrize("dim", [0, 1])
def test_each_group_draws_the_numbers_of_its_own_generator(dim):
    shape = [4, 4]
    shape[dim] = sum(SIZES)
    parts = rand(shape, grouped(), CPU, dim=dim).split(SIZES, dim)
    for group, (part, size) in enumerate(zip(parts, SIZES, strict=True)):
        shape[dim] = size
        assert torch.equal(part, rand(shape, seeded(group), CPU))
    whole = randint(V, (sum(SIZES), L), grouped(), CPU)
    assert torch.equal(whole[:2], randint(V, (2, L), seeded(0), CPU))


def test_another_number_of_rows_than_the_groups_have_is_refused():
    with pytest.raises(ValueError, match="groups have 6 rows in total, but dimension 0 has 5"):
        rand((5,), grouped(), CPU)


def test_rows_of_some_texts_are_drawn_by_the_groups_of_these_texts():
    rows = grouped().of_texts(torch.tensor([0, 1, 1, 3, 5]))
    assert rows.sizes == [3, 0, 2]


def test_chunks_hold_whole_groups_or_parts_of_one_cut_as_if_it_were_alone():
    texts = torch.tensor([0] * 7 + [1] * 2 + [2] * 2 + [3] * 1)
    generator = GroupedGenerator([seeded(0)] * 4, [1] * 4)
    ends = [chunk.stop for chunk in row_chunks(generator, texts, 4)]
    assert ends == [4, 7, 11, 12]  # 4 | 3 of text 0 | 2 + 2 | 1
    assert [chunk.stop for chunk in row_chunks(seeded(0), texts, 4)] == [4, 8, 12]
    assert row_chunks(generator, texts[:0], 4) == []


def clamps() -> list[tuple[torch.Tensor, torch.Tensor]]:
    """A prefix, text in the middle and a suffix, each of another length."""
    masks = torch.zeros(3, L, dtype=torch.bool)
    masks[0, :3] = masks[1, 4:9] = masks[2, -2:] = True
    return [(torch.arange(L) % V, mask) for mask in masks]


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("kind", ["absorb", "uniform"])
@pytest.mark.parametrize("name", SAMPLERS.names(left_to_right=False, grouped_draws=True))
def test_groups_with_other_prompts_in_a_batch_change_nothing(name, kind, precision, monkeypatch):
    monkeypatch.setitem(score_tables.TABLE_ELEMENTS, "cpu", 50)  # a group needs several chunks
    graph = Absorb(V) if kind == "absorb" else Uniform(V)
    info = SAMPLERS[name]
    if info.needs_mask if graph.mask is None else info.refuses_mask:
        return
    network = LinearNetwork(graph, L)
    settings = {} if info.one_step_per_token else {"steps": 6}

    def draw(size, clamp, generator):
        return info.load()(
            network, graph, LogLinear(), (size, L),
            clamp=clamp, precision=precision, generator=generator, **settings,
        )  # fmt: skip

    alone = [draw(size, clamps()[group], seeded(group)) for group, size in enumerate(SIZES)]
    repeats = torch.tensor(SIZES)
    clamp = tuple(
        torch.stack(part).repeat_interleave(repeats, 0) for part in zip(*clamps(), strict=True)
    )
    together = draw(sum(SIZES), clamp, grouped())
    assert torch.equal(together, torch.cat(alone))
    # the other way round, a generator for the whole batch gives other texts
    assert not torch.equal(draw(sum(SIZES), clamp, seeded(0)), torch.cat(alone))


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_groups_of_an_autoregressive_model_change_nothing(precision):
    network = DiffusionTransformer(
        V, absorb=True, hidden_size=16, n_blocks=1, n_heads=2, cond_dim=None, dropout=0.0,
        causal=True, generator=seeded(0),
    ).double().eval()  # fmt: skip
    torch.nn.init.normal_(network.output_layer.linear.weight, generator=seeded(1))

    def draw(size, generator):
        return sample_causal(network, V, (size, L), generator=generator, precision=precision)

    alone = [draw(size, seeded(group)) for group, size in enumerate(SIZES)]
    assert torch.equal(draw(sum(SIZES), grouped()), torch.cat(alone))
