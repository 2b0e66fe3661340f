"""The substitute hub of `loopback_hub`, with uploads for the owner of a token.

    with serve_writable(root, token) as (url, requests):
        subprocess.run(..., env=writer_environment(url, cache, token))

It implements the requests of `create_repo` and `upload_folder`: a new repository, the upload mode of
each file, Git LFS for weights, and the commit of all files. Uploads by hf_xet go to a server of
their own, so the client must not use it (HF_HUB_DISABLE_XET).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

from helpers.loopback_hub import _Handler, hub_environment

_COMMIT = re.compile(r"/api/models/([^/]+/[^/]+)/(preupload|commit)/main")
_LFS = re.compile(r"/([^/]+/[^/]+)\.git/info/lfs/objects/batch")


@contextlib.contextmanager
def serve_writable(root: Path, token: str) -> Iterator[tuple[str, list[str]]]:
    """Serve `root`. Yields the address, and the list of writing requests so far."""
    requests: list[str] = []
    members = {"root": root, "token": token, "objects": {}, "requests": requests}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_WritableHandler,), members))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", requests
    finally:
        server.shutdown()


def writer_environment(url: str, home: Path, token: str | None) -> dict[str, str]:
    """`hub_environment` with a token, or with none."""
    environment = {**hub_environment(url, home), "HF_HUB_DISABLE_XET": "1"}
    environment.pop("HF_TOKEN", None)
    return {**environment, "HF_TOKEN": token} if token else environment


class _WritableHandler(_Handler):
    token: str
    objects: dict[str, bytes]  # of Git LFS, by hash
    requests: list[str]

    def do_POST(self) -> None:
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        commit, lfs = _COMMIT.fullmatch(path), _LFS.fullmatch(path)
        if path not in ("/api/repos/create", "/api/validate-yaml") and not commit and not lfs:
            return super().do_POST()
        body = self._body()
        if path == "/api/validate-yaml":
            return self._json({"warnings": []})
        self.requests.append(path)
        if self.headers.get("Authorization") != f"Bearer {self.token}":
            return self._json({"error": "Invalid username or password."}, 401)
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        if lfs:
            return self._lfs(json.loads(body))
        assert commit is not None
        folder = self._repository("models", commit[1])
        if folder is None:
            return self._missing("RepoNotFound")
        if commit[2] == "preupload":
            return self._json({"files": [self._mode(file) for file in json.loads(body)["files"]]})
        return self._commit(folder, commit[1], body)

    def do_PUT(self) -> None:
        content = self._body()
        self.objects[hashlib.sha256(content).hexdigest()] = content
        self._send(200, b"", {})

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _create(self, request: dict) -> None:
        name = "/".join(filter(None, [request.get("organization"), request["name"]]))
        name = name if "/" in name else f"me/{name}"
        url = f"http://{self.headers['Host']}/{name}"
        if self._repository("models", name) is not None:
            return self._json({"error": "You already created this model repo", "url": url}, 409)
        if not name.startswith("me/"):
            return self._json({"error": "You don't have the rights to create a model here"}, 403)
        (self.root / "models" / name).mkdir(parents=True)
        is_private = request.get("private") or request.get("visibility") == "private"
        self.requests.append("private" if is_private else "public")
        return self._json({"url": url})

    def _mode(self, file: dict) -> dict:
        is_large = file["path"].endswith(".safetensors")
        mode = "lfs" if is_large else "regular"
        return {"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": None}

    def _lfs(self, request: dict) -> None:
        url = f"http://{self.headers['Host']}/upload/"
        objects = [
            {**one, "actions": {"upload": {"href": url + one["oid"]}}} for one in request["objects"]
        ]
        return self._json({"transfer": "basic", "objects": objects})

    def _commit(self, folder: Path, name: str, body: bytes) -> None:
        for line in body.splitlines():
            entry = json.loads(line)
            match entry["key"]:
                case "file":
                    content = base64.b64decode(entry["value"]["content"])
                case "lfsFile":
                    content = self.objects[entry["value"]["oid"]]
                case _:
                    continue
            (folder / entry["value"]["path"]).write_bytes(content)
        url = f"http://{self.headers['Host']}/{name}/commit/abc"
        return self._json({"commitUrl": url, "commitOid": "abc"})
