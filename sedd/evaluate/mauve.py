"""MAUVE (Pillutla et al. 2021) between real texts and samples that keep parts of them, as in the
paper's Table 5.

standard: the first half of each real text is given. infill: the first and the last quarter are
given. The feature of a text is the last hidden state of a causal language model; `mauve-text`
(extra `evaluate`) computes the score from the features. R real texts, S samples of each, L tokens,
H width.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sedd.checkpoints.causal import INSTALL
from sedd.checkpoints.language_model import LanguageModel
from sedd.config import AnyExperiment, reference_dataset, sampling_steps
from sedd.errors import CheckpointError, DataError
from sedd.evaluate.generative import standard_error
from sedd.evaluate.judge import Judge
from sedd.evaluate.measured_text import open_blocks
from sedd.paths import mauve_file
from sedd.results import mauve
from sedd.results.mauve import MauveResult
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
    settings, data = experiment.mauve, experiment.data
    dataset = reference_dataset(experiment)
    assert dataset is not None, "ensured by a rule of the configuration"
    blocks = open_blocks(dataset, data.tokenizer, settings.split, settings.length)
    if len(blocks) < settings.references:
        raise DataError(
            f"{blocks.folder}: {len(blocks)} texts of {settings.length} tokens; mauve.references asks for "
            f"{settings.references}: lower it, or choose another mauve.split or mauve.dataset"
        )
    return blocks[np.linspace(0, len(blocks) - 1, settings.references).round().astype(np.int64)]


def measure_mauve(
    run: LanguageModel, task: str, featurizer: Judge, world: World | None = None
) -> MauveResult:
    """The score of a model on one task; the same result in every process.

    The standard error is that of the mean over scores: of each real text's first sample, second
    sample, and so on. It is None for one sample a text.
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
    seconds = time.perf_counter() - start
    return MauveResult(
        experiment=experiment.name,
        step=run.step,
        task=task,
        mauve=pooled,
        standard_error=standard_error(np.array(scores)) if len(scores) > 1 else None,
        mauve_of_each=scores,
        featurizer=featurizer.name,
        featurizer_sha256=featurizer.sha256,
        buckets=buckets,
        dataset=reference_dataset(experiment) or "",
        split=settings.split,
        tokenizer=experiment.data.tokenizer,
        num_references=len(real),
        samples_per_reference=settings.samples,
        length=settings.length,
        num_given=int(given_positions(task, settings.length).sum()),
        sampler=sampling.sampler,
        steps=sampling_steps(experiment, settings.length),
        precision=sampling.precision,
        top_p=sampling.top_p,
        provenance=run.provenance(mauve.KIND.identity(experiment), experiment.seed, seconds),
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
                generator=run.generator(experiment.seed, "mauve", task, batch),
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


def features(featurizer: Judge, texts: Tensor, run: LanguageModel, what: str) -> np.ndarray:
    """The state at each text's last token, (R, H) float32; texts are tokenized again if the
    vocabularies differ.
    """
    token_ids = [list(row) for row in texts.tolist()]
    if featurizer.tokenizer.sha256 != run.tokenizer.sha256:
        token_ids = featurizer.tokenizer.encode_batch(
            [run.tokenizer.decode(row) for row in token_ids]
        )
    size, batches = run.experiment.generative.batch_size, []
    with progress(f"features by {featurizer.name}: {what}", len(token_ids), "text") as bar:
        for at in range(0, len(token_ids), size):
            # the end of a text that exceeds the context; the separator for an empty text
            rows = [
                row[-featurizer.max_length :] or [featurizer.tokenizer.separator_id]
                for row in token_ids[at : at + size]
            ]
            tokens = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
            for number, row in enumerate(rows):
                tokens[number, : len(row)] = torch.tensor(row)
            states = featurizer.features(tokens)
            last = torch.tensor([len(row) - 1 for row in rows], device=states.device)
            batches.append(
                states[torch.arange(len(rows), device=states.device), last].float().cpu()
            )
            bar.update(len(rows))
    return torch.cat(batches).numpy()


def score(real: np.ndarray, drawn: np.ndarray, buckets: int, seed: int) -> float:
    """MAUVE of features (R, H) and (S R, H). Raises CheckpointError if mauve-text is not installed."""
    try:
        from mauve import compute_mauve
    except ImportError as error:
        raise CheckpointError(f"MAUVE needs `mauve-text`; install it with: {INSTALL}") from error
    settings: dict[str, Any] = {"num_buckets": buckets, "seed": seed % 2**31, "verbose": False}
    result = compute_mauve(p_features=real, q_features=drawn, **settings)
    return min(float(result.mauve), 1.0)  # rounding may exceed 1
