"""The lung fields: outlines, mask and depth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness_phantom.anatomy import Anatomy
from harness_phantom.frame import AXIS, Curve, Field, Frame, across, along, highest, swell

_WIDEST = 0.30
"""Height at which the rib cage stops widening."""


@dataclass(frozen=True, slots=True)
class Outlines:
    """Borders of the lung fields as curves over AXIS."""

    lateral: Curve
    """Distance from the midline by height: inside of the rib cage."""
    medial: tuple[Curve, Curve]
    """Distance from the midline by height: mediastinum and heart; right, left."""
    dome: Curve
    """Height by ``x``: the diaphragm."""


@dataclass(frozen=True, slots=True)
class Lungs:
    """The lung fields of one picture."""

    outlines: Outlines
    from_wall: Field
    """Distance from the chest wall, positive inside."""
    from_heart: Field
    """Distance from mediastinum and heart, positive inside."""
    from_dome: Field
    """Distance from the diaphragm, positive above."""

    @property
    def mask(self) -> NDArray[np.bool_]:
        """The visible lung fields: without heart, mediastinum and what the diaphragm covers."""
        inside: NDArray[np.bool_] = (
            (self.from_wall > 0) & (self.from_heart > 0) & (self.from_dome > 0)
        )
        return inside


def make_lungs(anatomy: Anatomy, frame: Frame) -> Lungs:
    outlines = _outlines(anatomy)
    return Lungs(
        outlines,
        from_wall=along(frame, outlines.lateral) - frame.u,
        from_heart=frame.u - along(frame, *outlines.medial),
        from_dome=across(frame, outlines.dome) - frame.y,
    )


def depth_of(lungs: Lungs) -> Field:
    """Length of the path through lung, in [0, 1]. Some lung lies behind heart and diaphragm."""
    return (
        swell(lungs.from_wall, 0.30)
        * _covered(lungs.from_heart, reach=0.10, hidden=0.30, fade=0.13)
        * _covered(lungs.from_dome, reach=0.09, hidden=0.25, fade=0.10)
    )


def _covered(distance: Field, *, reach: float, hidden: float, fade: float) -> Field:
    visible = hidden + (1 - hidden) * swell(distance, reach)
    behind = np.exp(np.minimum(distance, 0) / fade)
    return visible * behind


def _outlines(anatomy: Anatomy) -> Outlines:
    top = anatomy.apex
    widening = np.clip((AXIS - top) / (_WIDEST - top), 0, 1)
    shaped = np.sqrt(1 - (1 - widening) ** 2.2)
    lateral = anatomy.apex_offset + (anatomy.half_width - anatomy.apex_offset) * shaped
    lateral -= 0.10 * np.maximum(AXIS - _WIDEST, 0)
    opening = np.clip((AXIS - top) / 0.34, 0, 1)
    opening = np.sqrt(1 - (1 - opening) ** 2)
    right, left = (
        anatomy.apex_offset + (border - anatomy.apex_offset) * opening
        for border in _mediastinum(anatomy)
    )
    return Outlines(lateral, (right, left), _dome(anatomy))


def _mediastinum(anatomy: Anatomy) -> tuple[Curve, Curve]:
    vessels = anatomy.mediastinum - 0.02 * np.exp(-(((AXIS + 0.15) / 0.2) ** 2))
    atrium = _bulge(0.03, anatomy.heart_y + 0.06, anatomy.atrium, 0.30, 0.0)
    arch = anatomy.arch * np.exp(-(((AXIS - anatomy.apex - 0.42) / 0.11) ** 2))
    trunk = anatomy.trunk * np.exp(-(((AXIS - anatomy.apex - 0.66) / 0.14) ** 2))
    heart = _bulge(
        anatomy.heart_x,
        anatomy.heart_y,
        anatomy.heart_width,
        anatomy.heart_height,
        anatomy.heart_tilt,
    )
    return highest(0.02, vessels, atrium), highest(0.02, vessels - 0.03 + arch + trunk, heart)


def _bulge(x: float, y: float, width: float, height: float, tilt: float) -> Curve:
    """Outer border of a sheared ellipse, drawn out downwards; none beyond its ends."""
    ratio = (AXIS - y) / np.where(y > AXIS, height, 2 * height)
    border = x + tilt * (AXIS - y) + width * np.sqrt(np.maximum(1 - ratio**2, 0))
    return np.where(np.abs(ratio) < 1, border, -1)


def _dome(anatomy: Anatomy) -> Curve:
    centre = 0.55 * anatomy.half_width
    off = (np.abs(AXIS) - centre) / (anatomy.half_width - centre)
    fall = np.where(off > 0, off**2, 0.5 * off**2)
    height = np.where(AXIS < 0, anatomy.dome_right, anatomy.dome_left)
    dome: Curve = height + anatomy.dome_drop * fall
    return dome
