"""`sedd sample`: draw texts from a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from sedd.cli.choices import choice
from sedd.cli.options import (
    Device,
    ModelName,
    Overrides,
    Rename,
    Seed,
    Step,
    find_changed_subject,
    record_settings,
)
from sedd.registry import SAMPLERS


def sample(
    name: ModelName,
    overrides: Overrides = None,
    rename: Rename = None,
    step: Step = None,
    prefix: Annotated[str, typer.Option(help="Text at the start of every sample.")] = "",
    suffix: Annotated[str, typer.Option(help="Text at the end of every sample.")] = "",
    at: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TOKEN=TEXT",
            help="Text in the middle of every sample, starting at this token; repeatable.",
        ),
    ] = None,
    count: Annotated[
        int | None, typer.Option(min=1, help="Number of samples.  [default: sampling.count]")
    ] = None,
    sampler: Annotated[str | None, choice(SAMPLERS, "Sampler.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Denoising steps.")] = None,
    top_p: Annotated[
        float | None,
        typer.Option(help="Nucleus sampling: keep the likeliest tokens up to this probability."),
    ] = None,
    top_k: Annotated[
        int | None, typer.Option(min=1, help="Keep this number of the likeliest tokens.")
    ] = None,
    temperature: Annotated[float | None, typer.Option(help="Divisor of the logits.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Another option of the sampler, a key of the section `sampling`; repeatable.",
        ),
    ] = None,
    precision: Annotated[
        Literal["float64", "float32"] | None, typer.Option(help="Precision of the random draws.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="JSON-lines file to write.  [default: print only]")
    ] = None,
    trace: Annotated[
        bool,
        typer.Option("--trace", help="Record every step of one text, as JSON and GIF."),
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show every step of one text in the terminal.")
    ] = False,
    device: Device = None,
    seed: Seed = None,
) -> None:
    """Draw texts from a model.

    Samples freely, or around given text: a prefix, a suffix, and text in the middle (--at). An
    autoregressive model accepts only a prefix.

    Prints the texts. --out also writes one JSON object per line: text, tokens, settings, seed.
    --name writes the changed settings and the samples below results/runs/NAME/.

    --trace writes the tokens after each step to
    results/runs/NAME/samples/step_N/trace_SAMPLER_STEPS.json, which the run's page shows, and a
    GIF.

    Settings come from the experiment that trains or measures the model. For any other model they
    are the defaults, with the tokenizer and the length that the model records; what is written goes
    to results/runs/, in a folder named after the model, such as someone--model.

    \b
    Examples: sedd sample tiny_absorb --count 4
              sedd sample louaaron/sedd-small --steps 8 --count 1
              sedd sample tiny_absorb --watch
              sedd sample tiny_absorb --prefix "the river " --suffix " in france" --steps 128
              sedd sample tiny_absorb --at 40=" of the " --at 80=" and "
              sedd sample tiny_absorb --sampler first_hitting --top-p 0.9
    """
    if (trace or watch) and (count or out):
        raise typer.BadParameter("--trace and --watch draw one text; leave out --count and --out")
    recorded, step = find_changed_subject(name, overrides, rename, step=step)
    from sedd.config import sampling_steps
    from sedd.evaluate import draw_samples, mean_calls, open_run, with_sampling, write_samples
    from sedd.paths import run_dir, samples_file
    from sedd.runtime import distributed
    from sedd.runtime.device import choose_device

    experiment = with_sampling(
        recorded,
        count=count,
        sampler=sampler,
        steps=steps,
        precision=precision,
        top_p=top_p,
        temperature=temperature,
        top_k=top_k,
        **parse_options(option or ()),
    )
    sampling = experiment.sampling
    seed = experiment.seed if seed is None else seed
    with distributed.world(choose_device(device)) as world:
        run = open_run(experiment, step, world.device)
        if trace or watch:
            from sedd.cli.sample_trace import sample_trace

            if trace and world.is_first:
                record_settings(recorded)
            sample_trace(
                run, prefix=prefix, suffix=suffix, seed=seed, is_saved=trace, is_watched=watch
            )
            return
        if rename and out is None:
            num_steps = sampling_steps(experiment)
            out = samples_file(rename, run.step, sampling.sampler, num_steps, sampling.precision)
        texts = draw_samples(
            run,
            prefix=prefix,
            suffix=suffix,
            pieces=dict(parse_at(item) for item in at or ()),
            seed=seed,
            out=out,
            world=world,
        )
        if not world.is_first:
            return
        if out and out.is_relative_to(run_dir(recorded.name)):
            record_settings(recorded)
        if out:
            write_samples(texts, out)
        for text in texts:
            typer.echo(f"--- {text['index']}\n{text['text']}")
        typer.echo(f"{mean_calls(texts):.1f} network calls per text", err=True)


def parse_at(item: str) -> tuple[int, str]:
    """Parse `--at 40=" of the "` into the number of the first token and the text."""
    number, equals, text = item.partition("=")
    if not equals or not number.isdecimal():
        raise typer.BadParameter(f"--at {item!r}: must be TOKEN=TEXT, such as 40=' of the '")
    return int(number), text


def parse_options(items: Sequence[str]) -> dict[str, Any]:
    """Parse `--option remask.eta=0.02` into {"remask": {"eta": 0.02}}. A value is YAML."""
    from sedd.config.yaml.source import read_value

    options: dict[str, Any] = {}
    for item in items:
        key, equals, text = item.partition("=")
        *sections, last = key.split(".")
        if not equals or not all([*sections, last]):
            raise typer.BadParameter(f"--option {item!r}: must be KEY=VALUE, such as top_k=50")
        inner = options
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[last] = read_value(text)
    return options


POSITION, VERBS = 30, (sample,)
