"""Objectives: what a network is trained for.

An implementation is a subclass of `sedd.objective.Objective`. `sedd.checkpoints.build` calls it
with the keys of its settings section (`sedd/config/sections/objective.py`) as keyword arguments,
after `vocab_size` if `left_to_right`, otherwise after a graph and a noise schedule.
"""

from __future__ import annotations

from dataclasses import dataclass

from sedd.registry.registry import Info, Registry


@dataclass(frozen=True, kw_only=True)
class ObjectiveInfo(Info):
    """Facts about an objective."""

    left_to_right: bool = False
    """autoregressive: has no graph, no noise schedule and no random times, and samples left to
    right
    """
    needs_mask: bool = False
    """defined only for graphs with a mask state"""
    predicts_scores: bool = False
    """the network returns log scores: they may be scaled by sigma and their loss estimated from
    sampled tokens
    """
    discrete_time: bool = False
    """has a finite number of forward steps; its class also takes `time_eps`, the earliest training
    time
    """


OBJECTIVES = Registry(
    "objective",
    {
        "score_entropy": ObjectiveInfo(
            description="ratios of probabilities by score entropy, as in the paper",
            implementation="sedd.objective.score_entropy:ScoreEntropy",
            predicts_scores=True,
        ),
        "d3pm": ObjectiveInfo(
            description="the clean text by the discrete-time bound of Austin et al. 2021",
            implementation="sedd.objective.d3pm:D3PM",
            discrete_time=True,
        ),
        "lambda_dce": ObjectiveInfo(
            description="the masked tokens by the likelihood of masked diffusion (RADD, MDLM)",
            implementation="sedd.objective.lambda_dce:LambdaDCE",
            needs_mask=True,
        ),
        "autoregressive": ObjectiveInfo(
            description="the next token from the tokens before it, with an exact likelihood",
            implementation="sedd.objective.autoregressive:Autoregressive",
            left_to_right=True,
        ),
    },
)
