from __future__ import annotations

import csv
import math
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from helpers.fake_results import write_evaluation

from sedd.config import load_experiment
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
    first = lines.index("| Measured by | Model | Wiki |")
    assert lines[first + 2 : first + 6] == [
        "| **ours** | Ours | ≤ 54.60 ± 0.55 |",
        "| baseline | Unigrams of the text | 403.43 |",
        "| baseline | Unigrams of the training text | 665.14 |",
        "| published | Known | ≤ 52.50 |",
    ]
    assert "| **ours** | Ours | +2.10 (+4.0 %), matches |" in lines
    assert "<details><summary>Numbers not run: how to</summary>" in lines
    assert "- Ours, KJV: sedd train run && sedd evaluate run" in lines
    assert any("run at step 200" in line and "seed 7" in line for line in lines)


@pytest.mark.parametrize("form", FORMATS)
def test_a_table_of_our_numbers_alone_names_no_paper(folder: Path, form: str) -> None:
    write_evaluation("run", 200, "wiki")
    path = folder / "config/tables/table.yaml"
    lines = [
        line.replace(", compare_to: Known", "")
        for line in path.read_text().splitlines()
        if "source:" not in line and "kind: published" not in line
    ]
    assert "Published" in FORMATS[form](make_table("table")) or form == "csv"
    path.write_text("\n".join(lines))
    text = FORMATS[form](make_table("table"))
    assert "54.6" in text or "54.59" in text
    assert "Published" not in text


ALONE = {"standard_error": None, "bits_per_character_standard_error": None}


@pytest.mark.parametrize("form", FORMATS)
def test_a_perplexity_beyond_a_float_is_a_power_and_one_sequence_has_no_error(form: str) -> None:
    write_evaluation("run", 200, "wiki", nats_per_token=812.34)
    write_evaluation("run", 200, "kjv", **ALONE)
    table = make_table("table")
    text = FORMATS[form](table)
    assert "812.3" in text
    assert "inf" not in text
    assert "54.6" in text or "54.59" in text  # the CSV is not rounded
    ours = next(row for row in table.rows if row.origin == "ours")
    assert not ours.missing  # both are measured
    assert [cell.standard_error for cell in ours.cells] == [None, None]


def test_the_legend_tells_errors_of_groups_from_errors_of_single_sequences() -> None:
    write_evaluation("run", 200, "wiki")
    note = "Numbers whose record has no groups"
    assert note in FORMATS["md"](make_table("table"))
    write_evaluation("run", 200, "wiki", group_nats_per_token=[3.9, 4.1])
    text = FORMATS["md"](make_table("table"))
    assert note not in text
    assert "one standard error over ten groups of neighboring sequences" in text


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
    assert r"Ours & $\le 54.60 \pm 0.55$ \\" in text
    assert "Only in table.csv: Numbers not run." in text
    assert r"Wiki & $52.50$ & $\le 54.60 \pm 0.55$ & $+2.10$ ($+4.0$\,\%) & matches \\" in text
    assert text.count(r"\begin{longtable}") == text.count(r"\end{longtable}") == 2
    plain = text.replace(r"\$", "").replace(r"\{", "").replace(r"\}", "")
    assert plain.count("{") == plain.count("}")
    assert plain.count("$") % 2 == 0
    for part in text.split(r"\begin{longtable}")[1:]:
        lines = part.split(r"\end{longtable}")[0].splitlines()
        cells = {line.count("&") for line in lines if line.endswith(r"\\") and "&" in line}
        assert len(cells) == 1


def measured_everywhere() -> None:
    """A row of zero_shot has a number in every column."""
    last = load_experiment("tiny_absorb_bpe").training.steps
    for text in ("lambada", "wikitext2", "ptb", "wikitext103", "lm1b", "wiki", "kjv"):
        write_evaluation("tiny_absorb_bpe", last, text)


def test_a_wide_table_is_split_and_parts_repeat_the_labels() -> None:
    measured_everywhere()
    text = FORMATS["tex"](make_table("zero_shot"))
    assert text.count(r"\begin{longtable}") > 1
    for part in text.split(r"\begin{longtable}")[1:]:
        assert "SEDD Absorb & tiny" in part
    assert "PLAID" not in text.partition("MDLM's published")[0]
    assert "17 published rows without a counterpart measured here" in text


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
    text = path.read_text(encoding="utf-8")
    text = text.replace("label: Ours", r"label: 'a|b_c & 5 % <i> $x$ \d'")
    path.write_text(text, encoding="utf-8")
    write_evaluation("run", 200, "wiki")
    table = make_table("table")
    assert r"| a\|b\_c & 5 % \<i\> \$x\$ \\d |" in FORMATS["md"](table)
    assert (
        r"a\textbar{}b\_c \& 5 \% \textless{}i\textgreater{} \$x\$ \textbackslash{}d &"
        in FORMATS["tex"](table)
    )
    assert r"a|b_c & 5 % <i> $x$ \d" in FORMATS["csv"](table)


def test_a_table_without_results_folds_all_of_its_rows() -> None:
    table = make_table("zero_shot")
    ours = [cell for row in table.rows if row.origin != "published" for cell in row.cells]
    columns = len(table.rows[0].cells)
    assert len(ours) == columns * sum(row.origin != "published" for row in table.rows) > 40
    assert {cell.why_missing for cell in ours} == {"not run"}
    assert {cell.value for cell in ours} == {None}
    for form in FORMATS:
        text = FORMATS[form](table)
        assert ("Nothing in this table was measured yet" in text) == (form != "csv")
        assert (text.count("not run") == 1) == (form != "csv")
    text = FORMATS["md"](table)
    assert "17 published rows without a counterpart measured here" in text
    assert "19 rows not run: how to" in text
    assert "- SEDD Absorb (medium), LAMBADA, WikiText2" in text


def test_numbers_on_another_split_stand_apart_from_published_ones() -> None:
    write_evaluation("run", 200, "wiki", split="validation")
    write_evaluation("run", 200, "kjv")
    text = FORMATS["md"](make_table("table"))
    first, apart = text.partition("\n\n### ")[0], text.partition("\n\n### ")[2]
    assert "| Measured by | Model | KJV |" in first
    assert "| **ours** | Ours | ≤ 54.60 ± 0.55 |" in first
    assert apart.startswith("Split validation: compare only within this part\n")
    assert "| Measured by | Model | Wiki |" in apart
    assert "52.50" not in apart.partition("Published:")[0]


def test_several_seeds_are_a_mean_with_a_standard_deviation(folder: Path) -> None:
    path = folder / "config/tables/table.yaml"
    again = "experiment: run, seeds: [again, third], comp"
    path.write_text(path.read_text("utf-8").replace("experiment: run, comp", again), "utf-8")
    experiments = folder / "config/experiments"
    run = (experiments / "run.yaml").read_text("utf-8")
    for name, change in (("again", "seed: 1\n"), ("third", "seed: 3\n")):
        (experiments / f"{name}.yaml").write_text(change + run, "utf-8")
    with pytest.raises(DataError, match=r"'Ours'.*the seeds are \[1, 1, 3\]"):
        make_table("table")
    (experiments / "again.yaml").write_text("seed: 2\n" + run.replace("0.002", "0.5"), "utf-8")
    with pytest.raises(
        DataError, match="in their seed alone, each with its own; other settings: ag"
    ):
        make_table("table")
    (experiments / "again.yaml").write_text("seed: 2\n" + run, "utf-8")
    write_evaluation("run", 200, "wiki", nats_per_token=math.log(50))
    assert "| **ours** | Ours | ≤ 50.00 ± 0.50 |" in FORMATS["md"](make_table("table"))
    write_evaluation("again", 200, "wiki", nats_per_token=math.log(53))
    write_evaluation("third", 200, "wiki", nats_per_token=math.log(53))
    table = make_table("table")
    text = FORMATS["md"](table)
    assert "| **ours** | Ours | ≤ 52.00 ± 1.73 (n = 3) |" in text  # 3 / sqrt(3)
    assert "n: mean ± standard deviation over n trainings" in text
    assert "one standard error" not in text
    assert text.count("test split of wiki") == 3
    assert r"$\le 52.00 \pm 1.73$ (n = 3)" in FORMATS["tex"](table)
    (line,) = [
        one for one in csv.DictReader(FORMATS["csv"](table).splitlines()) if one["num_seeds"] == "3"
    ]
    assert float(line["standard_error"]) == pytest.approx(3**0.5)


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
