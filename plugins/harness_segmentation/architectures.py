"""The decoders of segmentation-models-pytorch: what each asks of images, and its small member."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A decoder, on an encoder of any kind."""

    title: str
    multiple_of: int
    """Pixels: the sides of an image must be a multiple of it."""
    min_size: int = 32
    """Pixels per side of the smallest image that it takes."""
    slim: Mapping[str, Any] = field(default_factory=dict)
    """Arguments that make the decoder of the small member slim."""
    reference: str

    def size_near(self, size: int) -> int:
        """The size in pixels, of those that it takes, that is nearest to ``size``."""
        return max(round(size / self.multiple_of) * self.multiple_of, self.min_size)


SLIM = (64, 32, 24, 16, 8)
"""Channels of a decoder's five blocks, the coarsest first; the full ones have 256 to 16."""

ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType(
    {
        # It alone resizes to its skip connections instead of doubling, so it takes every size.
        "unet": Architecture(
            title="U-Net",
            multiple_of=1,
            slim={"decoder_channels": SLIM},
            reference="https://arxiv.org/abs/1505.04597",
        ),
        "unetplusplus": Architecture(
            title="U-Net++",
            multiple_of=32,
            slim={"decoder_channels": SLIM},
            reference="https://arxiv.org/abs/1807.10165",
        ),
        "manet": Architecture(
            title="MA-Net",
            multiple_of=32,
            slim={"decoder_channels": SLIM, "decoder_pab_channels": 16},
            reference="https://doi.org/10.1109/ACCESS.2020.3025372",
        ),
        # Its decoder is as wide as the encoder.
        "linknet": Architecture(
            title="LinkNet",
            multiple_of=32,
            reference="https://arxiv.org/abs/1707.03718",
        ),
        "fpn": Architecture(
            title="FPN",
            multiple_of=32,
            # Two channels for each of the 32 groups that it normalises: one has no variance where
            # the coarsest features are a single pixel.
            slim={"decoder_pyramid_channels": 32, "decoder_segmentation_channels": 64},
            reference="https://arxiv.org/abs/1612.03144",
        ),
        # It reads three of the encoder's five stages. The library keeps the other two, which get no
        # gradient: of the full network's 24 million parameters, 22 million have no part in it.
        "pspnet": Architecture(
            title="PSPNet",
            multiple_of=8,
            slim={"psp_out_channels": 64},
            reference="https://arxiv.org/abs/1612.01105",
        ),
        # Its attention halves the last features, a sixteenth of the image, three times more.
        "pan": Architecture(
            title="PAN",
            multiple_of=16,
            min_size=128,
            slim={"decoder_channels": 16},
            reference="https://arxiv.org/abs/1805.10180",
        ),
        "deeplabv3": Architecture(
            title="DeepLabV3",
            multiple_of=8,
            slim={"decoder_channels": 32},
            reference="https://arxiv.org/abs/1706.05587",
        ),
        "deeplabv3plus": Architecture(
            title="DeepLabV3+",
            multiple_of=16,
            slim={"decoder_channels": 32},
            reference="https://arxiv.org/abs/1802.02611",
        ),
    }
)
