"""The Debian packages that the test bed runs, and whether it can run here."""

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
    """Why no Slurm can be brought up here; None if it can."""
    if not Path("/etc/debian_version").exists() or shutil.which("apt-get") is None:
        return "the test Slurm comes from Debian's packages, and this is no Debian"
    if os.geteuid() != 0 and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode:
        return "the test Slurm needs root, or sudo without a password"
    return None


def install(*packages: str) -> None:
    """Install those that are missing, without starting their services."""
    if not (wanted := missing(*packages)):
        return
    quiet = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, "check": True}
    with services_kept_down():
        subprocess.run(["apt-get", "update", "-qq"], **quiet)
        words = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted]
        subprocess.run(words, stdout=subprocess.DEVNULL, **quiet)


def missing(*packages: str) -> list[str]:
    """Those that are not installed."""
    words = ["dpkg-query", "--show", "--showformat", "${Package} ${db:Status-Status}\n", *packages]
    found = subprocess.run(words, capture_output=True, text=True).stdout.splitlines()
    return [name for name in packages if f"{name} installed" not in found]


@contextmanager
def services_kept_down() -> Iterator[None]:
    """Debian starts the daemons of a package that it installs, unless this file says no."""
    if POLICY.exists():  # a container's image has its own
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()
