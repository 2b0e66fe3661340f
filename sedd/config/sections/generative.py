"""Section `generative`: the perplexity of samples under a judge model."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sedd.config.base import ConfigModel, Rule
from sedd.config.choices import SamplerName
from sedd.config.values import Count, DrawPrecision, Text, named_once
from sedd.registry import DEFAULT_SAMPLER


class Generative(ConfigModel):
    """Generative perplexity for each combination of steps, samplers and precisions."""

    steps: Annotated[tuple[Count, ...], Field(strict=False)] = ()
    """denoising steps to compare; empty: no samples are judged"""
    samplers: Annotated[tuple[SamplerName, ...], Field(strict=False)] = (DEFAULT_SAMPLER,)
    """samplers to compare"""
    precisions: Annotated[tuple[DrawPrecision, ...], Field(strict=False)] = ("float64",)
    """precisions of the random draws to compare; the paper's code uses float32"""
    judge: Text = "gpt2-large"
    """causal language model: an autoregressive run of this project, a folder, or a hub id"""
    batch_size: Count = 8
    """samples per batch of the judge"""


RULES = tuple(
    Rule((f"generative.{key}",), named_once) for key in ("steps", "samplers", "precisions")
)
