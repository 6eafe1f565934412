"""Pulmonary vessels: trees that branch from the hila."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from harness_phantom.anatomy import Anatomy
from harness_phantom.frame import Field, Frame, to_pixels

_ROOTS = 8
_CHILDREN = 3
_HILA = ((-0.17, -0.06), (0.17, -0.11))
"""The left hilum lies higher."""


def vessels(anatomy: Anatomy, frame: Frame) -> Field:
    """Attenuation of the vessels as if all around were air, [size, size]."""
    rng = np.random.default_rng(anatomy.vessel_seed)
    total = np.zeros((frame.size, frame.size), np.float32)
    for points, radius in zip(_trees(rng, frame.size), (0.006, 0.003, 0.0018), strict=True):
        spread = max(radius * anatomy.vessels * frame.size, 0.5)
        total += ndimage.gaussian_filter(_splat(frame, *points), spread, truncate=2.5)
    return anatomy.vessels * total


def _trees(rng: np.random.Generator, size: int) -> Iterator[tuple[Field, Field, Field]]:
    """Points along the branches of each generation, close enough to join, and their weights."""
    steps = np.linspace(0, 1, max(12, size // 6), dtype=np.float32)
    side = np.repeat([-1.0, 1.0], _ROOTS)
    origin = np.repeat(_HILA, _ROOTS, axis=0) + rng.normal(0, (0.025, 0.06), (2 * _ROOTS, 2))
    heading = np.tile(np.linspace(-1.35, 1.3, _ROOTS), 2) + rng.normal(0, 0.12, 2 * _ROOTS)
    length = rng.uniform(0.32, 0.56, 2 * _ROOTS)
    for weight in (0.011, 0.0045, 0.0025):
        course = heading[:, None] + rng.normal(0, 0.5, heading.size)[:, None] * steps
        stride = length[:, None] * steps[1]
        x = origin[:, :1] + side[:, None] * np.cumsum(stride * np.cos(course), axis=1)
        y = origin[:, 1:] + np.cumsum(stride * np.sin(course), axis=1)
        yield x.ravel(), y.ravel(), (weight * stride * (1 - 0.8 * steps)).ravel()
        parent = np.repeat(np.arange(heading.size), _CHILDREN)
        fork = (rng.uniform(0.2, 0.8, parent.size) * steps.size).astype(np.int64)
        turn = rng.choice([-1, 1], parent.size) * rng.uniform(0.35, 0.85, parent.size)
        origin = np.stack([x[parent, fork], y[parent, fork]], axis=1)
        heading = course[parent, fork] + turn
        side = side[parent]
        length = length[parent] * rng.uniform(0.35, 0.6, parent.size)


def _splat(frame: Frame, x: Field, y: Field, weight: Field) -> Field:
    """Spreads each point over the four pixels around it; weight is per area of the chest."""
    column, row = to_pixels(frame, x, y)
    inside = (column >= 0) & (column < frame.size - 1) & (row >= 0) & (row < frame.size - 1)
    column, row, weight = column[inside], row[inside], weight[inside]
    left, upper = column.astype(np.int32), row.astype(np.int32)
    right_part, lower_part = column - left, row - upper
    grid = np.zeros(frame.size * frame.size)
    for down, share_y in ((0, 1 - lower_part), (1, lower_part)):
        for across, share_x in ((0, 1 - right_part), (1, right_part)):
            place = (upper + down) * frame.size + left + across
            grid += np.bincount(place, weight * share_x * share_y, minlength=grid.size)
    per_area = (frame.size / 2) ** 2
    return (grid * per_area).reshape(frame.size, frame.size).astype(np.float32)
