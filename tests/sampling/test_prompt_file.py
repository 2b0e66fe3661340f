"""Files of prompts: what is read, and what is refused before a model is opened."""

import io
import sys
from pathlib import Path

import pytest
from helpers.project import invoke

from sedd.config import load_experiment
from sedd.data.tokenizers import load_tokenizer
from sedd.errors import DataError
from sedd.sampling.prompt_file import read_requests, to_requests

TEXT8 = load_tokenizer("text8")
pytestmark = pytest.mark.usefixtures("project")


def read(content: bytes, name: str = "smoke_absorb", count: int = 2, seed: int = 10):
    path = Path("prompts.jsonl")
    path.write_bytes(content)
    return read_requests(path, load_experiment(name), TEXT8, count, seed)


def test_each_line_has_its_count_and_seed_or_the_defaults():
    requests = read(
        b'{"prefix": "ab", "suffix": "c"}\n\n{"template": "a[3]", "count": 5}\n'
        b'{"prefix": "", "seed": 4}'
    )
    assert [(request.count, request.seed) for request in requests] == [(2, 10), (5, 11), (2, 4)]
    assert [request.prompt.length for request in requests] == [None, 4, None]
    assert TEXT8.decode(requests[0].prompt.suffix) == "c"


def test_python_values_and_standard_input_give_the_same_requests(monkeypatch):
    experiment = load_experiment("smoke_absorb")
    lines = read(b'{"prefix": "ab"}\n{"template": "a[3]"}\n')
    assert to_requests(["ab", {"template": "a[3]"}], experiment, TEXT8, 2, 10) == lines
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'"ab"\n{"template": "a[3]"}')))
    assert read_requests(Path("-"), experiment, TEXT8, 2, 10) == lines


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "prompts.jsonl: holds no prompt; write one JSON object per line"),
        (b"\n \n", "prompts.jsonl: holds no prompt"),
        (b'{"prefix": "a"}\n{"prefix": ', "prompts.jsonl, line 2: not valid JSON: "),
        (b'{"prefix": "\xff"}', "line 1: not UTF-8 text: "),
        (b"[1]", "line 1: must be an object with some of the keys prefix, suffix, template"),
        (b'{"prefx": "a"}', "line 1: unknown key 'prefx'; the keys are prefix, suffix, "),
        (b'{"prefix": 3}', "line 1: prefix: "),
        (b'{"count": 0}', "line 1: count: "),
        (b'{"count": true}', "line 1: count: "),
        (b'{"prefix": "a", "template": "a[3]"}', "a template beside a prefix"),
        (b'{"template": "abc"}', "line 1: has no blank"),
        (b'{"template": "a[40]"}', "blanks of 40 tokens, but a text has at most 32"),
        (b'{"prefix": "' + b"a" * 32 + b'"}', "line 1: the prefix has 32 tokens"),
        (b'{"prefix": "\\ud800"}', "half of a surrogate pair"),
        (b"[" * 100_000, "line 1: not "),
    ],
)
def test_a_bad_file_gets_one_clear_line(content, message):
    with pytest.raises(DataError) as error:
        read(content)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_all_problems_are_reported_at_once_and_a_binary_file_is_not_flooding():
    with pytest.raises(DataError) as error:
        read(b'{"prefix": 1}\n{"prefix": "ab"}\n{"template": "a"}')
    assert [line.split(":")[0] for line in str(error.value).splitlines()] == [
        "prompts.jsonl",
        "  line 1",
        "  line 3",
    ]
    with pytest.raises(DataError, match="and 280 more"):
        read(b"\x00\n" * 300)


def test_a_missing_file_and_a_folder_are_refused():
    experiment = load_experiment("smoke_absorb")
    for path in (Path("absent.jsonl"), Path("config")):
        with pytest.raises(DataError, match=f"{path}: cannot be read: "):
            read_requests(path, experiment, TEXT8, 1, 0)


def test_an_autoregressive_model_takes_prefixes_only():
    assert len(read(b'{"prefix": "ab"}\n{"template": "ab[5]"}', "smoke_autoregressive")) == 2
    for line in (b'{"suffix": "a"}', b'{"template": "a[2]b"}'):
        with pytest.raises(DataError, match="line 1: an autoregressive model samples from left"):
            read(line, "smoke_autoregressive")


BAD_LINE = '{"prefix": "the ", "colour": "\\u001b[31m"}\n'


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--prompts", "bad.jsonl"], "bad.jsonl, line 1: unknown key 'colour'"),
        (["--prompts", "good.jsonl", "--prefix", "a"], "leave out --prefix"),
        (["--prompts", "good.jsonl", "--out", "good.jsonl"], "is the file of the prompts"),
        (["--prompts", "good.jsonl", "--name", "other"], "needs --out"),
        (["--prompts", "good.jsonl", "--watch"], "leave out --count"),
        (["--prefix", "a" * 32], "none is left to draw"),
        (["--at", "4=a", "--at", "4=b"], "there is another text at token 4"),
        (["--at", "4=a", "--prefix", "aaaaa"], "overlaps another"),
        (["--at", "x=a"], "must be TOKEN=TEXT"),
        (["--out", "config"], "config: is a folder"),
        (["--out", "link"], "link: is a link"),
        (["--out", "/dev/null"], "/dev/null: is no regular file"),
        (["--out", "good.jsonl/texts"], "good.jsonl is not a folder"),
        (["--overlap", "4"], "sampling.overlap: has no effect unless sampling.length is above"),
        (["--length", "64", "--overlap", "32"], "sampling.overlap: must be below data.length 32"),
        (["--length", "64", "--watch"], "show one window of 32 tokens; a text has 64"),
    ],
)
def test_a_wrong_call_is_refused_before_a_model_is_opened(words, message):
    """There is no checkpoint: a call that opened the model would say so."""
    Path("bad.jsonl").write_text(BAD_LINE)
    Path("good.jsonl").write_text('{"prefix": "the "}\n')
    Path("link").symlink_to("good.jsonl")
    result = invoke("sample", "smoke_absorb", *words, check=False)
    assert result.returncode == 2
    said = " ".join(result.stderr.replace("│", " ").split())
    assert message in said
    assert "checkpoint" not in said
    assert Path("good.jsonl").read_text() == '{"prefix": "the "}\n'


def test_a_correct_call_does_open_the_model():
    """The control of the test above."""
    result = invoke("sample", "smoke_absorb", "--prefix", "a", check=False)
    assert result.returncode == 2
    assert "checkpoint" in result.stderr
