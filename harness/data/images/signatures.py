"""What a file is by its first bytes, whatever its name says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.data.images.dicom import is_dicom_content

BEGINNINGS: Mapping[str, tuple[bytes, ...]] = {
    "PNG": (b"\x89PNG",),
    "JPEG": (b"\xff\xd8\xff",),
    "BMP": (b"BM",),
    "TIFF": (b"II*\0", b"MM\0*"),
    "WEBP": (b"RIFF",),
}
"""Format -> how its files begin."""
_HEAD = 132


def image_format(path: Path) -> str | None:
    """Name of the image format that the file begins like, of those that datasets may have; None
    for any other file, and for one that cannot be opened."""
    if not path.is_file():
        return None  # Opening a pipe would wait for somebody to write.
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return None
    if is_dicom_content(head):
        return "DICOM"
    for name, starts in BEGINNINGS.items():
        if head.startswith(starts) and (name != "WEBP" or head[8:12] == b"WEBP"):
            return name
    return None
