"""`sedd build`: run Snakemake and show its work on one screen."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from sedd.errors import SeddError

LOG = Path("logs/snakemake.log")
TAIL_LINES = 15


def build(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[-- ARGUMENT]...",
            help="Arguments of snakemake, such as -- --cores 1 or -- results/tables/text8.md.",
        ),
    ] = None,
    config: Annotated[
        Path, typer.Option("--config", help="The build: a file such as config/paper.yaml.")
    ] = Path("config/config.yaml"),
    sweep: Annotated[
        str | None,
        typer.Option(help="Build only this sweep, config/sweeps/SWEEP.yaml, and its page."),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Print what Snakemake and its jobs print.")
    ] = False,
) -> None:
    """Build everything that a configuration names, on one screen.

    Runs `snakemake`, whose output goes to logs/snakemake.log. Shows what runs now and the time left;
    then the score of each model, two texts, and what to try next. After an interruption, the same
    command resumes the build.

    \b
    Examples: sedd build --config config/smoke.yaml
              sedd build --sweep learning_rate
              sedd build -- --cores 1 tables
    """
    from sedd.cli.build_summary import summary, sweep_summary
    from sedd.workflow import Build
    from sedd.workflow.follow import running_build

    made = Build(
        config, sweeps=[sweep] if sweep else ()
    )  # reports mistakes before Snakemake starts
    words = [str(Path(sys.executable).with_name("snakemake")), "--configfile", str(config)]
    if sweep is not None:
        words += ["--config", f"sweeps=[{sweep}]"]
    if (process := running_build(Path.cwd())) is not None:
        raise SeddError(f"Snakemake runs in this folder already, as process {process}")
    # a killed build leaves its lock; training jobs have locks of their own
    subprocess.run([*words, "--unlock", "--quiet", "all"], check=False, capture_output=True)
    words += arguments or []
    if sweep is not None:
        words += ["--", *made.sweep_targets()]
    # Ctrl-C ends Snakemake, whose end is awaited
    signal.signal(signal.SIGINT, lambda *_: None)
    code = subprocess.run(words, check=False).returncode if verbose else _show(words)
    if code:
        raise typer.Exit(code)
    lines = summary(made) if sweep is None else sweep_summary(sweep)
    typer.echo("\n" + "\n".join(lines))


def _show(words: list[str]) -> int:
    """The exit code of Snakemake, after its screen and, if it failed, what went wrong."""
    from sedd.runtime.atomic import no_follow
    from sedd.workflow.screen import show

    LOG.parent.mkdir(exist_ok=True)
    with (
        open(LOG, "w", encoding="utf-8", opener=no_follow) as log,
        subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        ) as snakemake,
    ):
        assert snakemake.stdout is not None, "it is a pipe"
        followed = show(snakemake.stdout, log)
        code = snakemake.wait()
    if code == 0:
        return 0
    for job in followed.failed:
        typer.echo(f"\nsedd: failed: {job.label}; the end of {job.log}:", err=True)
        typer.echo(_tail(job.log), err=True)
    if not followed.failed:
        typer.echo(_tail(LOG), err=True)
    typer.echo(
        f"sedd: the build failed; all output is in {LOG}. Call it again to resume.", err=True
    )
    return code


def _tail(path: Path | None) -> str:
    if path is None or not path.is_file():
        return "  (no log)"
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]
    return "\n".join(f"  {line}" for line in lines)


POSITION, VERBS = 50, (build,)
