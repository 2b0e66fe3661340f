"""Small fake result files of a run, with round numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sedd.paths import (
    checkpoint_file,
    evaluation_file,
    metrics_file,
    run_dir,
    samples_file,
    trace_stem,
)
from sedd.results.spelled import perplexity_of
from sedd.results.trace import Trace, build_trace, write_trace

PROVENANCE = {
    "config_sha256": "c" * 64,
    "identity_sha256": "1" * 64,
    "checkpoint_sha256": "d" * 64,
    "code_version": "0.1.0+abc",
    "seed": 7,
    "device": "NVIDIA H100",
    "seconds": 36.0,
    "created": "2026-01-02T03:04:05+00:00",
}


def evaluation(experiment: str, step: int, dataset: str, **changes: Any) -> dict[str, Any]:
    """An evaluation with perplexity e^4 per token and 2 bits per character."""
    nats = changes.pop("nats_per_token", 4.0)
    return {
        "experiment": experiment,
        "step": step,
        "dataset": dataset,
        "split": "test",
        "protocol": "standard",
        "tokenizer": "gpt2",
        "bound": True,
        "estimator": "paper",
        "nats_per_token": nats,
        "standard_error": 0.01,
        "perplexity": perplexity_of(nats),
        "bits_per_character": 2.0,
        "bits_per_character_standard_error": 0.005,
        "num_sequences": 128,
        "num_tokens": 8192,
        "num_characters": 36000,
        "num_draws": 32,
        "unigram": {
            "text_nats_per_token": 6.0,
            "text_bits_per_character": 4.0,
            "train_nats_per_token": 6.5,
            "train_bits_per_character": 4.25,
        },
        "tokens_sha256": "e" * 64,
        "num_processes": 1,
        "provenance": {**PROVENANCE, "device": "cpu (1 threads)", "seconds": 1.5},
        **changes,
    }


def write_evaluation(experiment: str, step: int, dataset: str, **changes: Any) -> Path:
    content = evaluation(experiment, step, dataset, **changes)
    return write_lines(evaluation_file(experiment, step, dataset), [content])


def write_samples(experiment: str, step: int, *texts: str, **changes: Any) -> Path:
    """Write a sample file; each character of a text counts as one token."""
    lines = [
        {
            "index": index,
            "text": text,
            "tokens": [1] * len(text),
            "prefix_tokens": 0,
            "suffix_tokens": 0,
            "settings": {"sampler": "analytic", "steps": 64},
            "seed": 7,
            **changes,
        }
        for index, text in enumerate(texts)
    ]
    return write_lines(samples_file(experiment, step, "analytic", 64), lines)


def write_metrics(experiment: str, lines: list[dict[str, Any]]) -> Path:
    return write_lines(metrics_file(experiment), lines)


def train_line(step: int, loss: float = 4.0) -> dict[str, Any]:
    return {
        "step": step,
        "kind": "train",
        "loss_nats_per_token": loss,
        "lr": 0.001,
        "grad_norm": 0.5,
        "tokens_per_second": 1000.0,
        "seconds": 2.0,
    }


def validation_line(step: int, loss: float = 4.0) -> dict[str, Any]:
    return {"step": step, "kind": "validation", "loss_nats_per_token": loss, "standard_error": 0.1}


def start_line(step: int, device: str = "cpu (1 threads)", world_size: int = 1) -> dict[str, Any]:
    return {
        "step": step,
        "kind": "start",
        "device": device,
        "world_size": world_size,
        "created": "2026-01-02T03:04:05+00:00",
        "code_version": "0.1.0+abc",
    }


def write_generative(
    experiment: str, step: int, steps: int, perplexity: float, **changes: Any
) -> Path:
    content: dict[str, Any] = {
        "experiment": experiment,
        "step": step,
        "judge": "a-judge",
        "sampler": "analytic",
        "steps": steps,
        "precision": "float64",
        "corpus_perplexity": perplexity,
        "corpus_perplexity_standard_error": perplexity * 0.02,
        "mean_sequence_perplexity": perplexity * 1.1,
        "mean_sequence_perplexity_standard_error": perplexity * 0.03,
        "entropy_nats": 5.5,
        "entropy_nats_standard_error": 0.1,
        "num_sequences": 128,
        "num_too_short": 0,
        "num_tokens": 8192,
        "retokenized": False,
        "judge_sha256": "j" * 64,
        "length": 64,
        "samples_sha256": "s" * 64,
        "network_calls": 0.75 * steps,
        "seconds_per_text": 0.01 * steps,
        "provenance": PROVENANCE,
        **changes,
    }
    folder = run_dir(experiment) / "eval" / f"step_{step}" / "generative" / "a-judge"
    return write_lines(folder / f"{content['sampler']}_{steps}.json", [content])


def write_mauve(experiment: str, step: int, kind: str) -> Path:
    content = {
        "experiment": experiment,
        "step": step,
        "task": kind,
        "sampler": "analytic",
        "steps": 64,
        "mauve": 0.912,
        "standard_error": 0.004,
        "mauve_of_each": [0.91, 0.914],
        "featurizer": "a-featurizer",
        "featurizer_sha256": "f" * 64,
        "buckets": 100,
        "dataset": "wiki",
        "split": "validation",
        "tokenizer": "gpt2",
        "num_references": 1000,
        "samples_per_reference": 5,
        "length": 64,
        "num_given": 32,
        "precision": "float64",
        "top_p": None,
        "provenance": PROVENANCE,
    }
    return write_lines(
        run_dir(experiment) / "eval" / f"step_{step}" / "mauve" / f"{kind}.json", [content]
    )


PIECES = {0: None, 1: "the", 2: " <script>alert(3)</script>", 3: " river", 4: " ran\n", 5: " on"}


def a_trace(*states: list[int], prefix_tokens: int = 0, suffix_tokens: int = 0) -> Trace:
    about = {
        "experiment": "run",
        "checkpoint_step": 200,
        "sampler": "analytic",
        "steps": 3,
        "prefix_tokens": prefix_tokens,
        "suffix_tokens": suffix_tokens,
        "seed": 7,
        "provenance": {},
    }
    return build_trace(about, states, PIECES)


def write_a_trace() -> Path:
    """Write a trace of five tokens: one given, two final at step 1, one at step 2 and one at 3."""
    trace = a_trace(
        [1, 0, 0, 0, 0], [1, 2, 0, 0, 5], [1, 2, 3, 0, 5], [1, 2, 3, 4, 5], prefix_tokens=1
    )
    path = trace_stem("run", 200, "analytic", 64).with_suffix(".json")
    write_trace(trace, path)
    return path


def finished_run(*texts: str) -> None:
    """Write all result files of a finished run."""
    lines = [train_line(n, 5 - n / 100) for n in range(20, 201, 20)]
    write_metrics(
        "run", [start_line(0), *lines, validation_line(100, 3.5), validation_line(200, 3)]
    )
    for step in (100, 200):
        write_evaluation("run", step, "wiki")
        write_evaluation("run", step, "kjv", nats_per_token=5.0)
        write_samples("run", step, *(texts or ("a sample",)))
        write_lines(checkpoint_file("run", step), [])
        for steps in (16, 64):
            write_generative("run", step, steps, 3000 / steps)
    write_mauve("run", 200, "standard")
    write_a_trace()


def write_lines(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path
