"""Threads of PyTorch on a CPU: how they wait for each other."""

from __future__ import annotations

import os


def let_threads_sleep() -> None:
    """Make OpenMP's threads sleep while they wait for each other, unless the user chose otherwise.

    By default a thread that waits keeps its core busy. Where other programs run, this keeps the
    core from the very thread that it waits for. OpenMP reads the variable when PyTorch is imported,
    so this comes before. Which numbers are added by which thread does not change.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
