from __future__ import annotations

import math

import pytest
import torch
from helpers.golden_model import load
from torch.testing import assert_close

from sedd.diffusion import SplitNetwork
from sedd.model import DiffusionTransformer


def network(absorb: bool = True, **settings) -> DiffusionTransformer:
    """Small, in float64, with every weight random: as made, the last layers are zero."""
    torch.manual_seed(0)
    model = DiffusionTransformer(
        11, absorb, hidden_size=16, n_blocks=2, n_heads=2, cond_dim=8, **settings
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3)
    return model.double().eval()


def inputs(length: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randint(11, (3, length), generator=generator)
    return x, torch.tensor([0.1, 1.0, 5.0], dtype=torch.float64)


def test_parameters_have_the_published_names_and_shapes_in_the_published_order():
    model = DiffusionTransformer(50, True, hidden_size=24, n_blocks=2, n_heads=3, cond_dim=8)
    expected = {
        "vocab_embed.embedding": (51, 24),
        "sigma_map.mlp.0.weight": (8, 256),
        "sigma_map.mlp.0.bias": (8,),
        "sigma_map.mlp.2.weight": (8, 8),
        "sigma_map.mlp.2.bias": (8,),
        "rotary_emb.inv_freq": (4,),
    }
    for i in range(2):
        expected |= {
            f"blocks.{i}.norm1.weight": (24,),
            f"blocks.{i}.attn_qkv.weight": (72, 24),
            f"blocks.{i}.attn_out.weight": (24, 24),
            f"blocks.{i}.norm2.weight": (24,),
            f"blocks.{i}.mlp.0.weight": (96, 24),
            f"blocks.{i}.mlp.0.bias": (96,),
            f"blocks.{i}.mlp.2.weight": (24, 96),
            f"blocks.{i}.mlp.2.bias": (24,),
            f"blocks.{i}.adaLN_modulation.weight": (144, 8),
            f"blocks.{i}.adaLN_modulation.bias": (144,),
        }
    expected |= {
        "output_layer.norm_final.weight": (24,),
        "output_layer.linear.weight": (51, 24),
        "output_layer.linear.bias": (51,),
        "output_layer.adaLN_modulation.weight": (48, 8),
        "output_layer.adaLN_modulation.bias": (48,),
    }
    found = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert list(found.items()) == list(expected.items())


@pytest.mark.parametrize("absorb", [True, False])
def test_a_new_network_knows_nothing_but_the_noise(absorb):
    model = DiffusionTransformer(11, absorb, hidden_size=16, n_blocks=1, n_heads=2, cond_dim=8)
    x, sigma = inputs()
    log_score = model(x, sigma)
    level = torch.log(torch.expm1(sigma)) + math.log(11) if absorb else torch.zeros(3)
    expected = (-level.float())[:, None, None].expand(3, 6, 11 + absorb)
    expected = expected.scatter(-1, x[..., None], 0.0)
    assert_close(log_score.detach(), expected, rtol=1e-6, atol=1e-6)


def test_weights_come_from_the_generator_and_leave_the_global_one_untouched():
    before = torch.get_rng_state()
    DiffusionTransformer(5, True, 8, 1, 2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_log_score_of_the_current_token_is_zero():
    x, sigma = inputs()
    here = network()(x, sigma).gather(-1, x[..., None])
    assert torch.equal(here, torch.zeros_like(here))


def test_features_and_the_vocabulary_layer_make_up_the_log_score():
    model = network()
    assert isinstance(model, SplitNetwork)
    x, sigma = inputs()
    weight, bias = model.vocabulary_layer()
    logits = (model.features(x, sigma) @ weight.T + bias).unflatten(0, x.shape)
    log_score = logits - model.log_score_offset(sigma)[:, None, None]
    assert_close(log_score.scatter(-1, x[..., None], 0.0), model(x, sigma), rtol=1e-12, atol=1e-12)


def test_features_of_chosen_rows_are_rows_of_the_features():
    model = network()
    x, sigma = inputs()
    rows = torch.tensor([0, 7, 8, 17])
    assert_close(
        model.features(x, sigma, rows), model.features(x, sigma)[rows], rtol=1e-12, atol=1e-13
    )
    shared = sigma[1:2]
    assert_close(
        model.features(x, shared, rows),
        model.features(x, shared.expand(3), rows),
        rtol=1e-12,
        atol=1e-13,
    )


@pytest.mark.parametrize("sigma", [1e-5, 1e-3, 1.0, 10.0, 50.0, 100.0])
def test_the_offset_is_right_in_float32_at_any_noise(sigma):
    offset = network().log_score_offset(torch.tensor([sigma]))
    expected = math.log(math.expm1(float(torch.tensor(sigma)))) + math.log(11)
    assert abs(offset.item() - expected) < 1e-6 * max(1, abs(expected))


def test_sigma_may_come_with_a_trailing_dimension():
    model = network()
    x, sigma = inputs()
    assert torch.equal(model(x, sigma), model(x, sigma[:, None]))


def test_any_length_is_taken_also_after_another():
    model = network()
    long, sigma = inputs(length=40)
    first = model(long, sigma)
    model(long[:, :5], sigma)
    assert torch.equal(first, model(long, sigma))


def test_every_position_sees_every_other():
    model = network()
    x, sigma = inputs()
    changed = x.clone()
    changed[:, 5] = (x[:, 5] + 1) % 11
    difference = (model(changed, sigma) - model(x, sigma)).abs().amax(dim=(0, 2))
    assert (difference[:5] > 1e-6).all()


def test_attention_depends_on_distances_not_positions():
    """Rotary embedding: a copy moved by some positions has the same products of queries and keys."""
    rotary = network().rotary_emb
    from sedd.model.rotary import rotate

    q, k = torch.randn(2, 1, 1, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    cos, sin = rotary.table(30, torch.float64)
    q, k = (rotate(v.expand(30, 1, 1, 8), cos, sin)[:, 0, 0] for v in (q, k))
    products = q @ k.T
    assert_close(products[2, 9], products[12, 19], rtol=1e-12, atol=1e-13)
    assert abs(products[2, 9] - products[2, 12]) > 1e-3


def test_rotation_in_place_is_the_same_rotation():
    from sedd.model.rotary import rotate, rotate_

    cos, sin = network().rotary_emb.table(30, torch.float64)
    qk = torch.randn(
        2, 30, 2, 3, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    expected = rotate(qk, cos, sin)
    assert_close(rotate_(qk, cos, sin), expected, rtol=0, atol=1e-15)
    assert_close(qk, expected, rtol=0, atol=1e-15)


def test_the_network_says_the_same_with_and_without_gradients():
    """Without, it works in place."""
    model = network()
    x, sigma = inputs(300)
    expected = model(x, sigma)
    with torch.no_grad():
        assert_close(model(x, sigma), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("absorb", [True, False])
def test_equal_tokens_have_equal_features_however_many_they_are(absorb):
    model = network(absorb)
    sigma = torch.tensor([0.7], dtype=torch.float64)
    one = model.features(torch.tensor([[5]]), sigma)
    many = model.features(torch.full((2, 9), 5), sigma)
    assert_close(many, one.expand(18, -1), rtol=1e-12, atol=1e-13)
    other = torch.full((2, 9), 5)
    other[1, 3] = 4
    assert (model.features(other, sigma)[9:] - one).abs().min() > 1e-6


def test_a_table_made_in_inference_mode_serves_training():
    model = network()
    x, sigma = inputs()
    with torch.inference_mode():
        model(x, sigma)
    model(x, sigma).sum().backward()
    assert model.vocab_embed.embedding.grad is not None


def test_loading_other_frequencies_replaces_the_table():
    model = network()
    x, sigma = inputs()
    before = model(x, sigma)
    state = model.state_dict()
    state["rotary_emb.inv_freq"] = state["rotary_emb.inv_freq"] * 0.5
    model.load_state_dict(state)
    assert (model(x, sigma) - before).abs().max() > 1e-6


def test_dropout_acts_in_training_only():
    model = network(dropout=0.5)
    x, sigma = inputs()
    assert torch.equal(model(x, sigma), model(x, sigma))
    model.train()
    assert not torch.equal(model(x, sigma), model(x, sigma))


def test_autocast_keeps_norms_scores_and_the_embedded_noise_in_float32(monkeypatch):
    model, _, _, stored = load("absorb")
    norms, embedded = [], []
    model.sigma_map.register_forward_hook(lambda *call: embedded.append(call[-1].dtype))
    original = torch.nn.functional.layer_norm

    def watched(x, *args, **kwargs):
        norms.append(x.dtype)
        return original(x, *args, **kwargs)

    monkeypatch.setattr(torch.nn.functional, "layer_norm", watched)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        half = model(stored["xt"], stored["sigma"])
    assert half.dtype == torch.float32
    assert norms == [torch.float32] * 5
    assert embedded == [torch.float32]
    assert not torch.equal(half, stored["log_score"])
    assert_close(half, stored["log_score"], rtol=0.05, atol=0.1)


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ValueError, match="hidden_size 20 must be a multiple of twice n_heads, 16"):
        DiffusionTransformer(11, True, hidden_size=20, n_blocks=1, n_heads=8)
