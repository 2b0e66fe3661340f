import pytest
import torch

from sedd.runtime.distributed import World
from sedd.runtime.resumable import run_resumable

ALONE = World(torch.device("cpu"))


class Killed(Exception):
    pass


@pytest.fixture
def compute(tmp_path):
    """Runs squares of 0, ..., 3; returns the values and the numbers that were computed, not read."""

    def run(identity: str, fail_at: int | None = None) -> tuple[list, list[int]]:
        computed: list[int] = []

        def square(number: int) -> list[int]:
            if number == fail_at:
                raise Killed
            computed.append(number)
            return [number**2]

        batches = run_resumable(
            4,
            square,
            folder=tmp_path / "parts",
            identity={"settings": identity},
            world=ALONE,
            on_done=lambda number: None,
        )
        return [batch.values for batch in batches], computed

    return run


def test_finished_batches_are_not_computed_again(compute):
    with pytest.raises(Killed):
        compute("a", fail_at=2)
    assert compute("a") == ([[0], [1], [4], [9]], [2, 3])


def test_an_incomplete_line_is_dropped_and_its_batch_computed_again(compute, tmp_path):
    compute("a")
    (path,) = (tmp_path / "parts").glob("*/0.jsonl")
    path.write_text(path.read_text()[:-5])
    assert compute("a") == ([[0], [1], [4], [9]], [3])
    assert compute("a") == ([[0], [1], [4], [9]], [])


def test_batches_with_another_identity_are_removed(compute, tmp_path):
    compute("a")
    assert compute("b")[1] == [0, 1, 2, 3]
    assert len(list((tmp_path / "parts").iterdir())) == 1
    assert compute("a")[1] == [0, 1, 2, 3]
