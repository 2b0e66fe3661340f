"""Debian packages of the test bed, and whether this machine can run it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SLURM = ("munge", "slurm-client", "slurmctld", "slurmd")
ACCOUNTING = ("mariadb-server", "slurm-wlm-mysql-plugin", "slurmdbd")
POLICY = Path("/usr/sbin/policy-rc.d")


def obstacle() -> str | None:
    """Why this machine cannot run the test Slurm; None if it can."""
    if not Path("/etc/debian_version").exists() or shutil.which("apt-get") is None:
        return "the test Slurm comes from Debian's packages, but this system is not Debian"
    if os.geteuid() != 0 and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode:
        return "the test Slurm needs root, or sudo without a password"
    return None


def install(*packages: str) -> None:
    """Install the missing packages without starting their services."""
    if not (names := missing(*packages)):
        return
    quiet = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, "check": True}
    with services_kept_down():
        subprocess.run(["apt-get", "update", "-qq"], **quiet)
        words = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *names]
        subprocess.run(words, stdout=subprocess.DEVNULL, **quiet)


def missing(*packages: str) -> list[str]:
    """The packages that are not installed."""
    words = ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", *packages]
    lines = subprocess.run(words, capture_output=True, text=True).stdout.splitlines()
    return [name for name in packages if f"{name} installed" not in lines]


@contextmanager
def services_kept_down() -> Iterator[None]:
    """Prevent Debian from starting the services of packages that it installs."""
    if POLICY.exists():  # container images have their own policy
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()
