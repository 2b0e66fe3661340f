"""Names are chosen by the registries alone: no other source file knows them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from sedd.diffusion.graph import StepKind
from sedd.registry import DETOKENIZERS, GRAPHS, NOISES, OBJECTIVES, SAMPLERS

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    path
    for path in sorted((ROOT / "sedd").rglob("*.py"))
    if not path.is_relative_to(ROOT / "sedd/registry")
]
WORKFLOW = [ROOT / "Snakefile", *sorted((ROOT / "workflow").rglob("*.smk"))]
DIFFUSION = ROOT / "sedd/diffusion"
NAMES = {*SAMPLERS, *OBJECTIVES, *GRAPHS, *NOISES, *DETOKENIZERS}
# the mathematics has kinds of reverse steps, of which two samplers bear the names
STEP_KINDS = set(get_args(StepKind))
# names of a registry that are values of another key, too
HOMONYMS = {
    ("sedd/train/step.py", "uniform"),  # training.time_density
    ("sedd/report/page/quality.py", "entropy"),  # of texts, in a table
}


def docstrings(tree: ast.AST) -> set[int]:
    """Ids of the constants that are statements of their own."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


def sampler_names(tree: ast.AST) -> Iterator[str]:
    """Text constants, within f-strings too, that are the name of a sampler."""
    skipped = docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in skipped and node.value in [*SAMPLERS]:
            yield node.value


def compared_names(tree: ast.AST) -> Iterator[str]:
    """Names of any registry that are compared with ==, in and the like, or matched by a case."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare | ast.MatchValue):
            for part in ast.walk(node):
                if isinstance(part, ast.Constant) and part.value in NAMES:
                    yield part.value


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_source_file_names_no_sampler_and_compares_no_name(path: Path) -> None:
    tree, file = ast.parse(path.read_text()), str(path.relative_to(ROOT))
    allowed = STEP_KINDS if path.is_relative_to(DIFFUSION) else set()
    homonyms = {name for where, name in HOMONYMS if where == file}
    assert set(sampler_names(tree)) <= allowed | homonyms
    assert set(compared_names(tree)) <= allowed | homonyms


@pytest.mark.parametrize("path", WORKFLOW, ids=lambda path: path.name)
def test_a_rule_names_no_sampler(path: Path) -> None:
    code = re.sub(r"#.*", "", path.read_text())
    assert not re.findall(rf"\b({'|'.join(SAMPLERS)})\b", code)


def test_both_searches_find_what_they_look_for() -> None:
    tree = ast.parse('"""euler"""\nif x == "euler" or y in ("absorb",): pass\nz = ["ancestral"]')
    assert sorted(sampler_names(tree)) == ["ancestral", "euler"]
    assert sorted(compared_names(tree)) == ["absorb", "euler"]
