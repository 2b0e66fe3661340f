"""The command `sedd`: its verbs and their options.

A file of this folder registers its functions VERBS; `--help` lists them by the POSITION of their
file, in groups: `sedd.cli.groups` has the headings.

A verb imports torch and the libraries of the extras inside its function, so that `--help`, `sedd
config check` and `sedd table` start in a second.

Exit codes: 0 success; 1 internal error, with a traceback; 2 user error, with a message; 128 + N
stopped by signal N.
"""

from __future__ import annotations

import errno
import sys
from importlib import import_module
from importlib.metadata import version
from pkgutil import iter_modules
from typing import Annotated

import typer

from sedd.cli import bench, configuration, data
from sedd.cli.groups import VerbsInGroups
from sedd.errors import ConfigError, SeddError
from sedd.paths import CONFIG
from sedd.runtime.extras import missing_library
from sedd.runtime.memory import keep_freed_memory, out_of_memory
from sedd.runtime.printable import filter_output

# errors of the file system that a user can correct: no space, no permission, a link, a bad place
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FILE_ERRORS = (
    *(*FULL, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO),
    *(errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR),
)

app = typer.Typer(
    name="sedd",
    help="Score Entropy Discrete Diffusion, from raw text to the paper's tables.\n\n"
    "Each verb writes one kind of file under results/; `snakemake` runs all of them in order.",
    cls=VerbsInGroups,
    no_args_is_help=True,
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
data_app = typer.Typer(no_args_is_help=True)
data_app.callback()(data.data)
data_app.command()(data.add)
app.add_typer(data_app, name="data")
bench_app = typer.Typer(no_args_is_help=True)
bench_app.callback()(bench.bench)
for work, short_help in bench.WORKS.items():
    bench_app.command(work, short_help=short_help)(bench.speed)
bench_app.command()(bench.bound)
app.add_typer(bench_app, name="bench")
modules = [import_module(f"sedd.cli.{module.name}") for module in iter_modules(__path__)]
with_verbs = [module for module in modules if hasattr(module, "VERBS")]
for module in sorted(with_verbs, key=lambda module: module.POSITION):
    for command in module.VERBS:
        app.command(command.__name__.rstrip("_"))(command)


def print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"sedd {version('sedd')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Options of `sedd` itself; each ends the program."""


def main() -> None:
    """Run the verb on the command line; report user errors without a traceback."""
    keep_freed_memory()
    filter_output()
    try:
        app()
    except SeddError as error:
        typer.echo(f"sedd: {error}", err=True)
        if isinstance(error, ConfigError) and not CONFIG.is_dir():
            what = "it has no config/; to make one: sedd init DIR"
            typer.echo(f"sedd: this folder is not a project: {what}", err=True)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        message = missing_library(error)
        if message is None:
            raise
        typer.echo(f"sedd: {message}", err=True)
        sys.exit(2)
    except SystemExit as exit:
        # the verb was interrupted, and typer says nothing
        if isinstance(getattr(exit.__context__, "__cause__", None), KeyboardInterrupt):
            typer.echo("sedd: interrupted", err=True)
        raise
    except KeyboardInterrupt:  # a second Ctrl-C, while the first one ended the verb
        typer.echo("sedd: interrupted", err=True)
        sys.exit(130)
    except (MemoryError, RuntimeError) as error:
        message = out_of_memory(error)
        if message is None:
            raise
        typer.echo(f"sedd: {message}", err=True)
        sys.exit(2)
    except BrokenPipeError:  # the reader of standard output has closed it, e.g. `| head`
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:
        if error.errno not in FILE_ERRORS:
            raise
        where = error.filename or "a file"
        advice = "; free disk space, then run the same command again" * (error.errno in FULL)
        typer.echo(f"sedd: {where}: {error.strerror}{advice}", err=True)
        sys.exit(2)
