"""Numbers that an experiment cannot have, by the facts of samplers and objectives."""

from __future__ import annotations

from sedd.config import AnyExperiment, Experiment, text_length
from sedd.config.sections.grid_sampler import point_of
from sedd.config.sections.sampling import fits_graph, fits_objective
from sedd.config.table import Column, OurRow
from sedd.registry import OBJECTIVES, SAMPLERS

ONE_STEP_PER_TOKEN = "one step per token"
NOT_POSSIBLE = "not possible"
IMPOSSIBLE = (ONE_STEP_PER_TOKEN, NOT_POSSIBLE)


def why_impossible(row: OurRow, column: Column, subject: AnyExperiment) -> tuple[str, str] | None:
    """One of IMPOSSIBLE, and the reason; None for a number that can be measured.

    subject: the experiment of the row.
    """
    if misfit := _misfit(row, column, subject):
        return NOT_POSSIBLE, misfit
    sampler, length = point_of(row.sampler).sampler, text_length(subject)
    if column.steps not in (None, length) and SAMPLERS[sampler].one_step_per_token:
        reason = f"{sampler} takes one step per token, and a text has {length}: add a column with steps: {length}"
        return ONE_STEP_PER_TOKEN, reason
    return None


def _misfit(row: OurRow, column: Column, subject: AnyExperiment) -> str | None:
    """Why the model has no such samples; None if it does, or if its kind is not known before it is
    opened.
    """
    if not isinstance(subject, Experiment):
        return None
    objective = subject.objective.type
    if column.task == "infill" and OBJECTIVES[objective].left_to_right:
        return f"a model of objective.type {objective} keeps no suffix: leave the row out"
    if column.steps is None:
        return None
    sampler = point_of(row.sampler).sampler
    misfit = fits_objective(sampler, objective)
    if misfit is None and subject.graph is not None:
        misfit = fits_graph(sampler, subject.graph.type, subject.sampling.denoise)
    return misfit and f"its sampler {misfit}: change the row"
