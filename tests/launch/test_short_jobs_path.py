"""Paths of projects that Snakemake cannot pass to jobs of Slurm."""

from pathlib import Path

import pytest

from sedd.errors import JobError

pytest.importorskip("snakemake_executor_plugin_slurm")


@pytest.mark.parametrize("character", ["'", "$", "`", "\\", "%", "\n"])
def test_a_path_that_a_shell_reads_in_another_way_is_refused(tmp_path, monkeypatch, character):
    from sedd.launch import short_jobs

    folder = tmp_path / f'my "own" folder{character}'
    folder.mkdir()
    monkeypatch.chdir(folder)
    with pytest.raises(JobError, match="Snakemake cannot pass a path with") as caught:
        short_jobs.install()
    assert repr(character) in str(caught.value)
    assert str(Path.cwd()) in str(caught.value)
