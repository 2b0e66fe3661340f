"""`sedd sample`: draw texts from a checkpoint."""

from __future__ import annotations

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
    check_out_or_stdout,
    find_changed_subject,
    record_settings,
)
from sedd.cli.parse_sampling import parse_options, parse_parts
from sedd.config.sections.sampling import Sampling
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
    prompts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="JSON-lines file of prompts, see below; - is standard input."
        ),
    ] = None,
    infill: Annotated[
        bool, typer.Option("--infill", help="Fill in the templates of sampling.infill.")
    ] = False,
    count: Annotated[
        int | None,
        typer.Option(
            min=1, help="Number of samples.  [default: sampling.count; with --prompts 1 per prompt]"
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
        typer.Option(
            help="JSON-lines file to write; - is standard output.  [default: print only]",
            callback=check_out_or_stdout,
        ),
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

    Around given text, with the absorbing graph, first_hitting draws from the model's distribution
    given this text; analytic, euler and remask approach it with more steps. With the uniform graph,
    all samplers approach it; each step takes one more network call, which redraws a token given the
    rest.

    Prints the texts. --out F writes one JSON object per line instead: text, tokens, settings, seed.
    F grows with each finished batch. After a kill, the same command continues it, and F ends with
    the same bytes; until then .F.state.json beside F says how far it is. An older file of samples is
    replaced when the first batch is finished, and any other file is refused. A file in
    results/runs/ appears whole; its finished batches are kept beside it until then.

    --name writes the changed settings and the samples below results/runs/NAME/; without it, keys
    such as sampling.steps=64 are options of this call.

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
              sedd sample tiny_wiki --infill
    """
    is_traced, to_stdout = trace or watch, str(out) == "-"
    if is_traced and (count or out or prompts or batch_size):
        raise typer.BadParameter(
            "--trace and --watch draw one text; leave out --count, --batch-size, --prompts and --out"
        )
    if prompts and (prefix or suffix or at):
        raise typer.BadParameter(
            "--prompts contains the given text; leave out --prefix, --suffix, --at"
        )
    if infill and (prompts or prefix or suffix or at or is_traced):
        raise typer.BadParameter(
            "--infill takes the given text from sampling.infill; leave out --prompts, --prefix, "
            "--suffix, --at, --trace and --watch"
        )
    if prompts and rename and out is None:
        raise typer.BadParameter("--prompts with --name needs --out, a file for the texts")
    if out and prompts and out.exists() and prompts.exists() and out.samefile(prompts):
        raise typer.BadParameter(f"--out {out}: is the file of the prompts; name another file")
    pieces = parse_parts(at or ())
    # without --name, keys of `sampling` are for this call alone, as the options are
    once = [one for one in overrides or () if one.startswith("sampling.") and rename is None]
    kept = [one for one in overrides or () if one not in once]
    recorded, step = find_changed_subject(name, kept, rename, step=step)
    # these import torch: an unknown name is refused before
    from sedd.checkpoints.open import tokenizer_of
    from sedd.config import measuring_seed, sampling_steps
    from sedd.evaluate import (
        as_lines,
        draw_requests,
        only_writer,
        open_language_model,
        with_sampling,
        write_samples,
    )
    from sedd.paths import is_of_a_run, run_dir, samples_file
    from sedd.results.samples import check_holds_samples
    from sedd.runtime import distributed
    from sedd.runtime.device import choose_device
    from sedd.sampling.growing import Drawn, draw_growing, draw_growing_file
    from sedd.sampling.prompt import Prompt, Request, check_prompt
    from sedd.sampling.prompt_file import read_requests, to_requests

    options = {
        "count": count,
        "sampler": sampler,
        "steps": steps,
        "precision": precision,
        "top_p": top_p,
        "length": length,
        "overlap": overlap,
        "batch_size": batch_size,
        "temperature": temperature,
        "top_k": top_k,
        **parse_options(option or ()),
    }
    given = {key: value for key, value in options.items() if value is not None}
    changes = parse_options(
        [one.removeprefix("sampling.") for one in once], (*Sampling.model_fields,)
    )
    if twice := sorted(given.keys() & changes.keys()):
        raise typer.BadParameter(f"sampling.{twice[0]} is given twice, as a key and as an option")
    experiment = with_sampling(recorded, **given, **changes)
    sampling = experiment.sampling
    seed = measuring_seed(experiment) if seed is None else seed
    # everything about the prompts is checked before the model is loaded
    tokenizer = tokenizer_of(experiment)
    if infill and not sampling.infill:
        raise typer.BadParameter(
            'sampling.infill has no template; add one to the experiment, such as "The [20] of France"'
        )
    if infill:
        templates = [{"template": one} for one in sampling.infill]
        requests = to_requests(templates, experiment, tokenizer, count or 1, seed)
    elif prompts:
        requests = read_requests(prompts, experiment, tokenizer, count or 1, seed)
    else:
        prompt = Prompt.encode(tokenizer, prefix, suffix, pieces)
        check_prompt(prompt, experiment)
        requests = [Request(prompt, sampling.count, seed)]
    if out is not None and not to_stdout and not is_of_a_run(out):
        check_holds_samples(out)
    if is_traced:
        from sedd.sampling.draw_trace import check_traceable

        check_traceable(experiment)
    with distributed.world(choose_device(device)) as world:
        run = open_language_model(experiment, step, world.device)
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
        texts: list[dict[str, Any]] = []
        if out is None:
            drawn = draw_growing(run, requests, texts.extend, world=world)
        elif to_stdout:
            show = lambda lines: typer.echo(as_lines(lines), nl=False)  # noqa: E731
            drawn = draw_growing(run, requests, show, world=world)
        elif is_of_a_run(out):
            with only_writer(out, world):
                texts = draw_requests(run, requests, out=out, world=world)
                if world.is_first:
                    write_samples(texts, out)
            drawn = Drawn.of(texts)
        else:
            drawn = draw_growing_file(run, requests, out, world=world)
        if not world.is_first:
            return
        if out and out.is_relative_to(run_dir(recorded.name)):
            record_settings(recorded)
        if out and not to_stdout:
            typer.echo(out)
        for text in () if out else texts:
            typer.echo(f"--- {text['index']}\n{text['text']}")
        typer.echo(drawn.summary(), err=True)


POSITION, VERBS = 30, (sample,)
