"""Image files and class folders of noise, in any format that a dataset may bring."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

COUNTS = {"healthy": 12, "ill": 12}


def noise(seed: int, height: int = 40, width: int = 40) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


def lungs(height: int = 40, width: int = 40) -> NDArray[np.uint8]:
    """Two bars of 255, zero around them."""
    mask = np.zeros((height, width), np.uint8)
    for column in (0.25, 0.6):
        left = int(column * width)
        mask[height // 4 : -(height // 4), left : left + max(1, width // 6)] = 255
    return mask


def write(path: Path, pixels: NDArray[Any], **options: Any) -> Path:
    """The pixels as an image file of the format that the name says; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def write_table(path: Path, *rows: Sequence[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


def make_folders(
    root: Path,
    counts: Mapping[str, int] = COUNTS,
    *,
    suffix: str = ".png",
    masks: Iterable[str] = (),
    size: tuple[int, int] = (40, 40),
    seed: int = 0,
) -> Path:
    """``root/<class>/<class>-N`` of noise; classes in ``masks`` have ``images`` and ``masks``."""
    masked = set(masks)
    for place, (name, count) in enumerate(sorted(counts.items())):
        for number in range(1, count + 1):
            pixels = noise(seed + 1000 * place + number, *size)
            folder = root / name / "images" if name in masked else root / name
            write(folder / f"{name}-{number}{suffix}", pixels)
            if name in masked:
                write(root / name / "masks" / f"{name}-{number}.png", lungs(*size))
    return root


def write_dicom(path: Path, pixels: NDArray[Any], **tags: Any) -> Path:
    """An uncompressed DICOM file with one image of integers; ``tags`` by keyword."""
    import pydicom
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, generate_uid

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[str(path)])
    record = pydicom.Dataset()
    record.file_meta = meta
    record.SOPClassUID = meta.MediaStorageSOPClassUID
    record.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    record.Rows, record.Columns = pixels.shape[:2]
    record.SamplesPerPixel = 1 if pixels.ndim == 2 else 3
    record.PhotometricInterpretation = "MONOCHROME2" if pixels.ndim == 2 else "RGB"
    if pixels.ndim == 3:
        record.PlanarConfiguration = 0
    record.BitsAllocated = 8 * pixels.dtype.itemsize
    record.BitsStored = record.BitsAllocated
    record.PixelRepresentation = 0
    for name, value in tags.items():
        setattr(record, name, value)
    if "HighBit" not in tags:
        record.HighBit = record.BitsStored - 1
    record.PixelData = pixels.tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    record.save_as(path, enforce_file_format=True)
    return path
