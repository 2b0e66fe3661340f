"""Requests to servers that may be slow, busy or out of reach: what failed, and when to try again.

Knows no client library: an error is recognized by its status, its name and its causes, so that
`httpx`, `requests`, `urllib` and the hub's own client of any version are treated alike.
"""

from __future__ import annotations

import errno
import itertools
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeVar

from sedd.errors import DataError, SeddError, first_line
from sedd.runtime.atomic import WRITE_ERRORS

T = TypeVar("T")
Kind = Literal["busy", "broken", "unreachable", "offline", "absent", "denied", "other"]

WAITS = (1.0, 2.0, 4.0, 8.0)
"""Seconds before each new attempt."""
PATIENCE_SECONDS = 60.0
"""No attempt begins later than this after the first."""
LONGEST_WAIT_SECONDS = 300.0
"""A server that asks for a longer wait (`Retry-After`) is not waited for."""
BUSY = (408, 429, 500, 502, 503, 504)

NO_CONNECTION = (
    "check the connection and the proxy (HTTPS_PROXY), run this on a machine that reaches it, or "
    "copy what was downloaded there (HF_HOME, results/data)"
)
LOG_IN = (
    "log in with `hf auth login` or set HF_TOKEN, and ask for access on its page if it is gated"
)


class NetworkError(DataError):
    """What failed, and the way out, on one line.

    kind: `busy` (try later), `broken` (answers are incomplete or come too late), `unreachable` (no
    server, or no hub), `offline` (HF_HUB_OFFLINE), `absent`, `denied`, or `other`.
    """

    def __init__(self, reason: str, remedy: str, kind: Kind, retry_after: float = 0.0):
        super().__init__(f"{reason}; {remedy}")
        self.reason, self.remedy, self.retry_after = reason, remedy, retry_after
        self.kind: Kind = kind

    @property
    def is_no_answer(self) -> bool:
        """Whether the server said nothing about what was asked: an earlier copy may serve."""
        return self.kind in ("busy", "broken", "unreachable", "offline")

    def about(self, what: str) -> NetworkError:
        return NetworkError(f"{what}: {self.reason}", self.remedy, self.kind, self.retry_after)


def patiently(
    what: str,
    call: Callable[[], T],
    waits: Sequence[float] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """The result of `call`, which is repeated while the server is busy or connections break.

    what: the beginning of each message. waits: seconds before each new attempt, by default WAITS; a
    server's `Retry-After` prolongs them. Each wait is shown. Raises NetworkError, and any SeddError
    of `call`.
    """
    start = time.monotonic()
    for wait in itertools.chain(WAITS if waits is None else waits, (None,)):
        try:
            return call()
        except Exception as error:  # clients raise many kinds
            if isinstance(error, SeddError) and not isinstance(error, NetworkError):
                raise
            failure = diagnose(error)
            is_late = time.monotonic() - start > PATIENCE_SECONDS
            seconds = max(wait or 0.0, failure.retry_after)
            may_help = failure.kind in ("busy", "broken") and seconds <= LONGEST_WAIT_SECONDS
            if wait is None or is_late or not may_help:
                raise failure.about(what) from error
        print(
            f"{what}: {failure.reason}; trying again in {seconds:g} s", file=sys.stderr, flush=True
        )
        sleep(seconds)
    raise AssertionError("the last attempt returns or raises")


def diagnose(error: BaseException) -> NetworkError:
    """What an error of any client library means: the first in its chain of causes that is known."""
    known = (_refusal(one) or _breakdown(one) for one in _chain(error))
    kind, text = type(error).__name__, first_line(error)
    remedy = f"correct what is asked for, or {NO_CONNECTION}"
    unknown = NetworkError(f"the request failed ({kind}: {text})", remedy, "other")
    return next((one for one in known if one is not None), unknown)


def _refusal(error: BaseException) -> NetworkError | None:
    """An answer of the server, or of the client library, that is none of those hoped for."""
    if isinstance(error, NetworkError):
        return error
    names, status, text = _names(error), _status(error), first_line(error)
    if "OfflineModeIsEnabled" in names:
        return NetworkError("HF_HUB_OFFLINE is set", f"unset it, or {NO_CONNECTION}", "offline")
    if status in BUSY:
        wait = _retry_after(error)
        asked = f", and asks to wait {wait:g} s" if wait else ""
        reason = f"the server is busy (status {status}{asked})"
        return NetworkError(reason, "try again later", "busy", wait)
    if (names & _ABSENT or status == 404) and "GatedRepoError" not in names:
        remedy = f"correct the name or the revision; if it is private, {LOG_IN}"
        return NetworkError(f"not found ({text})", remedy, "absent")
    if status in (401, 403):
        return NetworkError(f"access is denied ({text})", LOG_IN, "denied")
    if "scripts are no longer supported" in text:
        remedy = (
            "name another copy of its texts on the hub, such as the revision refs/convert/parquet, or "
            "download its files and use source.type: file"
        )
        return NetworkError(f"is a program, which is not run ({text})", remedy, "other")
    if names & {"JSONDecodeError", "FileMetadataError"}:
        reason = "the answer is not that of a hub, but perhaps the page of a proxy or a login"
        remedy = "open the address in a browser, and correct HF_ENDPOINT or the proxy (HTTPS_PROXY)"
        return NetworkError(reason, remedy, "unreachable")
    return None


def _breakdown(error: BaseException) -> NetworkError | None:
    """No answer, or a part of one."""
    names, text = _names(error), first_line(error)
    number = error.errno if isinstance(error, OSError) else None
    if "CERTIFICATE_VERIFY_FAILED" in text:
        remedy = "name the file of your certificates with SSL_CERT_FILE"
        return NetworkError(f"its certificate is not trusted ({text})", remedy, "unreachable")
    if "ProxyError" in names:
        remedy = "correct HTTPS_PROXY, or add the server to NO_PROXY"
        return NetworkError(f"the proxy refuses or does not answer ({text})", remedy, "unreachable")
    if any("Timeout" in name for name in names):
        return NetworkError("no answer in time", NO_CONNECTION, "broken")
    if names & _NO_SERVER or number in _NO_ROUTE:
        return NetworkError(f"unreachable ({text})", NO_CONNECTION, "unreachable")
    if names & _BROKEN or "Consistency check failed" in text:
        return NetworkError(f"the connection broke ({text})", NO_CONNECTION, "broken")
    if number in WRITE_ERRORS:
        assert isinstance(error, OSError)
        reason = f"{error.filename or 'the cache'} cannot be written: {error.strerror}"
        remedy = "free disk space, or make the folder (HF_HOME, results/data) writable"
        return NetworkError(reason, remedy, "other")
    return None


_ABSENT = {
    *("RepositoryNotFoundError", "RevisionNotFoundError", "RemoteEntryNotFoundError"),
    *("HFValidationError", "DatasetNotFoundError", "DataFilesNotFoundError", "EmptyDatasetError"),
}
_NO_SERVER = {"ConnectError", "ConnectionRefusedError", "gaierror", "NewConnectionError"}
_NO_ROUTE = {errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH}
_BROKEN = {
    *("NetworkError", "RemoteProtocolError", "ConnectionError", "ChunkedEncodingError"),
    *("HTTPException", "ClientPayloadError", "ServerDisconnectedError", "ProtocolError"),
    "XetDownloadError",
}


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and everything that it was raised from; urllib keeps the cause in `reason`."""
    seen: set[int] = set()
    todo: list[object] = [error]
    while todo:
        one = todo.pop(0)
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            context = None if one.__suppress_context__ else one.__context__
            todo += [getattr(one, "reason", None), one.__cause__, context]


def _names(error: BaseException) -> set[str]:
    return {base.__name__ for base in type(error).__mro__}


def _status(error: BaseException) -> int | None:
    """The status of an HTTP answer: `response.status_code`, urllib's `code`, aiohttp's `status`."""
    values = (
        getattr(getattr(error, "response", None), "status_code", None),
        getattr(error, "code", None),
        getattr(error, "status", None),
    )
    return next((value for value in values if isinstance(value, int)), None)


def _retry_after(error: BaseException) -> float:
    headers = getattr(getattr(error, "response", None), "headers", None) or getattr(
        error, "headers", None
    )
    value = str((headers or {}).get("Retry-After", ""))
    return float(value) if value.isdecimal() else 0.0
