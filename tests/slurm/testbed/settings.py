"""Configuration files of the test Slurm: nodes, partitions, and short timeouts."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from testbed.daemons import Daemons, wait_quietly

NODES = tuple(f"sedd{number}" for number in range(1, 9))
CPUS = 8
MEM_MB = 16000
GPUS = 2
DATABASE = "slurm_acct_db"
PASSWORD = "of-a-database-without-network"


class Refused(Exception):
    """The test Slurm cannot be started; the message gives the reason."""


def free_ports(count: int) -> list[int]:
    """Unused ports."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


@dataclass(frozen=True)
class Settings:
    """One test Slurm.

    preempt_signal: whether a preempted job gets the signal requested with --signal, or only SIGTERM.
    Real clusters use both.
    """

    folder: Path
    accounting: bool = False
    preempt_signal: bool = True
    ports: list[int] = field(default_factory=lambda: free_ports(2 + len(NODES)))

    @property
    def slurm_conf(self) -> Path:
        return self.folder / "etc/slurm.conf"

    @property
    def daemons(self) -> Daemons:
        return Daemons(self.slurm_conf, self.folder / "run")

    def log_file(self, daemon: str) -> Path:
        return self.folder / f"log/{daemon}.log"

    @property
    def munge_socket(self) -> Path:
        return self.folder / "run/munge.socket"

    @property
    def database_socket(self) -> Path:
        return self.folder / "run/mysqld.sock"

    def gpu(self, number: int) -> Path:
        return self.folder / f"dev/gpu{number}"

    def expect(self, daemon: str, ready: Callable[[], bool], seconds: float = 30) -> None:
        """Wait until a daemon is ready. Raises Refused with the end of its log on timeout."""
        if wait_quietly(ready, seconds):
            return
        log = self.log_file(daemon)
        tail = log.read_text(errors="replace")[-2000:] if log.exists() else "no log"
        raise Refused(f"{daemon} is not ready after {seconds:g} s; end of {log}:\n{tail}")

    def write(self) -> None:
        """Write the daemons' configuration, and these settings for the command `down`."""
        etc = self.folder / "etc"
        self.slurm_conf.write_text(self._slurm())
        (etc / "gres.conf").write_text(self._gres())
        if self.accounting:
            (etc / "slurmdbd.conf").touch(mode=0o600)
            (etc / "slurmdbd.conf").write_text(self._slurmdbd())
        content = json.dumps({**asdict(self), "folder": str(self.folder)})
        (self.folder / "settings.json").write_text(content)

    @classmethod
    def read(cls, folder: Path) -> Settings:
        content = json.loads((folder / "settings.json").read_text())
        return cls(**{**content, "folder": Path(content["folder"])})

    def _slurm(self) -> str:
        controller, _, *slurmd = self.ports
        host = socket.gethostname().split(".")[0]
        store = "AccountingStorageType=accounting_storage/none"
        if self.accounting:  # the "password" is the path of munge's socket
            store = (
                "AccountingStorageType=accounting_storage/slurmdbd\n"
                f"AccountingStorageHost=127.0.0.1\nAccountingStoragePort={self.ports[1]}\n"
                f"AccountingStoragePass={self.munge_socket}"
            )
        # features pair1, pair2, ... select pairs of nodes, so that a test can disturb its own pair only
        nodes = "\n".join(
            f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={CPUS}"
            f" RealMemory={MEM_MB} Gres=gpu:k80:{GPUS} State=UNKNOWN"
            f" Feature=pair{at // 2 + 1}"
            for at, (name, port) in enumerate(zip(NODES, slurmd, strict=True))
        )
        return f"""\
ClusterName=testbed
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
# a requeued job waits until its credential has expired: 2 minutes by default
AuthInfo=socket={self.munge_socket},cred_expire=5
StateSaveLocation={self.folder}/state
SlurmdSpoolDir={self.folder}/spool/%n
SlurmctldPidFile={self.daemons.pid_file("slurmctld")}
SlurmctldLogFile={self.log_file("slurmctld")}
SlurmdPidFile={self.daemons.pid_file("slurmd-%n")}
SlurmdLogFile={self.log_file("slurmd-%n")}

# no cgroups, no binding to cores, no MPI: several nodes share one small machine or container
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SlurmdParameters=config_overrides
ReturnToService=2

# short intervals
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0,sched_min_interval=0
SlurmdTimeout=10
KillWait=5
UnkillableStepTimeout=30
MinJobAge=300

SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=500
GresTypes=gpu
# jobs ask for requeueing themselves
JobRequeue=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
{"SlurmctldParameters=preempt_send_user_signal" if self.preempt_signal else ""}
{store}
{nodes}
PartitionName=main Nodes=ALL Default=YES MaxTime=7-0 DefaultTime=60 PriorityTier=1 PreemptMode=REQUEUE GraceTime=10
PartitionName=urgent Nodes=ALL MaxTime=7-0 DefaultTime=60 PriorityTier=10 PreemptMode=OFF
"""

    def _gres(self) -> str:
        lines = [
            f"NodeName={node} Name=gpu Type=k80 File={self.gpu(number)}\n"
            for node in NODES
            for number in range(GPUS)
        ]
        return "".join(lines)

    def _slurmdbd(self) -> str:
        return f"""\
AuthType=auth/munge
AuthInfo=socket={self.munge_socket}
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={self.ports[1]}
SlurmUser=root
LogFile={self.log_file("slurmdbd")}
PidFile={self.daemons.pid_file("slurmdbd")}
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=slurm
StoragePass={PASSWORD}
StorageLoc={DATABASE}
CommitDelay=0
"""
