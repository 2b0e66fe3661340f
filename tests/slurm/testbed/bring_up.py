"""Start and stop the test Slurm, as root."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import subprocess
from pathlib import Path

from testbed import packages
from testbed.daemons import output, succeeds, wait_quietly
from testbed.database import accounts, database
from testbed.settings import GPUS, NODES, Refused, Settings

HOSTS = Path("/etc/hosts")
LINK = Path("/etc/slurm/slurm.conf")


def up(settings: Settings, user: str) -> None:
    """Start missing daemons and wait until all nodes are idle. `user` may submit jobs."""
    refuse_beside_another(settings)
    packages.install(*packages.SLURM, *(packages.ACCOUNTING if settings.accounting else ()))
    make_folders(settings)
    settings.write()
    name_nodes(settings)
    link(settings)
    os.environ["SLURM_CONF"] = str(settings.slurm_conf)
    munge(settings)
    if settings.accounting:
        database(settings)
        accounts(settings, user)
    settings.daemons.start("slurmctld", "slurmctld")
    settings.expect("slurmctld", lambda: succeeds("scontrol", "ping"))
    for node in NODES:
        settings.daemons.start(f"slurmd-{node}", "slurmd", "-N", node)
    settings.expect("slurmctld", idle)


def down(settings: Settings) -> None:
    """Cancel every job, stop every daemon, and remove the folder."""
    os.environ["SLURM_CONF"] = str(settings.slurm_conf)
    if succeeds("scontrol", "ping"):
        subprocess.run(["scancel", "--state=PENDING"], capture_output=True)
        subprocess.run(
            ["scancel", "--signal=KILL", "--full", "--state=RUNNING"], capture_output=True
        )
        subprocess.run(["scancel", "--state=RUNNING"], capture_output=True)
        wait_quietly(lambda: not output("squeue", "--noheader"), 10)
    for name in (
        *(f"slurmd-{node}" for node in NODES),
        "slurmctld",
        "slurmdbd",
        "mysqld",
        "munged",
    ):
        settings.daemons.stop(name)
    settings.daemons.kill_processes_of_jobs()
    unname_nodes(settings)
    if LINK.is_symlink() and LINK.readlink() == settings.slurm_conf:
        LINK.unlink()
    shutil.rmtree(settings.folder)


def refuse_beside_another(settings: Settings) -> None:
    """Raise Refused if the machine belongs to a cluster or runs another test Slurm."""
    if LINK.is_symlink() and LINK.readlink() == settings.slurm_conf:
        return
    if LINK.exists():
        raise Refused(f"{LINK.resolve()}: this machine has a Slurm; the test Slurm is not started")


def link(settings: Settings) -> None:
    """Link the default path of slurm.conf. Snakemake's executor drops `SLURM_CONF` inside a job."""
    LINK.parent.mkdir(exist_ok=True)
    LINK.unlink(missing_ok=True)
    LINK.symlink_to(settings.slurm_conf)


def make_folders(settings: Settings) -> None:
    """Make folders, and null devices that Slurm uses as GPUs."""
    for name in ("etc", "log", "run", "state", "dev", *(f"spool/{node}" for node in NODES)):
        (settings.folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(GPUS):
        if not settings.gpu(number).exists():
            os.mknod(settings.gpu(number), stat.S_IFCHR | 0o666, os.makedev(1, 3))


def name_nodes(settings: Settings) -> None:
    """Let every node name resolve to this machine, so that ranks can connect to rank 0."""
    unname_nodes(settings)
    text = HOSTS.read_text()
    lines = "".join(f"127.0.0.1 {node} {mark(settings)}\n" for node in NODES)
    HOSTS.write_text(text + ("" if text.endswith("\n") else "\n") + lines)


def unname_nodes(settings: Settings) -> None:
    # written in place, because a container may have mounted the file
    lines = HOSTS.read_text().splitlines(keepends=True)
    HOSTS.write_text("".join(line for line in lines if mark(settings) not in line))


def mark(settings: Settings) -> str:
    return f"# test Slurm in {settings.folder} "


def munge(settings: Settings) -> None:
    key = settings.folder / "etc/munge.key"
    if not key.exists():
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(128))
    socket = f"--socket={settings.munge_socket}"
    settings.daemons.start(
        "munged",
        "munged",
        socket,
        f"--key-file={key}",
        f"--pid-file={settings.daemons.pid_file('munged')}",
        f"--log-file={settings.log_file('munged')}",
        f"--seed-file={settings.folder}/state/munge.seed",
    )
    encode = ("munge", socket, "--no-input", "--output=/dev/null")
    settings.expect("munged", lambda: succeeds(*encode))


def idle() -> bool:
    states = output("sinfo", "--noheader", "--Node", "--partition=main", "--format=%T").split()
    return states == ["idle"] * len(NODES)
