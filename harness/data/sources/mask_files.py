"""Image files that are named like masks, and lie among the images."""

from __future__ import annotations

import re
from collections.abc import Sequence

_STRONG = r"masks?|segs?|segmentations?"
_MASK = rf"{_STRONG}|segm|lungs?|labels?|annotations?|gt|rois?|contours?"
"""Words for masks; only the strong ones tell a mask by its name alone."""
_WORD = re.compile(r"[^\W_]+")
_GLUED = re.compile(rf"(?P<end>.+?)(?:{_MASK})|(?:{_MASK})(?P<start>.+)")


def named_like_masks(stems: Sequence[str]) -> list[str]:
    """The names, without suffix, that say ``mask`` or a word like it and the name of another image:
    ``1_mask``, ``mask-1``, ``1 lungs``; or that begin or end with the word ``mask``."""
    images = {_plain(stem) for stem in stems}
    return [stem for stem in stems if _like_a_mask(stem.lower(), images)]


def _like_a_mask(stem: str, images: set[str]) -> bool:
    words = _WORD.findall(stem)
    for place, word in enumerate(words):
        if not re.fullmatch(_MASK, word):
            continue
        if re.fullmatch(_STRONG, word) and len(words) > 1 and place in (0, len(words) - 1):
            return True
        before, after = words[:place], words[place + 1 :]
        if any("".join(rest) in images for rest in (before, after, before + after) if rest):
            return True
    plain = _plain(stem)
    found = _GLUED.fullmatch(plain)
    return found is not None and (found["end"] or found["start"]) in images - {plain}


def _plain(stem: str) -> str:
    return "".join(_WORD.findall(stem.lower()))
