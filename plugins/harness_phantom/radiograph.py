"""One radiograph from its random streams."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness_phantom.anatomy import Anatomy, draw_anatomy
from harness_phantom.bones import bones
from harness_phantom.film import Exposure, develop
from harness_phantom.findings import FINDINGS
from harness_phantom.frame import Field, Frame, Pose, make_frame
from harness_phantom.lungs import Lungs, depth_of, make_lungs
from harness_phantom.soft_tissue import soft_tissue
from harness_phantom.vessels import vessels


@dataclass(frozen=True, slots=True)
class Request:
    """All that decides one picture."""

    seed: int
    index: int
    patient: int
    finding: str
    site: str
    size: int


def render_image(request: Request) -> NDArray[np.uint8]:
    """Grey image, uint8 [size, size]."""
    anatomy, frame, lungs = _position(request)
    depth = depth_of(lungs)
    filled = FINDINGS[request.finding](stream(request.seed, "finding", request.index), frame, lungs)
    body = soft_tissue(anatomy, frame, lungs)
    air = anatomy.lung_depth * depth * (1 - np.minimum(filled, 1))
    attenuation = np.maximum(body - air, 0.25 * body)
    attenuation += vessels(anatomy, frame) * depth
    attenuation += bones(anatomy, frame, lungs) * np.minimum(body, 1)
    rng = stream(request.seed, "exposure", request.index)
    grey = develop(attenuation, lungs.mask, _draw_exposure(rng, request.site), rng)
    return np.rint(grey * 255).astype(np.uint8)


def render_finding(request: Request) -> Field:
    """Share of the lung's air that the finding replaces, in [0, 1], [size, size]; 0 beside the
    lungs."""
    _, frame, lungs = _position(request)
    rng = stream(request.seed, "finding", request.index)
    filled = FINDINGS[request.finding](rng, frame, lungs)
    return np.minimum(filled, 1) * lungs.mask


def render_mask(request: Request) -> NDArray[np.bool_]:
    """The lung fields of the same picture, bool [size, size]."""
    _, _, lungs = _position(request)
    return lungs.mask


def stream(seed: int, what: str, index: int) -> np.random.Generator:
    """The random numbers of one aspect of one picture or patient, independent of all others."""
    return np.random.default_rng([seed, zlib.crc32(what.encode()), index])


def _position(request: Request) -> tuple[Anatomy, Frame, Lungs]:
    anatomy = draw_anatomy(stream(request.seed, "anatomy", request.patient))
    rng = stream(request.seed, "pose", request.index)
    angle = float(np.clip(rng.normal(0, 0.03), -0.08, 0.08))
    shift_x, shift_y = (float(v) for v in rng.uniform(-0.05, 0.05, 2))
    pose = Pose(angle, float(rng.uniform(0.90, 1.08)), shift_x, shift_y)
    frame = make_frame(request.size, pose)
    return anatomy, frame, make_lungs(anatomy, frame)


def _draw_exposure(rng: np.random.Generator, site: str) -> Exposure:
    second = site == "site-b"
    return Exposure(
        error=float(rng.normal(0.08 if second else -0.08, 0.2)),
        contrast=float(rng.uniform(1.0, 1.5) if second else rng.uniform(0.85, 1.35)),
        scatter=float(rng.uniform(0.1, 0.6)),
        photons=float(np.exp(rng.uniform(np.log(4e7), np.log(1.5e8)))),
        sharpening=float(rng.uniform(0.2, 0.6)) if second else 0.0,
    )
