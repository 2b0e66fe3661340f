"""The two estimators of the bound on the same sequences at equal cost: how much each scatters around the same number.

S sequences, each estimated R times from K random times, R x K network calls a sequence for either estimator.
"""

from __future__ import annotations

import math
import typing
from typing import Any

import torch
from torch import Tensor

from sedd.checkpoints.language_model import LanguageModel, NetworkModel
from sedd.config import changed_only_in_use
from sedd.diffusion.bound import Estimator
from sedd.errors import DataError
from sedd.evaluate.measured_text import open_text
from sedd.objective import Estimate
from sedd.runtime.progress import progress
from sedd.runtime.seeds import generator

ESTIMATORS: tuple[Estimator, ...] = typing.get_args(Estimator)


def compare_estimators(
    run: LanguageModel, dataset: str, *, sequences: int, draws: int, repeats: int, seed: int
) -> dict[str, Any]:
    """Mean, scatter and standard error of each estimator on the test split of a dataset, in nats a token.

    variance: of one sequence's estimate around its own expectation, mean over the sequences. standard_error: of the mean
    over the sequences, as a measurement states it, from the spread of their estimates; standard_error_of_draws: the part of
    it that comes of the random times and not of the choice of sequences.
    variance_ratio: paper's divided by stratified's, that is, how many times more network calls the paper's needs for
    the same scatter; its standard error in proportion is ratio_error.
    """
    if not isinstance(run, NetworkModel) or run.exact:
        raise DataError(
            f"{run.experiment.name}: has an exact likelihood, which takes no estimator; compare them on a diffusion model"
        )
    asked = changed_only_in_use(run.experiment, {"evaluation.max_sequences": sequences})
    x0 = open_text(asked, dataset).x0
    found: dict[str, Any] = {}
    for estimator in ESTIMATORS:
        nats = estimates(run, x0, estimator, draws, repeats, seed)
        variance = nats.var(0)  # (S,)
        found[estimator] = {
            "nats_per_token": nats.mean().item(),
            "mean_error": (variance.mean() / nats.numel()).sqrt().item(),
            "variance": variance.mean().item(),
            "standard_error": (nats.std(1) / math.sqrt(len(x0))).mean().item(),
            "standard_error_of_draws": (variance.mean() / len(x0)).sqrt().item(),
        }
    # variances of R draws scatter by sqrt(2 / (R - 1)) of their mean, somewhat more for heavy tails
    error = math.sqrt(2 * 2 / (len(x0) * (repeats - 1)))
    return {
        "experiment": run.experiment.name,
        "step": run.step,
        "dataset": dataset,
        "num_sequences": len(x0),
        "num_draws": draws,
        "num_repeats": repeats,
        "estimators": found,
        "variance_ratio": found["paper"]["variance"] / found["stratified"]["variance"],
        "ratio_error": error,
    }


def estimates(
    run: NetworkModel, x0: Tensor, estimator: Estimator, draws: int, repeats: int, seed: int
) -> Tensor:
    """(R, S) float64, nats a token."""
    found = []
    estimate = Estimate(draws, estimator, run.experiment.evaluation.time_eps)
    rows = x0.repeat(repeats, 1).split(run.experiment.evaluation.batch_size)
    with progress(f"{estimator} on {run.experiment.name}", len(rows), "batch") as bar:
        for index, part in enumerate(rows):
            with run.autocast():
                draws_of_part = generator(seed, "estimators", estimator, index)
                nats = run.objective.negative_log_likelihood(
                    run.network, part.to(run.device), estimate, draws_of_part
                )
            found.append(nats.cpu() / x0.shape[1])
            bar.update()
    return torch.cat(found).unflatten(0, (repeats, len(x0)))


def render_estimators(found: dict[str, Any]) -> str:
    """The comparison as text."""
    lines = [
        f"{found['experiment']}, step {found['step']}, on {found['dataset']}: {found['num_sequences']} sequences, "
        f"{found['num_draws']} random times each, {found['num_repeats']} times over; nats a token",
        "",
        f"{'':12}{'mean':>9}{'± error':>9}{'variance':>11}{'standard error':>16}{'of the draws':>14}",
    ]
    for name, one in found["estimators"].items():
        lines.append(
            f"{name:12}{one['nats_per_token']:9.4f}{one['mean_error']:9.4f}{one['variance']:11.6f}"
            f"{one['standard_error']:16.4f}{one['standard_error_of_draws']:14.4f}"
        )
    ratio = found["variance_ratio"]
    lines += [
        "",
        f"paper / stratified: variance {ratio:.2f} (± {ratio * found['ratio_error']:.2f}) at equal cost.",
        "Variance: of one sequence's estimate. Standard error: of the mean over the sequences, and what the draws add to it.",
    ]
    return "\n".join(lines)
