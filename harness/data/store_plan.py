"""What a prepared store is to contain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

IMAGES, MASKS, REFERENCE = "images.npy", "masks.npy", "reference.npy"
META = "meta.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class StorePlan:
    """The shape of a store, known before it is built."""

    key: str
    """Hexadecimal digest of all that decides the content."""
    size: int
    interpolation: str
    count: int
    mask_size: int | None
    """Pixels per side of the reference masks; None where there are none."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """File -> shape of its uint8 array; masks are packed to one bit per pixel."""
        shapes: dict[str, tuple[int, ...]] = {IMAGES: (self.count, self.size, self.size)}
        if self.mask_size is not None:
            shapes[MASKS] = (self.count, _packed(self.size))
            shapes[REFERENCE] = (self.count, _packed(self.mask_size))
        return shapes


def _packed(side: int) -> int:
    """Bytes of a bit mask of side x side pixels."""
    return (side * side + 7) // 8
