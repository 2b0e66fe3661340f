from __future__ import annotations

import csv
import math
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from helpers.fake_results import write_evaluation

from sedd.errors import DataError
from sedd.report import make_table, render_text, write_table
from sedd.report.table.fill import verdict
from sedd.report.table.write import FORMATS

# e^4 = 54.598 with error e^4 * 0.01 = 0.546; e^6 = 403.43; e^6.5 = 665.14; 54.598 / 52.5 = 1.040


@pytest.mark.parametrize(
    ("ours", "error", "expected"),
    [
        (108.0, 0.0, "matches"),
        (108.1, 0.0, "worse"),
        (108.15, 0.1, "matches"),
        (108.25, 0.1, "worse"),
        (92.0, 0.0, "matches"),
        (91.9, 0.0, "better"),
        (91.9, 0.04, "better"),
    ],
)
def test_the_verdict_allows_the_tolerance_and_two_standard_errors(
    ours: float, error: float, expected: str
) -> None:
    assert verdict(ours, error, published=100.0, tolerance=0.08) == expected


def test_markdown_shows_the_numbers_of_the_table() -> None:
    write_evaluation("run", 200, "wiki")
    lines = FORMATS["md"](make_table("table")).splitlines()
    assert "| Measured by | Model | Wiki | KJV |" in lines
    assert "| published | Known | ≤ 52.50 | – |" in lines
    assert "| **ours** | Ours | ≤ 54.60 ± 0.55 | not run |" in lines
    assert "| baseline | Unigrams of the text | 403.43 | not run |" in lines
    assert "| baseline | Unigrams of the training text | 665.14 | not run |" in lines
    assert "| **ours** | Ours | +2.10 (+4.0 %), matches |" in lines
    assert any("run at step 200" in line and "seed 7" in line for line in lines)


def test_the_terminal_shows_the_same_numbers_with_ascii_bounds() -> None:
    write_evaluation("run", 200, "wiki")
    text = render_text(make_table("table"))
    assert "<= 52.50" in text
    assert "<= 54.60 ± 0.55" in text
    assert "+2.10 (+4.0 %), matches" in text
    assert "≤" not in text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    text = render_text(make_table("zero_shot"), width)
    assert max(map(len, text.splitlines())) <= width
    assert "King James Bible" in text


def test_the_csv_holds_unrounded_numbers_with_provenance(folder: Path) -> None:
    write_evaluation("run", 200, "wiki")
    _, path, *_ = write_table(make_table("table"))
    with path.open(encoding="utf-8", newline="") as file:
        rows = {(row["row"], row["dataset"]): row for row in csv.DictReader(file)}
    ours = rows["Ours", "wiki"]
    assert float(ours["value"]) == math.exp(4)
    assert float(ours["difference"]) == math.exp(4) - 52.5
    assert (ours["origin"], ours["bound"], ours["verdict"]) == ("ours", "<=", "matches")
    assert (ours["checkpoint_sha256"], ours["seed"], ours["step"]) == ("d" * 64, "7", "200")
    assert rows["Ours", "kjv"]["status"] == "not run"
    assert rows["Known", "kjv"]["status"] == "not published"
    assert rows["Known", "wiki"]["source"] == "Someone 2024, arXiv:2401.00001v2, Table 7"


def test_latex_is_balanced_and_every_row_has_a_cell_for_each_heading() -> None:
    write_evaluation("run", 200, "wiki")
    text = FORMATS["tex"](make_table("table"))
    assert r"Ours & $\le 54.60 \pm 0.55$ & not run \\" in text
    assert r"Wiki & $52.50$ & $\le 54.60 \pm 0.55$ & $+2.10$ ($+4.0$\,\%) & matches \\" in text
    assert text.count(r"\begin{longtable}") == text.count(r"\end{longtable}") == 2
    plain = text.replace(r"\$", "").replace(r"\{", "").replace(r"\}", "")
    assert plain.count("{") == plain.count("}")
    assert plain.count("$") % 2 == 0
    for part in text.split(r"\begin{longtable}")[1:]:
        lines = part.split(r"\end{longtable}")[0].splitlines()
        cells = {line.count("&") for line in lines if line.endswith(r"\\") and "&" in line}
        assert len(cells) == 1


def test_a_wide_table_is_split_and_parts_omit_rows_without_numbers() -> None:
    tables = FORMATS["tex"](make_table("zero_shot")).split(r"\begin{longtable}")[1:]
    numbers = [table for table in tables if "Verdict" not in table]
    first, *_, last = numbers
    assert "PLAID" in first
    assert "King James Bible" in last
    assert "PLAID" not in last  # no numbers on the texts of this part
    assert len(tables) > len(numbers)


TEX = r"""
\documentclass{article}
\usepackage{booktabs,longtable}
\begin{document}
\input{table.tex}
\end{document}
"""


@pytest.mark.parametrize("name", ["table", "text8", "zero_shot"])
def test_latex_compiles_and_the_table_fits_the_page(folder: Path, name: str) -> None:
    program = shutil.which("pdflatex")
    if program is None:
        message = "no pdflatex; to install it: tests/report/install_browser.sh"
        if os.environ.get("SEDD_REQUIRE_TEX"):
            pytest.fail(message)
        pytest.skip(message)
    write_evaluation("run", 200, "wiki")
    Path("table.tex").write_text(FORMATS["tex"](make_table(name)), encoding="utf-8")
    Path("document.tex").write_text(TEX, encoding="utf-8")
    words = [program, "-interaction=nonstopmode", "-halt-on-error", "document.tex"]
    log = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    assert Path("document.pdf").is_file(), log[-2000:]
    for problem in ("Overfull", "Float too large", "Undefined control", "Missing character"):
        assert problem not in log, log[-2000:]


def test_special_characters_in_labels_are_escaped_in_every_format(folder: Path) -> None:
    path = folder / "config/tables/table.yaml"
    text = path.read_text(encoding="utf-8").replace(
        "label: Known", r"label: 'a|b_c & 5 % <i> $x$ \d'"
    )
    path.write_text(text.replace("compare_to: Known", "step: 100"), encoding="utf-8")
    table = make_table("table")
    assert r"| a\|b\_c & 5 % \<i\> $x$ \\d |" in FORMATS["md"](table)
    assert r"a|b\_c \& 5 \% \textless{}i\textgreater{} \$x\$ \textbackslash{}d &" in FORMATS["tex"](
        table
    )
    assert r"a|b_c & 5 % <i> $x$ \d" in FORMATS["csv"](table)


def test_a_table_without_results_shows_not_run() -> None:
    table = make_table("zero_shot")
    ours = [cell for row in table.rows if row.origin != "published" for cell in row.cells]
    columns = len(table.rows[0].cells)
    assert len(ours) == columns * sum(row.origin != "published" for row in table.rows) > 40
    assert {cell.why_missing for cell in ours} == {"not run"}
    assert {cell.value for cell in ours} == {None}
    assert "| **ours** | SEDD Absorb | small | not run | not run |" in FORMATS["md"](table)


def test_a_row_shows_the_last_checkpoint_unless_it_names_another(folder: Path) -> None:
    write_evaluation("run", 100, "wiki", nats_per_token=5.0)
    assert make_table("table").rows[1].cells[0].value is None
    path = folder / "config/tables/table.yaml"
    text = path.read_text(encoding="utf-8").replace(
        "experiment: run, comp", "experiment: run, step: 100, comp"
    )
    path.write_text(text, encoding="utf-8")
    assert make_table("table").rows[1].cells[0].value == math.exp(5)


def test_a_number_on_another_split_gets_no_verdict() -> None:
    write_evaluation("run", 200, "wiki", split="validation")
    comparison = make_table("table").rows[1].comparisons[0]
    assert comparison is not None
    assert (comparison.verdict, comparison.difference) == ("other split", None)


def test_texts_without_a_published_number_are_not_compared() -> None:
    write_evaluation("run", 200, "kjv")
    assert make_table("table").rows[1].comparisons[1] is None


def test_a_number_with_another_vocabulary_is_an_error() -> None:
    write_evaluation("run", 200, "wiki", tokenizer="text8")
    with pytest.raises(DataError, match=r"'Ours'.*'text8'.*'gpt2'"):
        make_table("table")


def test_a_table_is_written_in_four_formats(folder: Path) -> None:
    table = make_table("table")
    paths = write_table(table)
    assert paths == [
        Path(f"results/tables/table.{suffix}") for suffix in ("md", "csv", "tex", "html")
    ]
    first = [path.read_bytes() for path in paths[:3]]  # the page contains its creation time
    assert first == [path.read_bytes() for path in write_table(table)[:3]]
