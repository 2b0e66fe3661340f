"""`sedd sample --trace` and `--watch`: record or show every denoising step of one text."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

from sedd.config import sampling_steps
from sedd.paths import trace_stem
from sedd.registry import SAMPLERS

if TYPE_CHECKING:
    from sedd.evaluate import LanguageModel


def sample_trace(
    run: LanguageModel,
    *,
    prefix: str,
    suffix: str,
    pieces: Mapping[int, str],
    seed: int,
    is_saved: bool,
    is_watched: bool,
) -> None:
    """Draw one text.

    Show its steps in the terminal (is_watched), save them as JSON and GIF (is_saved), or both.
    """
    from sedd.evaluate import draw_trace
    from sedd.results.trace import write_trace
    from sedd.runtime.progress import progress
    from sedd.sampling.watch import Watch

    name, settings = run.experiment.name, run.experiment.sampling
    steps = sampling_steps(run.experiment)
    with contextlib.ExitStack() as stack:
        if is_watched:
            num_steps = steps + (settings.denoise and SAMPLERS[settings.sampler].has_denoising_step)
            on_state = stack.enter_context(Watch(name, num_steps)).show
        else:
            bar = stack.enter_context(progress(f"trace {name}", steps + 1, "step"))
            on_state = lambda state: bar.update()  # noqa: E731
        trace = draw_trace(
            run,
            prefix=prefix,
            suffix=suffix,
            pieces=pieces,
            seed=seed,
            on_state=on_state,
        )
    if is_saved:
        from sedd.report.figure.gif import write_gif

        stem = trace_stem(name, run.step, settings.sampler, steps)
        write_trace(trace, stem.with_suffix(".json"))
        typer.echo(stem.with_suffix(".json"))
        typer.echo(write_gif(trace, stem.with_suffix(".gif")))
