"""The perplexity of a text, exact or an upper bound on it by Monte Carlo over random times.

The bound of a sequence is the integral over t of its expected weighted loss (Lou et al. 2024). As in the paper's numbers, the
term of the prior at t = 1 is left out: it is of the order of e^-sigma(1) nats a token. A causal model has no bound but the
likelihood itself; its standard error is that of the mean over texts.

Several processes take turns with the batches of sequences, and a killed measurement goes on where it was: see `parts`.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from sedd.checkpoints.language_model import LanguageModel
from sedd.evaluate.measured_text import MeasuredText, open_text, unigram_baselines
from sedd.paths import evaluation_file
from sedd.runtime.distributed import World
from sedd.runtime.progress import progress
from sedd.runtime.resumable import parts_folder, run_resumable
from sedd.runtime.seeds import generator


def measure(run: LanguageModel, dataset: str, world: World | None = None) -> dict[str, Any]:
    """The perplexity of a run on a data set, with everything that its JSON says; the same in every process.

    Parts are kept beside the JSON's place until they are removed.

    Raises DataError if the text is missing, in another vocabulary, or too short for one block.
    """
    experiment, settings = run.experiment, run.experiment.evaluation
    text = open_text(experiment, dataset)
    count, length = text.x0.shape
    characters = text.num_characters
    bits = text.x0.numel() / characters / math.log(2)  # bits a character for one nat a token
    baselines = unigram_baselines(experiment, text)
    world = world or World(run.device)
    nats, seconds = sequence_nats(run, text, world)

    per_token = nats / length
    mean = per_token.mean().item()
    error = per_token.std().item() / math.sqrt(count) if count > 1 else 0.0
    return {
        "experiment": experiment.name,
        "step": run.step,
        "dataset": dataset,
        "split": text.split,
        "protocol": settings.protocol,
        "tokenizer": experiment.data.tokenizer,
        "bound": not run.exact,
        "estimator": "exact" if run.exact else settings.estimator,
        "nats_per_token": mean,
        "standard_error": error,
        "perplexity": math.exp(mean),
        "bits_per_character": mean * bits,
        "bits_per_character_standard_error": error * bits,
        "num_sequences": count,
        "num_tokens": text.x0.numel(),
        "num_characters": characters,
        "num_draws": 1 if run.exact else settings.num_draws,
        "unigram": {
            f"{name}_{unit}": nats * factor
            for name, nats in baselines.items()
            for unit, factor in (("nats_per_token", 1.0), ("bits_per_character", bits))
        },
        "tokens_sha256": text.tokens_sha256,
        "num_processes": world.size,
        "provenance": run.provenance(experiment.seed, seconds),
    }


def sequence_nats(
    run: LanguageModel, text: MeasuredText, world: World
) -> tuple[torch.Tensor, float]:
    """Nats of each sequence, (N,) float64, in the order of the text, and the seconds they took, of all processes together."""
    experiment = run.experiment
    batches = text.x0.split(experiment.evaluation.batch_size)

    def work(number: int) -> list[float]:
        draws = generator(experiment.seed, "perplexity", number)
        return run.negative_log_likelihood(batches[number], draws).tolist()

    description = f"perplexity {experiment.name} on {text.dataset}"
    with progress(description, len(text.x0), "sequence") as bar:
        parts = run_resumable(
            len(batches),
            work,
            folder=parts_folder(evaluation_file(experiment.name, run.step, text.dataset)),
            identity=identity(run, text),
            world=world,
            on_done=lambda number: bar.update(len(batches[number])),
        )
    nats = torch.tensor([value for part in parts for value in part.values], dtype=torch.float64)
    return nats, sum(part.seconds for part in parts)


def identity(run: LanguageModel, text: MeasuredText) -> dict[str, Any]:
    """All that the nats of a batch depend on."""
    return {
        "checkpoint": run.checkpoint_sha256,
        "tokens": text.tokens_sha256,
        "sequences": list(text.x0.shape),
        "seed": run.experiment.seed,
        **run.experiment.sections("evaluation")["evaluation"],
    }
