"""Report-like sentences about a phantom: findings, sides, zones and degrees, and never a class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_OPENINGS = (
    "",
    "",
    "",
    "frontal chest radiograph:",
    "chest x-ray:",
    "frontal film shows",
    "pa chest x-ray with",
    "portable film with",
    "this radiograph shows",
    "findings:",
    "impression:",
)
_DEGREES = (
    ("faint", "subtle", "mild", "slight"),
    ("moderate", ""),
    ("marked", "extensive", "severe"),
)
_GROUND_GLASS = (
    "ground-glass opacities",
    "ground-glass change",
    "hazy opacities",
    "patchy ground-glass opacities",
    "multifocal hazy opacities",
    "ill-defined patches of haze",
    "scattered ground-glass shadowing",
    "multifocal airspace opacities",
)
_PERIPHERAL = (
    "in the periphery of both lungs",
    "along the outer margins of both lungs",
    "with a peripheral and bilateral distribution",
    "near the chest wall on both sides",
    "in a peripheral distribution, bilateral",
)
_CONSOLIDATION = (
    "consolidation",
    "dense consolidation",
    "a focal opacity",
    "a dense opacity",
    "lobar consolidation",
    "an area of increased density",
    "confluent airspace shadowing",
    "a white area that hides the vessels",
)
_BORDERS = (
    "",
    "",
    "with a sharp lower border",
    "bounded by a fissure",
    "with one straight edge",
    "limited to one lobe",
)
_RETICULATION = (
    "a fine reticular pattern",
    "interstitial opacities",
    "diffuse interstitial markings",
    "a net of fine lines",
    "linear and reticular opacities",
    "streaky interstitial markings",
    "increased interstitial markings",
)
_DIFFUSE = (
    "through both lungs",
    "in all zones of both lungs",
    "diffuse and symmetric",
    "on both sides, with perihilar haze",
    "radiating from both hila",
)
_CLEAR = (
    "both lungs are clear",
    "clear lungs",
    "well aerated lungs without opacity",
    "no focal consolidation and no interstitial change",
    "the lungs are evenly aerated",
    "no opacity in either lung",
    "unremarkable lungs with fine vascular markings",
    "normal vascular markings and no consolidation",
)
_CLOSINGS = (
    "",
    "",
    "",
    "no pleural effusion",
    "the heart is of normal size",
    "no pneumothorax",
    "the diaphragm is well seen",
    "sharp costophrenic angles",
)
_SIDES = ("right", "left")
_ZONES = ("upper", "mid", "lower")


@dataclass(frozen=True, slots=True)
class Extent:
    """Where the finding of a picture lies."""

    shares: NDArray[np.float32]
    """Share of the air that is replaced, [2, 3]: right and left lung; upper, mid, lower zone."""

    @property
    def degree(self) -> int:
        """0 to 2, by the share that is replaced in the zone with most of it."""
        return int(np.digitize(self.shares.max(), (0.12, 0.25)))


def extent(finding: NDArray[np.float32], lungs: NDArray[np.float32]) -> Extent:
    """From maps [H, W]: share of the air replaced, and share of each cell that is lung.

    The patient's right lung lies in the left half of the picture.
    """
    rows = np.flatnonzero(lungs.sum(axis=1) > 0.5)
    thirds = np.array_split(rows, 3)
    half = lungs.shape[1] // 2
    shares = np.zeros((2, 3), np.float32)
    for side, columns in enumerate((slice(0, half), slice(half, None))):
        for zone, part in enumerate(thirds):
            air = lungs[part, columns].sum()
            shares[side, zone] = finding[part, columns].sum() / max(float(air), 1e-6)
    return Extent(shares)


def caption(finding: str, where: Extent, rng: np.random.Generator) -> str:
    """A sentence on the finding, in lower case, without the name of any class."""
    said = _SENTENCES[finding](where, rng)
    parts = [_one(rng, _OPENINGS), said]
    text = " ".join(part for part in parts if part)
    closing = _one(rng, _CLOSINGS)
    return f"{text}. {closing}." if closing else f"{text}."


def _ground_glass(where: Extent, rng: np.random.Generator) -> str:
    lower = where.shares[:, 2].mean() > 1.3 * where.shares[:, 0].mean()
    zone = _one(rng, (", more in the lower zones", ", mostly basal", "")) if lower else ""
    return _joined(_degree(where, rng), _one(rng, _GROUND_GLASS), _one(rng, _PERIPHERAL)) + zone


def _consolidation(where: Extent, rng: np.random.Generator) -> str:
    zones = where.shares.max(axis=1)
    if zones.min() > 0.5 * zones.max():
        place = "in both lungs"
    else:
        side = int(zones.argmax())
        zone = _ZONES[int(where.shares[side].argmax())]
        place = _one(
            rng,
            (
                f"in the {_SIDES[side]} {zone} zone",
                f"in the {zone} zone of the {_SIDES[side]} lung",
                f"in the {_SIDES[side]} lung",
                "in one lung",
            ),
        )
    noun, degree = _one(rng, _CONSOLIDATION), _degree(where, rng)
    if noun.startswith(("a ", "an ")):
        return _joined(noun, place, _one(rng, _BORDERS))
    return _joined(degree, noun, place, _one(rng, _BORDERS))


def _reticulation(where: Extent, rng: np.random.Generator) -> str:
    noun, place = _one(rng, _RETICULATION), _one(rng, _DIFFUSE)
    if noun.startswith("a "):
        return _joined(noun, place)
    return _joined(_degree(where, rng), noun, place)


def _clear(where: Extent, rng: np.random.Generator) -> str:
    return _one(rng, _CLEAR)


_SENTENCES = {
    "COVID": _ground_glass,
    "Lung_Opacity": _consolidation,
    "Normal": _clear,
    "Viral Pneumonia": _reticulation,
}


def _degree(where: Extent, rng: np.random.Generator) -> str:
    return _one(rng, _DEGREES[where.degree])


def _one(rng: np.random.Generator, phrases: Sequence[str]) -> str:
    return phrases[int(rng.integers(len(phrases)))]


def _joined(*words: str) -> str:
    return " ".join(word for word in words if word)
