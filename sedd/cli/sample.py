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
from sedd.runtime.printable import printable


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
    prompts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="JSON-lines file of prompts, see below; - is standard input."
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            min=1, help="Number of samples.  [default: sampling.count; with --prompts 1 a prompt]"
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(min=1, help="Samples drawn in one batch.  [default: sampling.batch_size]"),
    ] = None,
    length: Annotated[
        int | None, typer.Option(min=1, help="Tokens per sample.  [default: sampling.length]")
    ] = None,
    overlap: Annotated[
        int | None,
        typer.Option(
            min=1, help="Tokens that windows of a long text share.  [default: sampling.overlap]"
        ),
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
        Path | None,
        typer.Option(help="JSON-lines file to write; - is standard output.  [default: print only]"),
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
    autoregressive model accepts only a prefix. On the uniform graph, only the sampler gibbs draws
    from the law of a text given the prompt, as steps grow.

    Around given text, with the absorbing graph, first_hitting draws from the model's distribution
    given this text; analytic, euler and remask approach it with more steps.

    Prints the texts. --out F writes one JSON object per line instead: text, tokens, settings, seed.
    Finished batches are kept beside F until it is complete, so the same command resumes after a
    kill. --name writes the changed settings and the samples below results/runs/NAME/.

    --prompts takes one JSON object per line, and draws the texts of many prompts in one batch:

    \b
      {"prefix": "the river ", "suffix": " in france"}
      {"template": "The [20] of France", "count": 3, "seed": 7}

    In a template, [20] is a blank of 20 tokens, [] a blank that fills the rest of the text, and [[
    a bracket. A template without [] is the whole text. Each line may have a count and a seed;
    without one, line 1 has --seed, line 2 --seed + 1, and so on. The texts of a line are those of a
    call of their own with this prompt, count and seed.

    A --length above the model's data.length is drawn in windows of data.length tokens. Each keeps
    the last --overlap tokens of the window before it (a quarter by default), and sees the given
    text inside it only: the first windows do not know the suffix.

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
              sedd sample tiny_absorb --prompts prompts.jsonl --out texts.jsonl
              sedd sample tiny_absorb --count 10000 --batch-size 64 --out texts.jsonl
              sedd sample tiny_absorb --length 512 --overlap 32
    """
    from sedd.runtime.atomic import check_replaceable

    is_traced, to_stdout = trace or watch, str(out) == "-"
    if is_traced and (count or out or prompts or batch_size):
        raise typer.BadParameter(
            "--trace and --watch draw one text; leave out --count, --batch-size, --prompts and --out"
        )
    if prompts and (prefix or suffix or at):
        raise typer.BadParameter("--prompts has the given text; leave out --prefix, --suffix, --at")
    if prompts and rename and out is None:
        raise typer.BadParameter("--prompts with --name needs --out, a file for the texts")
    if out is not None and not to_stdout:
        check_replaceable(out)
        if prompts and out.exists() and prompts.exists() and out.samefile(prompts):
            raise typer.BadParameter(f"--out {out}: is the file of the prompts; name another")
    pieces = parse_parts(at or ())
    recorded, step = find_changed_subject(name, overrides, rename, step=step)
    # these import torch: an unknown name is refused before
    from sedd.checkpoints.open import tokenizer_of
    from sedd.config import sampling_steps
    from sedd.evaluate import (
        as_lines,
        draw_requests,
        mean_calls,
        open_run,
        with_sampling,
        write_samples,
    )
    from sedd.paths import run_dir, samples_file
    from sedd.runtime import distributed
    from sedd.runtime.device import choose_device
    from sedd.sampling.prompt import Prompt, Request, check_prompt
    from sedd.sampling.prompt_file import read_requests

    experiment = with_sampling(
        recorded,
        count=count,
        sampler=sampler,
        steps=steps,
        precision=precision,
        top_p=top_p,
        length=length,
        overlap=overlap,
        batch_size=batch_size,
        **{"temperature": temperature, "top_k": top_k, **parse_options(option or ())},
    )
    sampling = experiment.sampling
    seed = experiment.seed if seed is None else seed
    # everything about the prompts is checked before the model is loaded
    tokenizer = tokenizer_of(experiment)
    if prompts:
        requests = read_requests(prompts, experiment, tokenizer, count or 1, seed)
    else:
        prompt = Prompt.encode(tokenizer, prefix, suffix, pieces)
        check_prompt(prompt, experiment)
        requests = [Request(prompt, sampling.count, seed)]
    if is_traced:
        from sedd.sampling.draw_trace import check_traceable

        check_traceable(experiment)
    with distributed.world(choose_device(device)) as world:
        run = open_run(experiment, step, world.device)
        if is_traced:
            from sedd.cli.sample_trace import sample_trace

            if trace and world.is_first:
                record_settings(recorded)
            sample_trace(
                run,
                prefix=prefix,
                suffix=suffix,
                pieces=pieces,
                seed=seed,
                is_saved=trace,
                is_watched=watch,
            )
            return
        if rename and out is None:
            num_steps = sampling_steps(experiment)
            out = samples_file(rename, run.step, sampling.sampler, num_steps, sampling.precision)
        texts = draw_requests(run, requests, out=None if to_stdout else out, world=world)
        if not world.is_first:
            return
        if out and out.is_relative_to(run_dir(recorded.name)):
            record_settings(recorded)
        if to_stdout:
            typer.echo(as_lines(texts), nl=False)
        elif out:
            write_samples(texts, out)
            typer.echo(out)
        else:
            for text in texts:
                typer.echo(f"--- {text['index']}\n{printable(text['text'])}")
        seconds = texts[0]["provenance"]["seconds"]
        typer.echo(
            f"{len(texts)} texts in {seconds:.1f} s ({len(texts) / max(seconds, 0.01):.1f} text/s), "
            f"{mean_calls(texts):.1f} network calls per text",
            err=True,
        )


def parse_parts(items: Sequence[str]) -> dict[int, str]:
    """Parse `--at 40=" of the "` into the text by the number of its first token."""
    parts: dict[int, str] = {}
    for item in items:
        number, equals, text = item.partition("=")
        if not equals or not (number.isascii() and number.isdecimal()):
            raise typer.BadParameter(f"--at {item!r}: must be TOKEN=TEXT, such as 40=' of the '")
        if int(number) in parts:
            raise typer.BadParameter(
                f"--at {item!r}: there is another text at token {int(number)}; join the two"
            )
        parts[int(number)] = text
    return parts


def parse_options(items: Sequence[str]) -> dict[str, Any]:
    """Parse `--option remask.eta=0.02` into {"remask": {"eta": 0.02}}. A value is YAML."""
    from sedd.config.sections.sampling import OPTIONS
    from sedd.config.yaml.describe import must_be_one_of
    from sedd.config.yaml.source import read_value

    options: dict[str, Any] = {}
    for item in items:
        key, equals, text = item.partition("=")
        *sections, last = key.split(".")
        if equals and [*sections, last][0] not in OPTIONS:
            raise typer.BadParameter(f"--option {item!r}: {must_be_one_of([*OPTIONS], key)}")
        if not equals or not all([*sections, last]):
            raise typer.BadParameter(f"--option {item!r}: must be KEY=VALUE, such as top_k=50")
        inner = options
        for section in sections:
            inner = inner.setdefault(section, {})
        inner[last] = read_value(text)
    return options


POSITION, VERBS = 30, (sample,)
