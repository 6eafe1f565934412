"""Inspects one file: its format, whether its bytes are complete, and what its pixels show."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.data.defects.file_notes import a_note, an_error, image_notes, otherwise
from harness.data.defects.truncation import cut_off
from harness.data.images.decoders import MissingDecoderError, missing_in_pillow
from harness.data.images.dicom import DICOM_SUFFIXES, dicom_size, is_dicom_content, read_dicom
from harness.data.images.levels import Reading
from harness.data.images.pillow_image import read_open
from harness.data.images.read import DAMAGED, MASK_THRESHOLD
from harness.data.images.signatures import BEGINNINGS
from harness.data.sources.defect import Defect
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
    ".webp": ("WEBP",),
}
_RESTORE = "replace it by an intact copy, or remove it"


@dataclass(frozen=True, slots=True)
class Look:
    """What one file holds."""

    defects: tuple[Defect, ...]
    size: tuple[int, int] | None = None
    """Width and height; None where the file cannot be used."""
    digest: bytes | None = None
    """Of its grey pixels."""
    marks: Literal["", "nothing", "everything"] = ""
    """What a mask marks, if that is one of these."""


class _UnusableError(Exception):
    """(kind, problem, remedy) of a file of which nothing can be used."""


def look_at_image(path: Path, name: str) -> Look:
    """Decode an image; ``name`` is what its defects call it."""
    try:
        read = _read(path)
    except _UnusableError as unusable:
        return Look((an_error(name, *unusable.args),))
    return Look(tuple(image_notes(name, read)), read.size, pixel_digest(read.grey))


def look_at_mask(path: Path, name: str, image: Look) -> Look:
    """Decode a mask and compare it with its image, as far as that could be read."""
    try:
        read = _read(path, mask=True)
    except _UnusableError as unusable:
        return Look((an_error(name, *unusable.args),))
    defects = [otherwise(name, kind, read) for kind in read.kinds if kind == "turned"]
    size = read.size
    between = int(np.count_nonzero((read.grey != 0) & (read.grey != 255)))
    if between:
        levels = np.unique(read.grey)
        shown = ", ".join(map(str, levels[:5])) + (", …" if len(levels) > 5 else "")
        problem = f"has {len(levels)} levels ({shown}) instead of 0 and 255"
        if pixel_digest(_read(path).grey) == image.digest:
            problem = "is the image itself"
        defects.append(
            an_error(name, "mask-levels", problem, "write 255 inside, 0 outside, as PNG or TIFF")
        )
    if image.size is not None and not same_field(size, image.size):
        shape = f"is {_times(size)}, its image {_times(image.size)}"
        remedy = "the mask must cover the whole image at its aspect ratio"
        defects.append(an_error(name, "mask-shape", shape, remedy))
    marks = "" if between else mask_marks(read.grey > MASK_THRESHOLD)
    if marks == "nothing":
        defects.append(a_note(name, "empty-mask", "marks no pixel", "it counts as an empty mask"))
    if marks == "everything":
        defects.append(a_note(name, "full-mask", "marks every pixel", "look at it"))
    return Look(tuple(defects), size, marks=marks)


def mask_marks(inside: NDArray[np.bool_]) -> Literal["", "nothing", "everything"]:
    """Whether a mask, bool [H, W], marks nothing or everything."""
    if not inside.any():
        return "nothing"
    return "everything" if inside.all() else ""


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


def _read(path: Path, *, mask: bool = False) -> Reading:
    data = _content(path)
    suffix = path.suffix.lower()
    if is_dicom_content(data):
        if suffix in _FORMATS:
            remedy = "rename it to what it is, or convert it"
            raise _UnusableError("format", "is DICOM despite its name", remedy)
        return _dicom(path, mask)
    if suffix in DICOM_SUFFIXES:
        problem = f"is not DICOM: its first bytes are {data[:8]!r}"
        raise _UnusableError("format", problem, _RESTORE)
    return _image(data, _FORMATS.get(suffix, ()), mask)


def _content(path: Path) -> bytes:
    try:
        # Opening a pipe would wait for somebody to write.
        if not stat.S_ISREG(path.stat().st_mode):
            raise _UnusableError("unreadable", "is not a regular file", "move it elsewhere")
        data = path.read_bytes()
    except OSError as error:
        link = path.is_symlink() and not path.exists()
        problem = "is a broken link" if link else f"cannot be read ({error.strerror})"
        remedy = "restore the file or its permissions"
        raise _UnusableError("unreadable", problem, remedy) from error
    if not data:
        raise _UnusableError("no-bytes", "is empty", _RESTORE)
    return data


def _image(data: bytes, wanted: tuple[str, ...], mask: bool) -> Reading:
    try:
        image = Image.open(BytesIO(data))
    except Image.DecompressionBombError as error:
        problem = f"is larger than {LARGEST / 1e6:.0f} megapixels"
        raise _UnusableError("huge", problem, "scale it down") from error
    except (OSError, *DAMAGED) as error:
        raise _unopened(data, wanted, error) from error
    with image:
        if wanted and image.format not in wanted:
            remedy = "rename it to what it is, or convert it"
            raise _UnusableError("format", f"holds {image.format} despite its name", remedy)
        _check_area(image.size)
        if lost := cut_off(data, image.format):
            raise _UnusableError(*lost, _RESTORE)
        try:
            return read_open(image, mask=mask)
        except (OSError, *DAMAGED) as error:
            if missing := missing_in_pillow(data, error):
                raise _missing(missing) from error
            kind = "truncated" if "truncated" in str(error) else "damaged"
            raise _UnusableError(kind, f"cannot be decoded ({error})", _RESTORE) from error


def _unopened(data: bytes, wanted: tuple[str, ...], error: Exception) -> _UnusableError:
    if missing := missing_in_pillow(data, error):
        return _missing(missing)
    if any(data.startswith(BEGINNINGS[name]) for name in wanted if name in BEGINNINGS):
        return _UnusableError("truncated", "is cut off or damaged in its header", _RESTORE)
    return _UnusableError("format", f"is not an image: its first bytes are {data[:8]!r}", _RESTORE)


def _missing(text: str) -> _UnusableError:
    problem, _, remedy = text.rpartition("; " if "; " in text else ": ")
    return _UnusableError("decoder", problem, remedy)


def _dicom(path: Path, mask: bool) -> Reading:
    try:
        _check_area(dicom_size(path))
        return read_dicom(path, mask=mask)
    except MissingDecoderError as error:
        raise _missing(str(error).removeprefix(f"{path}: ")) from error
    except HarnessError as error:
        problem = str(error).removeprefix(f"{path}: ").partition(";")[0]
        raise _UnusableError("damaged", problem, _RESTORE) from error


def _check_area(size: tuple[int, int]) -> None:
    if size[0] * size[1] > LARGEST:
        problem = f"is {_times(size)}, above {LARGEST / 1e6:.0f} megapixels"
        raise _UnusableError("huge", problem, "scale it down")


def _times(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
