from __future__ import annotations

from helpers.fake_results import write_samples
from helpers.html_page import make_page


def test_only_given_text_is_marked() -> None:
    infill = {
        "prefix_tokens": 6,
        "suffix_tokens": 5,
        "settings": {"prefix": "I said", "suffix": " you."},
    }
    write_samples("run", 200, "I said no, I said, to you.", **infill)
    page = make_page()
    assert page.words["mark"] == ["Marked", "I said", " you."]
    assert page.text("blockquote") == " no, I said, to"
    assert "No samples yet" in page.text("p")  # infills are listed separately


def test_the_pieces_of_a_template_are_marked_in_their_order() -> None:
    settings = {
        "prefix": "",
        "suffix": "",
        "pieces": {"10": ". It is", "2": " is a", "20": "[else]"},
    }
    write_samples("run", 200, "It is a bird. It is a fish. It is red.", settings=settings)
    page = make_page()
    assert page.words["mark"] == ["Marked", " is a", ". It is"]
    assert page.words["blockquote"] == ["It", " bird", " a fish. It is red."]


def test_a_cut_text_keeps_its_given_parts_and_says_how_much_is_shown() -> None:
    settings = {"prefix": "He ", "suffix": " end", "pieces": {"5": " and "}}
    write_samples("run", 200, f"He {'a' * 6001} and {'b' * 99} end", settings=settings)
    page = make_page()
    assert page.words["mark"] == ["Marked", "He ", " and ", " end"]
    assert page.words["blockquote"] == [f"{'a' * 6000} …", " …"]
    assert "Cut: 6,000 of 6,100 characters are shown." in page.text("p")


def test_samples_of_all_checkpoints_are_shown_side_by_side() -> None:
    for step in (100, 200):
        write_samples("run", step, f"text of {step}")
    page = make_page()
    assert page.words["h4"] == ["Step 100", "Step 200"]
    assert page.words["blockquote"][:2] == ["text of 100", "text of 200"]


def test_only_a_few_samples_with_other_settings_are_shown() -> None:
    own = write_samples("run", 200, *[f"own {number}" for number in range(20)])
    other = own.with_name("euler_8.jsonl")
    other.write_text(own.read_text("utf-8").replace("own ", "other "), "utf-8")
    page = make_page()
    assert "Samples with other settings" in page.words["summary"]
    shown = page.words["blockquote"]
    assert [text for text in shown if text.startswith("other")] == ["other 0", "other 1"]
    assert {f"own {number}" for number in range(8)} <= set(shown)
    assert "own 8" not in shown
