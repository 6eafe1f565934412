"""The stored values of a DICOM image as 8-bit grey, by the steps of the standard (PS3.3, C.7.6.3,
C.11.1, C.11.2): modality transform, window or table, and which way is bright."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from harness.data.images.levels import Reading, Shown, own_range, to_bytes, whole_range

_Values = NDArray[np.integer] | NDArray[np.float64]


def shown(record: Any, *, mask: bool = False) -> Reading:
    """The image of a dataset that pydicom has read.

    Args:
        mask: where no window says otherwise, levels are scaled by the range of the bits stored.

    Raises:
        ValueError: it holds no single grey or 8-bit colour image.
    """
    pixels = record.pixel_array
    if record.SamplesPerPixel == 3:
        if pixels.dtype != np.uint8:
            raise ValueError(f"colour of {record.BitsAllocated} bits is not supported")
        return Reading(np.array(Image.fromarray(pixels).convert("L")), mode="RGB")
    if pixels.ndim != 2:
        raise ValueError(f"its pixels have shape {list(pixels.shape)} instead of rows and columns")
    kind = record.PhotometricInterpretation
    if kind not in ("MONOCHROME1", "MONOCHROME2"):
        raise ValueError(f"photometric interpretation {kind} is not supported")
    bits = int(record.BitsStored)
    if _in_upper_bits(record, bits):
        raise ValueError(f"its {bits} bits end at bit {record.HighBit}, which is not supported")
    padding = _padding(record, pixels)
    film = None if padding is None else ~padding
    grey, window = _by_window(record, _modality(record, pixels), None if mask else film, mask)
    read = _without_window(record, pixels, bits, film, mask) if grey is None else Shown(grey)
    grey = 255 - read.grey if kind == "MONOCHROME1" else read.grey
    if padding is not None and not mask:
        grey[padding] = 0
    why = window if read.stretched else ""
    return Reading(grey, stretched=read.stretched, dim=read.dim, window=why)


def _in_upper_bits(record: Any, bits: int) -> bool:
    """Whether levels lie in the upper bits of their words, as the standard no longer allows.
    Headers that only say so are common."""
    allocated = int(record.BitsAllocated)
    if int(record.get("HighBit", bits - 1)) == bits - 1 or allocated != 16:
        return False
    if record.file_meta.TransferSyntaxUID.is_encapsulated:
        return False
    words = np.frombuffer(record.PixelData, "<u2" if _little(record) else ">u2")
    return int(record.PixelRepresentation) == 0 and bool(words.max() >> bits)


def _without_window(
    record: Any, pixels: NDArray[np.integer], bits: int, film: NDArray[np.bool_] | None, mask: bool
) -> Shown:
    signed = int(record.PixelRepresentation) == 1
    if not record.get("ModalityLUTSequence") and not signed and (bits <= 8 or mask):
        grey = whole_range(pixels, 2**bits - 1)
        return Shown(255 - grey if _slope(record) < 0 else grey)
    return own_range(_modality(record, pixels), film)


def _by_window(
    record: Any, values: _Values, film: NDArray[np.bool_] | None, mask: bool
) -> tuple[NDArray[np.uint8] | None, str]:
    """The grey as the file's first usable VOI table or window shows it; or None, and why."""
    why = "states no window"
    for item in record.get("VOILUTSequence") or ():
        grey = _by_table(item, values)
        if mask or not _blank(grey, values, film):
            return grey, ""
        why = "has a VOI table that shows its levels as one"
    function = str(record.get("VOILUTFunction") or "LINEAR")
    for centre, width in _windows(record):
        if not math.isfinite(centre) or not width > (1 if function == "LINEAR" else 0):
            why = f"has a window of width {width:g}"
            continue
        grey = to_bytes(_window(np.asarray(values, np.float64), centre, width, function))
        if mask or not _blank(grey, values, film):
            return grey, ""
        why = f"has a window ({centre:g}, {width:g}) that its levels lie outside of"
    return None, why


def _by_table(item: Any, values: _Values) -> NDArray[np.uint8]:
    first, table = _table(item, values)
    # Tables declare 16 bits and fill 10 or 12: white is what their highest entry needs.
    highest = 2 ** max(1, int(table.max()).bit_length()) - 1
    return whole_range(_looked_up(values, first, table), highest)


def _blank(grey: NDArray[np.uint8], values: _Values, film: NDArray[np.bool_] | None) -> bool:
    """Whether nothing can be seen: all but a hundredth at either end are black, or white, or of
    two neighbouring levels at most although more are stored."""
    if film is not None and film.any():
        grey, values = grey[film], values[film]
    first, last = (int(level) for level in np.percentile(grey, (1, 99), method="nearest"))
    if first == last and last in (0, 255):
        return True
    return last - first <= 1 and float(values.max()) - float(values.min()) > 1


def _windows(record: Any) -> Iterator[tuple[float, float]]:
    """Centre and width of every window; they come alone or as lists."""
    centres, widths = (_numbers(record.get(name)) for name in ("WindowCenter", "WindowWidth"))
    return zip(centres, widths, strict=False)


def _numbers(value: Any) -> list[float]:
    if value is None or value == "":
        return []
    several = hasattr(value, "__iter__") and not isinstance(value, str)
    return [float(number) for number in (value if several else [value])]


def _window(
    values: NDArray[np.float64], centre: float, width: float, function: str
) -> NDArray[np.float64]:
    """Values to the share of full white, as DICOM PS3.3 C.11.2.1 defines the functions; the linear
    ones go beyond 0 and 1 where the window is left."""
    if function == "SIGMOID":
        return np.asarray(1 / (1 + np.exp(-4 * (values - centre) / width)))
    if function == "LINEAR_EXACT":
        return (values - centre) / width + 0.5
    return (values - (centre - 0.5)) / (width - 1) + 0.5


def _slope(record: Any) -> float:
    slope = record.get("RescaleSlope")
    return 1.0 if slope is None else float(slope)


def _modality(record: Any, pixels: NDArray[np.integer]) -> _Values:
    """Stored values in the units that windows are stated in."""
    if record.get("ModalityLUTSequence"):
        first, table = _table(record.ModalityLUTSequence[0], pixels)
        if table.min() == table.max():
            raise ValueError("its modality table has one value for all levels")
        return _looked_up(pixels, first, table)
    slope, intercept = _slope(record), float(record.get("RescaleIntercept") or 0)
    if slope == 0:
        raise ValueError("its rescale slope is 0, which leaves one level")
    if (slope, intercept) == (1, 0):
        return pixels
    return pixels.astype(np.float64) * slope + intercept


def _table(item: Any, values: _Values) -> tuple[int, NDArray[np.integer]]:
    """The value that a table's first entry is for, and its entries (PS3.3, C.11.1.1)."""
    count, first, bits = (int(number) for number in item.LUTDescriptor)
    count = count % 65536 or 65536
    if first > 32767 and values.min() < 0:
        first -= 65536  # Written as unsigned, meant as the values are.
    entries = _entries(item, count, bits)
    if len(entries) < count:
        raise ValueError(f"a table of {count} entries holds {len(entries)}")
    return first, entries[:count]


def _entries(item: Any, count: int, bits: int) -> NDArray[np.integer]:
    data = item.LUTData
    if isinstance(data, bytes):
        words = np.frombuffer(data[: len(data) // 2 * 2], "<u2" if _little(item) else ">u2")
    else:
        words = np.atleast_1d(np.asarray(data)).astype(np.uint16)
    if bits == 8 and len(words) < count:  # Two entries to a word, the first in its lower byte.
        return np.frombuffer(words.astype("<u2").tobytes(), np.uint8)
    return words


def _little(item: Any) -> bool:
    _, little = item.original_encoding
    return little is not False


def _looked_up(values: _Values, first: int, table: NDArray[np.integer]) -> NDArray[np.integer]:
    """Values below the table have its first entry, and those above its last."""
    places = np.rint(values).astype(np.int64) - first
    return np.asarray(table[np.clip(places, 0, len(table) - 1)])


def _padding(record: Any, pixels: NDArray[np.integer]) -> NDArray[np.bool_] | None:
    """Pixels that fill the rectangle and are not film (PS3.3, C.7.5.1.1.2); None where none do."""
    if record.get("PixelPaddingValue") is None:
        return None
    allocated, signed = int(record.BitsAllocated), int(record.PixelRepresentation) == 1
    ends = []
    for name in ("PixelPaddingValue", "PixelPaddingRangeLimit"):
        value = record.get(name)
        if isinstance(value, bytes):
            value = int.from_bytes(value[:2], "little" if _little(record) else "big")
        if value is not None:
            value = int(value) % 2**allocated
            ends.append(value - 2**allocated if signed and value >= 2 ** (allocated - 1) else value)
    found = (pixels >= min(ends)) & (pixels <= max(ends))
    return found if found.any() and not found.all() else None
