"""`sedd bench bound`: two recipes until a bound, rates and seeds, and a measurement that resumes."""

import json
import statistics
from pathlib import Path

import pytest
from helpers.project import invoke

from sedd.bench import BoundOptions, TimeToBound, render_bound, time_to_bound
from sedd.bench.index import index
from sedd.bench.recipes import RECIPE, official_recipe
from sedd.bench.train_until import Curve, Point, Reached
from sedd.config import load_experiment
from sedd.config.sections.training import Training
from sedd.errors import ConfigError, DataError
from sedd.registry import GRAPHS


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("name", ["tiny_absorb", "tiny_uniform", "tiny_absorb_bpe"])
def test_the_official_recipe_is_the_papers_on_the_network_and_data_of_the_experiment(name):
    ours = load_experiment(name)
    official = official_recipe(ours)
    for section in ("model", "graph", "data", "evaluation", "objective"):
        assert getattr(official, section) == getattr(ours, section)
    for key in ("steps", "batch_size", "warmup_steps", "lr"):
        assert getattr(official.training, key) == getattr(ours.training, key)
    for key in RECIPE:
        assert getattr(official.training, key) == Training.model_fields[key].default
    assert official.noise is not None
    assert official.graph is not None
    assert official.noise.type == GRAPHS[official.graph.type].usual_noise


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("tiny_lambda_dce", [], "objective.type: must be score_entropy"),
        ("tiny_finetune_kjv", [], "training.init: must be null"),
        ("tiny_wiki", ["data.blocks=padded"], "data.blocks: must be packed or wrapped"),
    ],
)
def test_what_the_papers_recipe_cannot_train_is_refused(name, changes, message):
    with pytest.raises(ConfigError, match=message):
        official_recipe(load_experiment(name, changes, writes=False))


STEPS = {  # until the target, by recipe and rate; seeds add ten each
    ("official", 0.002): 900,
    ("official", 0.001): 600,
    ("official", 0.004): None,
    ("ours", 0.002): 200,
    ("ours", 0.001): None,
    ("ours", 0.004): 150,
}


@pytest.fixture
def trained(corpus, monkeypatch):
    """Calls of a training whose result is known: (side, rate, seed, limit)."""
    calls = []

    def train_until(experiment, blocks, held_out, target, limit, *, plain, on_measured):
        side, rate = ("official" if plain else "ours"), experiment.training.lr
        calls.append((side, rate, experiment.seed, limit))
        steps = STEPS[side, rate]
        reached = None
        if steps is not None and steps + 10 * experiment.seed <= limit:
            steps += 10 * experiment.seed
            reached = Reached(steps, steps * (0.03 if plain else 0.02))
        return Curve((Point(limit, 1.0, target, 0.009, 64),), reached)

    monkeypatch.setattr(time_to_bound, "train_until", train_until)
    return calls


def comparison(seeds: int = 3, until: float = 2.0, path: Path | None = None) -> TimeToBound:
    changes = ["data.dataset=corpus", "training.lr=0.002"]
    experiment = load_experiment("tiny_absorb", changes, writes=False)
    return TimeToBound(BoundOptions(experiment, until, seeds=seeds, sequences=16), path)


def test_rates_are_searched_with_the_first_seed_and_given_up_behind_the_best(trained):
    measured = comparison().run()
    assert trained[:5] == [
        ("official", 0.002, 1, 5600),
        ("official", 0.001, 1, 910),  # the steps of the rate before it
        ("official", 0.004, 1, 610),
        ("official", 0.001, 2, 5600),
        ("official", 0.001, 3, 5600),
    ]
    assert [call[1:] for call in trained[5:]] == [
        (0.002, 1, 1400),  # no more than the steps over which the rate decays
        (0.001, 1, 210),
        (0.004, 1, 210),
        (0.004, 2, 1400),
        (0.004, 3, 1400),
    ]
    official, ours = statistics.median([610, 620, 630]), statistics.median([160, 170, 180])
    said = render_bound(measured)
    assert f"CPU seconds {official * 0.03 / (ours * 0.02):.2f}, steps {official / ours:.2f}" in said
    rows = [line for line in said.splitlines() if line.startswith(("| official", "| ours"))]
    assert (
        "| 0.001 | 0.001, 0.002, 0.004 | 3 | 620 (610 - 630) | 18.6 (18.3 - 18.9) | 30.0 |"
        in rows[0]
    )
    assert (
        "| 0.004 | 0.001, 0.002, 0.004 | 3 | 170 (160 - 180) | 3.4 (3.2 - 3.6) | 20.0 |" in rows[1]
    )
    assert "standard error at most 0.0090" in said


def test_a_killed_measurement_continues_and_can_have_more_seeds(trained, monkeypatch):
    path = Path("bound.json")
    keep, trainings = time_to_bound.train_until, []

    def killed(*words, **names):
        if len(trainings) == 4:
            raise KeyboardInterrupt
        trainings.append(1)
        return keep(*words, **names)

    monkeypatch.setattr(time_to_bound, "train_until", killed)
    with pytest.raises(KeyboardInterrupt):
        comparison(2, path=path).run()
    assert len(json.loads(path.read_text())["runs"]) == 4
    monkeypatch.setattr(time_to_bound, "train_until", keep)
    before = len(trained)
    measured = comparison(2, path=path).run()
    assert len(trained) == before + 4
    assert json.loads(path.read_text()) == measured
    assert measured == comparison(2, path=path).run()
    assert len(trained) == before + 4
    assert len(comparison(3, path=path).run()["runs"]) == len(measured["runs"]) + 2


def test_another_measurement_is_not_mixed_in(trained):
    path = Path("bound.json")
    comparison(1, path=path).run()
    with pytest.raises(DataError, match=r"differs in settings; choose another file with --json"):
        comparison(1, until=2.1, path=path)
    path.write_text("[]")
    with pytest.raises(DataError, match="differs in work, settings"):
        comparison(1, path=path)


def test_ratios_need_runs_that_all_reached_the_target(trained, monkeypatch):
    for key in STEPS:
        if key[0] == "ours":
            monkeypatch.setitem(STEPS, key, None)
    said = render_bound(comparison().run())
    assert "| ours | none reached it | 0.001, 0.002, 0.004 | 0 |" in said
    assert "official / ours: not measured" in said


def test_a_run_that_has_not_reached_the_target_counts_as_the_slowest(trained):
    document = comparison().run()
    rate = next(
        run["rate"] for run in document["runs"] if run["side"] == "official" and run["seed"] != 1
    )
    runs = [run for run in document["runs"] if (run["side"], run["rate"]) == ("official", rate)]
    runs[-1]["reached"] = None
    left = sorted(run["reached"]["step"] for run in runs[:-1])
    said = render_bound(document)
    assert "2 of 3 reached it" in said
    assert f"{left[1]:,.0f} ({left[0]:,.0f} - not reached)" in said
    assert "a run that has not reached the target is the slowest" in said


def test_the_index_has_the_table_of_each_bound(trained, tmp_path):
    path = tmp_path / "bound.json"
    said = render_bound(comparison(path=path).run())
    page = index(tmp_path)
    assert said in page
    assert page.index("## Time to a bound") < page.index(said)


def test_the_verb_trains_both_recipes_and_continues_its_file(corpus):
    words = ("bench", "bound", "tiny_absorb", "data.dataset=corpus", "--tiny", "--rate", "0.002")
    words = (*words, "--official-rate", "0.002", "--json", "bound.json", "--until")
    said = invoke(*words, "5").stdout
    document = json.loads(Path("bound.json").read_text())
    assert said.strip() == render_bound(document)
    assert [(run["side"], run["reached"]["step"]) for run in document["runs"]] == [
        ("official", 50),
        ("ours", 50),
    ]
    assert invoke(*words, "5").stdout == said
    refused = invoke(*words, "4", check=False)
    assert (refused.returncode, "differs in settings" in refused.stderr) == (2, True)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("words", [("--until", "nan"), ("--until", "2", "--rate", "-1"), ()])
def test_a_target_or_a_rate_that_is_no_number_to_train_with_is_refused(words):
    refused = invoke("bench", "bound", *words, check=False)
    assert refused.returncode == 2
    assert refused.stderr.strip()


@pytest.mark.parametrize("work", ["train", "sample", "perplexity", "head", "bound"])
def test_help_of_each_measurement_has_an_example(work):
    assert "Examples: sedd bench " in invoke("bench", work, "--help").stdout
    assert work in invoke("bench", "--help").stdout
