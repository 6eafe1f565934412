"""One independent random stream for every purpose, derived from named axes."""

from __future__ import annotations

import hashlib
from operator import index


def derive_seed(*axes: str | int) -> int:
    """A seed in ``[0, 2**63)`` that depends on every axis, its type and its place.

    ``derive_seed("order", seed, epoch)``: the first axis names the purpose, so that changing one
    stream leaves all others as they were. The same axes give the same seed on every machine.

    Raises:
        TypeError: an axis is neither text nor a whole number.
    """
    digest = hashlib.sha256()
    for axis in axes:
        kind, text = ("s", axis) if isinstance(axis, str) else ("i", str(index(axis)))
        # The length keeps ("ab", "c") and ("a", "bc") apart.
        digest.update(f"{kind}{len(text)}:{text}".encode("utf-8", "surrogatepass"))
    return int.from_bytes(digest.digest()[:8], "big") >> 1
