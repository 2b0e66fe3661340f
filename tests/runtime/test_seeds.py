import pytest
import torch

from sedd.runtime.seeds import derive_seed, generator, sampler_generator


def test_draws_depend_only_on_seed_and_name():
    first = torch.rand(4, generator=generator(1, "noise", 7))
    torch.rand(100)
    assert torch.equal(first, torch.rand(4, generator=generator(1, "noise", 7)))


def test_different_uses_seeds_and_steps_give_different_seeds():
    seeds = {
        derive_seed(seed, use, step)
        for seed in (1, 2)
        for use in ("noise", "data")
        for step in range(50)
    }
    assert len(seeds) == 200


def test_parts_of_a_name_are_not_simply_concatenated():
    assert derive_seed(1, "a", 12) != derive_seed(1, "a1", 2)
    assert derive_seed(11, "a") != derive_seed(1, "1a")


def test_a_sampler_draws_on_the_cpu_except_with_float32():
    meta = torch.device("meta")
    assert sampler_generator(1, "sample", precision="float64", device=meta).device.type == "cpu"
    with pytest.raises(RuntimeError, match="META"):  # the meta device has no generators
        sampler_generator(1, "sample", precision="float32", device=meta)
