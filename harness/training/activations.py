"""Activations at a frozen boundary: computed once, and shared by all that freeze the same.

What lies in front of the boundary is one function of an image for a whole stage, so its outputs are
computed once for every image that the study's split uses and kept on disk, where later stages,
fractions, seeds and other methods find them. Their name is a digest of all that decides them; which
cell came first does not.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.data.artefact import Layout, Plan, obtain, write_header
from harness.data.batches import Batches, in_order
from harness.data.rows import Budget, Rows, free_bytes, place
from harness.errors import HarnessError
from harness.results.record import ActivationsRecord
from harness.training.method import InputSpec

FILE = "activations.npy"
SHARE_OF_FREE_DISK = 0.5
SHARE_OF_FREE_MEMORY = 0.4

_NUMPY = {torch.float16: "<f2", torch.float32: "<f4"}


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """Where activations may be kept, and what decides them beside the prefix and the images."""

    cache: Path
    facts: Mapping[str, Any]
    """JSON values: code, versions, prepared store, device, precision."""
    disk_budget: int | None = None
    """Bytes that the activations of one prefix may take on disk; None: half of what is free."""
    memory_budget: int | None = None
    """The same in memory, where the disk is not enough; None: a share of what is free."""
    progress: Callable[[int, int], None] = lambda done, total: None


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What became of the activations of one prefix."""

    where: Literal["disk", "memory", "per batch"]
    nbytes: int
    """What they take, or would."""
    seconds: float
    """Full price of making them, whoever made them; 0 where nothing is kept."""
    array: NDArray[Any] | None = None
    """Activations [views * N, ...] of the N images, as they are and then mirrored."""

    def to_json(self) -> ActivationsRecord:
        return {"where": self.where, "bytes": self.nbytes, "seconds": self.seconds}


class Boundary:
    """The frozen prefix of a network, and its activations where these can be kept.

    Maps with more than one position per image are kept in half precision unless told otherwise,
    vectors in float32: they are small, and what is trained on them is most sensitive.

    Args:
        prefix: images [B, C, H, W] -> [B, ...], nothing in it trainable.
        images: every image that any part uses, in ascending order of the store's rows.
        spec: what the network expects of its images.
        autocast: opens the precision that the rest of the step uses.
        half: whether maps are kept in half precision.
        flips: whether mirrored images are needed as well.
        batch_size: images per forward pass.
        sharing: where activations may be kept.
    """

    def __init__(
        self,
        prefix: nn.Module,
        images: Batches,
        spec: InputSpec,
        *,
        autocast: Callable[[], AbstractContextManager[object]],
        half: bool,
        flips: bool,
        batch_size: int,
        sharing: Sharing,
    ) -> None:
        self._prefix = prefix.eval()
        self._images = images
        self._autocast = autocast
        self._batch_size = batch_size
        self._views = 2 if flips else 1
        self._sharing = sharing
        sample = self.compute(images, torch.arange(1))
        self._dtype = sample.dtype
        self._stored = torch.float16 if half and sample.dim() > 2 else torch.float32
        shape = (self._views * len(images), *sample.shape[1:])
        self.kept = self._keep(Layout(shape, _NUMPY[self._stored]), spec)

    def _keep(self, layout: Layout, spec: InputSpec) -> Kept:
        disk, memory = self._sharing.disk_budget, self._sharing.memory_budget
        if disk is None:
            disk = int(_free_disk(self._sharing.cache) * SHARE_OF_FREE_DISK)
        if memory is None:
            memory = int(free_bytes(torch.device("cpu")) * SHARE_OF_FREE_MEMORY)
        if layout.nbytes <= disk:
            return self._on_disk(layout, spec)
        if layout.nbytes <= memory:
            return self._in_memory(layout)
        return Kept(where="per batch", nbytes=layout.nbytes, seconds=0.0)

    def _on_disk(self, layout: Layout, spec: InputSpec) -> Kept:
        plan = Plan(
            directory=self._sharing.cache / "activations" / self._key(layout, spec),
            files={FILE: layout},
            title="the activations of frozen layers",
        )
        total = layout.shape[0]

        def make(directory: Path) -> float:
            started = time.monotonic()
            with (directory / FILE).open("wb") as file:
                write_header(file, layout)
                for done, values in self._all():
                    file.write(values.data)
                    self._sharing.progress(done, total)
            return time.monotonic() - started

        def waiting() -> None:
            written = plan.building / FILE
            size = written.stat().st_size if written.exists() else 0
            self._sharing.progress(min(total, size * total // layout.nbytes), total)

        found = obtain(plan, make, waiting)
        return Kept(
            where="disk", nbytes=layout.nbytes, seconds=found.seconds, array=found.arrays[FILE]
        )

    def _in_memory(self, layout: Layout) -> Kept:
        started = time.monotonic()
        array = np.empty(layout.shape, layout.dtype)
        for done, values in self._all():
            array[done - len(values) : done] = values
            self._sharing.progress(done, len(array))
        seconds = time.monotonic() - started
        return Kept(where="memory", nbytes=layout.nbytes, seconds=seconds, array=array)

    def _all(self) -> Iterator[tuple[int, NDArray[Any]]]:
        """Per batch: how many have been computed so far, and the activations of this one."""
        done = 0
        for view in range(self._views):
            chunks = list(in_order(len(self._images), self._batch_size))
            self._images.announce(chunks)
            for rows in chunks:
                flipped = torch.ones(len(rows), dtype=torch.bool) if view else None
                values = self.compute(self._images, rows, flipped).to(self._stored)
                if not values.isfinite().all():
                    raise HarnessError(
                        f"activations of {type(self._prefix).__name__} are not finite in "
                        f"{self._stored}; keep them in float32: --set half_activations=false"
                    )
                done += len(rows)
                yield done, values.cpu().contiguous().numpy()

    @torch.no_grad()
    def compute(self, batches: Batches, rows: Tensor, flipped: Tensor | None = None) -> Tensor:
        """The prefix of the images at the rows of a part, computed now."""
        with self._autocast():
            return self._prefix(batches.images(rows, flipped))  # type: ignore[no-any-return]

    def of(self, batches: Batches, budget: Budget, *, flips: bool) -> Activations:
        """The activations of a part whose images are among those of the boundary."""
        if self.kept.array is None:
            return Activations(self, batches, None, self._dtype)
        there = np.searchsorted(self._images.part.indices, batches.part.indices)
        index = np.concatenate([there, there + len(self._images)]) if flips else there
        return Activations(self, batches, place(self.kept.array, index, budget), self._dtype)

    def _key(self, layout: Layout, spec: InputSpec) -> str:
        facts = {
            **self._sharing.facts,
            "architecture": architecture(self._prefix),
            "state": state_digest(self._prefix),
            "input": asdict(spec),
            "images": hashlib.sha256(self._images.part.indices.tobytes()).hexdigest(),
            "layout": [list(layout.shape), layout.dtype, str(self._dtype)],
            "batch_size": self._batch_size,
        }
        text = json.dumps(facts, sort_keys=True).encode()
        return hashlib.blake2b(text, digest_size=16).hexdigest()


class Activations:
    """A part's inputs of the layers behind a boundary."""

    def __init__(
        self, boundary: Boundary, batches: Batches, kept: Rows | None, dtype: torch.dtype
    ) -> None:
        self._boundary = boundary
        self._batches = batches
        self._kept = kept
        self._dtype = dtype
        self._coming: dict[int, tuple[Tensor, Tensor]] = {}
        """By the identity of announced rows: they themselves, and rows of what is kept."""

    def __call__(self, rows: Tensor, flipped: Tensor | None = None) -> Tensor:
        """Activations [B, ...] of the rows, int64 [B] on the CPU."""
        if self._kept is None:
            return self._boundary.compute(self._batches, rows, flipped)
        announced, there = self._coming.pop(id(rows), (None, None))
        if there is None or announced is not rows:
            there = self._rows(rows, flipped)
        return self._kept(there).to(self._dtype)

    def announce(self, chunks: Sequence[tuple[Tensor, Tensor | None]]) -> None:
        """What will be asked for next."""
        if self._kept is None:
            self._batches.announce([rows for rows, _ in chunks])
            return
        self._coming = {id(rows): (rows, self._rows(rows, flipped)) for rows, flipped in chunks}
        self._kept.announce([there for _, there in self._coming.values()])

    def _rows(self, rows: Tensor, flipped: Tensor | None) -> Tensor:
        """Mirrored images lie behind the others."""
        return rows if flipped is None else rows + len(self._batches) * flipped


def state_digest(module: nn.Module) -> str:
    """SHA-256 of the names, types, shapes and bytes of all parameters and buffers."""
    digest = hashlib.sha256()
    named = [*module.named_parameters(), *module.named_buffers()]
    for name, value in sorted(named, key=lambda pair: pair[0]):
        digest.update(f"{name}\0{value.dtype}\0{tuple(value.shape)}\0".encode())
        flat = value.detach().cpu().contiguous().flatten()
        digest.update(flat.view(torch.uint8).numpy().data if flat.numel() else b"")
    return digest.hexdigest()


def architecture(module: nn.Module) -> list[Any]:
    """Name, class and settings (attributes that are plain values) of the module and of all in it.

    Parameters alone do not tell how many heads share them, or which activation follows them.
    """
    return [
        [name, _qualified(type(part)), {k: _plain(v) for k, v in sorted(_settings(part).items())}]
        for name, part in module.named_modules()
    ]


def _settings(module: nn.Module) -> dict[str, Any]:
    return {name: value for name, value in vars(module).items() if not name.startswith("_")}


def _plain(value: Any) -> Any:
    if isinstance(value, bool | int | float | str) or value is None:
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return _qualified(value if callable(value) and hasattr(value, "__qualname__") else type(value))


def _qualified(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def _free_disk(folder: Path) -> int:
    """Bytes free where the folder is, or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
