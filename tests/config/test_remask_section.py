"""The sub-section `sampling.remask`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from helpers.experiment_file import GOOD
from pydantic import TypeAdapter

from sedd.config.sections.remask import Remask
from sedd.config.sections.sampling import Sampling
from sedd.diffusion.remask_rates import SCHEDULES, remask_schedule

Problems = Callable[..., list[str]]


def sampling(text: str, sampler: str = "remask") -> str:
    return GOOD + f"sampling: {{sampler: {sampler}, remask: {text}}}\n"


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_has_a_section_with_the_same_defaults(problems: Problems, name: str) -> None:
    assert problems(sampling(f"{{schedule: {name}}}")) == []
    section = TypeAdapter(Remask).validate_python({"schedule": name})
    assert remask_schedule(section.model_dump()) == SCHEDULES[name]()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{schedule: never}", "sampling.remask.schedule: must be cap, rescale, conf, loop or"),
        ("{eta: 0.1}", "sampling.remask.schedule: missing; give cap, rescale, conf, loop or"),
        ("{schedule: conf, eta: 0.1}", "sampling.remask.eta: unknown key; allowed: schedule"),
        ("{schedule: cap, eta: 1.1}", "sampling.remask.eta: must be at most 1"),
        ("{schedule: loop, t_off: 0.6}", "sampling.remask.t_on: must be above sampling.remask.t_o"),
    ],
)
def test_schedules_that_cannot_be_are_reported(problems: Problems, text: str, message: str) -> None:
    lines = problems(sampling(text))
    assert len(lines) == 1
    assert lines[0].startswith(message)


def test_other_samplers_and_other_graphs_refuse_it(problems: Problems) -> None:
    (line,) = problems(sampling("{schedule: conf}", "euler"))
    assert line.startswith("sampling.remask: has no effect with sampling.sampler euler; leave it")
    (line,) = problems(sampling("{schedule: conf}").replace("absorb", "uniform"))
    assert line.startswith("sampling.sampler: must be analytic")
    assert "remask fills masks" in line


def test_another_schedule_drops_the_keys_of_the_old_one_and_the_same_one_keeps_them() -> None:
    first = Sampling(sampler="remask", remask=TypeAdapter(Remask).validate_python({
        "schedule": "loop", "eta": 0.05,
    }))  # fmt: skip
    other = first.changes("remask", {"remask": {"schedule": "conf"}})
    assert other == {"remask": {"schedule": "conf"}}
    same = first.changes("remask", {"remask": {"t_on": 0.6}})["remask"]
    assert (same["schedule"], same["eta"], same["t_on"]) == ("loop", 0.05, 0.6)
