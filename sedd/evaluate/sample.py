"""Texts drawn from a run, freely or around a given prefix and suffix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from sedd.atomic import write_text
from sedd.config import Experiment, changed_only_in_use, sampling_steps, text_length
from sedd.diffusion import Absorb, sample, sample_first_hitting
from sedd.diffusion.samplers import StepCallback
from sedd.errors import ConfigError, DataError, Problem
from sedd.evaluate.run import Run
from sedd.progress import progress
from sedd.seeds import generator


def asked_for(
    experiment: Experiment,
    *,
    count: int | None = None,
    sampler: str | None = None,
    steps: int | None = None,
    top_p: float | None = None,
) -> Experiment:
    """The experiment with what is not None in its `sampling` section. Raises ConfigError if that cannot be."""
    given = {"count": count, "sampler": sampler, "steps": steps, "top_p": top_p}
    changes = {f"sampling.{key}": value for key, value in given.items() if value is not None}
    asked = changed_only_in_use(experiment, changes)
    if steps not in (None, sampling_steps(asked)):
        what = f"first_hitting takes one step a token, {sampling_steps(asked)}; leave it out; got {steps}"
        raise ConfigError("command line", [Problem("--steps", what)])
    return asked


def draw_samples(
    run: Run,
    *,
    prefix: str = "",
    suffix: str = "",
    seed: int,
) -> list[dict[str, Any]]:
    """Draw texts as the experiment's `sampling` section asks, each with what its JSON line says.

    Raises DataError if prefix and suffix leave nothing to draw.
    """
    settings, steps = run.experiment.sampling, sampling_steps(run.experiment)
    length, count = text_length(run.experiment), settings.count
    before, after = run.tokenizer.encode_part(prefix), run.tokenizer.encode_part(suffix)
    clamp = clamped(before, after, length)
    made = {
        "sampler": settings.sampler,
        "steps": steps,
        "denoise": settings.denoise,
        "precision": settings.precision,
        "top_p": settings.top_p,
        "length": length,
        "checkpoint_step": run.step,
        "prefix": run.tokenizer.decode(before),
        "suffix": run.tokenizer.decode(after),
    }
    provenance = run.provenance(seed, 0.0)
    provenance.pop("seconds")
    texts: list[dict[str, Any]] = []
    batches = -(-count // settings.batch_size)
    with progress(f"sample {run.experiment.name}", batches * (steps + 1), "step") as bar:
        for batch in range(batches):
            size = min(settings.batch_size, count - len(texts))
            with run.autocast():
                drawn = draw_batch(
                    run,
                    (size, length),
                    clamp,
                    generator(seed, "sample", batch),
                    on_step=lambda step, x: bar.update(),
                )
            for tokens in drawn.tolist():
                texts.append(
                    {
                        "index": len(texts),
                        "text": run.tokenizer.decode(tokens),
                        "tokens": tokens,
                        "prefix_tokens": len(before),
                        "suffix_tokens": len(after),
                        "settings": made,
                        "seed": seed,
                        "provenance": provenance,
                    }
                )
    return texts


def draw_batch(
    run: Run,
    shape: tuple[int, int],
    clamp: tuple[torch.Tensor, torch.Tensor] | None,
    draws: torch.Generator,
    on_step: StepCallback,
) -> torch.Tensor:
    """Tokens of `shape` (B, L) by the sampler of the experiment."""
    settings, graph = run.experiment.sampling, run.graph
    if settings.sampler == "first_hitting":
        assert isinstance(graph, Absorb), "the configuration's rules see to it"
        return sample_first_hitting(
            run.model,
            graph,
            run.noise,
            shape,
            clamp=clamp,
            top_p=settings.top_p,
            precision=settings.precision,
            generator=draws,
            device=run.device,
            on_step=on_step,
        )
    return sample(
        run.model,
        graph,
        run.noise,
        shape,
        settings.steps,
        sampler=settings.sampler,
        denoise=settings.denoise,
        clamp=clamp,
        top_p=settings.top_p,
        precision=settings.precision,
        generator=draws,
        device=run.device,
        on_step=on_step,
    )


def clamped(
    before: list[int], after: list[int], length: int
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """The given tokens in their places, and where they are: both (length,). None if nothing is given."""
    if not before and not after:
        return None
    free = length - len(before) - len(after)
    if free < 1:
        raise DataError(
            f"the prefix has {len(before)} tokens and the suffix {len(after)}: of the {length} tokens of a text "
            "none is left to draw; shorten them, or raise sampling.length"
        )
    tokens = torch.tensor([*before, *[0] * free, *after])
    given = torch.ones(length, dtype=torch.bool)
    given[len(before) : length - len(after)] = False
    return tokens, given


def write_samples(texts: list[dict[str, Any]], path: Path) -> None:
    """One JSON a line."""
    write_text(path, "".join(json.dumps(text, ensure_ascii=False) + "\n" for text in texts))
