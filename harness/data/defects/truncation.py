"""Files whose end is missing or whose checksums differ, detected from their bytes."""

from __future__ import annotations

import struct
import zlib


def cut_off(data: bytes, form: str | None) -> tuple[str, str] | None:
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
        # Chunks in lower case can be ignored, damaged or not.
        if kind[:1].isupper() and zlib.crc32(view[at + 4 : end]) != int.from_bytes(
            view[end : end + 4]
        ):
            return "damaged", f"is damaged: the checksum of its {kind.decode()} chunk differs"
        if kind == b"IEND":
            return None
        at = end + 4
    return "truncated", "is cut off: it ends before its last chunk"
