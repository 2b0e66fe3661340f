"""A model card shows hostile text as text, and addresses are only addresses."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.fake_results import PROVENANCE, write_evaluation
from helpers.hostile import HOSTILE
from helpers.report_project import EXPERIMENT, lay_out
from helpers.untrained_run import untrained_run
from markdown_it import MarkdownIt
from ruamel.yaml import YAML

from sedd.checkpoints.export import export
from sedd.config import load_dataset
from sedd.errors import ConfigError
from sedd.runtime.printable import printable
from sedd.runtime.provenance import file_sha256

ALL = " ".join(HOSTILE)
HEADINGS = ["run", "Use", "Data", "Evaluation", "Training", "Origin"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return lay_out(tmp_path)


def write_dataset(**changes: str) -> None:
    path = Path("config/datasets/wiki.yaml")
    YAML().dump(YAML(typ="safe").load(path) | changes, path)


def test_a_card_shows_hostile_text_as_text(folder: Path) -> None:
    settings = YAML(typ="safe").load(EXPERIMENT) | {"description": f"{ALL}\n{'```' * 30}\n# x"}
    settings["data"]["tokenizer"] = "text8"
    YAML().dump(settings, Path("config/experiments/run.yaml"))
    write_dataset(description=ALL, licence=ALL, homepage="https://x.org/a(b)?c=[d]&e='f'")
    sha256 = file_sha256(untrained_run("run", step=200))
    recorded = {**PROVENANCE, "checkpoint_sha256": sha256, "code_version": ALL}
    write_evaluation("run", 200, "wiki", split=ALL, tokenizer="text8", provenance=recorded)
    export("run", Path("out"), repository='me/"); import os; ("')
    head, card = (
        Path("out/README.md").read_text(encoding="utf-8").removeprefix("---").split("---", 1)
    )
    assert head == "\nlibrary_name: sedd\ntags:\n- discrete-diffusion\n- sedd\n"
    page = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(card)
    text = ["".join(one.content for one in token.children or ()) for token in page]
    headings = [text[at + 1] for at, token in enumerate(page) if token.type == "heading_open"]
    assert headings == HEADINGS
    kinds = {token.type for token in page if token.nesting >= 0}
    assert kinds.isdisjoint(
        {"html_block", "hr", "bullet_list_open", "ordered_list_open", "code_block"}
    )
    inline = [one for token in page for one in token.children or ()]
    assert {one.type for one in inline}.isdisjoint({"html_inline", "image", "em_open", "s_open"})
    links = {one.attrs["href"] for one in inline if one.type == "link_open"}
    assert len(links) == 2
    assert "https://x.org/a(b)?c=%5Bd%5D&e='f'" in links
    shown = " ".join(" ".join(text).split())
    assert shown.count(" ".join(printable(ALL).split())) >= 5  # also split, licence and version
    example, *_ = [token.content for token in page if token.type == "fence"]
    assert 'open_model("me/\\"); import os; (\\"")' in example
    assert sum(token.type == "fence" for token in page) == 2


@pytest.mark.parametrize(
    "address",
    [
        *("javascript:alert(1)", "file:///etc/passwd", "x.org", "https://x.org/ a", "https://x>y"),
        *("https://x.org\n# h", "https://x.org/\x1b]0;t\x07", 'https://x"onclick="', "https://é"),
    ],
)
def test_only_web_addresses_are_addresses(folder: Path, address: str) -> None:
    write_dataset(homepage=address)
    with pytest.raises(ConfigError, match="homepage"):
        load_dataset("wiki")
