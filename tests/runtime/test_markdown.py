"""Markdown tables written by code."""

from sedd.runtime.markdown import escape_markdown, markdown_table


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
