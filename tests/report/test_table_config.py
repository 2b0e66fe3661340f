from __future__ import annotations

import ast
from pathlib import Path

import pytest
from helpers.project import ROOT

from sedd.config import load_table
from sedd.errors import ConfigError

SHIPPED = ["text8", "zero_shot"]


def published_numbers() -> set[float]:
    rows = [row for name in SHIPPED for row in load_table(name).rows]
    return {cell.value for row in rows if row.kind == "published" for cell in row.values.values()}


def constants(source: str) -> set[float]:
    """All numbers in a program, including those inside strings."""
    nodes = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    numbers = {float(value) for value in nodes if type(value) in (int, float)}
    words = {
        word.strip(".,;:()") for text in nodes if isinstance(text, str) for word in text.split()
    }
    return numbers | {float(word) for word in words if word.replace(".", "", 1).isdecimal()}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_table_has_rows_of_every_kind(name: str) -> None:
    table = load_table(name)
    assert {row.kind for row in table.rows} == {
        "published",
        "ours",
        "unigram_text",
        "unigram_train",
    }


def test_no_program_contains_a_published_number() -> None:
    published = published_numbers()
    assert len(published) > 40
    for path in (ROOT / "sedd").rglob("*.py"):
        assert not constants(path.read_text(encoding="utf-8")) & published, path


def test_the_check_finds_a_published_number_in_a_program() -> None:
    assert constants("x = 41.84") & published_numbers()
    assert constants("def f():\n  'It scores 41.84, at most.'") & published_numbers()


def test_all_mistakes_in_a_table_are_reported_at_once_with_their_lines(folder: Path) -> None:
    path = folder / "config/tables/table.yaml"
    text = path.read_text(encoding="utf-8")
    text = text.replace("tolerance: 0.08\n", "").replace("compare_to: Known", "compare_to: Unknown")
    text = text.replace("values: {wiki:", "values: {wikki:").replace("metric: perp", "metric: prep")
    text += "  - {kind: ours, label: Ours, experiment: run}\n"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError) as error:
        load_table("table")

    message = str(error.value)
    assert (
        "metric: must be bits_per_character, perplexity, generative_perplexity or mauve, "
        "got the text 'preplexity'" in message
    )
    assert "2 ours rows have label 'Ours' and size None" in message
    assert "row 'Known' has a value for 'wikki'; the columns are wiki, kjv" in message
    assert "compare_to 'Unknown'; the published rows of size None are Known" in message
    assert "tolerance" in message
    assert message.count("[line ") == 5


def test_a_table_names_a_paper_if_it_has_published_numbers(folder: Path) -> None:
    path = folder / "config/tables/table.yaml"
    kept = [line for line in path.read_text().splitlines() if not line.startswith("source:")]
    path.write_text("\n".join(kept))
    with pytest.raises(ConfigError, match="must name the paper of the published rows 'Known'"):
        load_table("table")
    ours = [line for line in kept if "kind: published" not in line]
    path.write_text("\n".join(ours).replace(", compare_to: Known", ""))
    assert load_table("table").source is None


def test_the_error_for_an_unknown_table_lists_the_known_names() -> None:
    with pytest.raises(ConfigError, match="zero_shot"):
        load_table("zero_shots")
