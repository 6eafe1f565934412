"""DICOM files as grey pixels: rescale, window, and which way is bright."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness import HarnessError, image_size, read_grey
from tests.image_files import noise, write_dicom

RAMP = np.linspace(0, 4095, 32 * 16).astype(np.uint16).reshape(16, 32)
"""All of 12 bits, dark to bright, [16, 32]."""


def test_8_bit_levels_are_taken_as_they_are(tmp_path: Path) -> None:
    pixels = noise(1, 20, 30)
    assert np.array_equal(read_grey(write_dicom(tmp_path / "a.dcm", pixels)), pixels)


def test_the_size_comes_from_the_header(tmp_path: Path) -> None:
    assert image_size(write_dicom(tmp_path / "a.dcm", noise(1, 20, 30))) == (30, 20)


def test_monochrome1_is_inverted(tmp_path: Path) -> None:
    pixels = noise(1)
    path = write_dicom(tmp_path / "a.dcm", pixels, PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(read_grey(path), 255 - pixels)


def test_without_a_window_deep_levels_span_their_own_range(tmp_path: Path) -> None:
    grey = read_grey(write_dicom(tmp_path / "a.dcm", RAMP + 1000, BitsStored=16))
    assert (grey.min(), grey.max()) == (0, 255)
    assert np.all(np.diff(grey.ravel().astype(int)) >= 0)


def test_a_window_decides_what_is_black_and_white(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", RAMP, BitsStored=12, WindowCenter=2048, WindowWidth=1000)
    grey = read_grey(path)
    assert np.all(grey[RAMP < 1548] == 0)
    assert np.all(grey[RAMP > 2548] == 255)
    assert abs(int(grey[np.abs(RAMP.astype(int) - 2048) < 5].mean()) - 128) <= 2


def test_of_several_windows_the_first_counts(tmp_path: Path) -> None:
    one = {"WindowCenter": 2048, "WindowWidth": 1000}
    two = {"WindowCenter": [2048, 100], "WindowWidth": [1000, 50]}
    first = read_grey(write_dicom(tmp_path / "a.dcm", RAMP, BitsStored=12, **one))
    assert np.array_equal(
        read_grey(write_dicom(tmp_path / "b.dcm", RAMP, BitsStored=12, **two)), first
    )


def test_a_window_is_in_rescaled_units(tmp_path: Path) -> None:
    plain = {"WindowCenter": 2048, "WindowWidth": 1000}
    scaled = {
        "RescaleSlope": 2,
        "RescaleIntercept": -1000,
        "WindowCenter": 2 * 2048 - 1000,
        "WindowWidth": 2000,
    }
    expected = read_grey(write_dicom(tmp_path / "a.dcm", RAMP, BitsStored=12, **plain))
    grey = read_grey(write_dicom(tmp_path / "b.dcm", RAMP, BitsStored=12, **scaled))
    assert np.abs(grey.astype(int) - expected).max() <= 1


def test_linear_exact_and_sigmoid_windows_are_honoured(tmp_path: Path) -> None:
    window = {"WindowCenter": 2000, "WindowWidth": 1000, "BitsStored": 12}
    pixels = np.full((2, 2), 1500, np.uint16)
    pixels[0, 0] = 2500
    exact = read_grey(
        write_dicom(tmp_path / "a.dcm", pixels, VOILUTFunction="LINEAR_EXACT", **window)
    )
    assert (exact[0, 0], exact[1, 1]) == (255, 0)
    sigmoid = read_grey(write_dicom(tmp_path / "b.dcm", pixels, VOILUTFunction="SIGMOID", **window))
    assert sigmoid[0, 0] == round(255 / (1 + np.exp(-2)))
    assert sigmoid[1, 1] == round(255 / (1 + np.exp(2)))


def test_a_voi_table_is_applied(tmp_path: Path) -> None:
    import pydicom

    table = pydicom.Dataset()
    table.LUTDescriptor = [256, 0, 16]
    table.LUTData = (257 * (255 - np.arange(256))).astype("<u2").tobytes()
    pixels = noise(3)
    path = write_dicom(tmp_path / "a.dcm", pixels, VOILUTSequence=pydicom.Sequence([table]))
    assert np.array_equal(read_grey(path), 255 - pixels)


def test_colour_becomes_luma(tmp_path: Path) -> None:
    colour = np.stack([noise(1), noise(2), noise(3)], axis=-1)
    expected = np.asarray(Image.fromarray(colour).convert("L"))
    assert np.array_equal(read_grey(write_dicom(tmp_path / "a.dcm", colour)), expected)


@pytest.mark.parametrize("content", [b"", b"no dicom at all", b"\x89PNG" + bytes(200)])
def test_what_is_no_dicom_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(content)
    with pytest.raises(HarnessError, match=re.escape(str(path))):
        read_grey(path)


def test_cut_off_pixels_are_named(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", noise(1, 64, 64))
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(HarnessError, match=r"a\.dcm: cannot be read as DICOM"):
        read_grey(path)


def test_several_frames_are_refused(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", noise(1, 40, 40), Rows=20, NumberOfFrames=2)
    with pytest.raises(HarnessError, match="2 frames instead of one image"):
        read_grey(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"a\.dcm: no such file"):
        read_grey(tmp_path / "a.dcm")


def test_without_pydicom_the_message_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_dicom(tmp_path / "a.dcm", noise(1))
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "pydicom" else real(name)
    )
    with pytest.raises(HarnessError, match=r"pip install 'cxr-harness\[dicom\]'"):
        read_grey(path)
