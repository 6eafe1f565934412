"""The random anatomy of one patient. Lengths are chest coordinates (see ``frame``)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RIBS = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """What stays the same between two radiographs of a patient."""

    half_width: float
    """From the midline to the widest place of the lungs."""
    apex: float
    """Height of the top of the lungs."""
    apex_offset: float
    """Distance of the lungs' tops from the midline."""
    dome_right: float
    """Height of the right diaphragm; the left one lies lower."""
    dome_left: float
    dome_drop: float
    """How far the diaphragm falls towards the chest wall."""
    heart_x: float
    heart_y: float
    heart_width: float
    heart_height: float
    heart_tilt: float
    atrium: float
    """Bulge of the right heart border."""
    arch: float
    """Bulge of the aortic arch."""
    trunk: float
    """Bulge of the pulmonary trunk."""
    mediastinum: float
    depth: float
    """Attenuation of the chest from front to back, without lungs."""
    lung_depth: float
    """Attenuation that the air of the lungs takes away, where they are deepest."""
    wall: float
    """Thickness of the chest wall at the side."""
    shoulder: float
    """Height of the shoulder line where it leaves the neck."""
    slope: float
    arm_slope: float
    """Descent of the arm's inside per distance from the chest: large where the arm hangs down."""
    breast: float
    """Attenuation of the breasts; 0 where none shows."""
    breast_y: float
    stomach: float
    """Radius of the air bubble under the left dome; 0 where there is none."""
    rib_slope_back: float
    rib_slope_front: float
    rib_density: float
    rib_levels: NDArray[np.float32]
    """Heights at which the ribs turn forward at the chest wall, [2, RIBS]: right, left."""
    rib_widths: NDArray[np.float32]
    """Half-widths, [2, RIBS]."""
    clavicle: float
    """Height of the inner ends of the clavicles."""
    clavicle_rise: float
    scapula: float
    """Distance of the lower tip of the shoulder blade's inner border from the midline."""
    spine_density: float
    vertebra: float
    """Distance from one vertebra to the next."""
    trachea_shift: float
    vessels: float
    """Calibre of the pulmonary vessels, 1 on average."""
    vessel_seed: int


def draw_anatomy(rng: np.random.Generator) -> Anatomy:
    """A patient. The number of draws is fixed."""

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    apex = between(-0.80, -0.68)
    dome_right = between(0.34, 0.50)
    pitch = (dome_right - apex) / between(6.6, 7.8)
    levels = apex + pitch * (np.arange(RIBS) + between(0.9, 1.3)) + rng.normal(0, 0.008, (2, RIBS))
    has_breasts, has_bubble = rng.random() < 0.45, rng.random() < 0.4
    return Anatomy(
        half_width=between(0.70, 0.84),
        apex=apex,
        apex_offset=between(0.27, 0.34),
        dome_right=dome_right,
        dome_left=dome_right + between(0.02, 0.09),
        dome_drop=between(0.16, 0.30),
        heart_x=between(0.08, 0.14),
        heart_y=between(0.16, 0.24),
        heart_width=between(0.21, 0.31),
        heart_height=between(0.38, 0.50),
        heart_tilt=between(0.15, 0.35),
        atrium=between(0.17, 0.25),
        arch=between(0.06, 0.11),
        trunk=between(0.05, 0.10),
        mediastinum=between(0.10, 0.15),
        depth=between(3.5, 4.7),
        lung_depth=between(1.9, 2.4),
        wall=between(0.07, 0.20),
        shoulder=between(-1.08, -0.92),
        slope=between(0.15, 0.38),
        arm_slope=between(0.7, 4.0),
        breast=has_breasts * between(0.2, 0.7),
        breast_y=between(-0.02, 0.28),
        stomach=has_bubble * between(0.05, 0.12),
        rib_slope_back=between(0.17, 0.27),
        rib_slope_front=between(0.30, 0.42),
        rib_density=between(0.20, 0.42),
        rib_levels=levels.astype(np.float32),
        rib_widths=(pitch * rng.uniform(0.23, 0.31, (2, RIBS))).astype(np.float32),
        clavicle=apex + between(0.12, 0.22),
        clavicle_rise=between(0.02, 0.16),
        scapula=between(0.60, 0.82),
        spine_density=between(0.25, 0.5),
        vertebra=between(0.115, 0.14),
        trachea_shift=between(-0.01, 0.03),
        vessels=between(0.7, 1.25),
        vessel_seed=int(rng.integers(2**32)),
    )
