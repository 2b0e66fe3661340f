"""Command line: python tests/slurm/testbed install|up|down. See the package docstring."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the folder of this package

from testbed import packages
from testbed.bring_up import down, up
from testbed.settings import Refused, Settings


def main() -> None:
    parser = argparse.ArgumentParser(description="a real Slurm on this machine, for tests")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("install", help="install every package")
    for verb, what in (
        ("up", "start all daemons that are not running"),
        ("down", "stop and remove it"),
    ):
        command = verbs.add_parser(verb, help=what)
        command.add_argument("folder", type=Path, help="folder for all its files")
        if verb == "up":
            command.add_argument("--accounting", action="store_true", help="run slurmdbd as well")
            command.add_argument(
                "--preempt-with-sigterm",
                action="store_true",
                help="send no user signal on preemption",
            )
    options = parser.parse_args()
    if reason := packages.obstacle():
        sys.exit(reason)
    if os.geteuid() != 0:
        os.execvp("sudo", ["sudo", "-n", sys.executable, str(Path(__file__).parent), *sys.argv[1:]])
    try:
        run(options)
    except Refused as reason:
        sys.exit(f"{reason}")


def run(options: argparse.Namespace) -> None:
    if options.verb == "install":
        packages.install(*packages.SLURM, *packages.ACCOUNTING)
        return
    folder = options.folder.absolute()
    existing = Settings.read(folder) if (folder / "settings.json").exists() else None
    if options.verb == "down":
        if existing is None:
            raise Refused(f"{folder}: no test Slurm in this folder")
        down(existing)
        return
    requested = {
        "accounting": options.accounting,
        "preempt_signal": not options.preempt_with_sigterm,
    }
    if existing and requested != {key: getattr(existing, key) for key in requested}:
        raise Refused(f"{folder}: a test Slurm with other options is running; take it down first")
    up(existing or Settings(folder, **requested), user=os.environ.get("SUDO_USER", "root"))


main()
