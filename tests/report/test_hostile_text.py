"""Hostile text is shown as text by every writer: in a real browser, by a real TeX, in Markdown."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.browser import Browser, open_browser
from helpers.fake_results import finished_run, write_evaluation
from helpers.hostile import HOSTILE
from helpers.report_project import EXPERIMENT, TABLE
from markdown_it import MarkdownIt
from matplotlib.cbook import is_math_text
from matplotlib.figure import Figure as Canvas
from ruamel.yaml import YAML
from selenium.webdriver.common.by import By

from sedd.config import load_experiment
from sedd.report import (
    make_table,
    write_comparison,
    write_index_page,
    write_report,
    write_table,
)
from sedd.report.figure.paper import plain
from sedd.report.table.fill import Table
from sedd.report.table.latex import escape
from sedd.report.table.write import FORMATS
from sedd.runtime.csv_text import FORMULA
from sedd.runtime.printable import printable

ALL = " ".join(HOSTILE)


def shown(text: str) -> str:
    return " ".join(printable(text).split())


def hostile_table(folder: Path) -> Table:
    """The table `table` with hostile text wherever its configuration takes text."""
    config = YAML(typ="safe").load(TABLE)
    config |= {"title": ALL, "note": ALL}
    config["source"] |= {"paper": ALL, "table": ALL}
    config["columns"]["wiki"]["label"] = ALL
    published, ours, *others = config["rows"]
    rows = [
        {**published, "label": text, "size": text, "source": {**config["source"], "paper": text}}
        for text in HOSTILE
    ]
    rows += [{**ours, "label": text, "size": text, "compare_to": text} for text in HOSTILE]
    config["rows"] = [*rows, *others]
    yaml = YAML()
    yaml.representer.ignore_aliases = lambda _: True
    yaml.dump(config, folder / "config/tables/table.yaml")
    write_evaluation("run", 200, "wiki")
    return make_table("table")


def test_markdown_shows_it_as_text(folder: Path) -> None:
    page = (
        MarkdownIt("commonmark")
        .enable(["table", "strikethrough"])
        .parse(FORMATS["md"](hostile_table(folder)))
    )
    words = {"heading_open", "paragraph_open", "bullet_list_open", "table_open"}
    kinds = {token.type for token in page if token.nesting >= 0} & {
        *words,
        "fence",
        "code_block",
        "hr",
        "html_block",
        "ordered_list_open",
        "blockquote_open",
    }
    assert kinds == {*words, "html_block"}
    own = r"<details><summary>Numbers not run: how to</summary>|</details>"
    html = [token.content for token in page if token.type == "html_block"]
    assert len(html) == 2
    assert all(re.fullmatch(own, one.strip()) for one in html)
    assert sum(token.type == "table_open" for token in page) == 2
    inline = [one for token in page for one in token.children or ()]
    # links: of the source; strong: our own rows
    assert {one.type for one in inline} <= {
        "text",
        "text_special",
        "link_open",
        "link_close",
        "strong_open",
        "strong_close",
    }
    assert len([one for one in inline if one.type == "link_open"]) == 1
    text = [
        "".join(one.content for one in token.children or ()) for token in page if token.children
    ]
    assert {shown(one) for one in HOSTILE} <= {" ".join(one.split()) for one in text}
    assert shown(ALL) in text[0]


def test_csv_has_no_formula_and_numbers_stay_numbers(folder: Path) -> None:
    lines = list(csv.DictReader(FORMATS["csv"](hostile_table(folder)).splitlines()))
    cells = [(key, cell) for line in lines for key, cell in line.items() if cell]
    numbers = {"difference", "relative_difference"}
    assert [cell for key, cell in cells if cell.startswith(FORMULA) and key not in numbers] == []
    assert {printable(text).strip() for text in HOSTILE} <= {
        line["row"].removeprefix("'").strip() for line in lines
    }
    write_evaluation("run", 200, "wiki", nats_per_token=3.0)
    lines = list(csv.DictReader(FORMATS["csv"](make_table("table")).splitlines()))
    assert min(float(line["difference"]) for line in lines if line["difference"]) < 0


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        message = f"no {name}; to install it: tests/report/install_browser.sh"
        if os.environ.get("SEDD_REQUIRE_TEX"):
            pytest.fail(message)
        pytest.skip(message)
    return found


PREAMBLE = r"""\documentclass{article}
\usepackage{booktabs,longtable}
\begin{document}
"""


def typeset(name: str, content: str) -> str:
    """What TeX says while it typesets a document."""
    Path("document.tex").write_text(PREAMBLE + content + "\n\\end{document}\n", encoding="utf-8")
    words = [program(name), "-interaction=nonstopmode", "-halt-on-error", "document.tex"]
    environment = {**os.environ, "max_print_line": "10000", "openin_any": "a"}
    done = subprocess.run(words, capture_output=True, check=False, env=environment)
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0, said[-2000:]
    return said


@pytest.mark.parametrize("name", ["pdflatex", "lualatex"])
def test_latex_compiles_reads_no_file_and_runs_nothing(folder: Path, name: str) -> None:
    Path("secret.tex").write_text("secret")
    Path("table.tex").write_text(FORMATS["tex"](hostile_table(folder)), encoding="utf-8")
    said = typeset(name, r"\input{table.tex}")
    assert "table.tex" in said
    assert "secret.tex" not in said
    assert not Path("taken").exists()
    assert Path("document.pdf").is_file()


GLYPHS = r"""
\directlua{
  function show(head)
    local out = {}
    for one in node.traverse(head) do
      if one.id == node.id("glyph") then table.insert(out, utf8.char(one.char))
      elseif one.id == node.id("disc") and one.replace then
        for part in node.traverse_id(node.id("glyph"), one.replace) do
          table.insert(out, utf8.char(part.char))
        end
      elseif one.id == node.id("glue") then table.insert(out, " ")
      elseif one.id == node.id("math") then table.insert(out, "MATH") end
    end
    texio.write_nl("SHOWN " .. table.concat(out))
  end
}
"""


def test_latex_shows_it_as_text() -> None:
    # an encoding in which the code of a glyph is that of its character in ASCII
    lines = [r"\fontencoding{T1}\selectfont"]
    lines += [
        rf"\setbox0\hbox{{{escape(one)}}}\directlua{{show(tex.box[0].head)}}" for one in HOSTILE
    ]
    said = typeset("lualatex", GLYPHS + "\n".join(lines))
    found = [line.removeprefix("SHOWN ") for line in said.splitlines() if line.startswith("SHOWN")]
    for line, text in zip(found, HOSTILE, strict=True):
        if text.isascii():
            assert line.removesuffix(" (./document.aux)") == shown(text)
    assert "中文" in found[-1]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from open_browser()


def test_pages_show_it_as_text_in_a_browser(folder: Path, browser: Browser) -> None:
    settings = YAML(typ="safe").load(EXPERIMENT) | {"description": ALL}
    YAML().dump(settings, folder / "config/experiments/run.yaml")
    table = hostile_table(folder)
    finished_run(*HOSTILE[:8])
    # other tokens, prompts and curves of the same file would hide one another
    for path in Path("results/runs/run/samples/step_200").glob("*.jsonl"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for line, text in zip(lines, reversed(HOSTILE), strict=False):
            line["settings"] |= {"prefix": text, "suffix": text}
            line["text"] = f"{text}{line['text']}{text}"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    trace = next(Path("results/runs/run/samples").rglob("trace*.json"))
    trace.write_text(trace.read_text().replace('" river"', json.dumps(ALL)))
    run = load_experiment("run")
    pages = {
        "run": (write_report(run, Path("results/reports/run.html")), HOSTILE[-8:]),
        "compare": (write_comparison([run, run], Path("results/reports/compare.html")), ()),
        "index": (
            write_index_page(["run"], ["table"], Path("results/reports/index.html")),
            HOSTILE,
        ),
        "table": (write_table(table)[-1], HOSTILE),
    }
    for path, texts in pages.values():
        browser.open(path)
        assert browser.driver.title != "taken over"
        assert browser.messages() == []
        assert browser.requests() == []
        foreign = "body style, body iframe, img[src=x], svg[onload], a[href^=java]"
        assert not browser.driver.find_elements(By.CSS_SELECTOR, foreign)
        words = " ".join(browser.run("return document.body.textContent").split())
        for text in texts:
            assert " ".join(text.split()) in words, text


def test_figures_show_it_as_text_and_every_curve(folder: Path) -> None:
    canvas = Canvas()
    axes = canvas.subplots()
    for text in HOSTILE:
        axes.plot([0, 1], label=plain(text))
    axes.set_title(plain(ALL))
    legend = axes.legend()
    canvas.draw_without_rendering()  # raises for a formula that cannot be parsed
    labels = [one.get_text() for one in legend.get_texts()]
    assert len(labels) == len(HOSTILE)
    for label in labels:
        assert not is_math_text(label), label
