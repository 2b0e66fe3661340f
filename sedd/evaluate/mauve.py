"""MAUVE (Pillutla et al. 2021) between real texts and texts written around parts of them, as in the paper's Table 5.

standard: the first half of each real text is given; infill: the first and the last quarter. What stands for a text is the
state of a causal language model after its last token; `mauve-text` (extra `evaluate`) computes the score from these alone.
R real texts, S samples of each, L tokens, H width.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sedd.checkpoints.causal import INSTALL
from sedd.checkpoints.language_model import LanguageModel
from sedd.config import Measured, reference_dataset
from sedd.errors import CheckpointError, DataError
from sedd.evaluate.generative import standard_error
from sedd.evaluate.judge import Judge
from sedd.evaluate.measured_text import open_blocks
from sedd.paths import mauve_file
from sedd.runtime.distributed import World
from sedd.runtime.progress import progress
from sedd.runtime.resumable import parts_folder, run_resumable


def given_positions(task: str, length: int) -> Tensor:
    """Where tokens are given, (L,) bool."""
    given = torch.zeros(length, dtype=torch.bool)
    if task == "standard":
        given[: length // 2] = True
    else:
        given[: length // 4] = given[length - length // 4 :] = True
    return given


def real_texts(experiment: Measured) -> Tensor:
    """(R, L) tokens, spread over the split. Raises DataError if there are not as many."""
    settings, data = experiment.mauve, experiment.data
    dataset = reference_dataset(experiment)
    assert dataset is not None, "a rule of the configuration sees to it"
    blocks = open_blocks(dataset, data.tokenizer, settings.split, settings.length)
    if len(blocks) < settings.references:
        raise DataError(
            f"{blocks.folder}: {len(blocks)} texts of {settings.length} tokens; mauve.references asks for "
            f"{settings.references}: lower it, or take another mauve.split or mauve.dataset"
        )
    return blocks[np.linspace(0, len(blocks) - 1, settings.references).round().astype(np.int64)]


def measure_mauve(
    run: LanguageModel, task: str, featurizer: Judge, world: World | None = None
) -> dict[str, Any]:
    """The score of a model with everything that its JSON says; the same in every process.

    The standard error is that of the mean of the scores of each real text's first sample, second sample and so on; null for one.
    """
    experiment, settings = run.experiment, run.experiment.mauve
    real = real_texts(experiment)
    start = time.perf_counter()
    drawn = write_around(run, task, real, world or World(run.device))
    real_features = features(featurizer, real, run, f"{task}, real texts")
    drawn_features = [features(featurizer, texts, run, f"{task}, samples") for texts in drawn]
    buckets = settings.buckets or max(2, len(real) // 10)
    scores = [score(real_features, one, buckets, experiment.seed) for one in drawn_features]
    pooled = score(real_features, np.concatenate(drawn_features), buckets, experiment.seed)
    sampling = experiment.sampling
    return {
        "experiment": experiment.name,
        "step": run.step,
        "task": task,
        "mauve": pooled,
        "standard_error": standard_error(np.array(scores)) if len(scores) > 1 else None,
        "mauve_of_each": scores,
        "featurizer": featurizer.name,
        "featurizer_sha256": featurizer.sha256,
        "buckets": buckets,
        "dataset": reference_dataset(experiment),
        "split": settings.split,
        "tokenizer": experiment.data.tokenizer,
        "num_references": len(real),
        "samples_per_reference": settings.samples,
        "length": settings.length,
        "num_given": int(given_positions(task, settings.length).sum()),
        "sampler": sampling.sampler,
        "steps": steps_of(run),
        "precision": sampling.precision,
        "top_p": sampling.top_p,
        "provenance": run.provenance(experiment.seed, time.perf_counter() - start),
    }


def steps_of(run: LanguageModel) -> int:
    """A step a token for what writes from left to right; a text is shorter here than elsewhere."""
    sampling, mauve = run.experiment.sampling, run.experiment.mauve
    token_by_token = sampling.sampler in ("ancestral", "first_hitting")
    return mauve.length if token_by_token else sampling.steps


def write_around(run: LanguageModel, task: str, real: Tensor, world: World) -> list[Tensor]:
    """S times (R, L): texts with the given tokens of the real ones."""
    experiment, size = run.experiment, run.experiment.sampling.batch_size
    samples, given = experiment.mauve.samples, given_positions(task, real.shape[1])
    batches = [(number, batch) for number in range(samples) for batch in real.split(size)]
    path = mauve_file(experiment.name, run.step, task)
    with progress(f"mauve {experiment.name}, {task}", samples * len(real), "text") as bar:

        def work(batch: int) -> list[list[int]]:
            _, texts = batches[batch]
            return run.draw(
                len(texts),
                real.shape[1],
                run.drawing(steps_of(run)),
                clamp=(texts, given.expand(texts.shape)),
                generator=run.generator(experiment.seed, "mauve", task, batch),
            ).tolist()

        parts = run_resumable(
            len(batches),
            work,
            folder=parts_folder(path),
            identity={
                "checkpoint": run.checkpoint_sha256,
                "seed": experiment.seed,
                **experiment.sections("sampling", "mauve"),
            },
            world=world,
            on_done=lambda batch: bar.update(len(batches[batch][1])),
        )
    drawn = torch.tensor([tokens for part in parts for tokens in part.values])
    return list(drawn.split(len(real)))


def features(featurizer: Judge, texts: Tensor, run: LanguageModel, what: str) -> np.ndarray:
    """The state after each text's last token, (R, H) float32; texts are read anew in the featurizer's vocabulary."""
    read = [list(row) for row in texts.tolist()]
    if featurizer.tokenizer.sha256 != run.tokenizer.sha256:
        read = featurizer.tokenizer.encode_batch([run.tokenizer.decode(row) for row in read])
    size, found = run.experiment.generative.batch_size, []
    with progress(f"features by {featurizer.name}: {what}", len(read), "text") as bar:
        for at in range(0, len(read), size):
            # the end of a text that is longer than the model can read; of an empty one, the separator
            rows = [
                row[-featurizer.max_length :] or [featurizer.tokenizer.separator_id]
                for row in read[at : at + size]
            ]
            tokens = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
            for number, row in enumerate(rows):
                tokens[number, : len(row)] = torch.tensor(row)
            states = featurizer.features(tokens)
            last = torch.tensor([len(row) - 1 for row in rows], device=states.device)
            found.append(states[torch.arange(len(rows), device=states.device), last].float().cpu())
            bar.update(len(rows))
    return torch.cat(found).numpy()


def score(real: np.ndarray, drawn: np.ndarray, buckets: int, seed: int) -> float:
    """MAUVE of features (R, H) and (S R, H). Raises CheckpointError if mauve-text is not there."""
    try:
        from mauve import compute_mauve
    except ImportError as error:
        raise CheckpointError(f"MAUVE needs `mauve-text`; install it with: {INSTALL}") from error
    settings: dict[str, Any] = {"num_buckets": buckets, "seed": seed % 2**31, "verbose": False}
    found = compute_mauve(p_features=real, q_features=drawn, **settings)
    return min(float(found.mauve), 1.0)  # rounding may lift it above
