"""The processes below this one: tied to its life, adopted when they lose their parent, ended.

Linux only where it says so; elsewhere a process group is all that can be ended.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, slots=True)
class Process:
    """A process that is still running."""

    pid: int
    command: str
    """Its command line; its name where it has none."""


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends, even by ``kill -9`` (Linux).

    Args:
        parent: the parent's number; where it is not that, the parent has ended already.
    """
    # Forked from a process that ends its children first, it does not do so itself.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def end_all_with_parent(parent: int) -> None:
    """Like :func:`die_with_parent`, and all processes below this one are ended first. For a process
    that runs no code but the harness's: it has to be alive enough for that."""

    def end(*_: object) -> None:
        end_children()
        os._exit(1)

    signal.signal(signal.SIGTERM, end)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)


def term_with_parent(parent: int) -> None:
    """Have the kernel send this process SIGTERM when its parent ends (Linux); sends it at once
    where that has happened.

    Args:
        parent: the parent's number.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def adopt_orphans() -> None:
    """Become the parent of every process below this one whose own parent ends (Linux), so that
    none escapes by having a child and ending. Forked processes do not inherit it."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def children() -> list[Process]:
    """Of this process, those that have ended and were not waited for left out (Linux)."""
    named = [(pid, _command(pid)) for pid in _children_of("self")]
    return [Process(pid, command) for pid, command in named if command is not None]


def end_group(pid: int) -> None:
    """Kill a process and the group that it leads."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def end_tree(pid: int) -> None:
    """Kill a process and all below it; of those whose parent has ended, the ones that it has
    adopted."""
    found: set[int] = set()
    while new := {pid, *_below(pid)} - found:
        for each in new:
            # So that it starts no other meanwhile.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(each, signal.SIGSTOP)
        found |= new
    for each in found:
        end_group(each)


def end_children(spared: frozenset[int] = frozenset()) -> list[Process]:
    """Kill all children of this process and what they leave behind, until there is none.

    Needs :func:`adopt_orphans` to see those that have lost their parent.

    Args:
        spared: numbers of the children that are left alone.

    Returns:
        Those that were running when this was called, in the order of their numbers.
    """
    ended: dict[int, Process] = {}
    while found := [process for process in children() if process.pid not in spared]:
        for process in found:
            ended[process.pid] = process
            end_group(process.pid)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process.pid, 0)
    return [ended[pid] for pid in sorted(ended)]


def _below(pid: int) -> Iterator[int]:
    for child in _children_of(pid):
        yield child
        yield from _below(child)


def _children_of(pid: int | str) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def _command(pid: int) -> str | None:
    """None where the process has ended."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The name is in brackets and may hold brackets itself; the state follows.
    name, _, rest = stat.partition(b"(")[2].rpartition(b")")
    if rest.split()[:1] in ([b"Z"], [b"X"]):
        return None
    return (b" ".join(words).strip() or name).decode(errors="replace")


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value)
