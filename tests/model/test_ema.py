from __future__ import annotations

import pytest
import torch
from torch import nn

from sedd.model import ExponentialMovingAverage


def model(value: float = 0.0) -> nn.Module:
    layer = nn.Linear(2, 2).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(value)
    return layer


def test_the_average_follows_the_ramp_and_then_the_decay():
    layer = model()
    ema = ExponentialMovingAverage(layer, decay=0.5)
    expected = 0.0
    for n in range(1, 30):
        with torch.no_grad():
            layer.weight.fill_(float(n))
        ema.update(layer)
        decay = min(0.5, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * n
        assert ema.shadow["weight"][0, 0].item() == pytest.approx(expected, rel=1e-14)
    assert ema.num_updates == 29


def test_lending_the_average_gives_the_weights_back_even_after_an_error():
    layer = model(1.0)
    ema = ExponentialMovingAverage(layer, decay=0.9)
    with torch.no_grad():
        layer.weight.fill_(3.0)
    seen = []

    def fail() -> None:
        seen.append(layer.weight.detach().clone())
        raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"), ema.applied_to(layer):
        fail()
    assert torch.equal(seen[0], torch.full_like(layer.weight, 1.0))
    assert torch.equal(layer.weight, torch.full_like(layer.weight, 3.0))


def test_a_saved_average_goes_on_where_it_stopped():
    layer = model(1.0)
    ema = ExponentialMovingAverage(layer, decay=0.9)
    ema.update(model(2.0))
    restored = ExponentialMovingAverage(model(7.0), decay=0.1)
    restored.load_state_dict(ema.state_dict())
    for average in (ema, restored):
        average.update(model(5.0))
    assert restored.num_updates == 2
    assert torch.equal(ema.shadow["weight"], restored.shadow["weight"])


def test_the_average_of_other_parameters_is_refused():
    ema = ExponentialMovingAverage(nn.Linear(2, 3), decay=0.9)
    with pytest.raises(ValueError, match="belongs to other parameters"):
        ema.load_state_dict(ExponentialMovingAverage(nn.Linear(2, 2), decay=0.9).state_dict())


def test_an_impossible_decay_is_refused():
    with pytest.raises(ValueError, match=r"got 1\.5"):
        ExponentialMovingAverage(model(), decay=1.5)
