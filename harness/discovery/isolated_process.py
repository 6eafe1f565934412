"""The process that forks once per call of :mod:`harness.discovery.isolated`.

``python -P -m harness.discovery.isolated_process PARENT``: reads one JSON record from standard
input, and writes one line per job. Of the forked processes' own, only files come back.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from harness.errors import HarnessError, said
from harness.runtime.process_tree import (
    adopt_orphans,
    die_with_parent,
    end_all_with_parent,
    end_children,
    end_group,
)
from harness.runtime.resolve import make_importable, resolve

_FILE_BYTES = 256 << 20
"""Largest file that a call may write, what it prints included."""
_PRINTED = 20_000
"""Bytes of what a call prints that are kept."""


def _run(job: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """The fields of the job's :class:`harness.discovery.isolated.Outcome`."""
    answer, printed = _file(), _file()
    started = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        _call(job, answer, printed)
    code = _wait(pid, seconds)
    took = time.perf_counter() - started
    # What it has started may hold the terminal, a port, or a core.
    end_group(pid)
    end_children()
    output = _ends(printed).decode(errors="backslashreplace")
    *earlier, last = _content(answer).decode(errors="backslashreplace").split("\n")
    os.close(answer)
    os.close(printed)
    shared = {"value": None, "output": output, "seconds": took}
    doing = f" while {earlier[-1]}" if earlier else ""
    if code is None:
        was = earlier[-1] if earlier else "starting"
        return {**shared, "failure": f"was still {was} after {seconds:g} s"}
    if code < 0:
        return {**shared, "failure": f"killed by {_name(-code)}{doing}"}
    try:
        return {**shared, **json.loads(last)}
    except ValueError:
        return {**shared, "failure": f"ended the process with code {code}{doing}"}


def _call(job: Mapping[str, Any], answer: int, printed: int) -> None:
    """In the forked process; never returns."""
    own = os.getpid()
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        die_with_parent(_SERVER)
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_FSIZE, (_FILE_BYTES, _FILE_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (printed, 1), (printed, 2)):
            os.dup2(source, target)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                # What is said before a crash is in the file then, whatever the locale.
                stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)

        def write(what: str) -> None:
            # A process that the call forks comes here, too: its lines would follow the answer.
            if os.getpid() == own:
                os.write(answer, what.encode())

        value = _outcome(
            resolve(job["function"]), lambda what: write(f"{what}\n"), job["arguments"]
        )
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        write(json.dumps(value))
    finally:
        os._exit(0)


def _outcome(
    function: Callable[..., Any], doing: Callable[[str], None], arguments: Mapping[str, Any]
) -> dict[str, Any]:
    try:
        return {"value": function(doing, **arguments)}
    except HarnessError as error:
        return {"value": None, "failure": said(error)}
    except BaseException as error:
        return {"value": None, "failure": said(error), "error": traceback.format_exc()}


def _wait(pid: int, seconds: float) -> int | None:
    """The exit code, negative for a signal; None where it ran for longer and was killed."""
    until = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        left = until - time.monotonic()
        if left <= 0:
            end_group(pid)
            os.waitpid(pid, 0)
            return None
        # The end of a child writes a byte.
        select.select([_WOKEN], [], [], left)
        with contextlib.suppress(BlockingIOError):
            os.read(_WOKEN, 4096)


def _file() -> int:
    """A file without a name."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("harness")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _content(file: int) -> bytes:
    os.lseek(file, 0, os.SEEK_SET)
    with os.fdopen(os.dup(file), "rb") as opened:
        return opened.read()


def _ends(file: int) -> bytes:
    """What the file holds, or its two ends with a line between them."""
    size = os.fstat(file).st_size
    if size <= _PRINTED:
        return _content(file)
    half = _PRINTED // 2
    parts = [os.pread(file, half, 0), os.pread(file, half, size - half)]
    return f"\n… {size - 2 * half:,} bytes left out …\n".encode().join(parts)


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def main() -> None:
    """Serve all jobs of the record."""
    end_all_with_parent(int(sys.argv[1]))
    adopt_orphans()
    asked = json.loads(sys.stdin.buffer.read())
    sys.path[:] = [folder for folder in asked["path"] if folder not in asked["beside"]]
    make_importable(asked["beside"])
    out = os.dup(1)
    os.dup2(2, 1)
    global _SERVER, _WOKEN
    _SERVER = os.getpid()
    _WOKEN, waking = os.pipe()
    for end in (_WOKEN, waking):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(waking)
    # The harness's own code, once for all; what it calls is imported in the forked processes.
    for function in {job["function"] for job in asked["jobs"]}:
        resolve(function)
    for job in asked["jobs"]:
        line = json.dumps(_run(job, asked["seconds"])).encode() + b"\n"
        while line:
            line = line[os.write(out, line) :]


_SERVER = 0
"""This process's number."""
_WOKEN = -1
"""A pipe with a byte in it once a child has ended."""

if __name__ == "__main__":
    main()
