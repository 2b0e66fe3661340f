"""Concurrent tests: the bodies of a module start together, and each test reports its own result."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest


def at_once(body: Callable[[Any], None]) -> Callable[[Any], None]:
    """Mark a test whose body the fixture `lab` starts together with the others of its module."""

    @functools.wraps(body)
    def test(lab: Any) -> None:
        lab.started[body].result()

    test.body = body  # type: ignore[attr-defined]
    return test


def start(
    request: pytest.FixtureRequest, pool: ThreadPoolExecutor, lab: Any
) -> dict[Any, Future[None]]:
    """Start the bodies of the module's selected tests."""
    functions = [
        getattr(item, "function", None)
        for item in request.session.items
        if item.parent is request.node
    ]
    bodies = [function.body for function in functions if hasattr(function, "body")]
    return {body: pool.submit(body, lab) for body in bodies}
