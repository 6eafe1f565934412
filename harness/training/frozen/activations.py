"""Activations at a frozen boundary: computed once, and shared by all that freeze the same.

What lies in front of the boundary is one function of an image for a whole stage, so its outputs are
computed once for every image that the study's split uses and kept on disk, where later stages,
fractions, seeds and other methods find them. Their name is a digest of all that decides them; which
cell came first does not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.errors import HarnessError
from harness.runtime.stopwatch import Stopwatch
from harness.storage.artefact import existing, obtain, write_header
from harness.storage.artefact_meta import Layout, Plan
from harness.training.batches import Batches, in_order
from harness.training.frozen.fingerprint import architecture, state_digest
from harness.training.frozen.placement import Kept, Sharing, computed_in, file_name
from harness.training.method import InputSpec
from harness.training.rows import Budget, Rows, place

_NUMPY = {torch.float16: "<f2", torch.float32: "<f4"}


class Boundary:
    """The frozen prefix of a network, and its activations where these can be kept.

    Maps with more than one position per image are kept in half precision unless set otherwise,
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
        check: called before activations are kept or taken; given those of the first batch where
            they are known in float32, and else None.
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
        check: Callable[[Tensor | None], object],
    ) -> None:
        self._prefix = prefix.eval()
        self._images = images
        self._autocast = autocast
        self._batch_size = batch_size
        self._views = 2 if flips else 1
        self._sharing = sharing
        self._half = half
        self._check = check
        directory = None if sharing.disk_budget == 0 else self._directory(spec)
        self.kept, self._dtype = self._found(directory) or self._made(directory)

    def _found(self, directory: Path | None) -> tuple[Kept, torch.dtype] | None:
        """What another cell has left on the disk: no image needs to be computed."""
        artefact = existing(directory) if directory else None
        if artefact is None or len(artefact.arrays) != 1:
            return None
        ((name, array),) = artefact.arrays.items()
        bound, computed = self._sharing.disk_budget, computed_in(name)
        if computed is None or len(array) != self._views * len(self._images):
            return None
        if bound is not None and array.nbytes > bound:
            return None
        self._check(self._first(array, computed))
        kept = Kept(
            where="disk",
            nbytes=array.nbytes,
            taken=artefact.taken,
            key=directory.name if directory else None,
            array=array,
        )
        return kept, computed

    def _made(self, directory: Path | None) -> tuple[Kept, torch.dtype]:
        """Those made now, where they may be kept; the first batch tells their shape and type."""
        first = self.compute(self._images, self._chunks()[0])
        self._check(None if self._rounds() else first)
        stored = torch.float16 if self._half and first.dim() > 2 else torch.float32
        shape = (self._views * len(self._images), *first.shape[1:])
        layout = Layout(shape, _NUMPY[stored])
        if directory and layout.nbytes <= self._sharing.disk_bytes():
            kept = self._on_disk(directory, file_name(first.dtype), layout, stored, first)
        elif layout.nbytes <= self._sharing.memory_bytes():
            kept = self._in_memory(layout, stored, first)
        else:
            kept = Kept(where="per batch", nbytes=layout.nbytes)
        return kept, first.dtype

    def _on_disk(
        self, directory: Path, name: str, layout: Layout, stored: torch.dtype, first: Tensor
    ) -> Kept:
        title = "the activations of frozen layers"
        plan = Plan(directory=directory, files={name: layout}, title=title)
        total = layout.shape[0]

        def make(folder: Path) -> None:
            with (folder / name).open("wb") as file:
                write_header(file, layout)
                for done, values in self._all(stored, first):
                    file.write(values.data)
                    self._sharing.progress(done, total)

        def waiting() -> None:
            written = plan.building / name
            size = written.stat().st_size if written.exists() else 0
            self._sharing.progress(min(total, size * total // layout.nbytes), total)

        found = obtain(plan, make, waiting)
        return Kept(
            where="disk",
            nbytes=layout.nbytes,
            taken=found.taken,
            key=directory.name,
            array=found.arrays[name],
        )

    def _in_memory(self, layout: Layout, stored: torch.dtype, first: Tensor) -> Kept:
        watch = Stopwatch()
        array = np.empty(layout.shape, layout.dtype)
        for done, values in self._all(stored, first):
            array[done - len(values) : done] = values
            self._sharing.progress(done, len(array))
        return Kept(where="memory", nbytes=layout.nbytes, taken=watch.read(), array=array)

    def _rounds(self) -> bool:
        """Whether the prefix runs in half precision."""
        with self._autocast():
            return torch.is_autocast_enabled(self._images.device.type)

    def _first(self, array: NDArray[Any], computed: torch.dtype) -> Tensor | None:
        """Those of the first batch where they are kept as the prefix made them, in float32."""
        if self._rounds() or computed != torch.float32 or array.dtype != np.float32:
            return None
        return torch.from_numpy(array[: len(self._chunks()[0])].copy()).to(self._images.device)

    def _chunks(self) -> list[Tensor]:
        """Rows of all images, by what fits a forward pass."""
        return list(in_order(len(self._images), self._batch_size))

    def _all(self, stored: torch.dtype, first: Tensor) -> Iterator[tuple[int, NDArray[Any]]]:
        """Per batch: how many have been computed so far, and the activations of this one; those of
        the first are there."""
        done = 0
        for view in range(self._views):
            chunks = self._chunks()
            self._images.announce(chunks if view else chunks[1:])
            for number, rows in enumerate(chunks):
                if view or number:
                    flipped = torch.ones(len(rows), dtype=torch.bool) if view else None
                    values = self.compute(self._images, rows, flipped).to(stored)
                else:
                    values = first.to(stored)
                if not values.isfinite().all():
                    raise HarnessError(
                        f"activations of {type(self._prefix).__name__} are not finite in "
                        f"{stored}; keep them in float32: --set half_activations=false"
                    )
                done += len(rows)
                yield done, values.cpu().contiguous().numpy()

    @torch.no_grad()
    def compute(self, batches: Batches, rows: Tensor, flipped: Tensor | None = None) -> Tensor:
        """The prefix of the images at the rows of a part, computed now."""
        # Where nothing is kept, training has put what has no parameters into train mode.
        self._prefix.eval()
        with self._autocast():
            return self._prefix(batches.images(rows, flipped))  # type: ignore[no-any-return]

    def of(self, batches: Batches, budget: Budget, *, flips: bool) -> Activations:
        """The activations of a part whose images are among those of the boundary."""
        if self.kept.array is None:
            return Activations(self, batches, None, self._dtype)
        there = np.searchsorted(self._images.part.indices, batches.part.indices)
        index = np.concatenate([there, there + len(self._images)]) if flips else there
        return Activations(self, batches, place(self.kept.array, index, budget), self._dtype)

    def _directory(self, spec: InputSpec) -> Path:
        """Where they are on the disk: named by all that decides them."""
        facts = {
            **self._sharing.facts,
            "architecture": architecture(self._prefix),
            "state": state_digest(self._prefix),
            "input": asdict(spec),
            "images": hashlib.sha256(self._images.part.indices.tobytes()).hexdigest(),
            "channels_last": self._images.channels_last,
            "views": self._views,
            "half": self._half,
            "batch_size": self._batch_size,
        }
        text = json.dumps(facts, sort_keys=True).encode()
        key = hashlib.blake2b(text, digest_size=16).hexdigest()
        return self._sharing.cache / "activations" / key


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
