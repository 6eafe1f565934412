"""What disease adds: the share of the lung's air that is replaced, by place.

Every finding has a severity in [0, 1], drawn so that some are hard to see.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from harness_phantom.frame import AXIS, Field, Frame
from harness_phantom.lungs import Lungs
from harness_phantom.texture import texture


def ground_glass(rng: np.random.Generator, frame: Frame, lungs: Lungs) -> Field:
    """COVID: hazy patches on both sides, along the chest wall, more of them below."""
    severity = _severity(rng)
    ragged = 0.28 * texture(rng, 24, frame.size)
    count = 2 + int(rng.integers(1, 3) + 2.5 * severity)
    clear = np.ones_like(frame.x)
    for number in range(2 * count):
        side = -1 if number % 2 else 1
        y = rng.triangular(-0.45, 0.30, 0.42)
        wall = float(np.interp(y, AXIS, lungs.outlines.lateral))
        x = side * (wall - rng.uniform(0.03, 0.17))
        width, height = rng.uniform(0.08, 0.17), rng.uniform(0.10, 0.20)
        patch = np.exp(-_distance(frame, x, y, width, height, ragged))
        clear *= 1 - rng.uniform(0.5, 1.0) * patch
    return (0.14 + 0.42 * severity) * (1 - clear)


def consolidation(rng: np.random.Generator, frame: Frame, lungs: Lungs) -> Field:
    """Lung opacity: one or two dense areas, each with one edge cut sharply by a fissure."""
    severity = _severity(rng)
    ragged = 0.22 * texture(rng, 16, frame.size)
    filled = np.zeros_like(frame.x)
    side = _either_way(rng)
    for _ in range(1 if rng.random() < 0.7 else 2):
        y = rng.uniform(-0.48, 0.32)
        wall = float(np.interp(y, AXIS, lungs.outlines.lateral))
        x = side * rng.uniform(0.42, 0.80) * wall
        width, height = rng.uniform(0.20, 0.34), rng.uniform(0.18, 0.31)
        patch = np.exp(-np.square(_distance(frame, x, y, width, height, ragged)))
        beyond = _either_way(rng) * (frame.y - y - rng.normal(0, 0.25) * (frame.x - x))
        lobe = np.clip(0.5 + (rng.uniform(0.04, 0.14) - beyond) / 0.02, 0, 1)
        filled = np.maximum(filled, patch * lobe)
        side = -side
    return (0.15 + 0.55 * severity) * filled


def reticulation(rng: np.random.Generator, frame: Frame, lungs: Lungs) -> Field:
    """Viral pneumonia: a net of fine lines through both lungs, with a light haze at the hila."""
    severity = _severity(rng)
    coarse, fine = (texture(rng, cells, frame.size) for cells in (22, 34))
    net = np.exp(-8 * np.square(coarse)) + np.exp(-5 * np.square(fine))
    uneven = np.clip(1 + 0.35 * texture(rng, 6, frame.size), 0.2, 2)
    central = np.exp(-np.square(np.maximum(lungs.from_heart, 0) / 0.35))
    haze = (0.03 + 0.08 * severity) * central
    reticular: Field = (0.03 + 0.14 * severity) * net * uneven + haze
    return reticular


def nothing(rng: np.random.Generator, frame: Frame, lungs: Lungs) -> Field:
    """Normal lungs."""
    return np.zeros_like(frame.x)


FINDINGS: Mapping[str, Callable[[np.random.Generator, Frame, Lungs], Field]] = {
    "COVID": ground_glass,
    "Lung_Opacity": consolidation,
    "Normal": nothing,
    "Viral Pneumonia": reticulation,
}
"""By class, in the order of the class indices."""


def _severity(rng: np.random.Generator) -> float:
    return float(rng.beta(2.2, 1.3))


def _either_way(rng: np.random.Generator) -> int:
    return 1 if rng.random() < 0.5 else -1


def _distance(
    frame: Frame, x: float, y: float, width: float, height: float, ragged: Field
) -> Field:
    """Squared distance from the centre of an ellipse, 1 at its outline, made uneven."""
    across = (frame.x - x) / width
    down = (frame.y - y) / height
    return np.maximum(across * across + down * down + ragged, 0)
