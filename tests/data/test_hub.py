"""The hub: the real client libraries in a separate process, against a stand-in on the loopback interface."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.loopback_hub import serve
from tokenizers import Tokenizer, models, pre_tokenizers

from sedd.data.vocabularies import _gpt2_from_package

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
    for name, vocabulary in {"owner/words": words, "gpt2": _gpt2_from_package().tokenizer}.items():
        (root / "models" / name).mkdir(parents=True)
        vocabulary.save(str(root / "models" / name / "tokenizer.json"))
    return root


def answers(endpoint: str, home: Path, program: str, **variables: str) -> dict[str, object]:
    """Run `program` with this hub and the cache folder `home`, and return its variable `answer`."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    result = subprocess.run(
        [sys.executable, "-c", f"{PROGRAM}\n{program}\nprint(json.dumps(answer))"],
        env={**environment, "HF_ENDPOINT": endpoint, "HF_HOME": str(home), **variables},
        cwd=home.parent,
        capture_output=True,
        text=True,
        timeout=300,
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
    assert "split nope: cannot be read" in str(answer["split"])
    assert "owner/none: not found at revision main; correct source.repo" in str(answer["repo"])
    assert "owner/texts: not found at revision v9; correct source.repo or source.revision" in str(
        answer["revision"]
    )


def test_gpt2_comes_from_the_hub_or_from_the_package_if_the_hub_is_unreachable(
    repositories: Path, tmp_path: Path
):
    program = """
import logging
logging.basicConfig(level=logging.INFO, stream=sys.stdout)
from sedd.data import vocabularies
used = []
real = vocabularies._gpt2_from_package
vocabularies._gpt2_from_package = lambda: used.append(True) or real()
gpt2 = load_tokenizer("gpt2")
text = "before<|endoftext|>after, naïvely"
ids = gpt2.encode_batch([text])[0]
answer = {"package": bool(used), "sha256": gpt2.sha256, "ids": ids, "same": gpt2.decode(ids) == text}
"""
    home = tmp_path / "home"
    with serve(repositories) as url:
        hub = answers(url, home, program)
    cached = answers(NO_SERVER, home, program)
    package = answers(NO_SERVER, tmp_path / "empty", program)
    assert [answer.pop("package") for answer in (hub, cached, package)] == [False, False, True]
    assert hub == cached == package
    assert hub["same"] is True


def test_an_unreachable_hub_or_a_missing_library_is_reported_with_the_remedy(tmp_path: Path):
    program = """
answer = {
    "rows": message_of(lambda: list(documents(dataset(), "train"))),
    "tokenizer": message_of(lambda: load_tokenizer("owner/words")),
}
sys.modules["datasets"] = None
answer["library"] = message_of(lambda: list(documents(dataset(), "train")))"""
    for variables, reason in (
        ({}, "no answer"),
        ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set"),
    ):
        answer = answers(NO_SERVER, tmp_path / "home", program, **variables)
        assert (
            f"DataError: hub data set owner/texts: the hub {NO_SERVER} is unreachable ({reason})"
            in str(answer["rows"])
        )
        assert "DataError: tokenizer 'owner/words': the hub is unreachable" in str(
            answer["tokenizer"]
        )
        assert "pip install 'sedd[hub]'" in str(answer["library"])
