"""A cell's log keeps its beginning and its end, however much the cell prints."""

from __future__ import annotations

from pathlib import Path

LOG_BYTES = 10 << 20
"""Size of a log that has been cut."""


def cut_log(path: Path, *, ended: bool) -> None:
    """Cut the middle out of a log that is too long; what is written meanwhile may be cut, too.

    Args:
        ended: whether nobody writes to it any more. Before, it may be twice as long, so that it is
            not cut after every line.
    """
    try:
        size = path.stat().st_size
        if size <= (LOG_BYTES if ended else 2 * LOG_BYTES):
            return
        with path.open("r+b") as file:
            half = LOG_BYTES // 2
            head = file.read(half)
            file.seek(size - half)
            tail = file.read()
            file.seek(0)
            file.write(head + f"\n… {size - 2 * half:,} bytes cut here …\n".encode() + tail)
            file.truncate()
    except FileNotFoundError:
        return  # The cell has printed nothing yet, or its folder is gone.
