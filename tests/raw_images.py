"""Image files written byte by byte, so that what they hold is known without a library."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def exif(orientation: int) -> bytes:
    """An EXIF block (a TIFF header and one tag) that says how the image is turned."""
    return b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 274, 3, 1, orientation, 0, 0)


def shown(stored: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """The stored pixels as CIPA DC-008 says they are shown, pixel by pixel.

    The value names the sides at which the stored row 0 and column 0 lie.
    """
    height, width = stored.shape
    turned = np.zeros((width, height) if orientation >= 5 else (height, width), stored.dtype)
    for row in range(height):
        for column in range(width):
            bottom, right = height - 1 - row, width - 1 - column
            place = {
                1: (row, column),  # top, left
                2: (row, right),  # top, right
                3: (bottom, right),  # bottom, right
                4: (bottom, column),  # bottom, left
                5: (column, row),  # left, top
                6: (column, bottom),  # right, top
                7: (right, bottom),  # right, bottom
                8: (right, row),  # left, bottom
            }[orientation]
            turned[place] = stored[row, column]
    return turned


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png(
    path: Path,
    levels: NDArray[np.integer],
    before: bytes = b"",
    after: bytes = b"",
    colour: int = 0,
) -> Path:
    """A PNG file of 8 or 16 bits, with chunks before and after its pixels; ``colour`` is its colour
    type, and the levels are [H, W] or [H, W, samples]."""
    height, width = levels.shape[:2]
    rows = levels.astype(levels.dtype.newbyteorder(">"))
    header = struct.pack(">IIBBBBB", width, height, 8 * levels.dtype.itemsize, colour, 0, 0, 0)
    return _png(path, header, [row.tobytes() for row in rows], before, after)


def grey_png(path: Path, levels: NDArray[np.uint8], bits: int, before: bytes = b"") -> Path:
    """A grey PNG file of 1, 2, 4 or 8 bits, with chunks before its pixels; levels are [H, W]."""
    height, width = levels.shape
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    places = np.arange(bits - 1, -1, -1, dtype=np.uint8)
    rows = [np.packbits((row[:, None] >> places) & 1).tobytes() for row in levels]
    return _png(path, header, rows, before, b"")


def _png(path: Path, header: bytes, rows: list[bytes], before: bytes, after: bytes) -> Path:
    lines = b"".join(b"\0" + row for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + before
        + chunk(b"IDAT", zlib.compress(lines))
        + after
        + chunk(b"IEND", b"")
    )
    return path


def tiff(
    path: Path,
    *pages: NDArray[np.integer] | NDArray[np.float32],
    white_is_zero: bool = False,
    order: str = "<",
    deflate: bool = False,
    orientation: int | None = None,
    subfile: tuple[int, ...] = (),
) -> Path:
    """A TIFF file with one strip per page; ``subfile`` are the pages' NewSubfileType."""
    content = (b"II*\0" if order == "<" else b"MM\0*") + b"\0\0\0\0"
    link = 4
    for number, page in enumerate(pages):
        height, width = page.shape
        data = page.astype(page.dtype.newbyteorder(order)).tobytes()
        data = zlib.compress(data) if deflate else data
        strip = len(content)
        content += data + b"\0" * (len(data) % 2)
        tags = {
            256: width,
            257: height,
            258: 8 * page.dtype.itemsize,
            259: 8 if deflate else 1,
            262: 0 if white_is_zero else 1,
            273: strip,
            277: 1,
            278: height,
            279: len(data),
            339: {"u": 1, "i": 2, "f": 3}[page.dtype.kind],
        }
        if orientation is not None:
            tags[274] = orientation
        if number < len(subfile):
            tags[254] = subfile[number]
        start = len(content)
        content = content[:link] + struct.pack(order + "I", start) + content[link + 4 :]
        entries = b"".join(
            struct.pack(order + "HHII", tag, 4, 1, tags[tag]) for tag in sorted(tags)
        )
        content += struct.pack(order + "H", len(tags)) + entries
        link = len(content)
        content += b"\0\0\0\0"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
