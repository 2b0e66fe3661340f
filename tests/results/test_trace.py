"""What a trace keeps of a text on its way from noise."""

from __future__ import annotations

from pathlib import Path

import pytest

from sedd.errors import DataError
from sedd.results import samples
from sedd.results.trace import Palette, build_trace, read_trace, write_trace

PIECES = {9: None, 4: "a", 7: "b"}
ABOUT = {
    "experiment": "x",
    "checkpoint_step": 1,
    "sampler": "analytic",
    "steps": 3,
    "prefix_tokens": 1,
    "suffix_tokens": 0,
    "seed": 1,
    "provenance": {},
}
STATES = [[4, 9, 9, 7], [4, 9, 7, 7], [4, 4, 4, 7], [4, 7, 4, 7]]


def test_states_come_back_from_the_changes_that_are_kept() -> None:
    trace = build_trace(ABOUT, STATES, PIECES)
    texts = [[trace.pieces[piece] for piece in state] for state in trace.states()]
    assert texts == [[PIECES[token] for token in state] for state in STATES]
    assert [len(frame) for frame in trace.frames] == [4, 1, 2, 1]
    assert trace.num_steps == 3


def test_a_position_is_settled_at_its_last_change() -> None:
    trace = build_trace(ABOUT, STATES, PIECES)
    assert trace.settled() == [0, 3, 2, 0]
    assert trace.given() == [True, False, False, False]


def test_a_trace_is_read_as_it_was_written(tmp_path: Path) -> None:
    trace = build_trace(ABOUT, STATES, {**PIECES, 4: '<b>"ä\n'})
    write_trace(trace, tmp_path / "trace.json")
    assert read_trace(tmp_path / "trace.json") == trace


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("[1,0]", "[9,0]", "every position"),
        ('"seed": 1', '"sea": 1', "about.seed"),
        ("\n[[2,2]]", "\n[[2,5]]", "but the text has"),
        ("}", "", "content|JSON"),
    ],
)
def test_a_malformed_trace_names_its_file(
    tmp_path: Path, before: str, after: str, told: str
) -> None:
    path = tmp_path / "trace.json"
    write_trace(build_trace(ABOUT, STATES, PIECES), path)
    text = path.read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after), "utf-8")
    with pytest.raises(DataError, match=rf"trace\.json: malformed: .*({told})"):
        read_trace(path)


@pytest.mark.parametrize("num_steps", [1, 3, 10, 64, 1024])
def test_bands_go_from_the_first_to_the_last_in_order(num_steps: int) -> None:
    bands = [Palette(num_steps).band(step) for step in range(1, num_steps + 1)]
    assert bands == sorted(bands)
    assert bands[0] == 0
    assert bands[-1] == min(9, 10 * (num_steps - 1) // num_steps)


@pytest.mark.parametrize("read", [read_trace, samples.read])
def test_a_link_that_leads_nowhere_and_a_folder_are_one_line(tmp_path: Path, read) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for path in (tmp_path / "link", tmp_path):
        with pytest.raises(DataError, match="cannot be read: "):
            read(path)
