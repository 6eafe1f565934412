"""What a page leaves out of texts that come from a machine: a page is passed on."""

from __future__ import annotations

import re

HIDDEN = "\N{HORIZONTAL ELLIPSIS}"
_ABSOLUTE = re.compile(r"""(?<![\w.:/~<-])(?:~|/(?=[\w.~-]))[^\s"'<>|:,;()\[\]]*""")
_FILES = re.compile(
    r"""[^\s"'<>|:,;()\[\]]*\.(?:png|jpe?g|tiff?|bmp|webp|dcm|dicom|nii|csv|xlsx|zip)\b""",
    re.IGNORECASE,
)


def without_paths(text: str) -> str:
    """The text without folders of the machine and names of files of the data."""
    return _FILES.sub(HIDDEN, _ABSOLUTE.sub(HIDDEN, text))
