"""Attenuation of ribs, clavicles, shoulder blades and vertebral column."""

from __future__ import annotations

import numpy as np

from harness_phantom.anatomy import Anatomy
from harness_phantom.frame import AXIS, Curve, Field, Frame, across, along, swell, tube
from harness_phantom.lungs import Lungs


def bones(anatomy: Anatomy, frame: Frame, lungs: Lungs) -> Field:
    """Attenuation that bone adds to soft tissue, [size, size]."""
    return (
        _ribs(anatomy, frame, lungs)
        + _clavicles(anatomy, frame)
        + _scapulae(anatomy, frame)
        + _humeri(anatomy, frame)
        + _spine(anatomy, frame)
    )


def _shell(offset: Field) -> Field:
    """Chord through a hollow tube of radius 1: bright rims, as cortical bone has."""
    return tube(offset, 1.0) - 0.44 * tube(offset, 0.8)


def _ribs(anatomy: Anatomy, frame: Frame, lungs: Lungs) -> Field:
    """Every rib is a tilted ring on the rib cage, seen from the front.

    A tilted plane cuts a cylinder of half-width w at heights ``level -+ slope * sqrt(1 - (u/w)^2)``
    (back, front): both arcs meet at the side of the chest.
    """
    width = along(frame, lungs.outlines.lateral) + 0.02
    ratio = frame.u / width
    side = tube(ratio, 1.0)
    right, left = map(_rib_profile, anatomy.rib_levels, anatomy.rib_widths)
    back = along(frame, right, left, at=frame.y + anatomy.rib_slope_back * side)
    front = along(frame, right, left, at=frame.y - anatomy.rib_slope_front * side)
    cartilage = np.clip((ratio - 0.42) / 0.25, 0, 1)
    grazing = 1 / np.maximum(side, 0.7)
    outside = np.exp(np.minimum(width - frame.u, 0) / 0.02)
    arcs: Field = (back + 0.55 * front * cartilage) * grazing * outside
    return anatomy.rib_density * arcs


def _rib_profile(levels: Field, widths: Field) -> Curve:
    """Attenuation along the height of all ribs of a side; the lowest fade into the abdomen."""
    offsets = (AXIS[:, None] - levels) / widths
    fading = np.clip(1 - 0.25 * (np.arange(levels.size) - 6), 0, 1)
    profile: Curve = (_shell(offsets) * fading).sum(axis=1)
    return profile


def _clavicles(anatomy: Anatomy, frame: Frame) -> Field:
    beside = np.abs(AXIS)
    part = np.clip((beside - 0.07) / 0.75, 0, 1.3)
    axis = anatomy.clavicle - anatomy.clavicle_rise * part * (2 - part)
    axis += 0.025 * np.sin(2 * np.pi * part)
    radius = 0.042 - 0.014 * np.sin(np.pi * np.minimum(part, 1))
    ends = np.clip((beside - 0.06) / 0.02, 0, 1) * np.clip((0.95 - beside) / 0.05, 0, 1)
    shape = _shell((frame.y - across(frame, axis)) / across(frame, radius))
    return 0.8 * shape * across(frame, ends)


def _scapulae(anatomy: Anatomy, frame: Frame) -> Field:
    """Plates of three straight edges, each with a rim."""
    above_tip = 0.05 - frame.y
    inner = frame.u - anatomy.scapula + 0.22 * above_tip
    outer = anatomy.scapula + 0.10 + 0.75 * above_tip - frame.u
    top = frame.y - anatomy.clavicle + 0.02 + 0.15 * frame.u
    blade = np.minimum(np.minimum(inner, outer), top)
    return 0.10 * swell(blade, 0.03) + 0.12 * tube(blade - 0.015, 0.015)


def _humeri(anatomy: Anatomy, frame: Frame) -> Field:
    beside = frame.u - (anatomy.half_width + 0.27)
    below = frame.y - (anatomy.clavicle + 0.04)
    head = tube(np.hypot(beside, below), 0.105)
    shaft = tube(beside - 0.05, 0.055) * (below > 0)
    both: Field = np.maximum(head, shaft)
    return 0.45 * both


def _spine(anatomy: Anatomy, frame: Frame) -> Field:
    phase = 2 * np.pi * AXIS / anatomy.vertebra
    bodies = 0.72 + 0.28 * np.tanh(3 * np.cos(phase) + 1.5)
    section = np.sqrt(np.maximum(1 - (AXIS / 0.10) ** 4, 0))
    spinous = 0.35 * np.exp(-((AXIS / 0.02) ** 2))
    return anatomy.spine_density * along(frame, bodies) * across(frame, section + spinous)
