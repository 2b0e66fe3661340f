"""Threads that wait sleep, unless the user chose otherwise."""

from __future__ import annotations

import os

import pytest

from sedd import __main__, cli


@pytest.mark.parametrize(("own", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_the_command_makes_threads_sleep_before_a_verb_runs(monkeypatch, own, expected):
    monkeypatch.setenv("OMP_WAIT_POLICY", "")  # restored at the end
    monkeypatch.delenv("OMP_WAIT_POLICY")
    if own is not None:
        monkeypatch.setenv("OMP_WAIT_POLICY", own)
    seen = []
    monkeypatch.setattr(cli, "main", lambda: seen.append(os.environ.get("OMP_WAIT_POLICY")))
    __main__.main()
    assert seen == [expected]
