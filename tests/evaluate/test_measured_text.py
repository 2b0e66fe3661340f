"""The text whose likelihood is measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from sedd.config import Experiment, load_dataset, load_experiment
from sedd.data.tokenize import tokenize_split
from sedd.errors import DataError
from sedd.evaluate.measured_text import open_text
from sedd.paths import tokens_dir

JAPANESE = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。"


def measured(lines: list[str], split: str = "test", **evaluation: int | None) -> Experiment:
    """An experiment that reads these documents in the vocabulary gpt2, in sequences of 16 tokens."""
    Path("mine.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    Path("config/datasets/mine.yaml").write_text(
        "description: a text\nlicence: made for tests\n"
        "source: {type: file, files: {all: mine.txt}}\nformat: {type: text}\n"
        f"splits: {{type: named, {split}: all}}\n"
    )
    tokenize_split(load_dataset("mine"), "gpt2", split, tokens_dir("mine", "gpt2", split))
    experiment = load_experiment(
        "smoke_absorb", ["data.tokenizer=gpt2", "data.length=16"], rename="x"
    )
    chosen = experiment.evaluation.model_copy(update=evaluation)
    return experiment.model_copy(update={"evaluation": chosen})


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.mark.parametrize("max_sequences", [None, 40])
def test_characters_that_sequences_cut_are_counted_once(project: Path, max_sequences: int | None):
    lines = [JAPANESE[n % 9 :] + JAPANESE[: n % 13] for n in range(200)]
    text = open_text(measured(lines, max_sequences=max_sequences), "mine")
    decoded = sum(
        len(text.tokenizer.decode([token for token in row if token != text.tokenizer.separator_id]))
        for row in text.x0.tolist()
    )
    num_tokens = sum(len(ids) + 1 for ids in text.tokenizer.encode_batch(lines))
    wanted = sum(map(len, lines)) * text.x0.numel() / num_tokens
    assert text.num_characters == pytest.approx(wanted, abs=0.5)
    assert decoded > 1.02 * wanted  # what was counted before: a cut character is two


def test_a_text_of_separators_only_has_no_bits_per_character(project: Path):
    experiment = measured([JAPANESE])
    folder = tokens_dir("mine", "gpt2", "test")
    meta = (folder / "meta.json").read_text()
    count = f'"num_characters": {len(JAPANESE)}'
    assert count in meta
    (folder / "meta.json").write_text(meta.replace(count, '"num_characters": 0'))
    with pytest.raises(DataError, match="the text has separators only"):
        open_text(experiment, "mine")
