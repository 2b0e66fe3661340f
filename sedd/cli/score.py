"""`sedd score`: likelihoods of continuations of a context, and multiple choice."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sedd.cli.options import (
    Device,
    ModelName,
    Overrides,
    Rename,
    Seed,
    Step,
    check_prefix,
    find_changed_subject,
    record_settings,
)


def score(
    name: ModelName,
    file: Annotated[
        str, typer.Option(metavar="FILE", help="JSON lines to score; - for standard input.")
    ],
    overrides: Overrides = None,
    rename: Rename = None,
    step: Step = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="PREFIX",
            callback=check_prefix,
            help="Write PREFIX.json and PREFIX.jsonl.  "
            "[default: results/runs/NAME/eval/step_N/scores/FILE]",
        ),
    ] = None,
    device: Device = None,
    seed: Seed = None,
) -> None:
    """Score how likely a text is after a context, or answer multiple-choice questions.

    Each line of FILE is a JSON object of one of these forms:

    \b
        {"context": "The capital of France is", "continuation": " Paris"}
        {"context": "Two and two are", "choices": [" four", " five"], "label": 0}

    A continuation is appended to its context unchanged: begin it with a space if it needs one.

    For a continuation the score is -log p(continuation | context), in nats: exact for
    autoregressive and causal models; for an absorbing diffusion an upper bound with its standard
    error, by keeping the context and corrupting only the continuation. A uniform diffusion takes
    no context: such a bound is not known.

    Of several choices, the model prefers the one with the fewest nats. The summary has the share of
    questions in which this is the choice `label`, also with nats divided by the characters of the
    choice, and the standard errors.

    Prints the summary. Writes it to PREFIX.json, and the scores of each line to PREFIX.jsonl. A
    killed command resumes. Under torchrun, the devices divide the work.

    \b
    Examples: sedd score tiny_absorb --file pairs.jsonl
              sedd score tiny_autoregressive --file questions.jsonl --out answers
    """
    experiment, step = find_changed_subject(name, overrides, rename, seed, step)
    from sedd.data.question_files import read_questions
    from sedd.evaluate import only_writer, open_language_model
    from sedd.evaluate.conditional import encode_questions, score_questions
    from sedd.evaluate.own_text import files_name
    from sedd.paths import score_file
    from sedd.results.score import write_scores
    from sedd.runtime import distributed
    from sedd.runtime.device import choose_device

    with distributed.world(choose_device(device)) as world:
        # standard input has one reader
        questions = world.broadcast(read_questions(file) if world.is_first else [])
        passages = encode_questions(experiment, file, questions)
        run = open_language_model(experiment, step, world.device)
        if world.is_first:
            record_settings(experiment)
        path = score_file(experiment.name, run.step, files_name([file]))
        if out:
            path = out.with_name(f"{out.name}.json")
        with only_writer(path, world):
            result, scores = score_questions(run, file, questions, passages, path, world)
            if world.is_first:
                result.write(path)
                write_scores(path.with_suffix(".jsonl"), scores)
                typer.echo(f"{path}, {path.with_suffix('.jsonl')}: {result.summary()}")


POSITION, VERBS = 31, (score,)
