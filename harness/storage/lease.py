"""Locks between machines, which need nothing of a file system but that a link is made once.

A lease is a file that says who holds it. Its holder renews it; one that is not renewed for a while
is broken by whoever wants it. No clocks are compared: how long is measured by the one who waits.
On one machine a holder that has ended is known at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.errors import HarnessError
from harness.values.plain_text import on_screen

BEAT_SECONDS = 5.0
"""Between two renewals."""
STALE_SECONDS = 60.0
"""Without a renewal, after which a lease may be broken; caches of file attributes on NFS are a
minute old at most, unless told otherwise."""
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a lease."""

    token: str
    """Of this one taking of it."""
    user: str
    host: str
    boot: str
    """Of the host's running system, and which of its processes see each other."""
    pid: int
    began: str
    """When its process was started, in the system's words: numbers are used again."""
    since: str
    """ISO 8601, UTC, by the holder's clock."""

    def __str__(self) -> str:
        return on_screen(f"{self.user} on {self.host}, process {self.pid}, since {self.since}")

    def has_ended(self) -> bool:
        """Whether it is known to have ended: it was a process of this machine."""
        # Names of hosts are not unique, and containers may have one name but see other processes.
        if (self.host, self.boot) != (platform.node(), _boot()):
            return False
        return _began(self.pid) != self.began


class Lease:
    """A lease that this process holds."""

    def __init__(self, path: Path, holder: Holder) -> None:
        self._path = path
        self._holder = holder
        self._ended = threading.Event()
        self._lost = False
        self._renewed = time.monotonic()
        self._thread = threading.Thread(target=self._renew, daemon=True)
        self._thread.start()

    @property
    def folder(self) -> Path:
        """That it lies in."""
        return self._path.parent

    @property
    def lost(self) -> bool:
        """Whether another has broken it, as this process was stopped or cut off for a while. Looks
        at the file where it has not been renewed in time."""
        late = time.monotonic() - self._renewed > STALE_SECONDS / 2
        return self._lost or (late and self._is_lost())

    def release(self) -> None:
        """Give it back."""
        self._ended.set()
        self._thread.join()
        if not self._is_lost():
            self._path.unlink(missing_ok=True)

    def _renew(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            try:
                if self._is_lost():
                    self._lost = True
                    return
                os.utime(self._path)
                self._renewed = time.monotonic()
            except OSError:
                continue  # The file system is out of reach; it may come back.

    def _is_lost(self) -> bool:
        found = read(self._path)
        return found is None or found.token != self._holder.token


def read(path: Path) -> Holder | None:
    """Who holds the lease; None where nobody does."""
    try:
        with path.open("rb") as file:  # Opened anew, it is what the server has.
            return Holder(**json.loads(file.read()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        return Holder(token="", user="?", host="?", boot="", pid=0, began="", since="?")


def is_held(path: Path) -> bool:
    """Whether somebody does, as far as one look tells: who is gone from another machine counts
    until another breaks the lease."""
    holder = read(path)
    return holder is not None and not holder.has_ended()


def try_lease(path: Path) -> Lease | Holder:
    """The lease, or who holds it.

    Raises:
        OSError: the file cannot be made.
    """
    holder = _ourselves()
    while not _create(path, holder):
        found = read(path)
        if found is None:
            continue
        if not found.has_ended():
            return found
        _break(path, found)
    return Lease(path, holder)


@contextmanager
def lease(path: Path, waiting: Callable[[], None]) -> Iterator[Lease]:
    """Hold the lease; ``waiting`` is called now and then until it is free.

    Raises:
        OSError: the file cannot be made.
    """
    watch = Watch(path)
    while isinstance(taken := try_lease(path), Holder):
        waiting()
        watch.look(taken)
        time.sleep(_POLL_SECONDS)
    try:
        yield taken
    finally:
        taken.release()


class Watch:
    """Breaks a lease that is not renewed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[str, int] | None = None
        self._since = time.monotonic()

    def look(self, holder: Holder) -> bool:
        """Whether it was broken. To be called now and then."""
        try:
            seen = (holder.token, self._path.stat().st_mtime_ns)
        except OSError:
            return False
        if seen != self._seen:
            self._seen, self._since = seen, time.monotonic()
            return False
        if time.monotonic() - self._since < STALE_SECONDS:
            return False
        return _break(self._path, holder)


def refusal(holder: Holder, what: str, remedy: str) -> HarnessError:
    """The error where somebody else holds what is needed."""
    return HarnessError(f"{what} is in use by {holder}; {remedy}", about="out")


def _create(path: Path, holder: Holder) -> bool:
    """Whether it was free. A link is made by one process alone, on NFS, too, where the answer may
    get lost: the number of links does not."""
    own, text = path.with_name(f".{path.name}.{holder.token}"), json.dumps(asdict(holder))
    try:
        own.write_text(text)
        try:
            os.link(own, path)
        except FileExistsError:
            pass
        except OSError:
            return _create_without_links(path, text)
        return own.stat().st_nlink == 2
    finally:
        own.unlink(missing_ok=True)


def _create_without_links(path: Path, text: str) -> bool:
    """On a file system that has none: such are of one machine, or make a file once."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    return True


def _break(path: Path, holder: Holder) -> bool:
    """Remove the lease of a holder that is gone, and of no other."""
    if read(path) != holder:
        return False
    away = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        path.rename(away)
    except FileNotFoundError:
        return False  # Another was faster.
    taken = read(away)
    try:
        if taken == holder:
            return True
        # Meanwhile it was broken and taken again: put it back.
        with contextlib.suppress(FileExistsError):
            os.link(away, path)
        return False
    finally:
        away.unlink(missing_ok=True)


def _ourselves() -> Holder:
    return Holder(
        token=uuid.uuid4().hex,
        user=_user(),
        host=platform.node(),
        boot=_boot(),
        pid=os.getpid(),
        began=_began(os.getpid()),
        since=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


def _boot() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _began(pid: int) -> str:
    """When a process was started; empty where there is none. Elsewhere than on Linux only whether
    there is one."""
    if sys.platform == "linux":
        try:
            stat = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            return ""
        return "" if stat[0] in (b"Z", b"X") else stat[19].decode()
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "alive"
