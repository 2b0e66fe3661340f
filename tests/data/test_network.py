"""What errors of HTTP clients mean, and when a request is repeated."""

from __future__ import annotations

import errno
import http.client
import inspect
import json
import re
import types
import urllib.error
from collections.abc import Callable
from typing import Any

import aiohttp
import datasets.exceptions
import httpx
import huggingface_hub.errors
import pytest
import requests.exceptions
from hypothesis import given
from hypothesis import strategies as st

from sedd.data.network import BUSY, NetworkError, diagnose, patiently
from sedd.errors import CheckpointError, DataError

MODULES = (
    *(httpx, aiohttp, requests.exceptions, http.client, urllib.error),
    *(huggingface_hub.errors, datasets.exceptions),
)
ERRORS = {
    error
    for module in MODULES
    for _, error in inspect.getmembers(module, inspect.isclass)
    if issubclass(error, Exception)
} | {OSError, ValueError, RuntimeError, KeyError, TimeoutError, ConnectionResetError, Exception}


def made(kind: type[Exception], text: str = "", **members: Any) -> Exception:
    """An error of a class, whatever arguments its own constructor takes."""
    error = kind.__new__(kind)
    Exception.__init__(error, text)
    Exception.__setstate__(error, members)
    return error


def has_text(kind: type[Exception]) -> bool:
    """Whether an error without its own arguments can be shown at all."""
    try:
        return str(made(kind)) is not None
    except (AttributeError, LookupError):
        return False


def answered(status: int, kind: type[Exception] = httpx.HTTPStatusError, **headers: str):
    response = types.SimpleNamespace(status_code=status, headers=headers)
    return made(kind, f"status {status}\nadvice", response=response)


def failing(*errors: Exception) -> tuple[Callable[[], str], list[float]]:
    """A call that raises the errors one after another and then returns `done`; and a list of waits."""
    left, slept = list(errors), []

    def call() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return call, slept


@given(
    st.sampled_from(sorted(filter(has_text, ERRORS), key=repr)),
    st.text(max_size=50),
    st.sampled_from([None, 200, 301, 400, 401, 403, 404, 410, 418, 429, 500, 503, 599]),
    st.sampled_from(sorted(filter(has_text, ERRORS), key=repr)),
)
def test_every_error_of_every_client_becomes_one_line_with_a_way_out(kind, text, status, cause):
    error = made(kind, text)
    if status is not None:
        with_headers = types.SimpleNamespace(status_code=status, headers={"Retry-After": "1"})
        error = made(kind, text, response=with_headers)
    error.__cause__ = made(cause, text)
    call, slept = failing(*[error] * 3)
    try:
        result = patiently("it", call, (1.0, 2.0, 4.0), slept.append)
    except NetworkError as failure:
        result = failure
    if isinstance(result, NetworkError):
        expected = f"it: .*; {re.escape(result.remedy)}"
        assert re.fullmatch(expected, str(result))  # . matches no line break
        assert result.kind not in ("busy", "broken")
        assert slept == []
    else:
        assert slept == [1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        *[(answered(status), "busy") for status in BUSY],
        *[(answered(status), "denied") for status in (401, 403)],
        (answered(401, huggingface_hub.errors.RepositoryNotFoundError), "absent"),
        (answered(403, huggingface_hub.errors.GatedRepoError), "denied"),
        (answered(404, huggingface_hub.errors.RemoteEntryNotFoundError), "absent"),
        (made(huggingface_hub.errors.HFValidationError), "absent"),
        (made(huggingface_hub.errors.OfflineModeIsEnabled), "offline"),
        (made(datasets.exceptions.DatasetNotFoundError), "absent"),
        *[(made(one), "broken") for one in (httpx.ReadTimeout, httpx.ConnectTimeout)],
        *[(made(one), "broken") for one in (httpx.ReadError, httpx.RemoteProtocolError)],
        *[(made(one), "broken") for one in (TimeoutError, ConnectionResetError)],
        (http.client.IncompleteRead(b"x", 1), "broken"),
        (made(requests.exceptions.ChunkedEncodingError), "broken"),
        (made(aiohttp.ClientPayloadError), "broken"),
        (OSError("Consistency check failed: file should be of size 2 but has size 1"), "broken"),
        (made(httpx.ConnectError), "unreachable"),
        (made(httpx.ProxyError), "unreachable"),
        (
            urllib.error.URLError(ConnectionRefusedError(errno.ECONNREFUSED, "refused")),
            "unreachable",
        ),
        (made(httpx.ConnectError, "[SSL: CERTIFICATE_VERIFY_FAILED]"), "unreachable"),
        (json.JSONDecodeError("x", "<html>", 0), "unreachable"),
        (RuntimeError("Dataset scripts are no longer supported, but found x.py"), "other"),
        (OSError(errno.ENOSPC, "No space left on device", "/cache/x"), "other"),
        (KeyError("x"), "other"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_errors_are_told_apart(error: Exception, kind: str):
    assert diagnose(error).kind == kind


def test_the_nearest_cause_that_is_known_counts():
    busy, absent = answered(503), made(huggingface_hub.errors.RemoteEntryNotFoundError)
    for outer, cause, kind in ((busy, absent, "busy"), (absent, busy, "absent")):
        outer.__cause__, cause.__cause__ = cause, None
        outer.__context__ = cause.__context__ = None
        assert diagnose(outer).kind == kind
    error = RuntimeError("x")
    error.__cause__ = made(huggingface_hub.errors.LocalEntryNotFoundError)
    error.__cause__.__cause__ = made(httpx.ReadTimeout)
    assert diagnose(error).kind == "broken"


def test_waits_grow_and_are_shown_and_follow_the_server(capsys: pytest.CaptureFixture[str]):
    broken, asking = made(httpx.ReadError, "reset"), answered(429, **{"Retry-After": "7"})
    call, slept = failing(broken, broken, asking, broken)
    assert patiently("it", call, (1, 2, 3, 4), slept.append) == "done"
    assert slept == [1, 2, 7, 4]
    lines = capsys.readouterr().err.splitlines()
    assert lines[1] == "it: the connection broke (reset); trying again in 2 s"
    assert "status 429, and asks to wait 7 s); trying again in 7 s" in lines[2]


def test_no_attempt_is_made_in_vain():
    for error in (
        answered(404),
        answered(429, **{"Retry-After": "3600"}),
        made(httpx.ConnectError),
    ):
        call, slept = failing(error, error)
        with pytest.raises(NetworkError):
            patiently("it", call, (1, 2, 3), slept.append)
        assert slept == []
    call, slept = failing(*[answered(503)] * 9)
    with pytest.raises(
        NetworkError, match=r"^it: the server is busy \(status 503\); try again later$"
    ):
        patiently("it", call, (1, 2, 3), slept.append)
    assert slept == [1, 2, 3]


def test_other_mistakes_are_passed_on_at_once():
    for error in (DataError("x"), CheckpointError("x"), KeyboardInterrupt()):
        call, slept = failing(error)  # type: ignore[arg-type]
        with pytest.raises(type(error)):
            patiently("it", call, (1, 2), slept.append)
        assert slept == []
