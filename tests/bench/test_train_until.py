"""A training until a bound: when it measures, what it counts, and where the curve crosses the target."""

import math
from itertools import pairwise

import pytest
import torch

from sedd.bench import train_until as module
from sedd.bench.held_out import HeldOut, HeldOutBound
from sedd.bench.train_until import Point, crossing, measured_steps, train_until
from sedd.config import load_experiment
from sedd.data.dataset import open_blocks
from sedd.model import ExponentialMovingAverage


def point(step: int, nats: float) -> Point:
    return Point(step, 0.5 * step, nats, 0.01, 64)


def test_the_bound_is_measured_at_steps_that_grow_by_a_tenth_and_at_the_limit():
    steps = list(measured_steps(1000))
    assert steps[0] == 50
    assert steps[-1] == 1000
    assert all(one < two <= math.ceil(1.1 * one) for one, two in pairwise(steps))
    assert list(measured_steps(15)) == [15]


def test_the_crossing_is_interpolated_in_log_steps():
    """On nats = 5 - log(steps), a straight line in log steps, the crossing is exact."""
    curve = [point(step, 5 - math.log(step)) for step in (20, 50, 200, 400)]
    reached = crossing(curve, 5 - math.log(123))
    assert reached is not None
    assert reached.step == pytest.approx(123)
    assert reached.cpu_seconds == pytest.approx(0.5 * 123)


def test_the_first_crossing_counts():
    reached = crossing([point(10, 4.0), point(20, 2.0), point(30, 4.0), point(40, 1.0)], 2.0)
    assert reached is not None
    assert reached.step == pytest.approx(20)


def test_a_target_that_is_not_reached_has_no_crossing_and_one_below_all_points_has_the_first():
    assert crossing([point(10, 4.0), point(20, 3.0)], 2.0) is None
    first = crossing([point(10, 4.0), point(20, 3.0)], 5.0)
    assert first is not None
    assert (first.step, first.cpu_seconds) == (10, 5.0)


@pytest.fixture
def parts(corpus):
    experiment = load_experiment(
        "smoke_absorb", ["data.dataset=corpus", "model.dropout=0.0"], writes=False
    )
    blocks, held_out = (
        open_blocks("corpus", "text8", split, 32) for split in ("train", "validation")
    )
    return experiment, blocks, held_out


@pytest.mark.parametrize("plain", [False, True])
def test_a_training_stops_at_the_target_and_counts_its_cpu_time(parts, plain, monkeypatch):
    experiment, blocks, held_out = parts
    clock = iter(range(100))
    monkeypatch.setattr(module.time, "process_time", lambda: float(next(clock)))
    seen = []
    curve = train_until(
        experiment,
        blocks,
        HeldOut(experiment, held_out, 16, 1),
        100.0,
        30,
        plain=plain,
        on_measured=lambda steps, point: seen.append((steps, point)),
    )
    assert [(30, curve.points[0])] == seen
    assert curve.reached is not None
    # one second of this clock for each call of `train`; those of the two first steps do not count
    assert (curve.reached.step, curve.reached.cpu_seconds) == (30, 1.0)


def test_both_computations_learn_the_same(parts):
    """The same recipe with the plain and the fast code: rounding alone differs."""
    experiment, blocks, held_out = parts
    fast, plain = (
        train_until(
            experiment, blocks, HeldOut(experiment, held_out, 16, 2), 0.0, 24, plain=plain
        ).points[-1]
        for plain in (False, True)
    )
    assert fast.step == plain.step == 24
    assert fast.nats < math.log(27)
    assert fast.nats == pytest.approx(plain.nats, abs=1e-3)


def test_the_held_out_bound_is_the_same_at_every_call_and_of_a_sample_far_from_the_target(parts):
    experiment, _, blocks = parts
    held_out = HeldOut(experiment, blocks, 40, 2)
    average = ExponentialMovingAverage(held_out._model, 0.9)
    near, far = (held_out.bound(average, target) for target in (100.0, 0.0))
    assert near == held_out.bound(average, 100.0)
    assert (near.sequences, far.sequences) == (min(40, len(blocks)), math.ceil(near.sequences / 16))
    # a new network knows the number of tokens alone
    assert near.nats == pytest.approx(math.log(27), abs=0.35)


def test_the_held_out_bound_is_that_of_the_averaged_weights(parts):
    experiment, _, blocks = parts
    held_out = HeldOut(experiment, blocks, 16, 1)
    average = ExponentialMovingAverage(held_out._model, 0.9)
    before = held_out.bound(average, 100.0)
    with torch.no_grad():
        average.shadow["output_layer.linear.bias"][:3] += 2.0
    after = held_out.bound(average, 100.0)
    assert isinstance(after, HeldOutBound)
    assert after.nats > before.nats + 0.01
