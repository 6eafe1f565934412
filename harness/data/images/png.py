"""Grey 8-bit PNG files, which is how chest X-rays are published, decoded by a faster library.

kornia-rs takes two fifths of Pillow's time. It holds the interpreter's lock meanwhile, so from four
cores on, threads with Pillow decode more images together, and Pillow it is. The levels are the
same: a file with anything else in it than pixels and remarks, and one that is damaged, are left to
Pillow on any machine. The one check of Pillow's that is left out is the checksum inside the
compressed stream; that of the chunk around it covers the same bytes.
"""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path

import numpy as np
from kornia_rs.io import decode_image_png_u8
from numpy.typing import NDArray

from harness.data.images.png_chunks import CHECKSUM_BYTES, chunks, is_whole

_FEW_CORES = 3
_HEADER = struct.Struct(">16sIIccccc")
"""Signature and start of the first chunk, width, height, bit depth, colour type, compression,
filter, interlacing."""
_START = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
_GREY_8_BIT = (b"\x08", b"\0", b"\0", b"\0", b"\0")
_PIXELS_AND_REMARKS = frozenset({b"IHDR", b"IDAT", b"IEND", b"pHYs", b"tEXt", b"tIME"})
_MOST_PIXELS = 1 << 26


def read_grey_png(path: Path) -> NDArray[np.uint8] | None:
    """The levels, uint8 [H, W]; None where Pillow is to read the file: it is something else, or
    holds something else as well, is unusually large or damaged, or there are many cores.

    Raises:
        OSError: the file is missing or cannot be read.
    """
    if (os.cpu_count() or 1) > _FEW_CORES:
        return None
    with path.open("rb") as file:
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size or not header.startswith(_START):
            return None
        _, width, height, *kind = _HEADER.unpack(header)
        if tuple(kind) != _GREY_8_BIT or width * height > _MOST_PIXELS:
            return None
        content = header + file.read()
    if not _is_plain(content):
        return None
    try:
        levels = decode_image_png_u8(content, (height, width), "mono")
    except Exception:  # It raises no narrower class; Pillow says what is wrong with the file.
        return None
    return np.asarray(levels, np.uint8).reshape(height, width)


def _is_plain(content: bytes) -> bool:
    """Whether the file consists of whole chunks of pixels and remarks, the last of them its end."""
    view = memoryview(content)
    for chunk in chunks(io.BytesIO(content)):
        if chunk.kind not in _PIXELS_AND_REMARKS or not is_whole(chunk, view):
            return False
        if chunk.kind == b"IEND":
            return chunk.end + CHECKSUM_BYTES == len(content)
    return False
