"""Folders of the logs of short jobs, at the end of a build."""

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

plugin = pytest.importorskip("snakemake_executor_plugin_slurm")


def ends_a_build(logs: Path) -> None:
    """What the plugin does with the logs when Snakemake ends."""
    settings = SimpleNamespace(delete_logfiles_older_than=10, keep_successful_logs=False)
    build = SimpleNamespace(
        workflow=SimpleNamespace(executor_settings=settings),
        logger=logging.getLogger(__name__),
        slurm_logdir=logs,
    )
    plugin.Executor.clean_old_logs(build)


def test_the_end_of_a_build_keeps_the_folders_that_jobs_of_another_build_write_to(
    tmp_path, monkeypatch
):
    from sedd.launch import short_jobs

    monkeypatch.chdir(tmp_path)
    for name in ("get_submit_command", "delete_empty_dirs"):
        monkeypatch.setattr(plugin, name, getattr(plugin, name))
    monkeypatch.setattr(plugin, "Executor", type("Executor", (plugin.Executor,), {}))
    waiting = tmp_path / "logs/rule_sample/steady_200"
    waiting.mkdir(parents=True)
    ends_a_build(tmp_path / "logs")
    assert not waiting.exists(), "the plugin removes them"
    short_jobs.install()
    waiting.mkdir(parents=True)
    ends_a_build(tmp_path / "logs")
    assert waiting.is_dir()
