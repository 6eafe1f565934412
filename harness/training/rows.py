"""Rows of an array, wherever they live: on the device where they fit, streamed where they do not.

On a CPU an array stays in its memory map, which every process of the machine shares.
"""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

AHEAD = 3
"""Chunks that a stream reads before they are asked for."""
SHARE_OF_FREE_MEMORY = 0.5
"""What a budget takes of the device memory that is free when it is made, unless set otherwise."""
_UPLOAD_BYTES = 256_000_000


class Rows(Protocol):
    """Rows of an array, as tensors on one device."""

    def __len__(self) -> int: ...

    def __call__(self, rows: Tensor) -> Tensor:
        """The rows, int64 [B] on the CPU, as a tensor [B, ...] on the device."""
        ...

    def announce(self, chunks: Sequence[Tensor]) -> None:
        """What will be asked for next, in this order."""
        ...


class Budget:
    """Device memory that whole arrays may take; what exceeds it is streamed.

    Args:
        device: where.
        limit: bytes; None takes a share of what is free. A CPU needs no budget: there, arrays are
            not copied.
    """

    def __init__(self, device: torch.device, limit: int | None = None) -> None:
        self.device = device
        if limit is None:
            limit = int(free_bytes(device) * SHARE_OF_FREE_MEMORY)
        self.left = limit

    def take(self, count: int) -> bool:
        """Whether so many bytes are left; if so, they are spent."""
        if count > self.left:
            return False
        self.left -= count
        return True


def free_bytes(device: torch.device) -> int:
    """Memory that is free on the device, or on the host for a CPU."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    memory = Path("/proc/meminfo")
    if not memory.exists():
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    # What is free, and what the page cache would give back.
    fields = dict(line.split(":") for line in memory.read_text().splitlines())
    return int(fields["MemAvailable"].split()[0]) * 1024


def place(array: NDArray[Any], index: NDArray[np.int64] | None, budget: Budget) -> Rows:
    """Rows of ``array``, or of ``array[index]``: resident where the budget allows it."""
    if budget.device.type == "cpu":
        return Resident(_shared(array), index)
    count = len(array) if index is None else len(index)
    if budget.take(count * array[:1].nbytes):
        return Resident(_uploaded(array, index, budget.device))
    return Streamed(array, index, budget.device)


class Resident:
    """Rows of a tensor that is on the device already.

    Args:
        values: [M, ...].
        index: row -> row of ``values``; None where they are the same.
    """

    def __init__(self, values: Tensor, index: NDArray[np.int64] | None = None) -> None:
        self._values = values
        self._index = None if index is None else torch.from_numpy(index)

    def __len__(self) -> int:
        return len(self._values) if self._index is None else len(self._index)

    def __call__(self, rows: Tensor) -> Tensor:
        if self._index is not None:
            rows = self._index.index_select(0, rows)
        # Twenty times as fast as values[rows] on a CPU. Blocking, the copy of the row numbers would
        # wait for all that a GPU has still to do.
        there = rows.to(self._values.device, non_blocking=True)
        return self._values.index_select(0, there)

    def announce(self, chunks: Sequence[Tensor]) -> None:
        """Nothing has to be fetched."""


class Streamed:
    """Rows of an array in memory or on disk, read ahead by a thread and sent when asked for."""

    def __init__(
        self,
        array: NDArray[Any],
        index: NDArray[np.int64] | None,
        device: torch.device,
        ahead: int = AHEAD,
    ) -> None:
        self._array = array
        self._index = np.arange(len(array)) if index is None else index
        self._device = device
        self._ahead = ahead
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="rows")
        self._coming: Iterator[Tensor] = iter(())
        self._read_ahead: deque[tuple[Tensor, Future[Tensor]]] = deque()

    def __len__(self) -> int:
        return len(self._index)

    def __call__(self, rows: Tensor) -> Tensor:
        if self._read_ahead and self._read_ahead[0][0] is rows:
            host = self._read_ahead.popleft()[1].result()
            self._fill()
        else:
            host = self._read(rows)
        return host.to(self._device, non_blocking=True)

    def announce(self, chunks: Sequence[Tensor]) -> None:
        self._read_ahead.clear()
        self._coming = iter(chunks)
        self._fill()

    def _fill(self) -> None:
        while len(self._read_ahead) < self._ahead:
            rows = next(self._coming, None)
            if rows is None:
                return
            self._read_ahead.append((rows, self._reader.submit(self._read, rows)))

    def _read(self, rows: Tensor) -> Tensor:
        wanted = self._index[rows.numpy()]
        # torch keeps the block of a pinned tensor from use until the copies from it are done.
        host = torch.empty(
            (len(wanted), *self._array.shape[1:]),
            dtype=_shared(self._array[:0]).dtype,
            pin_memory=self._device.type == "cuda",
        )
        np.take(self._array, wanted, axis=0, out=host.numpy())
        return host


def _shared(array: NDArray[Any]) -> Tensor:
    """The array's own memory as a tensor; it is never written to."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(array)


def _uploaded(array: NDArray[Any], index: NDArray[np.int64] | None, device: torch.device) -> Tensor:
    """``array[index]`` on the device, without a copy of all of it on the host."""
    count = len(array) if index is None else len(index)
    values = torch.empty((count, *array.shape[1:]), dtype=_shared(array[:0]).dtype, device=device)
    step = max(1, _UPLOAD_BYTES // max(1, array[:1].nbytes))
    for start in range(0, count, step):
        chunk = slice(start, start + step)
        values[chunk] = _shared(array[chunk if index is None else index[chunk]])
    return values
