"""The texts of one checkpoint, drawn in each way that is compared, and what one judge says of them all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sedd.config import Drawn, Measured, drawings
from sedd.data.tokenizers import load_tokenizer
from sedd.errors import DataError
from sedd.evaluate.generative import judge_texts, read_drawn
from sedd.evaluate.judge import Judge
from sedd.paths import generative_file, grid_file, samples_file
from sedd.runtime.atomic import write_json
from sedd.runtime.device import device_name
from sedd.runtime.distributed import World
from sedd.runtime.provenance import code_version, file_sha256, now


def check_drawn(experiment: Measured, step: int) -> None:
    """Raise DataError, with the commands that draw them, if files of samples are missing or empty."""
    missing = []
    for sampler, steps, precision in drawings(experiment):
        path = samples_file(experiment.name, step, sampler, steps, precision)
        if path.is_file():
            read_drawn(path)
        else:
            missing.append(
                f"sedd sample {experiment.name} --step {step} --sampler {sampler} --steps {steps} "
                f"--precision {precision} --out {path}"
            )
    if missing:
        raise DataError(
            f"{experiment.name}: texts to judge are missing; draw them:\n  " + "\n  ".join(missing)
        )


def judge_grid(
    experiment: Measured, step: int, judge: Judge, world: World | None = None
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Judge each file of samples, write what the judge says, and yield it; what is there and current is left as it is.

    Several processes share the files: each yields its own. Last, a file beside the judge's folder names them all.
    Raises DataError, as `check_drawn`.
    """
    check_drawn(experiment, step)
    world = world or World(judge.device)
    points = drawings(experiment)
    for sampler, steps, precision in points[world.rank :: world.size]:
        path = generative_file(experiment.name, step, judge.name, sampler, steps, precision)
        samples = samples_file(experiment.name, step, sampler, steps, precision)
        made = current(path, judge, samples)
        if made is None:
            made = judge_file(experiment, step, judge, (sampler, steps, precision), samples)
            write_json(path, made)
        yield path, made
    world.all_gather(None)
    if not world.is_first:
        return
    files = [generative_file(experiment.name, step, judge.name, *point).name for point in points]
    content = {"experiment": experiment.name, "step": step, "judge": judge.name, "files": files}
    write_json(grid_file(experiment.name, step, judge.name), content)


def current(path: Path, judge: Judge, samples: Path) -> dict[str, Any] | None:
    """What stands at `path`, if it is of this judge and of these samples."""
    if not path.is_file():
        return None
    made = json.loads(path.read_bytes())
    of = made.get("judge_sha256"), made.get("samples_sha256")
    return made if of == (judge.sha256, file_sha256(samples)) else None


def judge_file(
    experiment: Measured, step: int, judge: Judge, point: Drawn, samples: Path
) -> dict[str, Any]:
    """All that the JSON of one file of samples says."""
    drawn = read_drawn(samples)
    tokenizer = load_tokenizer(experiment.data.tokenizer)
    tokens = [one["tokens"] for one in drawn]
    if any(token >= tokenizer.vocab_size for text in tokens for token in text):
        raise DataError(
            f"{samples}: holds tokens outside the vocabulary, such as masks; draw with sampling.denoise true"
        )
    said = judge_texts(
        judge, [one["text"] for one in drawn], tokens, tokenizer, experiment.generative.batch_size
    )
    seconds = said.pop("seconds")
    sampler, steps, precision = point
    made_by = drawn[0]
    return {
        "experiment": experiment.name,
        "step": step,
        "judge": judge.name,
        "sampler": sampler,
        "steps": steps,
        "precision": precision,
        **said,
        "length": made_by["settings"]["length"],
        "samples_sha256": file_sha256(samples),
        "provenance": {
            "config_sha256": experiment.sha256(),
            "checkpoint_sha256": made_by["provenance"]["checkpoint_sha256"],
            "code_version": code_version(),
            "seed": made_by["seed"],
            "device": device_name(judge.device),
            "seconds": round(seconds, 2),
            "created": now(),
        },
    }


def judge_any(path: Path, experiment: Measured, judge: Judge) -> dict[str, Any]:
    """What the judge says of texts from elsewhere, one a line: plain, or JSON with a key `text`.

    Raises DataError if the file is missing or empty.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    try:
        texts = [json.loads(line)["text"] for line in lines] if path.suffix == ".jsonl" else lines
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: must hold a JSON a line, with a key `text`: {error}") from error
    if not texts:
        raise DataError(f"{path}: holds no text")
    tokenizer = load_tokenizer(experiment.data.tokenizer)
    return judge_texts(
        judge, texts, tokenizer.encode_batch(texts), tokenizer, experiment.generative.batch_size
    )
