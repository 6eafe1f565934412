"""Attenuation of the body's outline, and of the air in it that is not lung."""

from __future__ import annotations

import math

import numpy as np

from harness_phantom.anatomy import Anatomy
from harness_phantom.frame import AXIS, Curve, Field, Frame, across, along, swell, tube
from harness_phantom.lungs import Lungs

_NECK = 0.26
_AXILLA = -0.18


def soft_tissue(anatomy: Anatomy, frame: Frame, lungs: Lungs) -> Field:
    """Attenuation of a body without lungs and bones, [size, size]; 0 beside it."""
    below = frame.y - across(frame, _shoulder_line(anatomy))
    abdomen = 1 + 0.12 * np.clip(-lungs.from_dome / 0.15, 0, 1)
    trunk = _trunk(anatomy, frame) * swell(below, 0.30) * abdomen
    shoulders = _shoulders(anatomy, frame) * swell(below, 0.35)
    neck = 0.55 * anatomy.depth * tube(frame.x, _NECK) * (frame.y < _AXILLA)
    body = np.maximum(np.maximum(trunk, shoulders), neck)
    if anatomy.breast:
        body += _breasts(anatomy, frame) * (body > 0)
    remaining: Field = np.maximum(body - _airways(anatomy, frame), 0)
    return remaining


def _shoulder_line(anatomy: Anatomy) -> Curve:
    beside = np.abs(AXIS)
    line: Curve = anatomy.shoulder + anatomy.slope * np.maximum(beside - _NECK, 0)
    line += 5 * np.maximum(beside - 1.0, 0) ** 2 - 0.45 * np.exp((_NECK - beside) / 0.09)
    return line


def _trunk(anatomy: Anatomy, frame: Frame) -> Field:
    half = anatomy.half_width + anatomy.wall + 0.04 * np.maximum(AXIS, 0)
    thick = anatomy.depth * (0.62 + 0.38 / (1 + np.exp(-(AXIS + 0.62) / 0.10)))
    ratio = frame.u / along(frame, half)
    section: Field = np.sqrt(np.maximum(1 - ratio * ratio * ratio, 0))
    return along(frame, thick) * section


def _shoulders(anatomy: Anatomy, frame: Frame) -> Field:
    beside = frame.u - (anatomy.half_width + anatomy.wall)
    above = _AXILLA + anatomy.arm_slope * beside - frame.y
    above /= math.hypot(1, anatomy.arm_slope)
    thickness = 0.68 * anatomy.depth - 0.3 * np.maximum(frame.y + 0.5, 0)
    shoulders: Field = thickness * swell(above, 0.22)
    return shoulders


def _breasts(anatomy: Anatomy, frame: Frame) -> Field:
    beside = (frame.u - 0.62 * anatomy.half_width) / 0.42
    down = (frame.y - anatomy.breast_y) / 0.30
    down *= np.where(down > 0, np.float32(1), np.float32(0.6))
    return anatomy.breast * tube(np.hypot(beside, down), 1.0)


def _airways(anatomy: Anatomy, frame: Frame) -> Field:
    carina = anatomy.apex + 0.50
    bend = anatomy.trachea_shift * np.clip(frame.y - carina + 1, 0, 1)
    trachea = tube(frame.x + bend, 0.055) * np.clip((carina - frame.y) * 6, 0, 1)
    reach = np.clip((0.16 - frame.u) * 12, 0, 1)
    bronchi = tube(frame.y - carina - frame.u, 0.045) * reach
    air: Field = 0.6 * np.maximum(trachea, 0.3 * bronchi)
    if anatomy.stomach:
        x = (frame.x - 0.42) / 1.6
        y = frame.y - (anatomy.dome_left + 0.05 + anatomy.stomach)
        air = air + 1.1 * tube(np.hypot(x, y), anatomy.stomach)
    return air
