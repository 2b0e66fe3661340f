"""Infills: the templates of `sampling.infill`, filled in for the page of a run."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.project import invoke
from helpers.untrained_run import untrained_run

from sedd.cli.build_summary import _texts
from sedd.config import load_experiment
from sedd.report.page.samples import shown_samples
from sedd.results import infill
from sedd.results.samples import file_of, read

TEMPLATES = ("the city of[6] in france", "[4] was a river[3]")


@pytest.fixture
def experiment(project: Path):
    path = Path("config/experiments/smoke_absorb.yaml")
    listed = ", ".join(f'"{one}"' for one in TEMPLATES)
    path.write_text(path.read_text().replace("sampling: {", f"sampling: {{infill: [{listed}], "))
    return load_experiment("smoke_absorb")


def test_a_page_and_the_end_of_a_build_show_the_templates_filled_in(experiment):
    (job,) = infill.KIND.jobs(experiment)
    path = infill.PATH.format(**job)
    assert path == infill.file_of(experiment)
    untrained_run("smoke_absorb", step=job["step"])
    words = ["sample", "smoke_absorb", "--step", str(job["step"])]
    invoke(*words, "--infill", "--out", path)
    first, second = (one.text for one in read(Path(path)))
    assert first.startswith("the city of")
    assert first.endswith(" in france")
    assert len(first) == len("the city of in france") + 6
    assert " was a river" in second

    invoke(*words, "--out", file_of(experiment, job["step"]))
    (shown,) = shown_samples(experiment).infills
    given = [part.text for part in shown.shown[0].parts if part.is_given]
    assert given == ["the city of", " in france"]
    said = "\n".join(_texts(experiment))
    assert f"and makes of: {TEMPLATES[1]}" in said
    assert second in said


def test_a_template_needs_a_blank_and_an_experiment_templates(project: Path):
    refused = invoke(
        "sample", "smoke_absorb", "sampling.infill=['a river']", "--name", "x", check=False
    )
    assert "'a river': has no blank, so that nothing is left to draw: write [20]" in refused.stderr
    refused = invoke("sample", "smoke_absorb", "--infill", check=False)
    assert refused.returncode == 2
    assert "sampling.infill has no template" in refused.stderr
