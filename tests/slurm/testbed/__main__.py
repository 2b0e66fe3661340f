"""`python tests/slurm/testbed install|up|down`: see the package."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # where this package lies

from testbed import packages
from testbed.bring_up import down, up
from testbed.settings import Refused, Settings


def main() -> None:
    parser = argparse.ArgumentParser(description="a real Slurm on this machine, for tests")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("install", help="install every package")
    for verb, what in (("up", "start it, or what of it is not running"), ("down", "remove it")):
        command = verbs.add_parser(verb, help=what)
        command.add_argument("folder", type=Path, help="keeps everything of it")
        if verb == "up":
            command.add_argument("--accounting", action="store_true", help="with slurmdbd")
            command.add_argument(
                "--preempt-with-sigterm", action="store_true", help="no user signal"
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
    there = Settings.read(folder) if (folder / "settings.json").exists() else None
    if options.verb == "down":
        if there is None:
            raise Refused(f"{folder}: no test Slurm here")
        down(there)
        return
    kind = {"accounting": options.accounting, "preempt_signal": not options.preempt_with_sigterm}
    if there and kind != {key: getattr(there, key) for key in kind}:
        raise Refused(f"{folder}: a test Slurm of another kind is up; take it down first")
    up(there or Settings(folder, **kind), user=os.environ.get("SUDO_USER", "root"))


main()
