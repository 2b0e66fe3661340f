"""One text followed from noise to its end, in Python and from the command line."""

import re

import pytest
from helpers.project import invoke
from PIL import Image

from sedd.config import load_experiment
from sedd.evaluate import draw_trace, open_language_model, with_sampling
from sedd.paths import trace_stem
from sedd.results.trace import read_trace
from sedd.train import train


@pytest.fixture(params=["smoke_absorb", "smoke_uniform"])
def run(corpus, request):
    experiment = load_experiment(
        request.param, ["data.dataset=corpus", "evaluation.datasets=[corpus]"], rename="drawn"
    )
    train(experiment, until=30)
    return open_language_model(with_sampling(experiment, steps=6), device="cpu")


def stem_of(run):
    return trace_stem("drawn", 30, run.experiment.sampling.sampler, 6)


def follow(run, **given):
    return draw_trace(run, seed=given.pop("seed", 1), **given)


def test_a_text_goes_from_noise_to_letters_and_what_is_given_stays(run):
    seen = []
    trace = follow(run, prefix="the ", suffix=" on", on_state=seen.append)
    states = [[trace.pieces[piece] for piece in state] for state in trace.states()]
    assert states == seen
    assert len(states[0]) == 32
    for state in states:
        assert "".join(piece or "" for piece in state[:4]) == "the "
        assert "".join(piece or "" for piece in state[-3:]) == " on"
    assert None not in states[-1]
    free = states[0][4:-3]
    if run.objective.graph.mask is None:
        assert None not in free
        assert len(set(free)) > 5  # 25 letters of 27, at random
    else:
        assert set(free) == {None}
        assert all(settled > 0 for settled in trace.settled()[4:-3])
    assert trace.settled()[:4] == [0] * 4


def test_text_in_the_middle_stays_and_is_recorded_as_given(run):
    said = invoke("sample", "drawn", "--trace", "--watch", "--steps", "6",
        "--at", "10=abc", "--at", "20=de",
    ).stdout  # fmt: skip
    trace = read_trace(stem_of(run).with_suffix(".json"))
    assert trace.about.parts == [(10, 3), (20, 2)]
    for state in trace.states():
        pieces = [trace.pieces[piece] for piece in state]
        assert (pieces[10:13], pieces[20:22]) == (list("abc"), list("de"))
    assert [at for at, given in enumerate(trace.given()) if given] == [10, 11, 12, 20, 21]
    assert "abc" in said


def test_under_an_absorbing_graph_nothing_changes_twice(run):
    if run.objective.graph.mask is None:
        pytest.skip("a uniform graph changes tokens again")
    trace = follow(run)
    changed = [position for frame in trace.frames[1:] for position, _ in frame]
    assert sorted(changed) == list(range(32))


def test_the_seed_decides_the_text(run):
    assert follow(run).frames == follow(run).frames
    assert follow(run).states() != follow(run, seed=2).states()


def test_the_verb_keeps_a_text_as_json_and_as_a_gif(run):
    said = invoke("sample", "drawn", "--trace", "--steps", "6").stdout.split()
    stem = stem_of(run)
    assert said == [f"{stem}.json", f"{stem}.gif"]
    trace = read_trace(stem.with_suffix(".json"))
    assert trace.about.experiment == "drawn"
    picture = Image.open(stem.with_suffix(".gif"))
    assert picture.n_frames == trace.num_steps + 1
    first, last = [], []
    for frame, kept in ((0, first), (picture.n_frames - 1, last)):
        picture.seek(frame)
        kept.append(picture.convert("RGB"))
    assert first[0].tobytes() != last[0].tobytes()
    assert last[0].getcolors(1 << 16)


def test_a_text_that_is_watched_ends_as_the_one_that_is_kept(run):
    said = invoke("sample", "drawn", "--watch", "--trace", "--steps", "6").stdout
    trace = read_trace(stem_of(run).with_suffix(".json"))
    text = "".join(trace.pieces[piece] or "" for piece in trace.states()[-1])
    shown, _, kept = said.partition("results/")
    assert "step 7 of 7" in shown or "step 6 of 7" in shown
    assert re.sub(r"\s", "", text) in re.sub(r"\s", "", shown)
    assert stem_of(run).name in kept


def test_one_text_is_not_many(run):
    result = invoke("sample", "drawn", "--watch", "--count", "2", check=False)
    assert result.returncode == 2
    assert "leave out --count" in re.sub(r"\W*\n\W*", " ", result.stderr)
