"""Slurm accounting: MariaDB without network access, slurmdbd, and one account."""

from __future__ import annotations

import subprocess

from testbed.daemons import output, succeeds
from testbed.settings import DATABASE, PASSWORD, Refused, Settings

ACCOUNT = "sedd"


def database(settings: Settings) -> None:
    """Start MariaDB and slurmdbd in the settings' folder."""
    log = settings.log_file("mysqld")
    options = [
        "--no-defaults",
        "--user=root",
        f"--datadir={settings.folder}/db",
        f"--socket={settings.database_socket}",
        f"--pid-file={settings.daemons.pid_file('mysqld')}",
        "--skip-networking",
        "--innodb-buffer-pool-size=64M",
        "--innodb-lock-wait-timeout=900",
    ]
    with log.open("a") as log_file:
        if not (settings.folder / "db").exists():
            words = ["mariadb-install-db", *options, "--skip-test-db"]
            subprocess.run(words, stdout=log_file, stderr=log_file, check=True)
        if settings.daemons.process("mysqld") is None:
            subprocess.Popen(
                ["mariadbd", *options],
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=log_file,
                start_new_session=True,
            )
    client = ["mariadb", "--no-defaults", f"--socket={settings.database_socket}", "--execute"]
    settings.expect("mysqld", lambda: succeeds(*client, "select 1"))
    statements = (
        f"create database if not exists {DATABASE};"
        f"create user if not exists slurm@localhost identified by '{PASSWORD}';"
        f"grant all on {DATABASE}.* to slurm@localhost;"
    )
    subprocess.run([*client, statements], check=True)
    # for "localhost" the client library uses its default socket, set by this variable
    settings.daemons.start("slurmdbd", "slurmdbd", MYSQL_UNIX_PORT=str(settings.database_socket))
    settings.expect("slurmdbd", lambda: succeeds("sacctmgr", "-n", "show", "cluster"))


def accounts(settings: Settings, user: str) -> None:
    """Add one cluster, one account and one user; existing entries are kept."""
    for words in (
        ["add", "cluster", "testbed"],
        ["add", "account", ACCOUNT],
        ["add", "user", user, f"account={ACCOUNT}"],
        # slurmdbd gives root its own account by default
        ["modify", "user", user, "set", f"defaultaccount={ACCOUNT}"],
    ):
        subprocess.run(["sacctmgr", "--immediate", *words], capture_output=True)
    if not output("sacctmgr", "-n", "show", "assoc", f"user={user}"):
        raise Refused(f"slurmdbd has no account for {user}; see {settings.log_file('slurmdbd')}")
