from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from helpers.fake_results import (
    finished_run,
    start_line,
    train_line,
    write_evaluation,
    write_lines,
    write_metrics,
    write_samples,
)
from helpers.html_page import Page, make_page

from sedd.config import load_experiment, write_resolved
from sedd.errors import DataError
from sedd.paths import checkpoint_file, perplexity_log, run_dir, sample_log
from sedd.report import write_report

LOADING = {"src", "srcset", "data", "poster", "action", "xlink:href"}
SAMPLES = ("<script>alert(1)</script> & more", "</blockquote><img src=x onerror=alert(2)>")


def test_the_json_beside_the_page_holds_the_numbers_of_the_last_checkpoint() -> None:
    write_evaluation("run", 100, "wiki", nats_per_token=5.0)
    write_evaluation("run", 200, "wiki", nats_per_token=4.0)
    write_evaluation("run", 200, "kjv", nats_per_token=4.5)
    out = write_report(load_experiment("run"), Path("results/reports/run.html"))
    numbers = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    assert {text: number["nats_per_token"] for text, number in numbers.items()} == {
        "kjv": 4.5,
        "wiki": 4.0,
    }
    assert set(numbers["wiki"]) == {
        "nats_per_token",
        "standard_error",
        "perplexity",
        "bits_per_character",
    }


def test_a_page_shows_perplexities_beyond_a_float_and_numbers_without_an_error() -> None:
    error = {"standard_error": None, "bits_per_character_standard_error": None}
    write_evaluation("run", 200, "wiki", nats_per_token=812.34)
    write_evaluation("run", 200, "kjv", **error)
    line = {"step": 200, "kind": "validation", "loss_nats_per_token": 3.25}
    write_metrics("run", [start_line(0), train_line(200, 3.5), line])
    text = write_report(load_experiment("run"), Path("run.html")).read_text(encoding="utf-8")
    assert "e^812.3" in text
    assert ">≤ 54.60<" in text
    assert "3.250<small>nats per token" in text
    assert "nan" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL).lower()


@pytest.fixture(scope="module")
def page(other_folder: Path) -> Page:
    """Page of a finished run; tests must not change it."""
    with contextlib.chdir(other_folder):
        finished_run(*SAMPLES)
        return make_page()


def test_a_script_in_a_sample_is_shown_but_not_executed(page: Page) -> None:
    assert not page.named("img")
    assert not page.named("b")
    shown = page.text("blockquote")
    assert all(sample in shown for sample in SAMPLES)
    assert " <script>alert(3)</script>" in page.words["span"]
    assert "Two checkpoints & a <b>bold</b> word" in page.text("p")
    assert not [script for script in page.words["script"] if script.startswith("alert")]


def test_the_policy_allows_only_the_scripts_of_the_page(page: Page) -> None:
    (policy,) = [meta["content"] for meta in page.named("meta") if meta.get("http-equiv")]
    assert policy
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'unsafe-inline'; ")
    allowed = set(re.findall(r"'sha256-([^']+)'", policy))
    scripts = re.findall(r"<script>(.*?)</script>", page.source, re.DOTALL)
    digests = [hashlib.sha256(script.encode()).digest() for script in scripts]
    assert {base64.b64encode(digest).decode() for digest in digests} == allowed
    assert len(allowed) == 5


def test_the_page_refers_to_the_network_only_in_links(page: Page) -> None:
    for tag, attributes in page.elements:
        assert not LOADING & attributes.keys(), tag
        assert not any(name.startswith("on") for name in attributes), tag
        if "href" in attributes:
            assert tag == "a" or (tag, attributes["href"]) == ("link", "data:,")
    assert not {"iframe", "object", "embed", "base"} & {tag for tag, _ in page.elements}
    assert "@import" not in page.text("style")
    assert "url(" not in page.text("style")


def test_json_for_scripts_cannot_end_its_script_element(page: Page) -> None:
    blocks = re.findall(
        r'<script type="application/json"[^>]*>(.*?)</script>', page.source, re.DOTALL
    )
    assert len(blocks) == 2
    assert all("<" not in block for block in blocks)
    assert any(" <script>alert(3)</script>" in str(json.loads(block)) for block in blocks)


def test_figures_have_a_description_and_a_table_of_numbers(page: Page) -> None:
    figures = [div for div in page.named("div") if div.get("role") == "img"]
    assert len(figures) == 7
    assert all(len(figure["aria-label"] or "") > 20 for figure in figures)
    assert page.words["summary"].count("Numbers") == 7


def test_every_table_has_a_caption_and_scoped_headings(page: Page) -> None:
    assert len(page.named("table")) == len(page.named("caption")) > 12
    assert {heading.get("scope") for heading in page.named("th")} == {"row", "col"}


def test_no_heading_level_is_skipped(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_page_shows_numbers_with_errors_baselines_and_provenance(page: Page) -> None:
    cells = page.words["td"]
    for expected in ("≤ 54.60 ± 0.55", "665.14", "≤ 2.000 ± 0.005", "c" * 64, "d" * 64, "8,192"):
        assert expected in cells
    assert "200 optimizer steps" in page.everything()
    assert "0.912 ± 0.004" in cells
    assert "a-judge" in page.words["th"]


def test_gpu_hours_count_every_process_of_every_start() -> None:
    starts = [start_line(0, "NVIDIA H100", 8), start_line(100, "NVIDIA H100", 2)]
    lines = [{**train_line(step), "seconds": 36.0} for step in range(20, 201, 20)]
    write_metrics("run", [*starts, *lines])
    # five log intervals of 36 s on eight processes, five on two
    assert "0.50 GPU hours" in make_page().everything()


def test_a_run_without_a_recorded_device_says_so() -> None:
    write_metrics("run", [train_line(20)])
    assert "on an unknown device" in make_page().everything()


def test_settings_are_marked_if_they_differ_from_the_preset_or_a_default() -> None:
    page = make_page()
    rows = re.findall(
        r'<tr( class="changed")?><th scope="row"><code>([\w.]+)</code></th>'
        r"<td><code>(.*?)</code></td><td>(.*?)</td>",
        page.source,
    )
    changed = {key: (value, other) for mark, key, value, other in rows if mark}
    assert [key for mark, key, _, _ in rows[: len(changed)]] == list(
        changed
    )  # and are listed first
    assert changed["model.dropout"] == ("0.25", "<code>0.0</code>")  # the default is 0.1
    assert {"training.lr", "training.steps"} <= changed.keys()
    # equal to the preset, though different from the program's default
    assert not {"model.hidden_size", "training.beta1", "training.accum", "seed"} & changed.keys()
    assert len(rows) > 40


def test_the_page_of_a_run_that_has_not_started_says_what_is_missing() -> None:
    page = make_page()
    text = page.everything()
    for missing in (
        "Not started",
        "No metrics yet",
        "No perplexity yet",
        "entropy: not measured",
        "MAUVE: not measured",
        "No trace yet",
        "No samples yet",
        "No infills yet",
        "cost is unknown",
        "Nothing was measured yet",
    ):
        assert missing in text
    assert not [div for div in page.named("div") if div.get("role") == "img"]
    assert len(page.source) < 100_000  # no plot, hence no plotting library


def test_the_page_of_a_run_in_training_shows_its_progress() -> None:
    write_metrics("run", [train_line(20), train_line(40)])
    write_samples("run", 100)
    text = make_page().everything()
    assert "Not finished" in text
    assert "at step 40 of 200" in text
    assert "Last log entry: 2" in text
    assert "The file contains no samples" in text


def test_a_failed_measurement_differs_from_a_missing_one() -> None:
    write_evaluation("run", 100, "wiki")
    log = perplexity_log("run", 200, "kjv")
    log.parent.mkdir(parents=True)
    log.write_text("perplexity run on kjv: 0%\nsedd: results/data/kjv: too short <for> one block\n")
    log = sample_log("run", 200, "analytic_64")
    log.parent.mkdir(parents=True)
    log.write_text("Traceback (most recent call last):\n  File ...\nMemoryError: no room\n")
    page = make_page()
    text = page.everything()
    assert "2 measurements failed" in text
    assert "kjv at step 200: results/data/kjv: too short <for> one block" in text
    assert "MemoryError: no room" in text
    cells = page.words["td"]
    assert [cells.count(text) for text in ("failed, see above", "not measured")] == [1, 2]


def test_an_old_log_does_not_turn_an_existing_measurement_into_a_failure() -> None:
    write_evaluation("run", 200, "wiki")
    log = perplexity_log("run", 200, "wiki")
    log.parent.mkdir(parents=True)
    log.write_text("sedd: an old mistake\n")
    assert "failed" not in make_page().everything()


def test_a_malformed_measurement_is_shown_as_a_failure_with_its_file() -> None:
    write_evaluation("run", 200, "wiki").write_text("{", encoding="utf-8")
    text = make_page().everything()
    assert "1 measurement failed" in text
    assert "step_200/wiki.json: malformed" in text


def test_malformed_metrics_raise_an_error_and_keep_the_old_page() -> None:
    finished_run()
    out = Path("page.html")
    before = write_report(load_experiment("run"), out).read_bytes()
    write_metrics("run", [{"step": 1}])
    with pytest.raises(DataError, match=r"metrics\.jsonl, line 1"):
        write_report(load_experiment("run"), out)
    assert out.read_bytes() == before


def test_commands_of_a_changed_experiment_name_its_base() -> None:
    changed = load_experiment(
        "run", ["training.lr=0.5", "evaluation.datasets=[wiki]"], rename="other"
    )
    code = Page(write_report(changed, Path("page.html"))).text("code")
    assert "sedd train run training.lr=0.5 'evaluation.datasets=[wiki]' --name other" in code
    assert "sedd perplexity other --step 200 --dataset wiki" in code


def test_settings_edited_after_training_are_shown() -> None:
    experiment = load_experiment("run")
    write_resolved(experiment, run_dir("run") / "config.yaml")
    assert "Edited after" not in make_page().text("strong")
    path = Path("config/experiments/run.yaml")
    path.write_text(path.read_text("utf-8").replace("lr: 0.002", "lr: 0.003"), "utf-8")
    page = make_page()
    assert "Edited after" in page.text("strong")
    assert "training.lr: 0.002 -> 0.003" in page.text("p")


def test_an_edited_setting_that_shapes_no_weight_is_not_reported_as_edited() -> None:
    write_resolved(load_experiment("run"), run_dir("run") / "config.yaml")
    path = Path("config/experiments/run.yaml")
    text = path.read_text("utf-8")
    path.write_text(text.replace("lr: 0.002", "lr: 0.002, log_every: 7"), "utf-8")
    assert "Edited after" not in make_page().text("strong")


def test_a_page_with_many_long_samples_is_small() -> None:
    finished_run(*["word & <tag> " * 5000] * 40)
    path = write_report(load_experiment("run"), Path("page.html"))
    assert path.stat().st_size < 2_000_000
    assert "Cut: 6,000 of 65,000 characters are shown" in path.read_text("utf-8")


def test_a_page_with_ten_checkpoints_and_long_curves_is_small() -> None:
    path = Path("config/experiments/run.yaml")
    text = path.read_text("utf-8").replace("steps: 200", "steps: 10000")
    path.write_text(text.replace("checkpoint_every: 100", "checkpoint_every: 1000"), "utf-8")
    write_metrics("run", [train_line(n, 4 + (n * 7919 % 1000) / 1000) for n in range(1, 10_001)])
    for step in range(1000, 10_001, 1000):
        write_evaluation("run", step, "wiki")
        write_evaluation("run", step, "kjv")
        write_samples("run", step, *["word " * 1000] * 8)
        write_lines(checkpoint_file("run", step), [])
    assert write_report(load_experiment("run"), Path("page.html")).stat().st_size < 2_000_000


def test_the_same_results_give_the_same_page() -> None:
    finished_run()
    script = "from pathlib import Path; from sedd.config import load_experiment; "
    script += "from sedd.report import write_report; "
    script += "write_report(load_experiment('run'), Path('page.html'))"
    pages = []
    for _ in range(2):  # in separate processes: Bokeh numbers its models per process
        subprocess.run([sys.executable, "-c", script], check=True)
        pages.append(re.sub("Created [^ ]*", "", Path("page.html").read_text("utf-8")))
    assert pages[0] == pages[1]
