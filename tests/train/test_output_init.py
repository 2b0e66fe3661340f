"""Initial weights of the vocabulary layer."""

import numpy as np
import pytest
import torch

from sedd.config import load_experiment
from sedd.diffusion import Absorb, weighted_score_entropy
from sedd.errors import ConfigError
from sedd.train.state import TrainState

V, B, L = 27, 3, 16
COUNTS = np.arange(V) ** 2


def fresh(*overrides: str, experiment: str = "smoke_absorb") -> TrainState:
    changed = load_experiment(experiment, overrides, rename="changed", writes=False)
    return TrainState.fresh(changed, V, torch.device("cpu"), COUNTS)


def loss(state: TrainState) -> torch.Tensor:
    """-log p of the masked tokens, if the scores are p times the ratio of an empty context."""
    x0 = torch.randint(V, (B, L), generator=torch.Generator().manual_seed(1))
    xt = torch.where(torch.arange(L) % 2 == 0, V, x0)
    sigma = torch.tensor([0.01, 0.5, 4.0])
    return weighted_score_entropy(
        state.model, Absorb(V), sigma, torch.expm1(sigma), xt, x0, fused=False
    )


@pytest.mark.parametrize("scaled", ["true", "false"])
def test_a_new_network_can_begin_with_the_frequencies_of_the_tokens(project, scaled):
    state = fresh("training.output_init=unigram", f"model.scale_by_sigma={scaled}")
    torch.nn.init.zeros_(state.model.vocabulary_layer()[0])
    sigma = torch.tensor([[0.5]])
    scores = state.model(torch.full((1, 1), V), sigma)[0, 0, :V].exp()
    ratio = 1 / torch.expm1(sigma).item() if scaled == "true" else 1
    expected = torch.from_numpy((COUNTS + 1) / (COUNTS + 1).sum()).float()
    torch.testing.assert_close(scores / ratio, expected, rtol=1e-5, atol=0)


def test_its_loss_is_then_that_of_the_frequencies(project):
    state = fresh("training.output_init=unigram")
    torch.nn.init.zeros_(state.model.vocabulary_layer()[0])
    x0 = torch.randint(V, (B, L), generator=torch.Generator().manual_seed(1))
    law = (COUNTS + 1) / (COUNTS + 1).sum()
    expected = -torch.from_numpy(np.log(law))[x0[:, ::2]].sum(1).float()
    torch.testing.assert_close(loss(state).float(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["zero", "unigram", "equal"])
def test_blocks_learn_from_the_first_step_unless_the_layer_is_zero(project, kind):
    state = fresh(f"training.output_init={kind}")
    loss(state).sum().backward()
    moved = [
        bool(weight.grad is not None and weight.grad.any())
        for name, weight in state.model.named_parameters()
        if name.startswith("blocks.") and "adaLN_modulation" in name
    ]
    assert any(moved) == (kind != "zero")


def test_the_average_begins_with_the_same_weights(project):
    state = fresh("training.output_init=unigram")
    for name, weight in state.model.named_parameters():
        assert torch.equal(state.ema.shadow[name], weight)


def test_scores_of_the_uniform_graph_do_not_begin_with_frequencies(project):
    with pytest.raises(ConfigError, match=r"must be zero or equal with graph\.type uniform"):
        fresh("training.output_init=unigram", experiment="smoke_uniform")
    fresh("training.output_init=unigram", experiment="smoke_d3pm_uniform")
    fresh("training.output_init=unigram", experiment="smoke_autoregressive")


def test_equal_rows_score_all_tokens_alike_and_differ_from_context_to_context(project):
    model = fresh("training.output_init=equal", experiment="smoke_uniform").model
    sigma = torch.tensor([0.5])
    x = torch.tensor([[1, 5, 9]])
    scores = model(x, sigma)[0]
    for token, row in zip(x[0].tolist(), scores, strict=True):
        assert row[token] == 0  # the score of the present token, by definition
        others = row[torch.arange(V) != token]
        assert torch.equal(others, others[:1].expand(V - 1))
        assert others[0] != 0
    assert len(set(scores[:, 0].tolist())) == 3
