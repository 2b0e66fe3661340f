from __future__ import annotations

import contextlib
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import pytest
from project import ROOT
from report.results import (
    train_line,
    validation_line,
    write_evaluation,
    write_lines,
    write_metrics,
    write_samples,
)

from sedd.config import load_experiment, write_resolved
from sedd.errors import DataError
from sedd.paths import checkpoint_file, run_dir
from sedd.report import write_report
from sedd.report.plots import SERIES

VOID = {"meta", "link", "br", "img", "hr", "input"}
LOADING = {"src", "srcset", "data", "poster", "action", "xlink:href"}


class Page(HTMLParser):
    """Elements with their attributes, what is written in each, and whether the nesting is sound."""

    def __init__(self, text: str):
        super().__init__()
        self.source = text
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open:
            self.words.setdefault(self._open[-1], []).append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self, tag: str) -> str:
        return "\n".join(self.words.get(tag, []))


def make_page() -> Page:
    path = write_report(load_experiment("run"), Path("results/reports/run.html"))
    return Page(path.read_text(encoding="utf-8"))


def fill(*texts: str) -> None:
    """Everything that a finished run leaves."""
    write_metrics("run", [train_line(n) for n in range(20, 201, 20)] + [validation_line(200)])
    for step in (100, 200):
        write_evaluation("run", step, "wiki")
        write_evaluation("run", step, "kjv")
        write_samples("run", step, *(texts or ("a sample",)))
        write_lines(checkpoint_file("run", step), [])


SAMPLES = ("<script>alert(1)</script> & more", "</blockquote><img src=x onerror=alert(2)>")


@pytest.fixture(scope="module")
def page(other_folder: Path) -> Page:
    """Of a finished run, read-only."""
    with contextlib.chdir(other_folder):
        fill(*SAMPLES)
        return make_page()


def test_a_sample_with_a_script_is_shown_and_not_run(page: Page) -> None:
    assert not page.named("script")
    assert not page.named("img")
    shown = page.text("blockquote")
    assert all(sample in shown for sample in SAMPLES)
    assert not page.named("b")
    assert "Two checkpoints & a <b>bold</b> word" in page.text("p")


def test_the_page_asks_for_nothing_from_outside(page: Page) -> None:
    for tag, attributes in page.elements:
        assert not LOADING & attributes.keys() or (attributes.get("xlink:href") or "").startswith(
            "#"
        )
        assert not any(name.startswith("on") for name in attributes)
        if "href" in attributes:
            assert tag in ("a", "use"), tag
    assert not {"link", "iframe", "object", "embed", "script", "base"} & {
        t for t, _ in page.elements
    }
    assert "@import" not in page.text("style")
    assert not re.search(r"url\((?!['\"]?#)", page.source)
    policies = [meta for meta in page.named("meta") if meta.get("http-equiv")]
    assert policies == [
        {
            "http-equiv": "Content-Security-Policy",
            "content": "default-src 'none'; style-src 'unsafe-inline'",
        }
    ]


def test_pictures_have_words_beside_them_and_ids_of_their_own(page: Page) -> None:
    pictures = page.named("svg")
    assert len(pictures) == 5
    for picture in pictures:
        assert picture["role"] == "img"
        assert len(picture["aria-label"] or "") > 20
        assert "width" not in picture
    ids = Counter(attributes["id"] for _, attributes in page.elements if "id" in attributes)
    assert max(ids.values()) == 1
    used = {(element.get("xlink:href") or "#")[1:] for element in page.named("use")}
    assert used
    assert used <= ids.keys()


def test_every_table_has_a_caption_and_scoped_headings(page: Page) -> None:
    assert len(page.named("table")) == len(page.named("caption")) == 4
    assert {heading.get("scope") for heading in page.named("th")} == {"row", "col"}


def test_the_page_shows_numbers_errors_baselines_and_where_they_come_from(page: Page) -> None:
    cells = page.words["td"]
    for expected in ("≤ 54.60 ± 0.55", "665.14", "≤ 2.000 ± 0.005", "c" * 64, "d" * 64, "8,192"):
        assert expected in cells
    assert "Finished: 200 optimiser steps" in page.text("p")
    assert "20 s" in page.text("p")  # ten lines of two seconds


def test_settings_that_differ_from_their_default_are_marked_and_no_other() -> None:
    page = Path("page.html")
    write_report(load_experiment("run"), page)
    rows = re.findall(
        r'<tr( class="changed")?><th scope="row"><code>([\w.]+)', page.read_text("utf-8")
    )
    marked = {key for changed, key in rows if changed}
    assert {"model.dropout", "training.lr", "training.steps"} <= marked
    assert not {"model.hidden_size", "training.beta1", "training.accum", "seed"} & marked
    assert len(rows) > 30


def test_a_run_that_has_not_begun_says_what_is_missing() -> None:
    page = make_page()
    text = page.text("p")
    assert "Not started" in page.text("strong")
    for missing in (
        "No metrics yet",
        "No perplexity yet",
        "No samples yet",
        "Nothing has been measured",
    ):
        assert missing in text
    assert not page.named("svg")


def test_a_run_that_is_still_training_shows_how_far_it_is() -> None:
    write_metrics("run", [train_line(20), train_line(40)])
    write_samples("run", 100)
    page = make_page()
    assert "Not finished" in page.text("strong")
    assert "at step 40 of 200" in page.text("p")
    assert "The file holds no sample" in page.text("p")
    assert len(page.named("svg")) == 4


def test_given_text_is_marked_and_only_that() -> None:
    given = {
        "prefix_tokens": 6,
        "suffix_tokens": 5,
        "settings": {"prefix": "I said", "suffix": " you."},
    }
    write_samples("run", 200, "I said no, I said, to you.", **given)
    page = make_page()
    assert page.words["mark"] == ["I said", " you."]
    assert page.text("blockquote") == " no, I said, to"
    assert "the first 6 and the last 5 of 26 tokens" in page.text("p")


def test_commands_of_a_changed_experiment_name_what_it_was_made_from() -> None:
    changed = load_experiment(
        "run", ["training.lr=0.5", "evaluation.datasets=[wiki]"], rename="other"
    )
    path = write_report(changed, Path("page.html"))
    code = Page(path.read_text("utf-8")).text("code")
    assert "sedd train run training.lr=0.5 'evaluation.datasets=[wiki]' --name other" in code
    assert "sedd perplexity other --step 200 --dataset wiki" in code


def test_settings_edited_after_training_are_told() -> None:
    experiment = load_experiment("run")
    write_resolved(experiment, run_dir("run") / "config.yaml")
    assert "Edited after" not in make_page().text("strong")
    path = Path("config/experiments/run.yaml")
    path.write_text(path.read_text("utf-8").replace("lr: 0.002", "lr: 0.003"), "utf-8")
    page = make_page()
    assert "Edited after" in page.text("strong")
    assert "training.lr is 0.003, was 0.002" in page.text("p")


def test_a_page_of_many_long_samples_stays_light() -> None:
    fill(*["word & <tag> " * 5000] * 40)
    path = write_report(load_experiment("run"), Path("page.html"))
    assert path.stat().st_size < 2_000_000
    assert "Cut: 6,000 of 65,000 characters are shown" in path.read_text("utf-8")


def test_malformed_results_name_their_file_and_leave_the_old_page() -> None:
    fill()
    out = Path("page.html")
    before = write_report(load_experiment("run"), out).read_bytes()
    write_evaluation("run", 200, "wiki").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"step_200/wiki\.json"):
        write_report(load_experiment("run"), out)
    assert out.read_bytes() == before


def test_drawing_leaves_matplotlib_as_it_was_and_gives_the_same_bytes() -> None:
    fill()
    before = dict(mpl.rcParams)
    first, second = (re.sub("Page made .*", "", str(drawn())) for _ in range(2))
    assert first == second
    assert dict(mpl.rcParams) == before


def drawn() -> str:
    return write_report(load_experiment("run"), Path("page.html")).read_text("utf-8")


def luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour, WCAG 2.2."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("paper", ["#ffffff", "#14171a"])
def test_curves_stand_out_from_a_light_and_from_a_dark_page(paper: str) -> None:
    css = ROOT / "sedd/report/templates/page.css"
    assert f"--paper: {paper};" in css.read_text("utf-8")
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    for colour in SERIES:
        assert contrast(colour, paper) >= 3, colour
