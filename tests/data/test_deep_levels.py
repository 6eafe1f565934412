"""Levels of more than 8 bits against those computed from what was stored: white as zero, markers
that are burnt in, transparency; and what is said where nobody can tell black from white."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness import read_grey, read_mask
from harness.data.images.read import read_image
from tests.image_files import lungs, write_dicom
from tests.raw_images import chunk, grey_png, png, tiff

FILM = (np.arange(48 * 40, dtype=np.uint16).reshape(48, 40) * 7 + 500).T.copy()
"""14 bits of content: 500 to 13933."""
TRUE_16 = (np.arange(48 * 40, dtype=np.uint32).reshape(48, 40) * 34).astype(np.uint16)
"""Content over all of 16 bits."""
CORNER = np.zeros(FILM.shape, bool)
CORNER[:8, :12] = True
"""5 % of the pixels."""


def even(values: np.ndarray, film: np.ndarray | None = None) -> np.ndarray:
    """Values over the range of those of the film, from black to white."""
    inside = values if film is None else values[film]
    share = (values.astype(float) - inside.min()) / (int(inside.max()) - int(inside.min()))
    return np.rint(np.clip(share, 0, 1) * 255)


def near(grey: np.ndarray, wanted: np.ndarray) -> None:
    assert np.abs(grey.astype(float) - wanted).max() <= 1


def marked(level: int, where: np.ndarray = CORNER) -> np.ndarray:
    return np.where(where, level, FILM).astype(np.uint16)


# White is zero


@pytest.mark.parametrize("order", ["<", ">"])
def test_white_as_zero_is_inverted_before_its_range_is_judged(tmp_path: Path, order: str) -> None:
    path = tiff(tmp_path / "a.tif", 65535 - FILM, white_is_zero=True, order=order)
    near(read_grey(path), even(FILM))
    assert read_image(path).kinds == ("dark",)


@pytest.mark.parametrize("stored_white", [65535, 16383])
@pytest.mark.parametrize("levels", [FILM, marked(15000)], ids=["film", "marked"])
def test_a_film_is_the_same_whichever_way_it_is_stored(
    tmp_path: Path, levels: np.ndarray, stored_white: int
) -> None:
    positive = read_image(tiff(tmp_path / "a.tif", levels))
    negative = read_image(tiff(tmp_path / "b.tif", stored_white - levels, white_is_zero=True))
    near(negative.grey, positive.grey)
    assert negative.kinds == positive.kinds


def test_white_as_zero_with_a_marker_spans_black_to_white(tmp_path: Path) -> None:
    path = tiff(tmp_path / "a.tif", 65535 - marked(65000), white_is_zero=True)
    near(read_grey(path), even(marked(65000), ~CORNER))


def test_monochrome1_without_a_window_is_the_positive_that_it_shows(tmp_path: Path) -> None:
    tags = {"PhotometricInterpretation": "MONOCHROME1", "PixelPaddingValue": 65535}
    stored = 65535 - marked(0)
    near(read_grey(write_dicom(tmp_path / "a.dcm", stored, **tags)), even(marked(0), ~CORNER))


# Markers


@pytest.mark.parametrize("level", [65535, 65000, 50000, 30000])
def test_a_marker_below_full_scale_leaves_the_film_its_range(tmp_path: Path, level: int) -> None:
    for path in (png(tmp_path / "a.png", marked(level)), tiff(tmp_path / "a.tif", marked(level))):
        near(read_grey(path), even(marked(level), ~CORNER))
        assert read_image(path).kinds == ("dark",)


def test_markers_of_several_levels_and_smooth_edges_are_markers(tmp_path: Path) -> None:
    levels = marked(60000)
    levels[:4, :6] = 65535
    levels[8, :12] = np.linspace(16000, 60000, 12)  # An edge, smoothed.
    film = ~CORNER
    film[8, :12] = False
    near(read_grey(png(tmp_path / "a.png", levels)), even(levels, film))


def test_a_marker_leaves_a_dicom_film_without_a_window_its_range(tmp_path: Path) -> None:
    levels = np.where(CORNER, 60000, FILM // 4).astype(np.uint16)
    near(read_grey(write_dicom(tmp_path / "a.dcm", levels)), even(levels, ~CORNER))


def test_a_film_between_dark_borders_is_no_marker(tmp_path: Path) -> None:
    """The film fills a fifth of its detector, whose rest is nearly black."""
    levels = np.full(TRUE_16.shape, 40, np.uint16)
    levels[:, ::2] = 60
    levels[20:30, :] = TRUE_16[38:48]
    near(read_grey(png(tmp_path / "a.png", levels)), np.rint(levels / 257))


@pytest.mark.parametrize("level", [40000, 65000])
def test_a_film_that_may_come_out_dark_is_said(tmp_path: Path, level: int) -> None:
    where = np.zeros(FILM.shape, bool)
    where[:16] = True  # 40 %, more than markers have.
    read = read_image(png(tmp_path / "a.png", marked(level, where)))
    near(read.grey, np.rint(marked(level, where) / 257))
    assert read.kinds == ("dim",)


def test_16_bits_in_use_say_nothing(tmp_path: Path) -> None:
    for path in (png(tmp_path / "a.png", TRUE_16), tiff(tmp_path / "a.tif", TRUE_16)):
        assert read_image(path).kinds == ()


def test_dark_colour_of_16_bits_is_said_although_a_marker_is_bright(tmp_path: Path) -> None:
    colour = np.stack([marked(65000)] * 3, axis=-1)
    assert read_image(png(tmp_path / "a.png", colour, colour=2)).kinds == ("dark-colour",)
    colour = np.stack([TRUE_16] * 3, axis=-1)
    assert read_image(png(tmp_path / "b.png", colour, colour=2)).kinds == ()


def test_a_flat_film_is_not_said_to_be_dark(tmp_path: Path) -> None:
    flat = np.full((40, 40), 700, np.uint16)
    for path in (png(tmp_path / "a.png", flat), write_dicom(tmp_path / "a.dcm", flat)):
        assert "dim" not in read_image(path).kinds


# Grey and alpha of 16 bits


def with_alpha(path: Path, levels: np.ndarray, alpha: np.ndarray) -> Path:
    return png(path, np.stack([levels, alpha.astype(np.uint16)], axis=-1), colour=4)


def test_16_bit_grey_with_alpha_is_read_as_16_bit_grey(tmp_path: Path) -> None:
    opaque = np.full(FILM.shape, 65535)
    read = read_image(with_alpha(tmp_path / "a.png", FILM, opaque))
    near(read.grey, even(FILM))
    assert (read.mode, read.kinds) == ("I;16A", ("dark",))
    near(read_grey(with_alpha(tmp_path / "b.png", TRUE_16, opaque.T)), np.rint(TRUE_16 / 257))


def test_16_bit_transparency_lies_over_black_and_is_no_film(tmp_path: Path) -> None:
    alpha = np.where(CORNER, 0, 65535)
    alpha[20] = 32768
    path = with_alpha(tmp_path / "a.png", marked(40000), alpha)
    near(read_grey(path), even(FILM, ~CORNER) * alpha / 65535)


def test_a_mask_of_16_bit_grey_and_alpha_is_inside_where_it_is_bright(tmp_path: Path) -> None:
    inside = lungs().astype(np.uint16) * 257
    path = with_alpha(tmp_path / "a.png", inside, np.full(inside.shape, 65535))
    assert np.array_equal(read_mask(path), inside > 0)


# A transparent level


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_transparent_level_of_few_bits_is_black(tmp_path: Path, bits: int) -> None:
    levels = (np.arange(48 * 40).reshape(48, 40) % 2**bits).astype(np.uint8)
    top = 2**bits - 1
    path = grey_png(tmp_path / "a.png", levels, bits, before=chunk(b"tRNS", bytes([0, top])))
    assert np.array_equal(read_grey(path), np.where(levels == top, 0, levels * (255 // top)))
    wanted = (levels != top) & (levels * (255 // top) > 127)
    assert np.array_equal(read_mask(path), wanted)


def test_a_transparent_level_of_16_bits_is_no_film(tmp_path: Path) -> None:
    clear = chunk(b"tRNS", (40000).to_bytes(2, "big"))
    path = png(tmp_path / "a.png", marked(40000), before=clear)
    near(read_grey(path), np.where(CORNER, 0, even(FILM, ~CORNER)))


def test_a_transparent_colour_of_16_bits_is_black(tmp_path: Path) -> None:
    colour = np.stack([TRUE_16] * 3, axis=-1)
    clear = chunk(b"tRNS", int(TRUE_16[2, 3]).to_bytes(2, "big") * 3)
    grey = read_grey(png(tmp_path / "a.png", colour, before=clear, colour=2))
    assert grey[2, 3] == 0
    assert np.abs(grey[40:] - TRUE_16[40:] / 257.0).max() <= 1
