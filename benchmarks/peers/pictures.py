"""The pictures of every comparison: simulated radiographs, written as the real ones are published.

Grey 299 x 299 PNG files of about 49 KB (the published ones have about 44 KB) in the folders of the
COVID-19 Radiography Database, without masks, which none of the peers' classifiers would read.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from harness import Dataset
from harness.discovery.registry import discover
from harness.runtime.resolve import resolve

SIDE = 299
"""Pixels per side, as published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """A folder of pictures; cheap to make and to send to a worker."""

    root: Path

    def open(self) -> Dataset:
        """The folder as the harness's dataset: a table; no picture is read yet."""
        dataset: Dataset = resolve("harness_radiography.dataset:open_radiography")(self.root)
        return dataset

    def path(self, sample: str) -> Path:
        """The file of the sample with this id, ``"COVID/COVID-1"``."""
        folder, _, stem = sample.rpartition("/")
        return self.root / folder / "images" / f"{stem}.png"


def write_pictures(root: Path, count: int, side: int = SIDE) -> Pictures:
    """Simulate ``count`` radiographs and write them below ``root``."""
    spec = discover().datasets["phantom"].spec
    phantom = resolve(spec.factory)(None, **{**spec.params, "images": count, "size": side})
    samples = phantom.samples
    for name in samples.classes:
        (root / name / "images").mkdir(parents=True)
    with ThreadPoolExecutor() as pool:
        for _ in pool.map(partial(_write, root, phantom), range(count)):
            pass
    return Pictures(root=root)


def _write(root: Path, phantom: Dataset, index: int) -> None:
    name = phantom.samples.classes[phantom.samples.labels[index]]
    Image.fromarray(phantom.image(index)).save(root / name / "images" / f"{name}-{index + 1}.png")
