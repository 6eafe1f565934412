"""One file looked into: what its bytes are, whether they are whole, and what its pixels hold."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.data.defects import Defect
from harness.data.dicom import DICOM_MAGIC, dicom_size, is_dicom, read_dicom
from harness.data.files import DAMAGED, grey_levels
from harness.errors import HarnessError

LARGEST = 64_000_000
"""Pixels; a chest film at its full resolution has 20 million."""

_FORMATS: Mapping[str, tuple[str, ...]] = {
    ".png": ("PNG",),
    ".jpg": ("JPEG", "MPO"),
    ".jpeg": ("JPEG", "MPO"),
    ".bmp": ("BMP", "DIB"),
    ".tif": ("TIFF",),
    ".tiff": ("TIFF",),
}
_BEGINNINGS = {"PNG": b"\x89PNG", "JPEG": b"\xff\xd8\xff", "BMP": b"BM", "TIFF": b"II*\0"}
_DARK = 16
"""Grey level that 12-bit content of a 16-bit file does not exceed."""
_RESTORE = "replace it by an intact copy, or remove it"


@dataclass(frozen=True, slots=True)
class Look:
    """What one file holds."""

    defects: tuple[Defect, ...]
    size: tuple[int, int] | None = None
    """Width and height; None where the file cannot be used."""
    digest: bytes | None = None
    """Of its grey pixels."""


@dataclass(frozen=True, slots=True)
class _Pixels:
    grey: NDArray[np.uint8]
    mode: str

    @property
    def size(self) -> tuple[int, int]:
        return self.grey.shape[1], self.grey.shape[0]


class _UnusableError(Exception):
    """(kind, problem, remedy) of a file of which nothing can be used."""


def look_at_image(path: Path, name: str) -> Look:
    """Decode an image; ``name`` is what its defects call it."""
    try:
        pixels = _pixels(path)
    except _UnusableError as unusable:
        return Look((_error(name, *unusable.args),))
    return Look(tuple(_image_notes(name, pixels)), pixels.size, pixel_digest(pixels.grey))


def look_at_mask(path: Path, name: str, image_size: tuple[int, int] | None) -> Look:
    """Decode a mask and compare it with its image's width and height, where these are known."""
    try:
        pixels = _pixels(path)
    except _UnusableError as unusable:
        return Look((_error(name, *unusable.args),))
    defects = []
    between = int(np.count_nonzero((pixels.grey != 0) & (pixels.grey != 255)))
    if between:
        levels = np.unique(pixels.grey)
        shown = ", ".join(map(str, levels[:5])) + (", …" if len(levels) > 5 else "")
        problem = f"has {len(levels)} levels ({shown}) in place of 0 and 255"
        defects.append(
            _error(name, "mask-levels", problem, "write 255 inside, 0 outside, as PNG or TIFF")
        )
    if image_size is not None and not same_field(pixels.size, image_size):
        shape = f"is {_times(pixels.size)}, its image {_times(image_size)}"
        remedy = "the mask must cover the whole image in the image's aspect"
        defects.append(_error(name, "mask-shape", shape, remedy))
    if not between and not pixels.grey.any():
        defects.append(_note(name, "empty-mask", "marks no pixel", "it counts as an empty mask"))
    return Look(tuple(defects), pixels.size)


def same_field(mask: tuple[int, int], image: tuple[int, int]) -> bool:
    """Whether a mask of this width and height can be of an image of that: of its aspect, but for
    the rounding of the mask's sides to whole pixels."""
    gap = abs(mask[0] * image[1] - mask[1] * image[0])
    return 2 * gap <= image[0] + image[1]


def pixel_digest(grey: NDArray[np.uint8]) -> bytes:
    """Digest of size and levels: the same for the same pixels in any file format."""
    digest = hashlib.blake2b(repr(grey.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(grey).data)
    return digest.digest()


def _image_notes(name: str, pixels: _Pixels) -> list[Defect]:
    notes = []
    mode = pixels.mode
    if mode not in ("L", "1"):
        deep = mode.startswith("I")
        problem = "is 16-bit in place of 8-bit grey" if deep else f"is {mode} in place of grey"
        done = "levels are scaled by 255/65535" if deep else "its luma (ITU-R 601) is taken"
        if mode in ("RGBA", "LA", "PA"):
            done += ", transparency laid over black"
        notes.append(_note(name, "16-bit" if deep else "colour", problem, done))
        if deep and pixels.grey.max() <= _DARK:
            notes.append(
                _note(
                    name,
                    "dark",
                    "uses less than a sixteenth of the 16-bit range",
                    "it comes out nearly black; stretch its levels, or use DICOM",
                )
            )
    if pixels.grey.min() == pixels.grey.max():
        notes.append(_note(name, "flat", "has one level in every pixel", "look at it"))
    return notes


def _pixels(path: Path) -> _Pixels:
    try:
        data = path.read_bytes()
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise _UnusableError(
            "unreadable", problem, "restore the file or its permissions"
        ) from error
    if not data:
        raise _UnusableError("no-bytes", "has no bytes", _RESTORE)
    return _dicom_pixels(path, data) if is_dicom(path) else _image_pixels(path, data)


def _image_pixels(path: Path, data: bytes) -> _Pixels:
    wanted = _FORMATS.get(path.suffix.lower(), ())
    try:
        image = Image.open(BytesIO(data))
    except Image.DecompressionBombError as error:
        problem = f"is larger than {LARGEST / 1e6:.0f} megapixels"
        raise _UnusableError("huge", problem, "scale it down") from error
    except (OSError, *DAMAGED) as error:
        if any(data.startswith(_BEGINNINGS.get(name, b"\0\0\0\0")) for name in wanted):
            raise _UnusableError(
                "truncated", "is cut off or damaged in its header", _RESTORE
            ) from error
        problem = f"holds no image: its first bytes are {data[:8]!r}"
        raise _UnusableError("format", problem, _RESTORE) from error
    with image:
        if wanted and image.format not in wanted:
            remedy = "rename it to what it is, or convert it"
            raise _UnusableError("format", f"holds {image.format} under this name", remedy)
        _check_area(image.size)
        if lost := _cut_off(data, image.format):
            raise _UnusableError(*lost, _RESTORE)
        try:
            return _Pixels(grey_levels(image), image.mode)
        except (OSError, *DAMAGED) as error:
            kind = "truncated" if "truncated" in str(error) else "damaged"
            raise _UnusableError(kind, f"cannot be decoded ({error})", _RESTORE) from error


def _dicom_pixels(path: Path, data: bytes) -> _Pixels:
    if data[128:132] != DICOM_MAGIC:
        problem = f"holds no DICOM: its first bytes are {data[:8]!r}"
        raise _UnusableError("format", problem, _RESTORE)
    try:
        _check_area(dicom_size(path))
        return _Pixels(read_dicom(path), "L")
    except HarnessError as error:
        problem = str(error).removeprefix(f"{path}: ").partition(";")[0]
        raise _UnusableError("damaged", problem, _RESTORE) from error


def _check_area(size: tuple[int, int]) -> None:
    if size[0] * size[1] > LARGEST:
        problem = f"is {_times(size)}, above {LARGEST / 1e6:.0f} megapixels"
        raise _UnusableError("huge", problem, "scale it down")


def _cut_off(data: bytes, form: str | None) -> tuple[str, str] | None:
    """Kind and problem of a file whose end is missing or whose checksums differ. Decoders stop
    where they have all rows and need not notice."""
    if form == "PNG":
        return _png_problem(data)
    if form in ("JPEG", "MPO") and data.rfind(b"\xff\xd9") < 0:
        return "truncated", "is cut off: it has no end mark"
    return None


def _png_problem(data: bytes) -> tuple[str, str] | None:
    view, at = memoryview(data), 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            break
        # Chunks in lower case can be left out of account, damaged or not.
        if kind[:1].isupper() and zlib.crc32(view[at + 4 : end]) != int.from_bytes(
            view[end : end + 4]
        ):
            return "damaged", f"is damaged: the checksum of its {kind.decode()} chunk differs"
        if kind == b"IEND":
            return None
        at = end + 4
    return "truncated", "is cut off: it ends before its last chunk"


def _times(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _error(name: str, kind: str, problem: str, remedy: str) -> Defect:
    return Defect(file=name, severity="error", problem=problem, remedy=remedy, kind=kind)


def _note(name: str, kind: str, problem: str, remedy: str) -> Defect:
    return Defect(file=name, severity="note", problem=problem, remedy=remedy, kind=kind)
