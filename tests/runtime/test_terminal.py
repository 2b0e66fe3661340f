"""Tables as plain text."""

from __future__ import annotations

import pytest

from sedd.runtime.terminal import terminal_width, text_table

HEADINGS = ["Model", "KJV"]
SECTIONS = [[["ours"], ["SEDD Absorb", "12.50 [3.9]"]], [["GPT-2", "1.00"]]]


def test_labels_are_aligned_left_and_numbers_right_with_a_line_between_sections() -> None:
    assert text_table(HEADINGS, SECTIONS, width=40).splitlines() == [
        "Model                KJV",
        "────────────────────────",
        "ours",
        "SEDD Absorb  12.50 [3.9]",
        "────────────────────────",
        "GPT-2               1.00",
    ]


def test_a_table_as_wide_as_the_terminal_is_not_wrapped() -> None:
    assert text_table(HEADINGS, SECTIONS, width=24) == text_table(HEADINGS, SECTIONS, width=40)


def test_cells_that_do_not_fit_are_wrapped_and_complete() -> None:
    name = "a" * 70
    text = text_table(["Model", "KJV"], [[[name, "1.00"]]], width=30)
    assert max(map(len, text.splitlines())) <= 30
    assert text.count("a") == 70
    assert "1.00" in text


def test_a_table_has_no_escape_codes_even_if_colors_are_forced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    assert "\x1b" not in text_table(HEADINGS, SECTIONS)


def test_the_width_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    assert terminal_width() == 72
