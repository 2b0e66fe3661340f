"""A run's results as the other verbs leave them, small and with plain numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from sedd.paths import evaluation_file, metrics_file, samples_file


def evaluation(experiment: str, step: int, dataset: str, **changes: Any) -> dict[str, Any]:
    """An evaluation of e^4 perplexity a token and 2 bits a character, with round errors."""
    nats = changes.pop("nats_per_token", 4.0)
    return {
        "experiment": experiment,
        "step": step,
        "dataset": dataset,
        "split": "test",
        "tokenizer": "gpt2",
        "estimator": "paper",
        "nats_per_token": nats,
        "standard_error": 0.01,
        "perplexity": math.exp(nats),
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
        "provenance": {
            "config_sha256": "c" * 64,
            "checkpoint_sha256": "d" * 64,
            "code_version": "0.1.0+abc",
            "seed": 7,
            "device": "cpu (1 threads)",
            "seconds": 1.5,
            "created": "2026-01-02T03:04:05+00:00",
        },
        **changes,
    }


def write_evaluation(experiment: str, step: int, dataset: str, **changes: Any) -> Path:
    content = evaluation(experiment, step, dataset, **changes)
    return write_lines(evaluation_file(experiment, step, dataset), [content])


def write_samples(experiment: str, step: int, *texts: str, **changes: Any) -> Path:
    """Texts of one token a character."""
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


def write_lines(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path
