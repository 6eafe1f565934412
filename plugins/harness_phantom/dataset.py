"""The dataset ``phantom``: a table of pretended patients, and pictures made when asked for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness import HarnessError, Samples
from harness_phantom.findings import FINDINGS
from harness_phantom.radiograph import Request, render_image, render_mask, stream

VERSION = 2
"""Raised with every change that alters a picture."""

CLASSES = tuple(FINDINGS)
SITES = ("site-a", "site-b")
_SHARES = (0.17, 0.28, 0.42, 0.13)
"""Like the real set, with more of the rarest class so that every split holds some."""
_SMALLEST = 32
_PARTS = ("train", "test", "train", "test", "train", "val", "train", "test", "train", "test")
"""Of every ten pairs of patients of a class, one from each site. Many test images make intervals
narrow, and pictures cost little."""


@dataclass(frozen=True, slots=True)
class PhantomDataset:
    """Renders a picture when it is first asked for, and keeps it: stores of several sizes and
    interpolations read every picture again. Two threads may render the same one, alike."""

    samples: Samples
    fingerprint: str
    requests: tuple[Request, ...]
    _rendered: dict[int, NDArray[np.uint8]] = field(default_factory=dict, repr=False, compare=False)

    def image(self, index: int) -> NDArray[np.uint8]:
        """Grey image, uint8 [size, size]; read-only."""
        if index not in self._rendered:
            picture = render_image(self.requests[index])
            picture.flags.writeable = False
            self._rendered[index] = picture
        return self._rendered[index]

    def mask(self, index: int) -> NDArray[np.bool_]:
        """Lung fields without heart and mediastinum, exact, bool [size, size]."""
        return render_mask(self.requests[index])


def open_phantom(root: Path | None, *, images: int, size: int, seed: int) -> PhantomDataset:
    """The dataset of ``images`` pictures of ``size`` pixels a side.

    Picture i, its label, group, source and part depend on ``seed`` and i alone, not on ``images``:
    half of the pictures are for training, a tenth for validation, the rest for the test.
    About a quarter of the patients have two pictures, one behind the other. ``root`` is not used.

    Raises:
        HarnessError: a parameter is not an integer in its range.
    """
    _check("images", images, 1)
    _check("size", size, _SMALLEST)
    _check("seed", seed, 0)
    requests, parts = _table(images, size, seed)
    samples = Samples(
        ids=tuple(f"phantom-{request.index:06d}" for request in requests),
        labels=np.array([CLASSES.index(request.finding) for request in requests], np.int64),
        classes=CLASSES,
        has_mask=np.ones(images, np.bool_),
        mask_size=size,
        groups=tuple(f"p{request.patient:04d}" for request in requests),
        sources=tuple(request.site for request in requests),
        split=parts,
    )
    return PhantomDataset(samples, _fingerprint(images, size, seed), requests)


def _table(images: int, size: int, seed: int) -> tuple[tuple[Request, ...], tuple[str, ...]]:
    """The pictures and the part of each.

    Each new patient gets the class that is furthest behind its share, and within the class the
    sites take turns, and so do the parts: at any length, counts keep to the shares, and neither
    sites nor parts tell the class."""
    is_repeat = stream(seed, "repeats", 0).random(images) < 0.25
    requests: list[Request] = []
    parts: list[str] = []
    counts = np.zeros(len(CLASSES))
    patients_of = [0] * len(CLASSES)
    patient, label = -1, 0
    repeated = True
    for index in range(images):
        repeated = not repeated and bool(is_repeat[index])
        if not repeated:
            patient += 1
            label = int(np.argmax(np.array(_SHARES) * (index + 1) - counts))
            patients_of[label] += 1
        counts[label] += 1
        site = SITES[patients_of[label] % 2]
        requests.append(Request(seed, index, patient, CLASSES[label], site, size))
        parts.append(_PARTS[(patients_of[label] - 1) // 2 % len(_PARTS)])
    return tuple(requests), tuple(parts)


def _check(name: str, value: object, smallest: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < smallest:
        raise HarnessError(
            f"dataset phantom: {name} is {value!r}; give an integer of at least {smallest}",
            about=f"data_param.{name}",
        )


def _fingerprint(images: int, size: int, seed: int) -> str:
    """Digest of the parameters, the version and the generator's own source."""
    digest = hashlib.sha256(
        json.dumps({"version": VERSION, "images": images, "size": size, "seed": seed}).encode()
    )
    for module in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(module.name.encode() + b"\0" + module.read_bytes() + b"\0")
    return digest.hexdigest()
