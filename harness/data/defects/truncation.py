"""Files whose end is missing or whose checksums differ, detected from their bytes."""

from __future__ import annotations

import io

from harness.data.images.png_chunks import CHECKSUM_BYTES, chunks, is_whole


def cut_off(data: bytes, form: str | None) -> tuple[str, str] | None:
    """Kind and problem of a file whose end is missing or whose checksums differ. Decoders stop
    where they have all rows and need not notice."""
    if form == "PNG":
        return _png_problem(data)
    if form in ("JPEG", "MPO") and data.rfind(b"\xff\xd9") < 0:
        return "truncated", "is cut off: it has no end mark"
    return None


def _png_problem(data: bytes) -> tuple[str, str] | None:
    view = memoryview(data)
    for chunk in chunks(io.BytesIO(data)):
        if chunk.end + CHECKSUM_BYTES > len(data):
            break
        # Chunks in lower case can be ignored, damaged or not.
        if chunk.kind[:1].isupper() and not is_whole(chunk, view):
            kind = chunk.kind.decode()
            return "damaged", f"is damaged: the checksum of its {kind} chunk differs"
        if chunk.kind == b"IEND":
            return None
    return "truncated", "is cut off: it ends before its last chunk"
