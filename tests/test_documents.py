"""README and CONTRIBUTING agree with the code: the tree, commands, paths and lists of files."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer
from helpers.project import ROOT

from sedd.cli import app

DOCUMENTS = ("README.md", "CONTRIBUTING.md", "results/README.md")
PLACEHOLDER = re.compile(
    r"[A-Z]{2,}|\bmine\b|\*|\{|\.\.\.|<"
)  # NAME, KIND, mine.yaml: no literal path
FOLDERS = ("sedd/", "tests/", "config/", "workflow/", "results/", ".ci/")
MADE_BY_A_BUILD = re.compile(r"results/(?!README|published/|benchmarks/README)")


def text(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def package_sentences() -> dict[str, str]:
    """First line of the docstring of each package, by its folder below sedd/."""
    sentences = {}
    for path in sorted((ROOT / "sedd").rglob("__init__.py")):
        folder = path.parent.relative_to(ROOT / "sedd").as_posix()
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        sentences[folder] = docstring.partition("\n")[0]
    del sentences["."]
    return sentences


def tree_sentences() -> dict[str, str]:
    """Sentence of each folder in README's tree of sedd/, by the folder."""
    block = text("README.md").partition("## The tree")[2].split("```")[3]
    sentences, parents = {}, dict[int, str]()
    for line in block.strip("\n").splitlines():
        match = re.fullmatch(r"( *)(\w+)/ +(.+)", line)
        if match:
            indent, name, sentence = len(match[1]), match[2], match[3]
            parents[indent] = name
            folder = "/".join(parents[level] for level in sorted(parents) if level <= indent)
            sentences[folder] = sentence
    return sentences


def test_the_tree_in_the_readme_is_the_sentences_of_the_packages():
    packages, tree = package_sentences(), tree_sentences()
    problems = [
        f"{folder}/: the docstring of sedd/{folder}/__init__.py begins with\n"
        f"    {packages.get(folder, '(no such package: remove the line)')}\n"
        f"  and README.md says\n    {tree.get(folder, '(nothing: add a line)')}"
        for folder in sorted({*packages, *tree})
        if packages.get(folder) != tree.get(folder)
    ]
    what_to_do = (
        "README.md, section `The tree`: each line must be the first line of the folder's docstring"
    )
    assert not problems, "\n".join([what_to_do, *problems])


@pytest.mark.parametrize(("folder", "sentence"), package_sentences().items())
def test_a_package_says_in_one_sentence_what_belongs_in_it(folder: str, sentence: str):
    assert re.fullmatch(r"[A-Z].*[^.]\.", sentence), f"sedd/{folder}/__init__.py: {sentence!r}"
    assert ". " not in sentence, f"sedd/{folder}/__init__.py: more than one sentence in line 1"


def commands(program: str) -> Iterator[tuple[str, list[str]]]:
    """Every command of a program in the documents: in indented blocks and in code spans."""
    for document in DOCUMENTS:
        content = text(document)
        lines = re.findall(rf"^    (?:.* --no-python )?({program} .+)$", content, re.MULTILINE)
        spans = re.findall(rf"`({program} [^`]+)`", content)
        for command in dict.fromkeys([*lines, *(" ".join(span.split()) for span in spans)]):
            yield f"{document}: {command}", shlex.split(command, comments=True)[1:]


@pytest.mark.parametrize(
    "words",
    [pytest.param(words, id=where) for where, words in commands("sedd") if words[0][0].islower()],
)
def test_a_sedd_command_has_a_known_verb_and_known_options(words: list[str]):
    command: click.Command = typer.main.get_command(app)
    if words[1:] in ([], ["--cluster"]):  # named in prose, without its arguments
        words = [words[0], "--help"]
    context: click.Context | None = None
    while isinstance(command, click.Group):
        context = click.Context(command, parent=context)
        name, *words = words
        found = command.get_command(context, name)
        assert found is not None, f"no verb {name}"
        command = found
    if words != ["--help"]:
        command.make_context(command.name, words, parent=context)


@pytest.mark.parametrize(
    "words", [pytest.param(words, id=where) for where, words in commands("make")]
)
def test_a_make_command_has_a_target(words: list[str]):
    targets = re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE)
    assert {word for word in words if "=" not in word} <= set(targets)


def named_paths(document: str) -> set[str]:
    """Paths of this project in a document's links and code spans."""
    content = text(document)
    links = re.findall(r"\]\(((?!https?:)[^)]+)\)", content)
    spans = [
        span
        for span in re.findall(r"`([^`\n]+)`", content)
        if span.startswith(FOLDERS) and " " not in span
    ]
    # a link is relative to its document
    links = [(Path(document).parent / link).as_posix() for link in links]
    return {path.partition(":")[0] for path in [*links, *spans] if not PLACEHOLDER.search(path)}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_path_in_a_document_exists(document: str):
    paths = {path for path in named_paths(document) if not MADE_BY_A_BUILD.match(path)}
    missing = sorted(path for path in paths if not (ROOT / path).exists())
    assert not missing, f"{document} names missing paths: {', '.join(missing)}"


def test_an_addition_takes_at_most_four_files():
    chapter = text("CONTRIBUTING.md").partition("## Adding")[2].partition("\n## ")[0]
    additions = re.split(r"^\*\*(.+?)\*\*", chapter, flags=re.MULTILINE)[1:]
    numbers = {
        title: re.findall(r"^(\d+)\. ", body, re.MULTILINE)
        for title, body in zip(additions[::2], additions[1::2], strict=True)
    }
    assert len(numbers) >= 9
    assert all(1 <= len(steps) <= 4 for steps in numbers.values()), numbers
