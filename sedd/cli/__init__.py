"""The `sedd` command: one verb for each arrow from raw text to tables and reports.

The heavy imports stand inside the verbs, so that `--help`, a configuration check and a table take a second.
Exit codes: 0 done; 1 a broken invariant, with a traceback; 2 a mistake that the user can mend; 128 + N stopped
by signal N.
"""

from __future__ import annotations

import sys

import typer

from sedd.cli import configuration, jobs, results, runs, tools
from sedd.cli import evaluate as judged
from sedd.cli import tokenize as texts
from sedd.cli.dvc import dvc
from sedd.errors import SeddError
from sedd.runtime.memory import keep_freed_memory

app = typer.Typer(
    name="sedd",
    help="Score Entropy Discrete Diffusion, from raw text to the paper's tables.\n\n"
    "Each verb makes one family of files under results/; `snakemake` runs them all in order.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
config_app = typer.Typer(
    help="Check the configuration, show a resolved experiment, or write the reference.",
    no_args_is_help=True,
)
app.add_typer(config_app, name="config")
for command in (configuration.check, configuration.show, configuration.reference):
    config_app.command()(command)
for command in (
    texts.tokenize,
    runs.train,
    jobs.status,
    jobs.cancel,
    runs.sample,
    runs.perplexity,
    judged.generative,
    judged.mauve,
    judged.evaluate,
    results.curves,
    results.table,
    results.figure,
    results.report,
    results.figures,
    results.compare,
    results.overview,
    dvc,
    tools.export,
    tools.bench,
    tools.estimators,
):
    app.command()(command)


def main() -> None:
    """Run a verb; say what the user can mend in plain words."""
    keep_freed_memory()
    try:
        app()
    except SeddError as error:
        typer.echo(f"sedd: {error}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:  # the reader of the output went away, e.g. `| head`
        sys.stderr.close()
        sys.exit(141)
