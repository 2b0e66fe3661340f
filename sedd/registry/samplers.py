"""Samplers: how texts are drawn from a model.

An implementation that runs a diffusion backwards is called by `sedd.objective.Diffusion.sample` as

    sampler(scores, graph, noise, shape, *, clamp, top_p, precision, generator, device, on_step,
            calls)

with `steps` unless `one_step_per_token`, `denoise` if `has_denoising_step`, and the options that it
names in `options`; see `sedd.diffusion.grid_samplers.sample`. `left_to_right` samplers are called by the
objective that they serve.
"""

from __future__ import annotations

from dataclasses import dataclass

from sedd.registry.registry import Info, Registry


@dataclass(frozen=True, kw_only=True)
class SamplerInfo(Info):
    """Facts about a sampler."""

    left_to_right: bool = False
    """draws from an autoregressive model; otherwise from a diffusion model"""
    needs_mask: bool = False
    """runs only on graphs with a mask state"""
    refuses_mask: bool = False
    """runs only on graphs without a mask state"""
    options: tuple[str, ...] = ()
    """keys of the section `sampling` that this sampler reads beside those that all read, in the
    order of its labels; each is a keyword argument with a default
    """
    one_step_per_token: bool = False
    """takes as many steps as a text has tokens, or fewer, and ignores `steps`
    """
    can_be_greedy: bool = False
    """takes temperature 0: a token that replaces a mask is then the likeliest one"""
    has_denoising_step: bool = False
    """can end with an additional step that removes the remaining noise (`denoise`)"""
    grouped_draws: bool = False
    """can draw the texts of each prompt in a batch from a generator of their own
    (`sedd.diffusion.randomness.GroupedGenerator`); otherwise a batch has texts of one prompt
    """
    published_name: str | None = None
    """name in the configuration of the official SEDD code; None: not part of it"""


DEFAULT_SAMPLER = "analytic"
# with `top_p`, the changes to the law of a token that replaces a mask or follows a prefix
SHARPENING = ("temperature", "top_k")

SAMPLERS = Registry(
    "sampler",
    {
        "analytic": SamplerInfo(
            description="Tweedie steps of the paper on a grid of times",
            implementation="sedd.diffusion.grid_samplers:sample_analytic",
            options=SHARPENING,
            has_denoising_step=True,
            grouped_draws=True,
            published_name="analytic",
        ),
        "euler": SamplerInfo(
            description="Euler steps on a grid of times",
            implementation="sedd.diffusion.grid_samplers:sample_euler",
            options=SHARPENING,
            has_denoising_step=True,
            grouped_draws=True,
            published_name="euler",
        ),
        "first_hitting": SamplerInfo(
            description="one token per step at exactly drawn times, without the error of a time grid; "
            "needs graph.type absorb",
            implementation="sedd.diffusion.first_hitting:sample_first_hitting",
            needs_mask=True,
            one_step_per_token=True,
            options=SHARPENING,
            grouped_draws=True,
        ),
        "max_probability": SamplerInfo(
            description="the masks with the largest maximum probability first; not the model's law",
            implementation="sedd.diffusion.confidence:sample_max_probability",
            needs_mask=True,
            can_be_greedy=True,
            grouped_draws=True,
            options=SHARPENING,
        ),
        "margin": SamplerInfo(
            description="the masks with the largest margin between the two likeliest tokens first; "
            "not the model's law",
            implementation="sedd.diffusion.confidence:sample_margin",
            needs_mask=True,
            can_be_greedy=True,
            grouped_draws=True,
            options=SHARPENING,
        ),
        "entropy": SamplerInfo(
            description="the masks with the lowest entropy first; not the model's law",
            implementation="sedd.diffusion.confidence:sample_entropy",
            needs_mask=True,
            can_be_greedy=True,
            grouped_draws=True,
            options=SHARPENING,
        ),
        "entropy_bound": SamplerInfo(
            description="as many masks of low entropy per step as `gamma` allows; the model's law "
            "only with gamma 0",
            implementation="sedd.diffusion.entropy_bound:sample_entropy_bound",
            needs_mask=True,
            one_step_per_token=True,
            can_be_greedy=True,
            grouped_draws=True,
            options=("gamma", *SHARPENING),
        ),
        "remask": SamplerInfo(
            description="analytic steps that also mask tokens again, to correct them later (ReMDM); "
            "needs graph.type absorb",
            implementation="sedd.diffusion.remask:sample_remask",
            options=("remask", *SHARPENING),
            grouped_draws=True,
            needs_mask=True,
            has_denoising_step=True,
        ),
        "trapezoidal": SamplerInfo(
            description="theta-trapezoidal steps of second order, two network calls each",
            implementation="sedd.diffusion.trapezoidal:sample_trapezoidal",
            options=("theta", *SHARPENING),
            has_denoising_step=True,
            grouped_draws=True,
        ),
        "gibbs": SamplerInfo(
            description="analytic steps, each followed by corrector calls that redraw tokens given "
            "the rest; needs graph.type uniform",
            implementation="sedd.diffusion.gibbs:sample_gibbs",
            refuses_mask=True,
            options=("corrector_calls", "corrector_positions"),
            has_denoising_step=True,
            grouped_draws=True,
        ),
        "ancestral": SamplerInfo(
            description="one token per step from left to right, for autoregressive models",
            implementation="sedd.diffusion.causal:sample_causal",
            left_to_right=True,
            one_step_per_token=True,
            options=SHARPENING,
            grouped_draws=True,
        ),
    },
)
