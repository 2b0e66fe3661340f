"""`sedd sample --trace` and `--watch`: one text, followed from noise to its end."""

from __future__ import annotations

import contextlib

import typer

from sedd.cli.watch import Watch
from sedd.config import sampling_steps
from sedd.evaluate import LanguageModel, draw_trace
from sedd.paths import trace_stem
from sedd.report.figure.gif import write_gif
from sedd.results.trace import write_trace
from sedd.runtime.progress import progress


def follow(
    run: LanguageModel,
    *,
    prefix: str,
    suffix: str,
    seed: int,
    is_kept: bool,
    is_watched: bool,
) -> None:
    """Draw a text; show it as it comes, keep it as JSON and GIF, or both."""
    name, settings = run.experiment.name, run.experiment.sampling
    steps = sampling_steps(run.experiment)
    with contextlib.ExitStack() as stack:
        if is_watched:
            num_steps = steps + (settings.denoise and settings.sampler != "first_hitting")
            on_state = stack.enter_context(Watch(name, num_steps)).show
        else:
            bar = stack.enter_context(progress(f"trace {name}", steps + 1, "step"))
            on_state = lambda state: bar.update()  # noqa: E731
        trace = draw_trace(
            run,
            prefix=prefix,
            suffix=suffix,
            seed=seed,
            on_state=on_state,
        )
    if is_kept:
        stem = trace_stem(name, run.step, settings.sampler, steps)
        write_trace(trace, stem.with_suffix(".json"))
        typer.echo(stem.with_suffix(".json"))
        typer.echo(write_gif(trace, stem.with_suffix(".gif")))
