"""The chunks of a PNG file (PNG specification, section 5.3)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

_HEAD = struct.Struct(">I4s")
SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHECKSUM_BYTES = 4
"""Behind a chunk's data: the CRC-32 of its kind and data."""


class Chunk(NamedTuple):
    kind: bytes
    """Such as ``b"IDAT"``."""
    start: int
    """Where its data begin in the file; its kind is the four bytes before."""
    end: int
    """Where its data would end; the file may be shorter."""


def chunks(file: BinaryIO) -> Iterator[Chunk]:
    """The chunks of a file that begins with the signature, up to its end; no data are read."""
    file.seek(len(SIGNATURE))
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        length, kind = _HEAD.unpack(head)
        start = file.tell()
        yield Chunk(kind, start, start + length)
        file.seek(start + length + CHECKSUM_BYTES)


def is_whole(chunk: Chunk, content: memoryview) -> bool:
    """Whether the file, all of whose bytes these are, has the chunk whole and as it was written."""
    checksum = content[chunk.end : chunk.end + CHECKSUM_BYTES]
    return len(checksum) == CHECKSUM_BYTES and zlib.crc32(
        content[chunk.start - 4 : chunk.end]
    ) == int.from_bytes(checksum)
