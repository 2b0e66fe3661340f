"""A small read-only substitute for the Hugging Face hub, on the loopback interface.

    with serve(root) as url:                 # root/models/ID/FILE, root/datasets/OWNER/NAME/FILE
        subprocess.run(..., env=hub_environment(url, cache))
    with serve(root, Fault("503", "/api/", times=1)) as url:    # the first call of /api/ is refused

It implements the requests of `huggingface_hub`, `tokenizers` and `datasets` that find a repository,
list its files and read them, completely or in ranges. Its only revision is `main`, whose commit is a
hash of the files.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import socket
import ssl
import struct
import subprocess
import threading
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

_API = re.compile(
    r"/api/(models|datasets)/([^/]+(?:/[^/]+)?)(?:/(revision|tree|paths-info)/([^/]+)(?:/(.*))?)?"
)
_FILE = re.compile(r"/(datasets/)?([^/]+(?:/[^/]+)?)/resolve/([^/]+)/(.+)")


@dataclass
class Fault:
    """A fault of the first `times` requests whose path has a match of `path`, by any or one method.

    hang: no answer within `seconds`. slow: an answer after `seconds`. reset: the connection breaks
        in the middle of the content. short: less content than announced. html: a login page with
        status 200. 429 names `retry_after` seconds.
    seen: the requests that had the fault.
    """

    kind: Literal["hang", "slow", "reset", "short", "html", "403", "429", "503"]
    path: str
    method: Literal["", "GET", "HEAD"] = ""
    times: int = 10**9
    seconds: float = 4.0
    retry_after: int = 3
    seen: list[str] = field(default_factory=list)

    def takes(self, method: str, path: str) -> bool:
        """Whether a request has the fault; counts it if so."""
        if not re.search(self.path, path) or self.method not in ("", method) or self.times <= 0:
            return False
        self.times -= 1
        self.seen.append(f"{method} {path}")
        return True


@contextlib.contextmanager
def serve(root: Path, *faults: Fault, certificate: Path | None = None) -> Iterator[str]:
    """Serve the repositories under `root` from a thread of this process. Yields the address.

    certificate: with its key, see `make_certificate`, for https.
    """
    closing = threading.Event()
    members = {"root": root, "faults": faults, "closing": closing}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), members))
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        scheme = "http" if certificate is None else "https"
        yield f"{scheme}://127.0.0.1:{server.server_address[1]}"
    finally:
        closing.set()  # ends hanging requests
        server.shutdown()
        server.server_close()
        thread.join()


def make_certificate(path: Path) -> None:
    """A certificate that no authority has signed, and its key, for the address of `serve`."""
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=hub -addext subjectAltName=IP:127.0.0.1"
    key = path.with_suffix(".key")
    command = ["openssl", *words.split(), "-keyout", f"{key}", "-out", f"{path}"]
    subprocess.run(command, check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + key.read_bytes())


def hub_environment(url: str, home: Path) -> dict[str, str]:
    """Environment of a process that uses the hub at `url`, with the cache folder `home`."""
    return {**os.environ, "HF_ENDPOINT": url, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root: Path
    faults: tuple[Fault, ...] = ()
    closing = threading.Event()
    fault: Fault | None = None

    def do_GET(self) -> None:
        matching = (one for one in self.faults if one.takes(self.command, self.path))
        self.fault = next(matching, None)
        match self.fault and self.fault.kind:
            case "hang" | "slow":
                assert self.fault is not None
                if self.closing.wait(self.fault.seconds) or self.fault.kind == "hang":
                    self.close_connection = True
                    return
            case "html":
                return self._send(200, b"<html>Please log in</html>", {"Content-Type": "text/html"})
            case "403" | "429" | "503" as status:
                assert self.fault is not None
                wait = {"Retry-After": str(self.fault.retry_after)} if status == "429" else {}
                return self._json({"error": "not now"}, int(status), **wait)
        self._answer()

    def _answer(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(url.path)
        if path == "/":
            self._json({})
        elif match := _API.fullmatch(path):
            self._api(*match.groups(), recursive="recursive=true" in url.query.lower())
        elif match := _FILE.fullmatch(path):
            self._file("datasets" if match[1] else "models", *match.groups()[1:])
        else:
            self._missing("NotFound")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        match = _API.fullmatch(urllib.parse.unquote(self.path))
        folder = match and self._repository(match[1], match[2])
        if not match or match[3] != "paths-info" or folder is None:
            return self._missing("RepoNotFound")
        is_json = "json" in self.headers.get("Content-Type", "")
        names = (json.loads(body) if is_json else urllib.parse.parse_qs(body)).get("paths", [])
        paths = [folder / name for name in names if (folder / name).exists()]
        return self._json([_entry(folder, path) for path in paths])

    def _api(
        self,
        kind: str,
        name: str,
        verb: str | None,
        revision: str | None,
        below: str | None,
        *,
        recursive: bool,
    ) -> None:
        folder = self._repository(kind, name)
        if folder is None:
            return self._missing("RepoNotFound")
        commit = _commit(folder)
        if revision not in (None, "main", commit):
            return self._missing("RevisionNotFound")
        if verb == "tree":
            top = folder / (below or "")
            if not top.is_dir():
                return self._missing("EntryNotFound")
            return self._json(
                [
                    _entry(folder, path)
                    for path in sorted(top.rglob("*") if recursive else top.iterdir())
                ]
            )
        files = [{"rfilename": str(path.relative_to(folder))} for path in _files(folder)]
        return self._json(
            {
                "_id": commit[:24],
                "id": name,
                "sha": commit,
                "private": False,
                "tags": [],
                "siblings": files,
            }
        )

    def _file(self, kind: str, name: str, revision: str, below: str) -> None:
        folder = self._repository(kind, name)
        if folder is None:
            return self._missing("RepoNotFound")
        commit, path = _commit(folder), folder / below
        if revision not in ("main", commit):
            return self._missing("RevisionNotFound")
        if not path.is_file():
            return self._missing("EntryNotFound")
        content = path.read_bytes()
        headers = {
            "ETag": f'"{hashlib.sha1(content).hexdigest()}"',
            "X-Repo-Commit": commit,
            "Accept-Ranges": "bytes",
        }
        byte_range = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if byte_range is None:
            return self._send(200, content, headers)
        first, last = int(byte_range[1]), min(int(byte_range[2] or len(content)), len(content) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        return self._send(206, content[first : last + 1], headers)

    def _repository(self, kind: str, name: str) -> Path | None:
        folder = self.root / kind / name
        return folder if folder.is_dir() else None

    def _json(self, content: Any, status: int = 200, **headers: str) -> None:
        self._send(
            status, json.dumps(content).encode(), {"Content-Type": "application/json", **headers}
        )

    def _missing(self, code: str) -> None:
        self._json({"error": code}, 404, **{"X-Error-Code": code, "X-Error-Message": code})

    def _send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.fault is not None and self.fault.kind in ("reset", "short"):
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
            if self.fault.kind == "reset":
                # a linger of zero seconds: the peer sees a reset, not an end
                self.connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                self.connection.close()
            return
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing: tests read the client's output."""


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _commit(folder: Path) -> str:
    digest = hashlib.sha1()
    for path in _files(folder):
        digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return digest.hexdigest()


def _entry(folder: Path, path: Path) -> dict[str, Any]:
    name = str(path.relative_to(folder))
    if path.is_dir():
        return {
            "type": "directory",
            "path": name,
            "oid": hashlib.sha1(name.encode()).hexdigest(),
            "size": 0,
        }
    return {
        "type": "file",
        "path": name,
        "oid": hashlib.sha1(path.read_bytes()).hexdigest(),
        "size": path.stat().st_size,
    }
