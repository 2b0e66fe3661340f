"""Templates: text with blanks."""

import re

import pytest

from sedd.config.template import Blank, parse_template
from sedd.data.tokenizers import load_tokenizer
from sedd.errors import DataError
from sedd.sampling.prompt import Prompt

TEXT8 = load_tokenizer("text8")


@pytest.mark.parametrize(
    ("template", "parts"),
    [
        ("The [20] of France", ["The ", Blank(20), " of France"]),
        ("[]end", [Blank(None), "end"]),
        ("[2][3]", [Blank(2), Blank(3)]),
        ("a [[20] b[1]", ["a [20] b", Blank(1)]),
        ("[[[4]]", ["[", Blank(4), "]"]),
        ("x] [1]", ["x] ", Blank(1)]),
    ],
)
def test_brackets_are_blanks_and_two_are_a_bracket(template, parts):
    assert parse_template(template) == parts


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("The river", "has no blank"),
        ("[[20]", "has no blank"),
        ("a [b] [3]", "the bracket at character 3 begins no blank"),
        ("a [3", "the bracket at character 3 begins no blank"),
        ("[-3]", "the bracket at character 1 begins no blank"),
        ("a [0]", "a blank of no tokens"),
        ("[] and []", "two blanks []"),
    ],
)
def test_a_malformed_template_is_refused_with_the_way_out(template, message):
    with pytest.raises(DataError, match=re.escape(message)):
        parse_template(template)


def test_a_template_is_the_whole_text_with_its_white_space():
    prompt = Prompt.of_template(TEXT8, "ab [3] cd [2]", 32)
    tokens, mask = prompt.clamp(prompt.length)
    assert prompt.length == 3 + 3 + 4 + 2
    assert TEXT8.decode(tokens[mask].tolist()) == "ab  cd "
    assert (~mask).nonzero()[:, 0].tolist() == [3, 4, 5, 10, 11]


def test_an_open_blank_fills_the_text():
    prompt = Prompt.of_template(TEXT8, "[2]ab[]cd", 20)
    tokens, mask = prompt.clamp(prompt.length)
    assert prompt.length == 20
    assert TEXT8.decode(tokens[mask].tolist()) == "abcd"
    assert mask.nonzero()[:, 0].tolist() == [2, 3, 18, 19]


@pytest.mark.parametrize("template", ["a[32]", "[]" + "a" * 32, "[9999999999999999999]"])
def test_a_template_longer_than_a_text_is_refused(template):
    with pytest.raises(DataError, match="a text has at most 32"):
        Prompt.of_template(TEXT8, template, 32)
