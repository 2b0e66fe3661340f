"""Scripts that measure by hand: what their help says, and how a batch is read from a large file."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from helpers.project import ROOT

from sedd.data.dataset import TokenBlocks

SCRIPTS = sorted((ROOT / "results/benchmarks").glob("measure_*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_help_says_what_is_measured_and_gives_an_example(
    script: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("sys.argv", [str(script), "--help"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(script), run_name="__main__")
    assert end.value.code == 0
    found = capsys.readouterr().out
    assert f"Example: python results/benchmarks/{script.name}" in found
    assert "CPU time" in found or "CPU seconds" in found


def test_a_batch_brings_no_more_than_its_blocks_into_memory(tmp_path: Path):
    script = runpy.run_path(str(ROOT / "results/benchmarks/measure_growth.py"))
    blocks = TokenBlocks(script["folder_of"](1 << 28, tmp_path / "split"), 1024)
    assert blocks[[5, 50_000, 100_000]].shape == (3, 1024)
    assert script["resident_bytes"](blocks._tokens) <= 3 * script["mmap"].PAGESIZE
