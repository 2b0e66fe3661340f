"""Section `generative`: the perplexity of samples under a judge model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

from pydantic import Field

from sedd.config.base import ConfigModel, Rule
from sedd.config.sections.grid_sampler import GridSampler, SamplerPoint, point_of
from sedd.config.sections.sampling import fits_objective, unread
from sedd.config.values import Count, DatasetName, DrawPrecision, Split, Text, named_once
from sedd.registry import DEFAULT_SAMPLER

Convention = Literal["every_token", "first_eos"]


LEAST_TEXTS = 200  # MAUVE of fewer texts says little


class JudgedMauve(ConfigModel):
    """MAUVE between the judged texts and as many real texts, or more, of the same length."""

    references: Annotated[int, Field(ge=LEAST_TEXTS)]
    """number of real texts"""
    dataset: DatasetName | None = None
    """dataset of the real texts; null: data.dataset"""
    split: Split = "validation"
    """split of this dataset"""


class Generative(ConfigModel):
    """Generative perplexity for each combination of steps, samplers and precisions."""

    steps: Annotated[tuple[Count, ...], Field(strict=False)] = ()
    """denoising steps to compare; empty: no samples are judged"""
    samplers: Annotated[tuple[GridSampler, ...], Field(strict=False)] = (DEFAULT_SAMPLER,)
    """samplers to compare: a name, or a mapping with options, such as {sampler: analytic,
    temperature: 0.9}; other options are those of `sampling`; samplers that do not fit the graph are
    left out"""
    precisions: Annotated[tuple[DrawPrecision, ...], Field(strict=False)] = ("float64",)
    """precisions of the random draws to compare; the paper's code uses float32"""
    judge: Text = "gpt2-large"
    """causal language model: an autoregressive run of this project, a folder, or a hub id"""
    convention: Convention = "every_token"
    """tokens that are scored: all but the first of a text; or, as in MDLM and Duo, of these no end
    of text (EOS) after the first, in texts that are cut to the length of the judge"""
    mauve: JudgedMauve | None = None
    """MAUVE of the judged texts beside their perplexity, such as {references: 1000}; the judge's last
    hidden state embeds a text; null: it is not measured"""
    batch_size: Count = 8
    """samples per batch of the judge"""


def _for_each(
    find: Callable[..., str | None],
) -> Callable[..., str | None]:
    """A rule of one sampler as a rule of all samplers; it is skipped if nothing is judged."""

    def find_all(
        samplers: Sequence[str | SamplerPoint], steps: Sequence[int], *values: object
    ) -> str | None:
        points = [point_of(sampler) for sampler in samplers] if steps else []
        problems = [f"{point}: {text}" for point in points if (text := find(point, *values))]
        return "; ".join(problems) or None

    return find_all


def _options_are_read(point: SamplerPoint) -> str | None:
    problems = [
        f"{option} {text}"
        for option, value in point.given().items()
        if (text := unread(option, value, point.sampler))
    ]
    return "; ".join(problems) or None


def _fits_objective(point: SamplerPoint, objective: str) -> str | None:
    return fits_objective(point.sampler, objective)


def _enough_texts(mauve: JudgedMauve | None, steps: Sequence[int], count: int) -> str | None:
    if mauve and steps and count < LEAST_TEXTS:
        return f"needs sampling.count of {LEAST_TEXTS} at least; got {count}"
    return None


SAMPLERS_TO_JUDGE = ("generative.samplers", "generative.steps")

RULES = (
    *(Rule((f"generative.{key}",), named_once) for key in ("steps", "samplers", "precisions")),
    Rule(("generative.mauve", "generative.steps", "sampling.count"), _enough_texts),
    Rule(SAMPLERS_TO_JUDGE, _for_each(_options_are_read)),
    Rule((*SAMPLERS_TO_JUDGE, "objective.type"), _for_each(_fits_objective)),
)
