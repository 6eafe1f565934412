"""A SLURM cluster of two nodes on this host, in a folder of its own: ``slurmctld``, two ``slurmd``
and ``munged``, on free ports, without accounting."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "squeue", "scontrol", "scancel", "sinfo")
START_SECONDS = 60.0

CONFIGURATION = """\
ClusterName=made-up
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_interval=1,bf_interval=1
KillWait=2
MinJobAge=300
JobRequeue=1
SlurmdTimeout=10
InactiveLimit=0
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={n1} CPUs=2 RealMemory=4000
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={n2} CPUs=2 RealMemory=4000
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
"""


class NoClusterError(Exception):
    """SLURM is installed, and does not run on this machine."""


def missing() -> str:
    """What of SLURM is not installed here; empty where all is."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    absent = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if absent:
        return f"{', '.join(absent)} not installed (Debian: slurm-wlm, munge)"
    return "" if os.geteuid() == 0 else "its daemons need root"


@dataclass
class Cluster:
    """One that runs."""

    folder: Path
    environment: Mapping[str, str]
    """For commands that speak to it."""

    def call(self, *words: str) -> str:
        """The output of a command."""
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def states(self) -> dict[str, str]:
        """Node -> its state."""
        lines = self.call("sinfo", "--noheader", "--Node", "--format=%N %T").splitlines()
        return dict(line.split()[:2] for line in lines)

    def start_node(self, name: str, hidden: Path | None = None) -> None:
        """One ``slurmd``.

        Args:
            hidden: a folder that it does not see, as if it were on another file system.
        """
        words = ["slurmd", "-N", name, "-f", str(self.folder / "slurm.conf")]
        if hidden is not None:
            hide = f"mount -t tmpfs none {hidden} && exec {' '.join(words)}"
            words = ["unshare", "--mount", "sh", "-c", hide]
        self._start(*words)

    def kill_node(self, name: str) -> None:
        """As if its power had failed: the daemon and the jobs on it."""
        _end(self.folder / f"slurmd-{name}.pid", signal.SIGKILL)
        jobs = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (process / "environ").read_bytes().split(b"\0")
                if f"SLURMD_NODENAME={name}".encode() in words and self._owns(words):
                    jobs.append(int(process.name))
        # First what would report their end.
        for pid in [*{step for job in jobs if (step := _step_above(job))}, *jobs]:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    def _owns(self, words: list[bytes]) -> bool:
        return f"SLURM_CONF={self.folder}/slurm.conf".encode() in words

    def stop(self) -> None:
        """Everything, by the files that it has written."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                ["scancel", "--user=root"], env=self.environment, timeout=20, capture_output=True
            )
        for name in ("n1", "n2"):
            self.kill_node(name)
        _end(self.folder / "slurmctld.pid", signal.SIGKILL)
        _end(self.folder / "munged.pid", signal.SIGKILL)

    def _start(self, *words: str) -> None:
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise NoClusterError(f"{words[0]} does not start: {done.stdout}{done.stderr}")


def start(folder: Path) -> Cluster:
    """A cluster whose nodes are idle. Its folder's path must be short: it holds a socket."""
    for name in ("state", "spool-n1", "spool-n2"):
        (folder / name).mkdir(parents=True)
    controller, n1, n2 = _free_ports(3)
    (folder / "slurm.conf").write_text(
        CONFIGURATION.format(
            host=socket.gethostname(), folder=folder, controller=controller, n1=n1, n2=n2
        )
    )
    environment = {
        **os.environ,
        "SLURM_CONF": f"{folder}/slurm.conf",
        "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin",
    }
    cluster = Cluster(folder, environment)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    cluster._start(
        "munged",
        f"--key-file={key}",
        f"--socket={folder}/munge.socket",
        f"--pid-file={folder}/munged.pid",
        f"--log-file={folder}/munged.log",
        f"--seed-file={folder}/munge.seed",
        "--force",
    )
    cluster._start("slurmctld", "-f", str(folder / "slurm.conf"))
    for name in ("n1", "n2"):
        cluster.start_node(name)
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(AssertionError):
            if set(cluster.states().values()) == {"idle"}:
                return cluster
        time.sleep(0.5)
    logs = [(folder / f"{name}.log").read_text()[-2000:] for name in ("slurmctld", "slurmd-n1")]
    cluster.stop()
    raise NoClusterError("its nodes are not idle:\n" + "\n".join(logs))


def _step_above(pid: int) -> int | None:
    """The ``slurmstepd`` that a process of a job is below."""
    while pid > 1:
        try:
            name, _, rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")
        except OSError:
            return None
        if name.endswith("(slurmstepd"):
            return pid
        pid = int(rest.split()[1])
    return None


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _end(file: Path, number: int) -> None:
    with contextlib.suppress(OSError, ValueError):
        os.kill(int(file.read_text()), number)
