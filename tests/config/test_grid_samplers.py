"""`generative.samplers`: names and mappings with options, their labels, and what is refused."""

from __future__ import annotations

import pytest

from sedd.config import (
    base_sampler,
    draw_settings,
    grid_samplers,
    load_experiment,
    sampler_at,
    with_changes,
    with_drawing,
)
from sedd.config.check import check_project
from sedd.config.sections.sampling import Sampling
from sedd.errors import ConfigError
from sedd.paths import experiment_file
from sedd.registry import SAMPLERS
from sedd.results.samples import sampler_words

pytestmark = pytest.mark.usefixtures("project")


def subject(*samplers: str, more: tuple[str, ...] = ()):
    grid = [f"generative.samplers=[{','.join(samplers)}]", "generative.precisions=[float64]"]
    return load_experiment("smoke_absorb", [*grid, *more], writes=False)


def test_a_plain_name_is_its_own_label() -> None:
    points = draw_settings(subject("euler", "first_hitting"))
    length = load_experiment("smoke_absorb").data.length
    assert points == [
        ("euler", 4, "float64"),
        ("euler", 8, "float64"),
        ("first_hitting", length, "float64"),
    ]


@pytest.mark.parametrize(
    ("point", "label"),
    [
        ("{sampler: euler}", "euler"),
        ("{sampler: euler, temperature: 0.5}", "euler_0.5"),
        ("{sampler: euler, temperature: 1}", "euler_1"),
        ("{sampler: euler, top_k: 20}", "euler_0.8_20"),
        ("{sampler: euler, top_k: null}", "euler_0.8_all"),
    ],
)
def test_a_label_has_the_options_up_to_the_last_one_given(point: str, label: str) -> None:
    experiment = subject(point, more=("sampling.temperature=0.8",))
    assert {name for name, _, _ in draw_settings(experiment)} == {label}
    assert base_sampler(label) == "euler"


def test_a_label_has_the_values_of_a_sub_section() -> None:
    experiment = subject(
        "{sampler: remask, remask: {schedule: cap, eta: 0.02}}",
        "{sampler: remask, remask: {schedule: conf}}",
        "{sampler: remask, remask: {schedule: loop, t_on: 0.5}}",
        "{sampler: entropy_bound, gamma: 0.1}",
    )
    labels = ["remask_cap_0.02", "remask_conf", "remask_loop_0.02_0.5", "entropy_bound_0.1"]
    assert list(grid_samplers(experiment)) == labels
    assert list(map(base_sampler, labels)) == ["remask"] * 3 + ["entropy_bound"]
    assert list(grid_samplers(with_changes(experiment, {"seed": 7}))) == labels
    drawn = with_drawing(experiment, ("remask_loop_0.02_0.5", 4, "float64")).sampling.remask
    assert drawn.model_dump() == {
        "schedule": "loop", "eta": 0.02, "t_on": 0.5, "t_off": 0.05, "alpha_on": 0.9
    }  # fmt: skip
    assert sampler_words(experiment, "remask_conf") == [
        *("--sampler", "remask", "--option", "remask.schedule=conf"),
    ]


def test_every_sampler_is_the_base_of_its_own_labels() -> None:
    for name in SAMPLERS:
        assert base_sampler(name) == base_sampler(f"{name}_0.5_all") == name


def test_options_that_a_point_does_not_give_are_those_of_the_section_sampling() -> None:
    experiment = subject("{sampler: euler, top_k: 20}", "first_hitting")
    experiment = with_changes(experiment, {"sampling.temperature": 0.8})
    drawn = with_drawing(experiment, ("euler_0.8_20", 4, "float64")).sampling
    assert (drawn.sampler, drawn.steps, drawn.temperature, drawn.top_k) == ("euler", 4, 0.8, 20)
    drawn = with_drawing(experiment, ("first_hitting", 32, "float64")).sampling
    assert (drawn.temperature, drawn.top_k) == (0.8, None)


def test_a_point_keeps_its_label_when_the_experiment_is_written_and_read() -> None:
    experiment = subject("euler", "{sampler: euler, top_k: 20}")
    again = with_changes(experiment, {"seed": 7})
    assert draw_settings(again) == draw_settings(experiment)
    dumped = experiment.model_dump(mode="json")["generative"]["samplers"]
    assert dumped == ["euler", {"sampler": "euler", "top_k": 20}]


def test_a_sub_section_keeps_the_keys_that_are_not_given() -> None:
    changed = Sampling(temperature=0.5).changes("euler", {"top_k": 3})
    assert changed == {"sampler": "euler", "top_k": 3}
    # another sampler does not inherit what it does not read
    SAMPLERS.add("plain", type(SAMPLERS["euler"])(description="", implementation="a:b"))
    try:
        assert Sampling(temperature=0.5).changes("plain", {}) == {
            "sampler": "plain",
            "temperature": 1.0,
        }
    finally:
        SAMPLERS.remove("plain")


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ("{sampler: euler, gama: 1}", "generative.samplers[0].gama: unknown key; did you mean"),
        ("{sampler: ouler}", "generative.samplers[0].sampler: must be analytic, euler"),
        ("{temperature: 2}", "generative.samplers[0].sampler: missing"),
        (
            "{sampler: euler, temperature: -1}",
            "generative.samplers[0].temperature: must be at least",
        ),
        ("ancestral", "generative.samplers: ancestral: ancestral samples from left to right"),
        ("euler, euler", "generative.samplers: must name each once; got euler twice"),
    ],
)
def test_a_wrong_point_is_refused_with_its_place(point: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        subject(point)
    assert message in str(caught.value)


def test_samplers_that_do_not_fit_the_graph_are_left_out() -> None:
    grid = ["generative.samplers=[first_hitting,{sampler: remask, temperature: 0.5},euler]"]
    experiment = load_experiment("smoke_uniform", grid, writes=False)
    assert list(grid_samplers(experiment)) == ["euler"]
    # so an experiment with such samplers can get another graph
    changed = load_experiment(
        "tiny_absorb", ["graph.type=uniform", "training.output_init=zero"], writes=False
    )
    assert {label for label, _, _ in draw_settings(changed)} == {"analytic", "trapezoidal"}


def test_an_unknown_label_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"has no sampler 'euler_9'; known: euler_0\.5, analytic"):
        sampler_at(subject("{sampler: euler, temperature: 0.5}"), "euler_9")


@pytest.mark.parametrize(
    ("point", "precisions", "what"),
    [
        ("analytic", "[float64, float32]", None),
        ("{sampler: analytic, temperature: 0.5}", "[float64]", None),
        ("{sampler: analytic, temperature: 0.5}", "[float64, float32]", "sampling.temperature"),
        ("{sampler: euler, top_k: 3}", "[float32]", "sampling.top_k"),
        ("{sampler: analytic, temperature: 0}", "[float64]", "sampling.temperature must be above"),
        ("{sampler: remask, remask: {schedule: loop}}", "[float64]", None),
        (
            "{sampler: remask, remask: {schedule: loop, t_on: 0.1, t_off: 0.5}}",
            "[float64]",
            "sampling.remask.t_on",
        ),
    ],
)
def test_a_point_that_cannot_be_drawn_is_found_by_the_check(point, precisions, what) -> None:
    path = experiment_file("grid")
    text = experiment_file("smoke_absorb").read_text()
    begin, end = text.index("generative:"), text.index("\n", text.index("generative:"))
    grid = (
        f"generative: {{steps: [4, 8], judge: smoke_autoregressive, samplers: [{point}], "
        f"precisions: {precisions}}}"
    )
    path.write_text(text[:begin] + grid + text[end:])
    errors = check_project([path])
    assert len(errors) == (what is not None)
    if what is not None:
        (problem,) = errors[0].problems
        assert problem.where == "generative.samplers"
        assert what in problem.what
        assert problem.line == text[:begin].count("\n") + 1
