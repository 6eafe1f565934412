"""Small datasets in the folder layout of the COVID-19 Radiography Database, made of noise."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
from openpyxl import Workbook
from PIL import Image

COUNTS = {"COVID": 6, "Lung_Opacity": 7, "Normal": 8, "Viral Pneumonia": 5}

_URLS = {
    "COVID": "https://bimcv.cipf.es/bimcv-projects/bimcv-covid19/#1590858128006",
    "Lung_Opacity": "https://www.kaggle.com/c/rsna-pneumonia-detection-challenge/data",
    "Normal": "https://www.kaggle.com/paultimothymooney/chest-xray-pneumonia",
    "Viral Pneumonia": "https://www.kaggle.com/paultimothymooney/chest-xray-pneumonia",
}


def make_tree(
    root: Path,
    counts: Mapping[str, int] = COUNTS,
    *,
    masks: Collection[str] = tuple(COUNTS),
    images_per_patient: int | None = None,
    metadata: bool = True,
    image_size: int = 48,
    mask_size: int = 256,
    seed: int = 0,
) -> Path:
    """Write a dataset into ``root`` and return it.

    Args:
        counts: images per class folder.
        masks: classes whose images all have a mask.
        images_per_patient: write ``groups.csv`` with so many images of one class to a patient.
        metadata: write the xlsx files; the Normal sheet spells its file names NORMAL-N.
    """
    random = np.random.default_rng(seed)
    patients = []
    for name, count in counts.items():
        for folder in ("images", "masks"):
            (root / name / folder).mkdir(parents=True)
        for number in range(1, count + 1):
            file = f"{name}-{number}.png"
            pixels = random.integers(0, 256, (image_size, image_size), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / "images" / file)
            if name in masks:
                mask = _lungs(mask_size, random)
                Image.fromarray(mask).save(root / name / "masks" / file)
            if images_per_patient:
                patient = f"{name}-patient-{(number - 1) // images_per_patient}"
                patients.append((f"{name}/images/{file}", patient))
        if metadata:
            _write_sheet(root / f"{name}.metadata.xlsx", name, count)
    if images_per_patient:
        with (root / "groups.csv").open("w", newline="", encoding="utf-8") as table:
            csv.writer(table).writerows([("file", "patient_id"), *patients])
    return root


def _lungs(size: int, random: np.random.Generator) -> np.ndarray:
    """Two ellipses, 0 or 255 in three equal channels, [size, size, 3]."""
    y, x = np.mgrid[0:size, 0:size] / size
    height, width = random.uniform(0.25, 0.35), random.uniform(0.10, 0.15)
    lungs = [((x - cx) / width) ** 2 + ((y - 0.5) / height) ** 2 < 1 for cx in (0.3, 0.7)]
    mask = np.where(lungs[0] | lungs[1], 255, 0).astype(np.uint8)
    return np.stack([mask] * 3, axis=-1)


def _write_sheet(path: Path, name: str, count: int) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Sheet1")
    sheet.append(["FILE NAME", "FORMAT", "SIZE", "URL"])
    stem = name.upper() if name == "Normal" else name
    for number in range(1, count + 1):
        sheet.append([f"{stem}-{number}", "PNG", "256*256", _URLS.get(name, "")])
    book.save(path)
