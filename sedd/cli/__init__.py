"""The command `sedd`: its verbs and their options.

A file of this folder registers its functions VERBS; `--help` lists them by the POSITION of their
file: data from 10, training from 20, measurements from 30, tables and pages from 40, the rest from
50.

A verb imports torch and the libraries of the extras inside its function, so that `--help`, `sedd
config check` and `sedd table` start in a second.

Exit codes: 0 success; 1 internal error, with a traceback; 2 user error, with a message; 128 + N
stopped by signal N.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pkgutil import iter_modules

import typer

from sedd.cli import configuration
from sedd.errors import SeddError
from sedd.runtime.extras import missing_library
from sedd.runtime.memory import keep_freed_memory
from sedd.runtime.printable import printable

app = typer.Typer(
    name="sedd",
    help="Score Entropy Discrete Diffusion, from raw text to the paper's tables.\n\n"
    "Each verb writes one kind of file under results/; `snakemake` runs all of them in order.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
config_app = typer.Typer(
    help="Check the configuration, show an experiment with all defaults filled in, or write the reference.",
    no_args_is_help=True,
)
app.add_typer(config_app, name="config")
for command in (configuration.check, configuration.show, configuration.reference):
    config_app.command()(command)
modules = [import_module(f"sedd.cli.{module.name}") for module in iter_modules(__path__)]
with_verbs = [module for module in modules if hasattr(module, "VERBS")]
for module in sorted(with_verbs, key=lambda module: module.POSITION):
    for command in module.VERBS:
        app.command()(command)


def main() -> None:
    """Run the verb on the command line; report user errors without a traceback."""
    keep_freed_memory()
    try:
        app()
    except SeddError as error:
        typer.echo(f"sedd: {printable(str(error))}", err=True)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        message = missing_library(error)
        if message is None:
            raise
        typer.echo(f"sedd: {message}", err=True)
        sys.exit(2)
    except BrokenPipeError:  # the reader of standard output has closed it, e.g. `| head`
        sys.stderr.close()
        sys.exit(141)
