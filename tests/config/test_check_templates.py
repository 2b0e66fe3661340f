"""Templates of `sampling.infill` are checked before any work, as far as their tokens are known."""

from __future__ import annotations

from pathlib import Path

import pytest

from sedd.config import check_project, load_experiment
from sedd.config.check import check_file
from sedd.errors import ConfigError

VOCABULARIES = {
    "dna": "chars: ACGT",
    "numbers": "ids: 388",
    "bytes": "bytes: true",
    "learned": "train: bpe\nsize: 4096\ndataset: wiki",
}


def problems(template: str, tokenizer: str, base: str = "smoke_absorb") -> list[str]:
    """Those of an experiment with texts of 32 tokens."""
    if tokenizer in VOCABULARIES:
        text = f"description: for a test\n{VOCABULARIES[tokenizer]}\n"
        Path(f"config/tokenizers/{tokenizer}.yaml").write_text(text)
    path = Path("config/experiments/mine.yaml")
    path.write_text(
        f"base: {base}\ndescription: for a test\ndata: {{tokenizer: {tokenizer}}}\n"
        f"sampling:\n  infill:\n    - '{template}'\n"
    )
    return [str(problem) for error in check_project([path]) for problem in error.problems]


@pytest.mark.parametrize(
    ("tokenizer", "template", "found"),
    [
        ("dna", "ACG[3]T", ""),
        ("dna", "ACX[3]t", "has 'X', 't'"),
        ("dna", "A[31]", ""),
        ("dna", "A[32]", "at least 1 tokens of text and blanks of 32, but a text has 32 tokens"),
        ("dna", f"{'A' * 32}[]", "at least 32 tokens of text and blanks of 1"),
        ("numbers", "12 7 [28] 387 0", ""),
        ("numbers", "12 7 [29] 387 0", "at least 4 tokens of text and blanks of 29"),
        ("numbers", "12 388[3] two", "has '388'"),
        ("bytes", "é[30]", ""),
        ("bytes", "é[31]", "at least 2 tokens of text"),
        ("text8", "The 3 cities[20]", ""),  # spelled: the three cities
        ("text8", "the cities[24]", "at least 9 tokens of text and blanks of 24"),
        ("learned", "any text at all, however long it is[31]", ""),
        ("learned", "a[32]", "at least 1 tokens of text"),
        ("someone/on-the-hub", "a[31]", ""),
        ("dna", "A[0]", "a blank of no tokens: write [1] or more"),
        ("dna", "A[-3]", "the bracket at character 2 begins no blank"),
        ("dna", "AC", "has no blank, so that nothing is left to draw"),
    ],
)
def test_a_template_fits_the_vocabulary_and_the_length(
    here: Path, tokenizer: str, template: str, found: str
) -> None:
    lines = problems(template, tokenizer)
    if not found:
        assert lines == []
        return
    for line in lines:
        assert line.startswith("sampling.infill")
        assert f"{template!r}: " in line
    assert any(found in line for line in lines), lines


def test_the_line_of_each_template_and_the_way_out_are_named(here: Path) -> None:
    (line,) = problems("ACX[3]", "dna")
    assert line.startswith("sampling.infill[0]: 'ACX[3]': has 'X'")
    assert "Add what is missing to `chars` in config/tokenizers/dna.yaml" in line
    assert line.endswith("[line 6]")


def test_a_left_to_right_model_takes_text_at_the_start_alone(here: Path) -> None:
    assert problems("the river[3]", "text8", "smoke_autoregressive") == []
    for template in ("[3]the river", "the[3] river"):
        (line,) = problems(template, "text8", "smoke_autoregressive")
        assert "samples from left to right: give text at the start alone" in line


def test_a_sweep_reports_a_template_that_a_point_cannot_hold(here: Path) -> None:
    path = Path("config/sweeps/s.yaml")
    path.write_text(
        "description: d\nbase: smoke_uniform\ngrid: {data.length: [16, 32], mauve.tasks: [[]]}\n"
    )
    with pytest.raises(ConfigError, match=r"sampling\.infill\[0\].*a text has 16 tokens"):
        check_file(path)


def test_a_shorter_text_of_one_call_is_not_refused_for_its_templates(here: Path) -> None:
    short = load_experiment("smoke_uniform", ["sampling.length=8"], rename="short")
    assert short.sampling.infill
