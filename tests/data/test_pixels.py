"""The same film in every format: grey pixels against those computed from what was written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness import HarnessError, image_size, read_grey, read_mask
from tests.image_files import lungs, noise, write, write_dicom
from tests.raw_images import chunk, exif, png, shown, tiff

HEIGHT, WIDTH = 6, 9
STORED = noise(3, HEIGHT, WIDTH)
DEEP = STORED.astype(np.uint16) * 257
"""The levels of STORED over all of 16 bits."""
SMOOTH = np.linspace(30, 220, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
UNUSED = np.arange(40 * 40, dtype=np.uint16).reshape(40, 40) * 7 + 500
"""14 bits of content: 500 to 11693."""


def spans(grey: np.ndarray, levels: np.ndarray) -> None:
    """The grey levels rise with the file's from black to white, evenly."""
    low, high = float(levels.min()), float(levels.max())
    wanted = np.rint((levels - low) / (high - low) * 255)
    assert np.abs(grey.astype(float) - wanted).max() <= 1


# White is zero


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("levels", [STORED, DEEP], ids=["8 bit", "16 bit"])
def test_a_tiff_that_stores_white_as_zero_is_no_negative(
    tmp_path: Path, levels: np.ndarray, order: str, deflate: bool
) -> None:
    top = np.iinfo(levels.dtype).max
    negative = tiff(
        tmp_path / "a.tif", top - levels, white_is_zero=True, order=order, deflate=deflate
    )
    positive = tiff(tmp_path / "b.tif", levels, order=order, deflate=deflate)
    assert np.array_equal(read_grey(negative), STORED)
    assert np.array_equal(read_grey(positive), STORED)


@pytest.mark.parametrize("levels", [STORED, DEEP], ids=["8 bit", "16 bit"])
def test_monochrome1_of_any_depth_is_no_negative(tmp_path: Path, levels: np.ndarray) -> None:
    top = int(np.iinfo(levels.dtype).max)
    window = {} if top == 255 else {"WindowCenter": 32768, "WindowWidth": 65536}
    path = write_dicom(
        tmp_path / "a.dcm", top - levels, PhotometricInterpretation="MONOCHROME1", **window
    )
    assert np.abs(read_grey(path).astype(int) - STORED).max() <= (top > 255)


def test_a_mask_that_stores_white_as_zero_is_inside_where_it_is_shown_white(tmp_path: Path) -> None:
    inside = lungs(HEIGHT, WIDTH)
    path = tiff(tmp_path / "a.tif", 65535 - inside.astype(np.uint16) * 257, white_is_zero=True)
    assert np.array_equal(read_mask(path), inside > 0)


# Orientation


def turned(folder: Path, form: str, orientation: int) -> tuple[Path, np.ndarray]:
    """A file with that EXIF orientation, and the pixels that are stored in it."""
    block = exif(orientation)
    if form == "png":
        return png(folder / "a.png", STORED, before=chunk(b"eXIf", block)), STORED
    if form == "png, remarks last":
        return png(folder / "a.png", STORED, after=chunk(b"eXIf", block)), STORED
    if form.startswith("tif"):
        path = tiff(folder / "a.tif", STORED, orientation=orientation, deflate="deflate" in form)
        return path, STORED
    if form == "webp":
        colour = np.stack([STORED] * 3, axis=-1)
        return write(folder / "a.webp", colour, lossless=True, exif=b"Exif\0\0" + block), STORED
    plain = write(folder / "plain.jpg", SMOOTH.astype(np.uint8), quality=95)
    stored = np.asarray(Image.open(plain))
    path = write(folder / "a.jpg", SMOOTH.astype(np.uint8), quality=95, exif=b"Exif\0\0" + block)
    return path, stored


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["jpg", "png", "png, remarks last", "tif", "tif, deflate", "webp"])
def test_an_image_is_read_as_a_viewer_turns_it(tmp_path: Path, form: str, orientation: int) -> None:
    path, stored = turned(tmp_path, form, orientation)
    wanted = shown(stored, orientation)
    assert np.array_equal(read_grey(path), wanted)
    assert image_size(path) == wanted.shape[::-1]


@pytest.mark.parametrize("form", ["jpg", "png", "tif", "webp"])
def test_a_mask_is_turned_as_its_image_is(tmp_path: Path, form: str) -> None:
    path, stored = turned(tmp_path, form, 6)
    assert np.array_equal(read_mask(path), shown(stored, 6) > 127)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_is_not_defined_turns_nothing(tmp_path: Path, value: int) -> None:
    path, stored = turned(tmp_path, "png", value)
    assert np.array_equal(read_grey(path), stored)


def test_damaged_exif_costs_no_image(tmp_path: Path) -> None:
    path = png(tmp_path / "a.png", STORED, before=chunk(b"eXIf", b"II*\0\xff\xff\xff\x7f"))
    assert np.array_equal(read_grey(path), STORED)


# Levels of more than 8 bits


def deep_files(folder: Path, levels: np.ndarray) -> list[Path]:
    return [
        png(folder / "a.png", levels),
        tiff(folder / "a.tif", levels),
        tiff(folder / "b.tif", levels, order=">"),
        write_dicom(folder / "a.dcm", levels),
    ]


def test_16_bits_that_are_used_keep_their_scale(tmp_path: Path) -> None:
    for path in deep_files(tmp_path, DEEP)[:3]:
        assert np.array_equal(read_grey(path), STORED), path.name


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_content_of_fewer_bits_spans_black_to_white_in_every_format(
    tmp_path: Path, bits: int
) -> None:
    levels = UNUSED >> (14 - bits)
    for path in deep_files(tmp_path, levels):
        spans(read_grey(path), levels)


def test_a_burnt_in_marker_does_not_make_the_film_black(tmp_path: Path) -> None:
    marked = UNUSED.copy()
    marked[:8, :8] = 65535
    small = UNUSED.copy()
    small[:3, :3] = 60000
    for path in deep_files(tmp_path, marked)[:3] + deep_files(tmp_path / "small", small):
        assert read_grey(path)[10:].max() > 200, path
        assert read_grey(path)[10:].min() < 80, path
        assert (read_grey(path)[:3, :3] == 255).all(), path


def test_white_as_zero_with_14_bits_of_content_is_not_nearly_white(tmp_path: Path) -> None:
    grey = read_grey(tiff(tmp_path / "a.tif", UNUSED, white_is_zero=True))
    spans(255 - grey, UNUSED)


def test_a_mask_is_never_stretched(tmp_path: Path) -> None:
    faint = (lungs() > 0).astype(np.uint16) * 255
    for path in deep_files(tmp_path, faint):
        assert not read_mask(path).any(), path.name


def test_a_mask_of_16_bits_is_inside_at_its_highest_level(tmp_path: Path) -> None:
    for path in deep_files(tmp_path, lungs().astype(np.uint16) * 257):
        assert np.array_equal(read_mask(path), lungs() > 0), path.name


def test_a_transparent_level_of_16_bits_is_black(tmp_path: Path) -> None:
    levels = DEEP.copy()
    levels[2, 3] = 40000
    path = png(tmp_path / "a.png", levels, before=chunk(b"tRNS", (40000).to_bytes(2, "big")))
    assert read_grey(path)[2, 3] == 0
    assert read_grey(path)[0, 0] == STORED[0, 0]


def test_the_upper_bits_of_16_bit_colour_are_taken(tmp_path: Path) -> None:
    path = png(tmp_path / "a.png", np.stack([DEEP] * 3, axis=-1), colour=2)
    assert np.array_equal(read_grey(path), STORED)


def test_gamma_changes_no_level(tmp_path: Path) -> None:
    gamma = chunk(b"gAMA", (45455).to_bytes(4, "big"))
    assert np.array_equal(read_grey(png(tmp_path / "a.png", STORED, before=gamma)), STORED)
    assert np.array_equal(read_grey(png(tmp_path / "b.png", DEEP, before=gamma)), STORED)


# Colour


def luma(red: np.ndarray, green: np.ndarray, blue: np.ndarray) -> np.ndarray:
    return 0.299 * red + 0.587 * green + 0.114 * blue


COLOUR = np.stack([noise(4, HEIGHT, WIDTH), noise(5, HEIGHT, WIDTH), noise(6, HEIGHT, WIDTH)], -1)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".webp"])
def test_colour_becomes_luma_in_every_format(tmp_path: Path, suffix: str) -> None:
    options = {"lossless": True} if suffix == ".webp" else {}
    grey = read_grey(write(tmp_path / f"a{suffix}", COLOUR, **options))
    assert np.abs(grey - luma(*np.moveaxis(COLOUR.astype(float), -1, 0))).max() <= 1


def test_grey_webp_keeps_its_levels(tmp_path: Path) -> None:
    path = write(tmp_path / "a.webp", np.stack([STORED] * 3, axis=-1), lossless=True)
    assert np.array_equal(read_grey(path), STORED)


def test_ink_becomes_the_light_that_it_leaves(tmp_path: Path) -> None:
    ink = np.concatenate([COLOUR // 2, noise(7, HEIGHT, WIDTH)[..., None] // 2], axis=-1)
    Image.fromarray(ink, "CMYK").save(tmp_path / "a.tif")
    light = (255 - ink[..., :3].astype(float)) * (255 - ink[..., 3:].astype(float)) / 255
    grey = read_grey(tmp_path / "a.tif")
    assert np.abs(grey - luma(*np.moveaxis(light, -1, 0))).max() <= 2


def test_palettes_are_looked_up_and_their_transparent_entries_are_black(tmp_path: Path) -> None:
    places = (np.arange(HEIGHT * WIDTH, dtype=np.uint8) % 4).reshape(HEIGHT, WIDTH)
    colours = np.array([[0, 0, 0], [80, 80, 80], [160, 160, 160], [250, 250, 250]], np.uint8)
    clear = chunk(b"tRNS", bytes([255, 255, 255, 0]))
    path = png(
        tmp_path / "a.png", places, before=chunk(b"PLTE", colours.tobytes()) + clear, colour=3
    )
    assert np.array_equal(read_grey(path), np.array([0, 80, 160, 0])[places])


def test_transparency_lies_over_black(tmp_path: Path) -> None:
    alpha = noise(8, HEIGHT, WIDTH)
    path = png(tmp_path / "a.png", np.stack([STORED, alpha], axis=-1), colour=4)
    assert np.abs(read_grey(path) - STORED.astype(float) * alpha / 255).max() <= 1
    assert np.array_equal(read_mask(path), read_grey(path) > 127)


def test_one_bit_is_black_and_white(tmp_path: Path) -> None:
    Image.fromarray(lungs()).convert("1").save(tmp_path / "a.png")
    assert np.array_equal(read_grey(tmp_path / "a.png"), lungs())


def test_a_mask_of_a_palette_is_inside_where_its_colour_is_bright(tmp_path: Path) -> None:
    places = (lungs() > 0).astype(np.uint8)
    bright = chunk(b"PLTE", bytes([0, 0, 0, 255, 255, 255]))
    path = png(tmp_path / "a.png", places, before=bright, colour=3)
    assert np.array_equal(read_mask(path), places > 0)


# What is refused


def refused(path: Path, says: str) -> None:
    with pytest.raises(HarnessError, match=says):
        read_grey(path)


def test_floating_point_and_32_bit_levels_are_refused(tmp_path: Path) -> None:
    refused(tiff(tmp_path / "a.tif", SMOOTH.astype(np.float32)), "floating-point")
    refused(tiff(tmp_path / "b.tif", STORED.astype(np.int32) * 100_000), "outside the 16-bit range")
    refused(tiff(tmp_path / "c.tif", STORED.astype(np.int16) - 300), "outside the 16-bit range")


def test_several_pages_are_refused_and_a_preview_is_none(tmp_path: Path) -> None:
    refused(tiff(tmp_path / "a.tif", STORED, STORED), "2 images instead of one")
    path = tiff(tmp_path / "b.tif", STORED, STORED[::2, ::2], subfile=(0, 1))
    assert np.array_equal(read_grey(path), STORED)


@pytest.mark.parametrize("suffix", [".png", ".gif", ".webp"])
def test_an_animation_is_refused(tmp_path: Path, suffix: str) -> None:
    first, second = Image.fromarray(STORED), Image.fromarray(255 - STORED)
    first.save(tmp_path / f"a{suffix}", save_all=True, append_images=[second])
    refused(tmp_path / f"a{suffix}", "2 images instead of one")


# DICOM by its bytes


@pytest.mark.parametrize("name", ["IM000001", "1.2.840.113619.2.5", "scan.img"])
def test_dicom_is_known_by_its_bytes(tmp_path: Path, name: str) -> None:
    path = write_dicom(tmp_path / name, STORED)
    assert np.array_equal(read_grey(path), STORED)
    assert image_size(path) == (WIDTH, HEIGHT)
