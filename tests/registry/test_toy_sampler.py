"""A sampler registered from outside the package works everywhere, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from helpers import toy_sampler
from pydantic import ValidationError

from sedd.checkpoints.build import build_model, build_objective
from sedd.checkpoints.language_model import NetworkModel
from sedd.config import Experiment, load_experiment, sampling_steps
from sedd.config.choices import one_of
from sedd.config.experiment import Sampling
from sedd.data.tokenizers import load_tokenizer
from sedd.errors import ConfigError
from sedd.objective import Drawing
from sedd.registry import SAMPLERS, SamplerInfo
from sedd.sampling.draw import draw_samples, with_sampling

TOY = SamplerInfo(description="sevens", implementation="helpers.toy_sampler:sample_sevens")


@pytest.fixture
def toy() -> Iterator[str]:
    toy_sampler.calls.clear()
    SAMPLERS.add("toy", TOY)
    yield "toy"
    SAMPLERS.remove("toy")


def uniform_experiment(**sampling: Any) -> Experiment:
    return with_sampling(load_experiment("smoke_uniform"), **sampling)


def untrained(experiment: Experiment) -> NetworkModel:
    tokenizer = load_tokenizer(experiment.data.tokenizer)
    size = tokenizer.vocab_size
    return NetworkModel(
        experiment=experiment,
        step=0,
        tokenizer=tokenizer,
        device=torch.device("cpu"),
        checkpoint_sha256="0" * 64,
        network=build_model(experiment, size).eval(),
        objective=build_objective(experiment, size),
    )


@pytest.mark.usefixtures("project")
def test_draw_samples_uses_a_registered_sampler(toy: str) -> None:
    run = untrained(uniform_experiment(sampler=toy, steps=5, count=2))
    texts = draw_samples(run, prefix="the ", seed=1)
    assert len(texts) == 2
    for text in texts:
        assert text["text"].startswith("the ")
        assert set(text["tokens"][4:]) == {toy_sampler.TOKEN}
        assert (text["settings"]["sampler"], text["settings"]["steps"]) == ("toy", 5)
    assert [call["steps"] for call in toy_sampler.calls] == [5]
    assert "denoise" not in toy_sampler.calls[0]


@pytest.mark.usefixtures("project")
def test_facts_of_a_registered_sampler_decide_its_steps_and_arguments() -> None:
    facts = replace(TOY, one_step_per_token=True, has_denoising_step=True)
    SAMPLERS.add("toy", facts)
    try:
        toy_sampler.calls.clear()
        run = untrained(uniform_experiment(sampler="toy", count=1))
        assert sampling_steps(run.experiment) == run.experiment.data.length
        draw_samples(run, seed=1)
    finally:
        SAMPLERS.remove("toy")
    assert "steps" not in toy_sampler.calls[0]
    assert toy_sampler.calls[0]["denoise"] is True


@pytest.mark.usefixtures("project")
def test_a_sampler_gets_the_options_that_it_names_and_no_others(toy: str) -> None:
    SAMPLERS.add("warm", replace(TOY, options=("temperature",)))
    try:
        subject = with_sampling(
            load_experiment("smoke_absorb"), sampler="warm", temperature=0.5, count=1
        )
        run = untrained(subject)
        assert draw_samples(run, seed=1)[0]["settings"]["temperature"] == 0.5
        assert toy_sampler.calls[0]["temperature"] == 0.5
        assert "top_k" not in toy_sampler.calls[0]
        # another sampler does not inherit an option that it does not read
        assert with_sampling(subject, sampler=toy).sampling.temperature == 1
        with pytest.raises(ConfigError, match=r"sampling\.temperature: has no effect with sampl"):
            with_sampling(subject, sampler=toy, temperature=0.5)
        with pytest.raises(ConfigError, match=r"leave it out, or choose analytic, euler, first_h"):
            with_sampling(subject, sampler=toy, temperature=2.0)
        with pytest.raises(ValueError, match="toy does not read temperature; its options are: no"):
            run.objective.sample(run.network, (1, 4), Drawing(toy, 2, options={"temperature": 2}))
    finally:
        SAMPLERS.remove("warm")


@pytest.mark.usefixtures("project")
def test_a_sampler_that_refuses_a_mask_is_refused_with_one() -> None:
    SAMPLERS.add("toy", replace(TOY, refuses_mask=True))
    try:
        with pytest.raises(ConfigError, match=r"with graph\.type absorb: toy is for graphs with"):
            with_sampling(load_experiment("smoke_absorb"), sampler="toy")
        assert uniform_experiment(sampler="toy")
        run = untrained(load_experiment("smoke_absorb"))
        with pytest.raises(ValueError, match="toy needs a graph without a mask state"):
            run.objective.sample(run.network, (1, 4), Drawing("toy", 2))
    finally:
        SAMPLERS.remove("toy")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("experiment", "sampler"),
    [
        ("smoke_absorb", "analytic"),
        ("smoke_uniform", "euler"),
        ("smoke_lambda_dce", "first_hitting"),
        ("smoke_d3pm_absorb", "analytic"),
        ("smoke_autoregressive", "ancestral"),
    ],
)
def test_every_sampler_draws_through_an_objective(experiment: str, sampler: str) -> None:
    one_per_token = SAMPLERS[sampler].one_step_per_token
    subject = with_sampling(
        load_experiment(experiment), sampler=sampler, count=1, steps=None if one_per_token else 2
    )
    steps: list[int] = []
    run = untrained(subject)
    tokens = run.draw(
        1,
        subject.data.length,
        run.drawing(sampling_steps(subject)),
        clamp=None,
        generator=run.generator(1, "sample"),
        on_step=lambda step, x: steps.append(step),
    )
    assert tokens.shape == (1, subject.data.length)
    assert bool((tokens < run.tokenizer.vocab_size).all())  # no mask is left
    if one_per_token:
        assert len(steps) == subject.data.length
    else:  # it stops early once no mask is left
        assert 1 <= len(steps) <= 2 + SAMPLERS[sampler].has_denoising_step


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("experiment", "sampler", "message"),
    [
        ("smoke_uniform", "ancestral", "ancestral draws from autoregressive models; a diffusion"),
        ("smoke_uniform", "first_hitting", "first_hitting fills masks: it needs a graph with"),
        ("smoke_autoregressive", "euler", "an autoregressive model has ancestral; euler draws"),
    ],
)
def test_an_objective_refuses_a_sampler_of_another_kind(
    experiment: str, sampler: str, message: str
) -> None:
    run = untrained(load_experiment(experiment))
    with pytest.raises(ValueError, match=message):
        run.objective.sample(run.network, (1, 4), Drawing(sampler, 2))


def test_a_removed_sampler_is_unknown_again(toy: str) -> None:
    assert Sampling(sampler=toy).sampler == toy
    assert toy in Sampling.model_json_schema()["properties"]["sampler"]["enum"]
    SAMPLERS.remove(toy)
    with pytest.raises(ValidationError, match=one_of(map(repr, SAMPLERS))):
        Sampling(sampler=toy)
    assert toy not in Sampling.model_json_schema()["properties"]["sampler"]["enum"]
    SAMPLERS.add(toy, TOY)


@pytest.mark.usefixtures("project")
def test_an_unknown_sampler_is_refused_with_the_names_and_a_guess() -> None:
    with pytest.raises(ConfigError) as caught:
        load_experiment("smoke_uniform", ["sampling.sampler=analytik"], writes=False)
    assert (
        f"sampling.sampler: must be {one_of(SAMPLERS)}, got the text 'analytik'; did you mean "
        "'analytic'?" in str(caught.value)
    )
    with pytest.raises(ConfigError, match=r"generative\.samplers\[0\]: must be analytic, euler, "):
        load_experiment("smoke_uniform", ["generative.samplers=[null]"], writes=False)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        (
            "smoke_uniform",
            {"sampler": "first_hitting"},
            "must be analytic, euler, trapezoidal or gibbs with graph.type uniform: first_hitting "
            "fills masks",
        ),
        (
            "smoke_uniform",
            {"sampler": "ancestral"},
            "ancestral samples from left to right and needs objective.type autoregressive, not "
            "score_entropy",
        ),
        (
            "smoke_autoregressive",
            {"sampler": "analytic"},
            "must be ancestral with objective.type autoregressive, which samples from left to right; "
            "got analytic",
        ),
        ("smoke_absorb", {"sampler": "first_hitting", "steps": 3}, "leave it out; got 3"),
    ],
)
def test_contradictory_samplers_are_refused(
    name: str, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        with_sampling(load_experiment(name), **settings)
    assert message in str(caught.value)


@pytest.mark.usefixtures("project")
def test_a_registered_sampler_that_needs_a_mask_is_refused_without_one() -> None:
    SAMPLERS.add("toy", replace(TOY, needs_mask=True))
    try:
        with pytest.raises(ConfigError, match=r"with graph\.type uniform: toy fills masks"):
            uniform_experiment(sampler="toy")
        assert with_sampling(load_experiment("smoke_absorb"), sampler="toy")
    finally:
        SAMPLERS.remove("toy")
