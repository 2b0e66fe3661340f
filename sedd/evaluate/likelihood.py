"""Perplexity of a text: exact, or an upper bound by Monte Carlo over random times.

The bound of a sequence is the integral over t of its expected weighted loss (Lou et al. 2024). As
in the paper's numbers, the prior term at t = 1 is left out; it is of the order of e^-sigma(1) nats
per token. For an autoregressive model the likelihood is exact. The standard error is that of
groups of neighboring sequences, see `sedd.results.standard_error`.

Several processes share the batches of sequences. A killed measurement resumes: see
`sedd.runtime.resumable`.
"""

from __future__ import annotations

import math

import torch

from sedd.checkpoints.language_model import LanguageModel
from sedd.config import measuring_seed
from sedd.evaluate.measured_text import MeasuredText, open_text, unigram_baselines
from sedd.paths import evaluation_file
from sedd.results import perplexity
from sedd.results.perplexity import PerplexityResult, UnigramBaseline
from sedd.results.spelled import perplexity_of, product
from sedd.results.standard_error import group_error, group_means
from sedd.runtime.distributed import World
from sedd.runtime.progress import progress
from sedd.runtime.resumable import partial_folder, run_resumable
from sedd.runtime.seeds import generator


def measure(run: LanguageModel, dataset: str, world: World | None = None) -> PerplexityResult:
    """The perplexity of a model on a dataset; the same result in every process.

    Finished batches are kept beside the path of the result until they are removed.
    Raises DataError if the text is missing, in another vocabulary, or shorter than one sequence.
    """
    experiment, settings = run.experiment, run.experiment.evaluation
    text = open_text(experiment, dataset)
    count, num_tokens = len(text.x0), int(text.own_tokens.sum())
    num_characters = text.num_characters
    # bits per character for one nat per token
    bits = num_tokens / num_characters / math.log(2)
    baselines = unigram_baselines(experiment, text)
    world = world or World(run.device)
    nats, seconds = sequence_nats(run, text, world)

    mean = nats.mean().item() / (num_tokens / count)
    sums = nats.numpy(), text.own_tokens
    error = group_error(*sums)
    unigram = {
        f"{name}_{unit}": baseline * factor
        for name, baseline in baselines.items()
        for unit, factor in (("nats_per_token", 1.0), ("bits_per_character", bits))
    }
    return PerplexityResult(
        experiment=experiment.name,
        step=run.step,
        dataset=dataset,
        split=text.split,
        protocol=settings.protocol,
        tokenizer=experiment.data.tokenizer,
        bound=not run.is_exact,
        estimator="exact" if run.is_exact else settings.estimator,
        nats_per_token=mean,
        standard_error=error,
        perplexity=perplexity_of(mean),
        bits_per_character=mean * bits,
        bits_per_character_standard_error=product(error, bits),
        group_nats_per_token=group_means(*sums).tolist(),
        num_sequences=count,
        num_tokens=num_tokens,
        num_characters=num_characters,
        num_draws=1 if run.is_exact else settings.num_draws,
        unigram=UnigramBaseline(**unigram),
        tokens_sha256=text.tokens_sha256,
        num_processes=world.size,
        provenance=run.provenance(
            perplexity.KIND.identity(experiment), measuring_seed(experiment), seconds
        ),
    )


def sequence_nats(
    run: LanguageModel, text: MeasuredText, world: World
) -> tuple[torch.Tensor, float]:
    """The nats of each sequence, (N,) float64 in text order, and the seconds that they took.

    The seconds are summed over processes.
    """
    experiment = run.experiment
    batches = text.x0.split(experiment.evaluation.batch_size)

    def work(number: int) -> list[float]:
        draws = generator(measuring_seed(experiment), "perplexity", number)
        return run.negative_log_likelihood(batches[number], draws).tolist()

    description = f"perplexity {experiment.name} on {text.dataset}"
    with progress(description, len(text.x0), "sequence") as bar:
        parts = run_resumable(
            len(batches),
            work,
            folder=partial_folder(evaluation_file(experiment.name, run.step, text.dataset)),
            identity={
                **perplexity.KIND.identity(experiment),
                "checkpoint": run.checkpoint_sha256,
                "tokens": text.tokens_sha256,
            },
            world=world,
            on_done=lambda number: bar.update(len(batches[number])),
        )
    nats = torch.tensor([value for part in parts for value in part.values], dtype=torch.float64)
    return nats, sum(part.seconds for part in parts)
