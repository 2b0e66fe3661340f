"""Variance of the two estimators of the bound, on the same sequences and at equal cost.

S sequences, each estimated R times from K random times: R x K network calls per sequence for either
estimator.
"""

from __future__ import annotations

import math
import typing
from typing import Any

import numpy as np
import torch
from rich.table import Table
from torch import Tensor

from sedd.checkpoints.language_model import LanguageModel, NetworkModel
from sedd.config import with_changes
from sedd.diffusion.bound import Estimator
from sedd.errors import DataError
from sedd.evaluate.measured_text import open_text
from sedd.objective import Estimate
from sedd.results.standard_error import group_error
from sedd.runtime.progress import progress
from sedd.runtime.seeds import generator

ESTIMATORS: tuple[Estimator, ...] = typing.get_args(Estimator)


def compare_estimators(
    run: LanguageModel, dataset: str, *, sequences: int, draws: int, repeats: int, seed: int
) -> dict[str, Any]:
    """Mean, variance and standard error of each estimator on the measured split of a dataset, in
    nats per token.

    variance: of the estimate of one sequence around its expectation, mean over sequences.
        standard_error: of the mean over
    sequences, from the spread of groups of them. standard_error_of_draws: the share of it that is
    due to the random times.
    variance_ratio: variance of `paper` divided by the variance of `stratified`. `stratified` needs
        this factor fewer network calls for the same variance. ratio_error: relative standard error
        of the ratio.
    """
    if not isinstance(run, NetworkModel) or run.is_exact:
        raise DataError(
            f"{run.experiment.name}: its likelihood is exact and needs no estimator; choose a diffusion model"
        )
    x0 = open_text(
        with_changes(run.experiment, {"evaluation.max_sequences": sequences}), dataset
    ).x0
    statistics: dict[str, Any] = {}
    for estimator in ESTIMATORS:
        nats = estimates(run, x0, estimator, draws, repeats, seed)
        ones = np.ones(len(x0))
        errors = [group_error(row, ones) for row in nats.numpy()]
        variance = nats.var(0).mean()  # over repeats, then over sequences
        statistics[estimator] = {
            "nats_per_token": nats.mean().item(),
            "mean_error": (variance / nats.numel()).sqrt().item(),
            "variance": variance.item(),
            "standard_error": float(np.array(errors, dtype=float).mean()),
            "standard_error_of_draws": (variance / len(x0)).sqrt().item(),
        }
    # a variance of R draws has a relative standard error of sqrt(2 / (R - 1)), somewhat more for
    # heavy tails
    error = math.sqrt(2 * 2 / (len(x0) * (repeats - 1)))
    return {
        "experiment": run.experiment.name,
        "step": run.step,
        "dataset": dataset,
        "num_sequences": len(x0),
        "num_draws": draws,
        "num_repeats": repeats,
        "estimators": statistics,
        "variance_ratio": statistics["paper"]["variance"] / statistics["stratified"]["variance"],
        "ratio_error": error,
    }


def estimates(
    run: NetworkModel, x0: Tensor, estimator: Estimator, draws: int, repeats: int, seed: int
) -> Tensor:
    """Estimates (R, S), float64, in nats per token."""
    batches = []
    estimate = Estimate(draws, estimator, run.experiment.evaluation.time_eps)
    rows = x0.repeat(repeats, 1).split(run.experiment.evaluation.batch_size)
    with progress(f"{estimator} on {run.experiment.name}", len(rows), "batch") as bar:
        for index, batch in enumerate(rows):
            with run.autocast():
                nats = run.objective.negative_log_likelihood(
                    run.network,
                    batch.to(run.device),
                    estimate,
                    generator(seed, "estimators", estimator, index),
                )
            batches.append(nats.cpu() / x0.shape[1])
            bar.update()
    return torch.cat(batches).unflatten(0, (repeats, len(x0)))


def estimators_table(comparison: dict[str, Any]) -> Table:
    """The comparison as a table for a terminal."""
    ratio = comparison["variance_ratio"]
    table = Table(
        title=f"{comparison['experiment']}, step {comparison['step']}, on {comparison['dataset']}: "
        f"{comparison['num_sequences']} sequences, {comparison['num_draws']} random times each, "
        f"{comparison['num_repeats']} repeats; nats per token",
        caption=f"paper / stratified: variance ratio {ratio:.2f} (± {ratio * comparison['ratio_error']:.2f}) at equal cost. "
        "Variance: of the estimate of one sequence. Standard error: of the mean over sequences, and its part due to the draws.",
    )
    table.add_column("estimator", no_wrap=True)
    for heading in ("mean", "± error", "variance", "standard error", "due to draws"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, one in comparison["estimators"].items():
        numbers = [one["nats_per_token"], one["mean_error"]]
        table.add_row(
            name,
            *(f"{number:.4f}" for number in numbers),
            f"{one['variance']:.6f}",
            f"{one['standard_error']:.4f}",
            f"{one['standard_error_of_draws']:.4f}",
        )
    return table
