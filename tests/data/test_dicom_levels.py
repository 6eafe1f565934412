"""DICOM levels against those computed from what was stored: windows that are none, padding, tables
of values, signed and rescaled levels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import ImplicitVRLittleEndian, JPEGLosslessSV1

from harness import HarnessError, read_grey, read_mask
from harness.data.images.read import read_image
from tests.image_files import lungs, noise, write_dicom

FILM = np.arange(48 * 32, dtype=np.uint16).reshape(48, 32) * 2 + 700
"""12 bits, of which a film uses 700 to 3770."""


def even(values: np.ndarray) -> np.ndarray:
    """Values over their own range, as levels."""
    low, high = float(values.min()), float(values.max())
    return np.rint((values - low) / (high - low) * 255)


def near(grey: np.ndarray, wanted: np.ndarray, by: int = 1) -> None:
    assert np.abs(grey.astype(float) - wanted).max() <= by


def written(path: Path, pixels: np.ndarray = FILM, **tags: Any) -> Path:
    return write_dicom(path / "a.dcm", pixels, **{"BitsStored": 12, **tags})


# Windows


@pytest.mark.parametrize(
    ("window", "says"),
    [
        ({}, "states no window"),
        ({"WindowCenter": 2000, "WindowWidth": 0}, "has a window of width 0"),
        ({"WindowCenter": 2000, "WindowWidth": 1}, "has a window of width 1"),
        ({"WindowCenter": 2000, "WindowWidth": -50}, "has a window of width -50"),
        ({"WindowCenter": 2000}, "states no window"),
        ({"WindowCenter": 128, "WindowWidth": 256}, "lie outside of"),
        ({"WindowCenter": 40000, "WindowWidth": 400}, "lie outside of"),
    ],
)
def test_without_a_usable_window_a_film_spans_black_to_white(
    tmp_path: Path, window: dict[str, int], says: str
) -> None:
    read = read_image(written(tmp_path, **window))
    near(read.grey, even(FILM))
    assert says in read.window


def test_the_first_usable_window_counts(tmp_path: Path) -> None:
    path = written(tmp_path, WindowCenter=[0, 2200], WindowWidth=[0, 1000])
    near(read_grey(path), np.rint(np.clip((FILM - 2199.5) / 999 + 0.5, 0, 1) * 255))
    assert read_image(path).window == ""


def test_a_window_of_all_levels_keeps_them_all(tmp_path: Path) -> None:
    path = written(tmp_path, WindowCenter=2048, WindowWidth=4096)
    near(read_grey(path), FILM / 4095 * 255)


# Padding


def padded(value: int) -> np.ndarray:
    framed = np.full((60, 50), value, np.int64)
    framed[6:54, 9:41] = FILM
    return framed


@pytest.mark.parametrize("value", [0, 4095])
@pytest.mark.parametrize("kind", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_does_not_count_as_film(tmp_path: Path, value: int, kind: str) -> None:
    pixels = padded(value).astype(np.uint16)
    path = written(tmp_path, pixels, PixelPaddingValue=value, PhotometricInterpretation=kind)
    grey = read_grey(path)
    assert not grey[:6].any()
    film = even(FILM) if kind == "MONOCHROME2" else 255 - even(FILM)
    near(grey[6:54, 9:41], film)


def test_padding_may_be_a_range_of_signed_values(tmp_path: Path) -> None:
    pixels = padded(-2000).astype(np.int16)
    pixels[0, :5] = -1990
    tags = {"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -1980}
    path = written(tmp_path, pixels, PixelRepresentation=1, BitsStored=16, **tags)
    near(read_grey(path)[6:54, 9:41], even(FILM))
    assert not read_grey(path)[:6].any()


def test_padding_outside_of_the_film_changes_no_window(tmp_path: Path) -> None:
    tags = {"WindowCenter": 2048, "WindowWidth": 4096, "PixelPaddingValue": 4095}
    grey = read_grey(written(tmp_path, padded(4095).astype(np.uint16), **tags))
    near(grey[6:54, 9:41], FILM / 4095 * 255)
    assert not grey[:6].any()


# Tables


def with_table(
    path: Path, pixels: np.ndarray, descriptor: list[int], data: Any, kind: str, **tags: Any
) -> Path:
    """``kind``: VR of the table's data, US as numbers or OW as bytes."""
    table = pydicom.Dataset()
    signed = tags.get("PixelRepresentation") == 1
    table.add_new("LUTDescriptor", "SS" if signed else "US", descriptor)
    table.add_new("LUTData", kind, data)
    return written(path, pixels, VOILUTSequence=pydicom.Sequence([table]), **tags)


@pytest.mark.parametrize("top", [1023, 4095, 65535])
def test_a_table_with_unused_bits_keeps_its_levels(tmp_path: Path, top: int) -> None:
    entries = np.rint(np.linspace(0, top, 4096)).astype(np.uint16)
    path = with_table(tmp_path, FILM, [4096, 0, 16], entries.tolist(), "US")
    near(read_grey(path), FILM / 4095 * 255)


@pytest.mark.parametrize("kind", ["US", "OW"])
def test_a_table_of_8_bits_is_for_deeper_values(tmp_path: Path, kind: str) -> None:
    entries = np.rint(np.linspace(0, 255, 4096)).astype(np.uint16)
    data = entries.tolist() if kind == "US" else entries.tobytes()
    path = with_table(tmp_path, FILM, [4096, 0, 8], data, kind)
    near(read_grey(path), FILM / 4095 * 255)


def test_two_entries_of_8_bits_may_share_a_word(tmp_path: Path) -> None:
    entries = np.rint(np.linspace(0, 255, 4096)).astype(np.uint8)
    path = with_table(tmp_path, FILM, [4096, 0, 8], entries.tobytes(), "OW")
    near(read_grey(path), FILM / 4095 * 255)


def test_a_table_begins_at_its_first_value(tmp_path: Path) -> None:
    entries = np.rint(np.linspace(0, 4095, 1024)).astype(np.uint16)
    path = with_table(tmp_path, FILM, [1024, 1500, 12], entries.tolist(), "US")
    near(read_grey(path), np.clip((FILM.astype(float) - 1500) / 1023, 0, 1) * 255)


def test_a_table_may_begin_below_zero(tmp_path: Path) -> None:
    signed = FILM.astype(np.int16) - 2000
    entries = np.rint(np.linspace(0, 4095, 4096)).astype(np.uint16)
    tags = {"PixelRepresentation": 1}
    path = with_table(tmp_path, signed, [4096, -2048, 12], entries.tolist(), "US", **tags)
    near(read_grey(path), (signed.astype(float) + 2048) / 4095 * 255)


def test_a_table_of_0_entries_has_65536(tmp_path: Path) -> None:
    entries = np.arange(65536, dtype=np.uint16)
    pixels = noise(5, 48, 32).astype(np.uint16) * 257
    path = with_table(tmp_path, pixels, [0, 0, 16], entries.tobytes(), "OW", BitsStored=16)
    near(read_grey(path), pixels / 257)


def test_a_table_that_falls_turns_bright_into_dark(tmp_path: Path) -> None:
    entries = np.arange(4095, -1, -1, dtype=np.uint16)
    path = with_table(tmp_path, FILM, [4096, 0, 12], entries.tolist(), "US")
    near(read_grey(path), 255 - FILM / 4095 * 255)


@pytest.mark.parametrize("entry", [0, 3000])
def test_a_table_that_shows_one_level_is_passed_over(tmp_path: Path, entry: int) -> None:
    path = with_table(tmp_path, FILM, [4096, 0, 12], [entry] * 4096, "US")
    near(read_grey(path), even(FILM))
    assert "has a VOI table that shows its levels as one" in read_image(path).window


def test_a_table_that_is_for_other_values_leaves_the_window(tmp_path: Path) -> None:
    window = {"WindowCenter": 2200, "WindowWidth": 1000}
    path = with_table(tmp_path, FILM, [300, 60000, 12], list(range(300)), "US", **window)
    near(read_grey(path), np.rint(np.clip((FILM - 2199.5) / 999 + 0.5, 0, 1) * 255))


def test_a_window_so_wide_that_it_shows_one_level_is_passed_over(tmp_path: Path) -> None:
    read = read_image(written(tmp_path, WindowCenter=2200, WindowWidth=10_000_000))
    near(read.grey, even(FILM))
    assert "(2200, 1e+07)" in read.window


def test_a_table_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = with_table(tmp_path, FILM, [4096, 0, 12], list(range(100)), "US")
    with pytest.raises(HarnessError, match="a table of 4096 entries holds 100"):
        read_grey(path)


def test_a_modality_table_comes_before_the_window(tmp_path: Path) -> None:
    table = pydicom.Dataset()
    table.add_new("LUTDescriptor", "US", [4096, 0, 16])
    table.add_new("LUTData", "US", (np.arange(4096) * 16).tolist())
    table.ModalityLUTType = "US"
    tags = {"WindowCenter": 32768, "WindowWidth": 65536}
    path = written(tmp_path, ModalityLUTSequence=pydicom.Sequence([table]), **tags)
    near(read_grey(path), FILM * 16 / 65535 * 255)


# Values


def test_signed_values_are_windowed_in_rescaled_units(tmp_path: Path) -> None:
    signed = FILM.astype(np.int16) - 2000
    tags = {"PixelRepresentation": 1, "RescaleSlope": 2, "RescaleIntercept": -1024}
    path = written(tmp_path, signed, WindowCenter=0, WindowWidth=4000, **tags)
    values = signed.astype(float) * 2 - 1024
    near(read_grey(path), np.clip((values + 0.5) / 3999 + 0.5, 0, 1) * 255)


def test_a_falling_rescale_is_a_negative(tmp_path: Path) -> None:
    near(read_grey(written(tmp_path, RescaleSlope=-1, RescaleIntercept=4095)), 255 - even(FILM))
    pixels = noise(1)
    path = write_dicom(tmp_path / "b.dcm", pixels, RescaleSlope=-1, RescaleIntercept=255)
    assert np.array_equal(read_grey(path), 255 - pixels)


def test_a_rescale_that_leaves_one_level_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="slope is 0"):
        read_grey(written(tmp_path, RescaleSlope=0, RescaleIntercept=1))


def test_planes_of_colour_may_follow_each_other(tmp_path: Path) -> None:
    colour = np.stack([noise(1), noise(2), noise(3)], axis=-1)
    planes = np.ascontiguousarray(np.moveaxis(colour, -1, 0)).reshape(colour.shape)
    grey = read_grey(write_dicom(tmp_path / "a.dcm", planes, PlanarConfiguration=1))
    near(grey, colour @ np.array([0.299, 0.587, 0.114]))


def test_levels_in_the_upper_bits_of_their_words_are_refused(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="12 bits end at bit 15"):
        read_grey(written(tmp_path, FILM << 4, HighBit=15))


def test_bits_above_the_levels_do_not_count(tmp_path: Path) -> None:
    near(read_grey(written(tmp_path, FILM | 0xF000)), even(FILM))


def test_implicit_types_are_those_of_the_values(tmp_path: Path) -> None:
    pixels = padded(-2000).astype(np.int16)
    record = pydicom.dcmread(
        written(tmp_path, pixels, PixelRepresentation=1, BitsStored=16, PixelPaddingValue=-2000)
    )
    record.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    record.save_as(tmp_path / "b.dcm", implicit_vr=True, enforce_file_format=True)
    near(read_grey(tmp_path / "b.dcm")[6:54, 9:41], even(FILM))


# Masks


@pytest.mark.parametrize(("kind", "top"), [(np.uint8, 255), (np.uint16, 65535)])
def test_a_dicom_mask_is_inside_at_its_highest_level(
    tmp_path: Path, kind: type[np.integer], top: int
) -> None:
    path = write_dicom(tmp_path / "a.dcm", (lungs() > 0).astype(kind) * kind(top))
    assert np.array_equal(read_mask(path), lungs() > 0)


# Compression


def test_a_missing_decoder_is_named_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unavailable:
        is_available = False

    monkeypatch.setattr(pydicom.pixels, "get_decoder", lambda syntax: Unavailable)
    record = pydicom.dcmread(write_dicom(tmp_path / "a.dcm", FILM))
    record.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    record.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8\xff\xd9" * 50])
    record["PixelData"].VR = "OB"
    record.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(HarnessError, match="pip install pylibjpeg pylibjpeg-libjpeg"):
        read_grey(tmp_path / "a.dcm")
