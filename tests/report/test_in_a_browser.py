"""The pages in a real browser: no errors, no network, and working controls."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.browser import Browser, open_browser
from helpers.fake_results import (
    finished_run,
    start_line,
    train_line,
    validation_line,
    write_evaluation,
    write_metrics,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from sedd.config import load_experiment, write_resolved
from sedd.paths import run_dir
from sedd.report import (
    make_table,
    write_comparison,
    write_index_page,
    write_report,
    write_table,
)

PAGES = ("run", "begun", "compare", "index", "table")
SCRIPT = (
    "<script>document.title = 'taken over'</script><img src=x onerror=\"document.title='taken'\">"
)
# lists text whose contrast with its background is below WCAG 2.2 AA
TOO_FAINT = """
const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const rgba = (color) => {
  canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
  return canvas.getImageData(0, 0, 1, 1).data;
};
const background = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const color = rgba(getComputedStyle(at).backgroundColor);
    if (color[3] === 255) return color;
  }
  return rgba("white");
};
const luminance = (color) => [0.2126, 0.7152, 0.0722].reduce((sum, weight, at) => {
  const part = color[at] / 255;
  return sum + weight * (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
}, 0);
const faint = [];
for (const element of document.body.querySelectorAll("*")) {
  const isText = (node) => node.nodeType === 3 && node.textContent.trim();
  const texts = [...element.childNodes].filter(isText);
  if (!texts.length || !element.checkVisibility()) continue;
  if (element.matches(".masked, script, noscript, option")) continue;
  const pair = [luminance(rgba(getComputedStyle(element).color)), luminance(background(element))];
  const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  const start = texts[0].textContent.trim().slice(0, 30);
  if (ratio < 4.5) faint.push([element.tagName, element.className, start, ratio]);
}
return faint;
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from open_browser()


@pytest.fixture(scope="module")
def pages(other_folder: Path) -> dict[str, Path]:
    """Pages by name: a finished run, a run that has just begun, and the pages of both."""
    with contextlib.chdir(other_folder):
        finished_run(f"one {SCRIPT}", "another text")
        other = load_experiment("run", ["training.lr=0.004", "seed=9"], rename="begun")
        write_resolved(other, run_dir("begun") / "config.yaml")
        lines = [train_line(20, 6.0), train_line(40, 5.5), validation_line(40, 5.0)]
        write_metrics("begun", [start_line(0), *lines])
        write_evaluation("begun", 100, "wiki", nats_per_token=4.5)
        run = load_experiment("run")
        paths = {
            "run": write_report(run, Path("results/reports/run.html")),
            "begun": write_report(other, Path("results/reports/begun.html")),
            "compare": write_comparison([run, other], Path("results/reports/compare.html")),
            "index": write_index_page(
                ["run", "begun"], ["table"], Path("results/reports/index.html")
            ),
            "table": write_table(make_table("table"))[-1],
        }
        return {name: path.absolute() for name, path in paths.items()}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_without_errors_and_without_the_network(
    browser: Browser, pages: dict[str, Path], name: str, dark: bool
) -> None:
    browser.open(pages[name], dark=dark)
    browser.run("window.scrollTo(0, document.body.scrollHeight)")
    assert browser.messages() == []
    assert browser.requests() == []
    assert browser.run(TOO_FAINT) == []
    picture = browser.picture()
    paper = (20, 23, 26) if dark else (255, 255, 255)
    blank = (picture == paper).all(-1).mean()
    assert 0.3 < blank < 0.99, "blank page or wrong colors"


WIDER = """
return [...document.querySelectorAll(".scroll")].filter((one) => one.checkVisibility()).map((one) => [
  one.scrollWidth > one.clientWidth + 1, getComputedStyle(one, "::before").content.includes("scroll")]);
"""


@pytest.mark.parametrize("width", [400, 1200])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_its_window_and_says_where_a_table_does_not(
    browser: Browser, pages: dict[str, Path], name: str, width: int
) -> None:
    browser.open(pages[name], width=width, height=740)
    assert browser.run("return document.documentElement.scrollWidth") <= width
    browser.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    browser.wait(f"return ((pairs) => pairs.every(([a, b]) => a === b))((() => {{{WIDER}}})())")
    pairs = browser.run(WIDER)
    assert pairs, "no table"
    if (name, width) == ("run", 400):
        assert [True, True] in pairs
    assert browser.messages() == []


def test_a_script_in_a_sample_is_shown_as_text(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["run"])
    assert browser.driver.title == "run: a run of sedd"
    assert browser.driver.find_element(By.CSS_SELECTOR, "blockquote").text == f"one {SCRIPT}"
    assert not browser.driver.find_elements(By.TAG_NAME, "img")


def test_the_policy_blocks_a_script_that_was_added_to_a_page(
    browser: Browser, pages: dict[str, Path], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    text = pages["index"].read_text("utf-8")
    page.write_text(text.replace("<main", f"{SCRIPT}<main"), "utf-8")
    browser.open(page)
    assert browser.driver.title == "All runs and tables"
    assert any("Content Security Policy" in message for message in browser.messages())


def test_the_curves_are_drawn(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["run"])
    for number, figure in enumerate(browser.driver.find_elements(By.CLASS_NAME, "plot")):
        browser.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", figure)
        name = figure.get_attribute("id")
        picture = browser.picture(f"#{name}").astype(int)
        saturation = picture.max(-1) - picture.min(-1)
        assert (saturation > 60).sum() > 100, f"{name}, {number}: no colored line"


def test_a_drag_zooms_all_figures_by_optimizer_step(
    browser: Browser, pages: dict[str, Path]
) -> None:
    from selenium.webdriver import ActionChains

    browser.open(pages["run"])
    ranges = (
        "return Bokeh.documents[0].roots().map((plot) => [plot.x_range.start, plot.x_range.end])"
    )
    before = browser.run(ranges)
    figure = browser.driver.find_element(By.ID, "figure-loss")
    browser.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", figure)
    drag = ActionChains(browser.driver).move_to_element_with_offset(figure, -150, -60)
    drag.click_and_hold().move_by_offset(150, 60).move_by_offset(100, 40).release().perform()
    time.sleep(0.3)
    after = browser.run(ranges)
    widths = [[end - start for start, end in limits] for limits in (before, after)]
    assert widths[1][0] < 0.7 * widths[0][0]
    assert after[0] == after[1] == after[2] == after[3]
    assert after[5] == before[5]  # by network calls


def test_the_slider_moves_between_noise_and_the_final_text(
    browser: Browser, pages: dict[str, Path]
) -> None:
    browser.open(pages["run"])
    section = browser.driver.find_element(By.CLASS_NAME, "denoise")
    slider = section.find_element(By.TAG_NAME, "input")
    browser.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", slider)

    def shown_classes() -> list[str]:
        script = "return [...arguments[0].querySelectorAll('.text span')].map((s) => s.className)"
        return browser.run(script, section)

    assert shown_classes() == ["given", "band-0", "band-3", "band-6", "band-0"]
    before = browser.picture(".denoise .text")
    slider.send_keys(Keys.HOME)
    assert shown_classes() == ["given", "masked", "masked", "masked", "masked"]
    assert slider.get_attribute("aria-valuetext") == "step 0 of 3, 1 of 5 tokens final"
    slider.send_keys(Keys.ARROW_RIGHT)
    assert shown_classes() == ["given", "band-0", "masked", "masked", "band-0"]
    assert "<script>alert(3)</script>" in section.find_element(By.CLASS_NAME, "text").text
    assert not np.array_equal(before, browser.picture(".denoise .text"))
    slider.send_keys(Keys.END)
    assert np.array_equal(before, browser.picture(".denoise .text"))


def test_the_button_plays_to_the_end_and_stops(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["run"])
    button = browser.driver.find_element(By.CSS_SELECTOR, ".denoise button")
    browser.run("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", button)
    assert button.text == "Play"
    button.click()
    assert button.text == "Pause"
    browser.wait("return document.querySelector('.denoise button').textContent === 'Play'")
    assert browser.run("return document.querySelector('.denoise input').value") == "3"


def test_a_heading_sorts_the_table_and_then_reverses_it(
    browser: Browser, pages: dict[str, Path]
) -> None:
    browser.open(pages["index"])
    cells = (
        "return [...document.querySelectorAll('#run-table tbody tr')]"
        ".map((row) => row.cells[arguments[0]].textContent)"
    )
    headings = browser.driver.find_elements(By.CSS_SELECTOR, "#run-table thead th")
    (column,) = [at for at, heading in enumerate(headings) if "Validation loss" in heading.text]
    assert browser.run(cells, column) == ["3.000", "5.000"]
    button = headings[column].find_element(By.TAG_NAME, "button")
    button.send_keys(Keys.ENTER)  # by keyboard
    assert browser.run(cells, column) == ["3.000", "5.000"]
    assert headings[column].get_attribute("aria-sort") == "ascending"
    button.click()
    assert browser.run(cells, column) == ["5.000", "3.000"]
    assert headings[column].get_attribute("aria-sort") == "descending"
    headings[0].find_element(By.TAG_NAME, "button").click()
    assert [text.split("Two")[0] for text in browser.run(cells, 0)] == ["begun", "run"]
    assert headings[column].get_attribute("aria-sort") is None


def test_rows_without_a_number_are_last_in_both_orders(
    browser: Browser, pages: dict[str, Path]
) -> None:
    browser.open(pages["index"])
    rows = (
        "return [...document.querySelectorAll('#run-table tbody tr')]"
        ".map((row) => row.cells[0].textContent)"
    )
    headings = browser.driver.find_elements(By.CSS_SELECTOR, "#run-table thead th")
    (heading,) = [one for one in headings if "Perplexity, kjv" in one.text]
    headings[0].find_element(By.TAG_NAME, "button").click()
    assert browser.run(rows)[0].startswith("begun")
    for direction in ("ascending", "descending"):
        heading.find_element(By.TAG_NAME, "button").click()
        assert heading.get_attribute("aria-sort") == direction
        assert browser.run(rows)[-1].startswith("begun")  # not measured on this text


def test_numbers_are_sorted_by_value(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["table"])
    cells = (
        "return [...document.querySelectorAll('tbody')[0].rows]"
        ".map((row) => row.cells[2].textContent)"
    )
    button = browser.driver.find_elements(By.CSS_SELECTOR, "thead button")[2]
    button.click()
    ours = f"≤ {math.exp(4):.2f} ± {math.exp(4) * 0.01:.2f}"
    assert browser.run(cells) == ["≤ 52.50", ours, "403.43", "665.14"]
    button.click()
    assert browser.run(cells) == ["665.14", "403.43", ours, "≤ 52.50"]


def test_an_unselected_run_is_hidden_in_the_comparison(
    browser: Browser, pages: dict[str, Path]
) -> None:
    browser.open(pages["compare"])
    rows = (
        "return [...document.querySelectorAll('#differences tbody tr')]"
        ".filter((row) => row.checkVisibility()).map((row) => row.cells[0].textContent)"
    )
    lines = (
        "return Bokeh.documents[0].roots()[0].renderers"
        ".filter((line) => line.visible).map((line) => line.name)"
    )
    assert set(browser.run(rows)) == {"seed", "training.lr"}
    assert set(browser.run(lines)) == {"run", "begun"}
    browser.driver.find_element(By.CSS_SELECTOR, "input[value=begun]").click()
    assert browser.run(rows) == []  # a single run has no differences
    assert set(browser.run(lines)) == {"run"}
    heading = browser.driver.find_element(By.CSS_SELECTOR, "th[data-run=begun]")
    assert not heading.is_displayed()
    assert browser.messages() == []


def test_the_index_links_to_the_pages_of_the_runs(browser: Browser, pages: dict[str, Path]) -> None:
    browser.open(pages["index"])
    browser.driver.find_element(By.LINK_TEXT, "begun").click()
    assert browser.driver.title == "begun: a run of sedd"
    browser.driver.find_element(By.LINK_TEXT, "All runs").click()
    browser.driver.find_element(By.LINK_TEXT, "Compare runs").click()
    assert browser.driver.title == "Comparison of runs"
