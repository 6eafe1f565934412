"""Files that are whole, but for which a library is missing here."""

from __future__ import annotations

import re
from typing import Any

from PIL import features

from harness.errors import HarnessError


class MissingDecoderError(HarnessError):
    """The decoder for the file is not installed: says what to install. The file may be fine, so
    this must not be remembered."""


_REINSTALL = "install one that reads it: pip install --upgrade --force-reinstall pillow"
_NOT_AVAILABLE = re.compile(r"(?:decoder|encoder) (\w+) not available")

_JPEG = "pylibjpeg pylibjpeg-libjpeg"
_PACKAGES = (
    ("1.2.840.10008.1.2.4.20", "pylibjpeg pylibjpeg-openjpeg"),
    ("1.2.840.10008.1.2.4.8", "pyjpegls"),
    ("1.2.840.10008.1.2.4.9", "pylibjpeg pylibjpeg-openjpeg"),
    ("1.2.840.10008.1.2.4.5", _JPEG),
    ("1.2.840.10008.1.2.4.6", _JPEG),
    ("1.2.840.10008.1.2.4.7", _JPEG),
    ("1.2.840.10008.1.2.5", "pylibjpeg pylibjpeg-rle"),
)
"""Beginning of a transfer syntax -> what pip installs to decode it (pydicom's user guide)."""


def missing_in_pillow(content: bytes, error: Exception) -> str | None:
    """What Pillow lacks for a file that begins so, or None where it lacks nothing."""
    form = _format(content)
    if form is not None and not features.check(form[1]):
        return f"holds {form[0]}, which this Pillow was built without; {_REINSTALL}"
    if found := _NOT_AVAILABLE.search(str(error)):
        return f"needs {found[1]}, which this Pillow was built without; {_REINSTALL}"
    return None


def _format(content: bytes) -> tuple[str, str] | None:
    """Name of the format, and of Pillow's feature that reads it."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WebP", "webp"
    if content.startswith((b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n")):
        return "JPEG 2000", "jpg_2000"
    if content[4:12] in (b"ftypavif", b"ftypavis"):
        return "AVIF", "avif"
    if content.startswith(b"\xff\xd8\xff"):
        return "JPEG", "jpg"
    if content.startswith(b"\x89PNG"):
        return "PNG", "zlib"
    return None


def packages_for(syntax: Any) -> str:
    """What pip installs to decode a DICOM transfer syntax; empty where nothing is known to."""
    return next((packages for start, packages in _PACKAGES if str(syntax).startswith(start)), "")
