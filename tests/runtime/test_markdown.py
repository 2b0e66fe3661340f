"""Markdown tables written by code."""

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from sedd.runtime.markdown import code, code_block, escape_markdown, markdown_table


def test_a_table_has_one_line_for_headings_rules_and_each_row():
    table = markdown_table(["text", "nats"], [["wiki", "1.5"], ["kjv", "2"]], ["left", "right"])
    assert table.splitlines() == [
        "| text | nats |",
        "| :-- | --: |",
        "| wiki | 1.5 |",
        "| kjv | 2 |",
    ]


def test_pipes_and_line_breaks_do_not_break_a_row():
    table = markdown_table(["a|b"], [["one\ntwo"], [escape_markdown("c|d")], ["[link](x)"]])
    assert table.splitlines() == [
        r"| a\|b |",
        "| :-- |",
        "| one two |",
        r"| c\|d |",
        "| [link](x) |",
    ]


def test_escaped_text_is_shown_as_it_is():
    assert escape_markdown("a_b *c*\n<d>") == r"a\_b \*c\* \<d\>"


def parsed(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)


@given(st.text(alphabet="ab1 .)(*_`~-+=#<>[]!|\\&;$:/\"'{}\t\n", min_size=1, max_size=30))
@settings(max_examples=300, deadline=None)
def test_any_text_is_one_paragraph_or_one_piece_of_code(text: str):
    line = " ".join(text.split())
    page = parsed(escape_markdown(text))
    assert [token.type for token in page] == ["paragraph_open", "inline", "paragraph_close"] * bool(
        line
    )
    assert "".join(one.content for token in page for one in token.children or ()) == line
    if line:
        (one,) = parsed(f"x {code(text)}")[1].children[1:]
        assert (one.type, one.content) == ("code_inline", line)
    (block,) = parsed(code_block(text, "yaml"))
    assert block.content.rstrip() == text.rstrip()
