"""MAUVE (Pillutla et al. 2021) between real texts and samples that keep parts of them, as in the
paper's Table 5.

standard: the first half of each real text is given. infill: the first and the last quarter are
given. R real texts, S samples of each, L tokens.
"""

from __future__ import annotations

import hashlib
import time

import numpy as np
import torch
from torch import Tensor

from sedd.checkpoints.language_model import LanguageModel
from sedd.config import AnyExperiment, measuring_seed, reference_tokens, sampling_steps
from sedd.evaluate.judge import Judge
from sedd.evaluate.mauve_score import features, mauve_score
from sedd.evaluate.measured_text import open_real_texts
from sedd.paths import mauve_file
from sedd.results import mauve
from sedd.results.mauve import MauveResult
from sedd.results.standard_error import mean_error
from sedd.runtime.distributed import World
from sedd.runtime.progress import progress
from sedd.runtime.resumable import partial_folder, run_resumable


def given_positions(task: str, length: int) -> Tensor:
    """Mask of the positions whose tokens are kept from the real text, (L,) bool."""
    given = torch.zeros(length, dtype=torch.bool)
    if task == "standard":
        given[: length // 2] = True
    else:
        given[: length // 4] = given[length - length // 4 :] = True
    return given


def real_texts(experiment: AnyExperiment) -> Tensor:
    """Tokens (R, L) of texts spread over the split. Raises DataError if the split has fewer."""
    settings = experiment.mauve
    split = reference_tokens(experiment)
    return open_real_texts(*split, settings.length, settings.references, key="mauve")


def measure_mauve(
    run: LanguageModel, task: str, featurizer: Judge, world: World | None = None
) -> MauveResult:
    """The score of a model on one task; the same result in every process.

    The mean is over scores: one for the first sample of each real text, one for the second sample,
    and so on. Its standard error is None for one sample per text.
    """
    experiment, settings = run.experiment, run.experiment.mauve
    real = real_texts(experiment)
    start = time.perf_counter()
    drawn = write_around(run, task, real, world or World(run.device))
    size = experiment.generative.batch_size

    def embed(texts: Tensor, what: str) -> np.ndarray:
        return features(featurizer, texts.tolist(), run.tokenizer, size, f"{task}, {what}")

    real_features = embed(real, "real texts")
    drawn_features = [embed(texts, "samples") for texts in drawn]
    buckets = settings.buckets or max(2, len(real) // 10)
    scores = [
        mauve_score(real_features, one, buckets, measuring_seed(experiment))
        for one in drawn_features
    ]
    pooled = mauve_score(
        real_features, np.concatenate(drawn_features), buckets, measuring_seed(experiment)
    )
    sampling, (dataset, tokenizer, split) = experiment.sampling, reference_tokens(experiment)
    seconds = time.perf_counter() - start
    return MauveResult(
        experiment=experiment.name,
        step=run.step,
        task=task,
        mauve=pooled,
        standard_error=mean_error(np.array(scores)),
        mauve_of_each=scores,
        featurizer=featurizer.name,
        featurizer_sha256=featurizer.sha256,
        buckets=buckets,
        dataset=dataset,
        split=split,
        tokenizer=tokenizer,
        num_references=len(real),
        samples_per_reference=settings.samples,
        length=settings.length,
        num_given=int(given_positions(task, settings.length).sum()),
        sampler=sampling.sampler,
        steps=sampling_steps(experiment, settings.length),
        precision=sampling.precision,
        top_p=sampling.top_p,
        provenance=run.provenance(
            mauve.KIND.identity(experiment), measuring_seed(experiment), seconds
        ),
    )


def write_around(run: LanguageModel, task: str, real: Tensor, world: World) -> list[Tensor]:
    """S tensors (R, L): samples that keep the given tokens of the real texts."""
    experiment, size = run.experiment, run.experiment.sampling.batch_size
    samples, given = experiment.mauve.samples, given_positions(task, real.shape[1])
    batches = [(number, batch) for number in range(samples) for batch in real.split(size)]
    path = mauve_file(experiment.name, run.step, task)
    steps = sampling_steps(experiment, experiment.mauve.length)
    with progress(f"mauve {experiment.name}, {task}", samples * len(real), "text") as bar:

        def work(batch: int) -> list[list[int]]:
            _, texts = batches[batch]
            return run.draw(
                len(texts),
                real.shape[1],
                run.drawing(steps),
                clamp=(texts, given.expand(texts.shape)),
                generator=run.generator(measuring_seed(experiment), "mauve", task, batch),
            ).tolist()

        parts = run_resumable(
            len(batches),
            work,
            folder=partial_folder(path),
            identity={
                **mauve.KIND.identity(experiment),
                "checkpoint": run.checkpoint_sha256,
                "real_texts": hashlib.sha256(real.numpy().tobytes()).hexdigest(),
            },
            world=world,
            on_done=lambda batch: bar.update(len(batches[batch][1])),
        )
    drawn = torch.tensor([tokens for part in parts for tokens in part.values])
    return list(drawn.split(len(real)))
