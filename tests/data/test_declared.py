"""Vocabularies that a file of config/tokenizers declares, and the rules of such a file."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from helpers.word_vocabulary import word_vocabulary

from sedd.config import check_project
from sedd.data import long_text
from sedd.data.tokenizers import load_tokenizer
from sedd.errors import ConfigError, DataError


def declare(text: str) -> Path:
    path = Path("config/tokenizers/mine.yaml")
    path.write_text(f"description: for a test\n{text}\n")
    return path


@pytest.mark.parametrize(
    ("text", "written", "ids", "size", "separator"),
    [
        ("chars: ACGT", "GATT", [2, 0, 3, 3], 5, 4),
        ('chars: "01\\n"\nseparator: "\\n"', "0110", [0, 1, 1, 0], 3, 2),
        ("chars: 天地 玄", "玄 天地", [3, 2, 0, 1], 5, 4),
        ("ids: 388", "12 7 387 0", [12, 7, 387, 0], 389, 388),
        ("bytes: true", "aé", [64, 127, 102], 257, 256),
    ],
)
def test_a_declared_vocabulary_writes_its_texts_and_reads_them_back(
    project: Path, text: str, written: str, ids: list[int], size: int, separator: int
):
    declare(text)
    loaded = load_tokenizer("mine")
    for tokenizer in (loaded, pickle.loads(pickle.dumps(loaded))):
        assert tokenizer.encode_batch([written]) == [ids]
        assert tokenizer.decode(ids) == written
        assert (tokenizer.vocab_size, tokenizer.separator_id) == (size, separator)
        assert tokenizer.separator_text == ("\n" if "separator" in text else "")


@pytest.mark.parametrize(
    ("text", "written", "found"),
    [
        ("chars: ACGT", "GATN\n", r"'\\n', 'N'.*`chars` in config/tokenizers/mine.yaml"),
        ("ids: 388", "12 388 -1", r"'-1', '388'.*0 to 387.*`ids`"),
        ("ids: 388", "12 x 07", r"'07', 'x'"),
    ],
)
def test_a_text_with_another_symbol_is_refused(project: Path, text: str, written: str, found: str):
    declare(text)
    with pytest.raises(DataError, match=found):
        load_tokenizer("mine").encode_batch(["", written])


def test_a_sequence_without_white_space_may_be_long(project: Path, monkeypatch: pytest.MonkeyPatch):
    declare("chars: ACGT")
    text = "GATTACA" * 500
    (whole,) = load_tokenizer("mine").encode_batch([text])
    monkeypatch.setattr(long_text, "PIECE", 1000)
    assert load_tokenizer("mine").encode_batch([text]) == [whole]
    declare("bytes: true")
    with pytest.raises(DataError, match="splits it at no white space"):
        load_tokenizer("mine").encode_batch([text])


def test_a_file_is_a_vocabulary_with_the_separator_that_its_yaml_names(
    project: Path, tmp_path: Path
):
    folder = word_vocabulary(tmp_path, "[UNK]", "[SEP]", "a", "end")
    hashes = set()
    for file, separator, expected in (
        (folder, None, 1),
        (f"{folder}/tokenizer.json", None, 1),
        (folder, "end", 3),
    ):
        declare(f"file: {file}" + (f"\nseparator: {separator}" if separator else ""))
        tokenizer = load_tokenizer("mine")
        assert (tokenizer.encode_batch(["a"]), tokenizer.separator_id) == ([[2]], expected)
        hashes.add(tokenizer.sha256)
    assert len(hashes) == 2
    declare(f"file: {folder}\nseparator: stop")
    with pytest.raises(DataError, match="'stop' is none of its tokens"):
        load_tokenizer("mine")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("size: 300", "give one of train, chars, bytes, ids, file; got none"),
        ("chars: ACGT\nids: 4", "got chars and ids"),
        ("train: bpe\ndataset: wiki", "size: is required with train: bpe"),
        ("train: bpe\nsize: 300", "dataset: is required with train: bpe"),
        ("train: bpe\nsize: 256\ndataset: wiki", "size: must be above 256"),
        ("train: bpe\nsize: 300\ndataset: wiky", "did you mean 'wiki'"),
        ("train: pbe\nsize: 300\ndataset: wiki", "did you mean 'bpe'"),
        ("chars: ACGA", "'A' twice"),
        ("chars: ACGT\nseparator: N", "must be one of the characters 'ACGT'"),
        ("ids: 4\nseparator: N", "only with chars or file"),
        ("chars: ACGT\ndataset: wiki", "only with train"),
    ],
)
def test_a_wrong_file_is_reported_with_what_is_allowed(project: Path, text: str, problem: str):
    (error,) = check_project([declare(text)])
    assert problem in str(error)
    with pytest.raises((ConfigError, DataError)):
        load_tokenizer("mine")


def test_a_built_in_name_is_refused(project: Path):
    path = declare("bytes: true").rename("config/tokenizers/text8.yaml")
    (error,) = check_project([path])
    assert "text8 is built in" in str(error)
