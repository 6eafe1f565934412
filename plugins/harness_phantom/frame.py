"""Where pixels lie in the chest, and curves that are evaluated there.

Chest coordinates: the unpositioned picture spans [-1, 1] on both axes, ``x`` grows to the right of
the picture (the patient's left), ``y`` downwards, and ``x = 0`` is the midline. Every outline is an
analytic function of them, so a picture of any size shows the same chest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
"""One value per pixel, float32 [size, size]. Python numbers keep it float32, NumPy's would not."""
Curve = NDArray[np.floating[Any]]
"""One value per entry of AXIS: an outline or a profile along one coordinate."""

_ENTRIES = 4096
_REACH = 1.8
AXIS: Field = np.linspace(-_REACH, _REACH, _ENTRIES, dtype=np.float32)
"""Coordinates at which curves are tabulated; a look-up takes the nearest."""


@dataclass(frozen=True, slots=True)
class Pose:
    """How the patient stands before the detector."""

    angle: float
    """Radians, clockwise in the picture."""
    scale: float
    shift_x: float
    shift_y: float


@dataclass(frozen=True, slots=True)
class Frame:
    """Chest coordinates of every pixel, and their entries of AXIS."""

    size: int
    pose: Pose
    x: Field
    y: Field
    u: Field
    """Distance from the midline, ``abs(x)``."""
    columns: NDArray[np.int32]
    rows: NDArray[np.int32]
    left: NDArray[np.int32]
    """1 on the patient's left (x >= 0), else 0."""


def make_frame(size: int, pose: Pose) -> Frame:
    """The frame of a picture of ``size`` pixels a side."""
    centres = (2 * np.arange(size) + 1) / size - 1
    across = (centres - pose.shift_x)[None, :] / pose.scale
    down = (centres - pose.shift_y)[:, None] / pose.scale
    cos, sin = np.cos(pose.angle), np.sin(pose.angle)
    x: Field = (cos * across + sin * down).astype(np.float32)
    y: Field = (cos * down - sin * across).astype(np.float32)
    return Frame(size, pose, x, y, np.abs(x), _entries(x), _entries(y), (x >= 0).astype(np.int32))


def to_pixels(frame: Frame, x: Field, y: Field) -> tuple[Field, Field]:
    """Column and row, in pixels from the centre of the first, of points of the chest."""
    pose, half = frame.pose, frame.size / 2
    cos, sin = np.cos(pose.angle), np.sin(pose.angle)
    column = (pose.scale * (cos * x - sin * y) + pose.shift_x + 1) * half - 0.5
    row = (pose.scale * (sin * x + cos * y) + pose.shift_y + 1) * half - 0.5
    return column.astype(np.float32), row.astype(np.float32)


def across(frame: Frame, curve: Curve) -> Field:
    """A curve over ``x``, at every pixel."""
    values: Field = curve.astype(np.float32)
    return values[frame.columns]


def along(frame: Frame, curve: Curve, left: Curve | None = None, at: Field | None = None) -> Field:
    """A curve over ``y``, at every pixel, or over the height ``at`` instead.

    ``left`` is the curve of the patient's left where it differs from that of the right.
    """
    rows = frame.rows if at is None else _entries(at)
    if left is not None:
        curve, rows = np.concatenate([curve, left]), rows + _ENTRIES * frame.left
    values: Field = curve.astype(np.float32)
    return values[rows]


def _entries(coordinate: Field) -> NDArray[np.int32]:
    step = 2 * _REACH / (_ENTRIES - 1)
    scaled = (coordinate + (_REACH + step / 2)) / step
    nearest: NDArray[np.int32] = np.clip(scaled, 0, _ENTRIES - 1).astype(np.int32)
    return nearest


def highest(softness: float, *curves: Curve) -> Curve:
    """Smooth maximum: rounds the corner where two outlines meet."""
    stack = np.stack(curves) / softness
    top = stack.max(axis=0)
    rounded: Curve = softness * (top + np.log(np.exp(stack - top).sum(axis=0)))
    return rounded


def swell(depth: Field, reach: float) -> Field:
    """Thickness of a rounded body ``depth`` inside its outline: 0 at the outline, steep, 1 from
    ``reach`` on; the section of a circle."""
    inner = np.clip(depth / reach, 0, 1)
    section: Field = np.sqrt(inner * (2 - inner))
    return section


def tube(offset: Field, radius: float | Field) -> Field:
    """Chord through a tube of ``radius`` at ``offset`` from its axis, relative to its diameter."""
    ratio = offset / radius
    chord: Field = np.sqrt(np.maximum(1 - ratio * ratio, 0))
    return chord
