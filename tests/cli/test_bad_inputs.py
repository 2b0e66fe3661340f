"""Files that are damaged, or edited by hand, end in one message: never in a traceback.

Every file that a verb reads is cut, flipped in a bit, filled with something else, or holds a value of
another kind; a folder, or a link that leads nowhere, stands in its place.
"""

import gzip
import json
import re
import shutil
from pathlib import Path

import pytest
from helpers.fake_results import finished_run, write_generative
from helpers.project import invoke
from helpers.published_model import published_model
from helpers.report_project import lay_out
from helpers.untrained_run import untrained_run
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

RUN, MODEL = "results/runs/run", "results/runs/smoke_absorb"
DRAW = ("--count", "1", "--steps", "1", "--batch-size", "1")
JOB = {
    **{"run": "run", "job_id": "7", "executor": "slurm", "cluster": "local", "host": "elsewhere"},
    **{"identity": "1", "settings": f"{RUN}/jobs/7/settings.json", "num_tasks": 2, "sent": "then"},
    **{"step_before": 0, "cancelled": None},
}
READERS = {
    f"{RUN}/train/identity.json": ("report", "run"),
    f"{RUN}/jobs/job.json": ("status",),
    f"{RUN}/config.yaml": ("status",),
    "config/tables/table.yaml": ("table", "table", "--show"),
    "questions.jsonl": ("score", "smoke_absorb", "--file", "questions.jsonl", "--out", "scores"),
    "prompts.jsonl": ("sample", "smoke_absorb", "--prompts", "prompts.jsonl", "--out", "x", *DRAW),
    f"{MODEL}/checkpoints/step_7.pt": ("sample", "smoke_absorb", *DRAW),
    f"{MODEL}/checkpoints/step_7.pt.sha256": ("sample", "smoke_absorb", *DRAW),
    "published/config.json": ("sample", "published", *DRAW),
}
VALUES = [
    *("null", "true", "-1", "0", "1.5", "1e999", "NaN", "9" * 30, "9" * 5000, '""', '"x"', "[]"),
    *("{}", "[null]", '{"a": [1]}', '"\\ud800"', '"\\u001b]0;x\\u0007"', '"../../x"'),
]
CONTENTS = [
    *(b"", b"\n\n", b"null", b"3", b'"x"', b"[]", b"{}", b"[[1], {}]", b"\xff\xfe\x00", bytes(99)),
    *(
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"9" * 5000,
        b"a: &a [*a]\n",
        b"? [a]\n: b\n",
        b"\x1b]0;x",
    ),
]
SCALAR = re.compile(rb'(?<=: )("[^"\n]*"|[-\w.+]+|[\[{])')


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The content, damaged in one place or as a whole."""
    at = draw(st.integers(0, max(len(content) - 1, 0)))
    kind = draw(st.sampled_from(["value", "value", "whole", "cut", "bit", "insert", "form"]))
    if kind == "value" and (places := list(SCALAR.finditer(content))):
        start, end = draw(st.sampled_from(places)).span()
        return content[:start] + draw(st.sampled_from(VALUES)).encode() + content[end:]
    if kind == "whole":
        return draw(st.sampled_from(CONTENTS))
    if kind == "cut":
        return content[:at]
    if kind == "bit" and content:
        flipped = content[at] ^ 1 << draw(st.integers(0, 7))
        return content[:at] + bytes([flipped]) + content[at + 1 :]
    if kind == "form":
        text = content.decode(errors="replace")
        forms = [text.encode("utf-16"), b"\xef\xbb\xbf" + content, gzip.compress(content)]
        return draw(st.sampled_from([*forms, content.replace(b"\n", b"\r\n"), content * 2]))
    return content[:at] + draw(st.binary(min_size=1, max_size=9)) + content[at:]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    """A project with one file of each kind."""
    folder = lay_out(tmp_path_factory.mktemp("bad") / "project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        finished_run("a sample")
        write_generative("run", 200, 16, 99.0)
        identity = {"identity": "1" * 64, "settings": {"tokens_sha256": "t"}}
        Path(RUN, "train/identity.json").write_text(json.dumps(identity))
        shutil.copy("config/experiments/run.yaml", f"{RUN}/config.yaml")
        Path(RUN, "jobs/7").mkdir(parents=True)
        Path(RUN, "jobs/job.json").write_text(json.dumps(JOB))
        untrained_run("smoke_absorb")
        published_model(Path("published"))
        Path("questions.jsonl").write_text(
            '{"context": "the", "choices": [" a", "b"], "label": 0}\n'
        )
        Path("prompts.jsonl").write_text('{"prefix": "the", "count": 1, "seed": 3}\n')
    return folder


def assert_clear(words: tuple[str, ...]) -> int:
    done = invoke(*words, check=False)  # an error that is no user's leaves `invoke`
    said = done.stdout + done.stderr
    assert done.returncode in (0, 2), said
    assert done.returncode == 0 or "sedd: " in done.stderr, said
    assert not re.search(r"\x1b\]|\bnan\b", said), said
    return done.returncode


@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_one_message(prepared, monkeypatch, name):
    monkeypatch.chdir(prepared)
    path, words = Path(name.strip()), READERS[name]
    content = path.read_bytes()
    assert assert_clear(words) == 0 or words == ("status",), "the control: the file as it was"

    @settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
    @given(damaged(content))
    @example(CONTENTS[-6])
    @example(b"{}")
    def try_contents(other: bytes) -> None:
        path.write_bytes(other)
        assert_clear(words)

    try:
        try_contents()
        for put in (path.mkdir, lambda: path.symlink_to(path.name), lambda: None):
            path.unlink(missing_ok=True)
            put()
            assert_clear(words)
            if path.is_dir():
                path.rmdir()
    finally:
        path.unlink(missing_ok=True)
        path.write_bytes(content)
