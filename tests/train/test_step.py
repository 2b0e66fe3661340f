"""One optimizer step, compared with a computation written out by hand."""

import numpy as np
import pytest
import torch

from sedd.checkpoints.build import build_objective, build_token_proposal
from sedd.config import load_experiment
from sedd.diffusion import score_entropy_loss
from sedd.runtime.distributed import World
from sedd.train.optim import learning_rate
from sedd.train.state import TrainState
from sedd.train.step import TrainingLoss, draw_times, train_step

V = 27
ALONE = World(torch.device("cpu"))


def prepared(*overrides: str):
    experiment = load_experiment("smoke_absorb", overrides, rename="changed", writes=False)
    state = TrainState.fresh(experiment, V, torch.device("cpu"))
    objective = build_objective(experiment, V, np.ones(V))
    return experiment, state, objective, TrainingLoss(state.model, objective)


def batch(size: int = 8, length: int = 32) -> torch.Tensor:
    return torch.randint(V, (size, length), generator=torch.Generator().manual_seed(3))


def weights(state: TrainState) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in state.model.parameters()])


@pytest.fixture
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("float64")
def test_gradient_accumulation_changes_nothing_but_rounding():
    results = []
    for accum in (1, 4):
        experiment, state, objective, loss = prepared(
            f"training.accum={accum}", "model.dropout=0.0"
        )
        result = train_step(state, experiment, objective, loss, batch(), ALONE)
        results.append((result.loss_nats_per_token, result.grad_norm, weights(state)))
    torch.testing.assert_close(results[0], results[1], rtol=1e-6, atol=1e-9)


def test_the_noise_of_a_step_does_not_depend_on_earlier_draws():
    losses = []
    for disturbance in (0, 1000):
        experiment, state, objective, loss = prepared()
        torch.rand(disturbance)
        losses.append(
            train_step(state, experiment, objective, loss, batch(), ALONE).loss_nats_per_token
        )
    assert torch.equal(losses[0], losses[1])


def test_two_steps_draw_different_noise():
    experiment, state, objective, loss = prepared("training.lr=1.0e-30")
    first = train_step(state, experiment, objective, loss, batch(), ALONE).loss_nats_per_token
    second = train_step(state, experiment, objective, loss, batch(), ALONE).loss_nats_per_token
    assert not torch.equal(first, second)


def test_the_gradient_is_clipped_to_the_maximum_norm():
    experiment, state, objective, loss = prepared("training.grad_clip=0.001")
    result = train_step(state, experiment, objective, loss, batch(), ALONE)
    assert result.grad_norm > 0.001
    norm = torch.stack([weight.grad.norm() for weight in state.model.parameters()]).norm()
    torch.testing.assert_close(norm, torch.tensor(0.001), rtol=1e-3, atol=0)


def test_the_reported_loss_is_the_mean_over_the_batch_in_nats_per_token():
    experiment, state, objective, loss = prepared("model.dropout=0.0", "training.accum=1")
    x0, graph, noise = batch(), objective.graph, objective.noise
    from sedd.diffusion import sample_times
    from sedd.runtime.seeds import generator

    draws = generator(experiment.seed, "noise", 0)
    t = sample_times(len(x0), experiment.training.time_eps, draws)
    xt = graph.sample_transition(x0, noise(t)[0], draws)
    expected = score_entropy_loss(state.model, graph, noise, x0, t, xt, fused=False).mean() / 32
    result = train_step(state, experiment, objective, loss, x0, ALONE)
    torch.testing.assert_close(result.loss_nats_per_token, expected.detach(), rtol=1e-5, atol=0)


def test_the_learning_rate_warms_up_stays_constant_and_decays_to_zero():
    experiment, *_ = prepared(
        "training.steps=100",
        "training.warmup_steps=10",
        "training.decay_fraction=0.2",
        "training.lr=1.0",
    )
    rates = [learning_rate(experiment, step) for step in range(100)]
    assert rates[0] == 0.1
    assert rates[9:81] == [1.0] * 72
    assert rates[90] == 0.5
    assert 0 < rates[99] < 0.06
    assert max(rates) == 1.0


def test_without_decay_the_learning_rate_is_constant():
    experiment, *_ = prepared("training.warmup_steps=0")
    assert {learning_rate(experiment, step) for step in range(1000)} == {experiment.training.lr}


@pytest.mark.parametrize("sampling", ["independent", "stratified"])
@pytest.mark.parametrize("density", ["uniform", "reciprocal"])
def test_weighted_means_over_times_equal_means_over_uniform_times(sampling, density):
    eps, count = 0.01, 200_000
    training = load_experiment("smoke_absorb").training.model_copy(
        update={"time_eps": eps, "time_sampling": sampling, "time_density": density}
    )
    t, weight = draw_times(training, count, torch.Generator().manual_seed(1))
    assert t.min() >= eps * (1 - 1e-5)
    assert t.max() <= 1
    for function, expected in (
        (torch.ones_like, 1.0),
        (torch.square, (1 - eps**3) / 3 / (1 - eps)),
        (torch.reciprocal, -np.log(eps) / (1 - eps)),
    ):
        values = weight * function(t)
        # five standard errors of independent draws: false-alarm probability 6e-7 per comparison
        tolerance = 5 * values.std().item() / count**0.5 + 1e-5
        assert abs(values.mean().item() - expected) < tolerance
    below = (t < 0.1).double().mean().item()
    assert below == pytest.approx(0.5 if density == "reciprocal" else 0.0909, abs=0.01)


@pytest.mark.parametrize("graph", ["absorb", "uniform"])
def test_training_with_sampled_vocabulary_tokens_is_reproducible(graph):
    results = []
    for _ in range(2):
        experiment, state, objective, loss = prepared(
            "training.vocabulary_draws=5", f"graph.type={graph}"
        )
        assert objective.draw_vocabulary(batch(), torch.Generator()) is not None
        train_step(state, experiment, objective, loss, batch(), ALONE)
        results.append(weights(state))
    assert torch.equal(results[0], results[1])


def test_rare_tokens_of_a_large_vocabulary_are_drawn_with_their_exact_probability():
    """torch samples by cumulative probabilities; in float32, rare tokens would be off by parts per thousand."""
    experiment = load_experiment("smoke_absorb", ["training.vocabulary_draws=5"], rename="drawn")
    counts = np.ones(50_257)
    counts[:100] = 10_000
    proposal = build_token_proposal(experiment, counts)
    assert proposal is not None
    cumulative = proposal.law.cumsum(0)
    torch.testing.assert_close(cumulative.diff(), proposal.law[1:], rtol=1e-6, atol=0.0)
    assert cumulative[-1].item() == pytest.approx(1.0, abs=1e-9)
