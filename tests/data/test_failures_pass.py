"""What keeps a file from being read may end: it is not remembered, and its text says what to do."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image, WebPImagePlugin, features
from pydicom.uid import JPEG2000Lossless

from harness.data.defects.admission import known_errors, verified, without
from harness.data.defects.file_check import look_at_image
from harness.data.sources.defect import Defect
from harness_folder.dataset import FileDataset, open_folder, open_table
from tests.image_files import make_folders, noise, write, write_dicom, write_table
from tests.raw_images import chunk, exif, png


def opened(root: Path) -> FileDataset:
    return open_folder(root, pad=False)


def errors_of(root: Path, tmp_path: Path) -> list[Defect]:
    return list(known_errors(opened(root), tmp_path / "cache", lambda done, total: None))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_folders(tmp_path / "data", {"a": 4, "b": 4})


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """A table of four images, one of them WebP."""
    rows = []
    for number in range(4):
        colour = np.stack([noise(number)] * 3, axis=-1)
        name = f"{number}.webp" if number == 0 else f"{number}.png"
        write(tmp_path / "listed" / name, colour, **({"lossless": True} if number == 0 else {}))
        rows.append((name, "ab"[number % 2]))
    return write_table(tmp_path / "listed" / "dataset.csv", ("path", "label"), *rows)


def test_an_error_for_want_of_a_decoder_is_forgotten_once_it_is_there(
    listed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def errors() -> list[Defect]:
        dataset = open_table(listed, pad=False)
        return list(known_errors(dataset, tmp_path / "cache", lambda done, total: None))

    with monkeypatch.context() as patched:
        real = features.check
        patched.setattr(features, "check", lambda name: name != "webp" and real(name))
        patched.setattr(WebPImagePlugin, "SUPPORTED", False)
        (error,) = errors()
    assert (error.file, error.severity, error.kind) == ("0.webp", "error", "decoder")
    assert "WebP" in error.problem
    assert "damaged" not in error.problem
    assert "pip install" in error.remedy
    assert errors() == []


def compressed(path: Path) -> Path:
    """A DICOM file whose pixels are JPEG 2000."""
    whole = noise(9, 32, 32)
    record = pydicom.dcmread(write_dicom(path, whole))
    Image.fromarray(whole).save(path.with_suffix(".j2k"), irreversible=False)
    record.file_meta.TransferSyntaxUID = JPEG2000Lossless
    record.PixelData = pydicom.encaps.encapsulate([path.with_suffix(".j2k").read_bytes()])
    record["PixelData"].VR = "OB"
    record.save_as(path, enforce_file_format=True)
    path.with_suffix(".j2k").unlink()
    return path


def test_compressed_dicom_is_an_error_as_long_as_nothing_decodes_it(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compressed(root / "a" / "scan.dcm")
    real = pydicom.pixels.get_decoder

    class Unavailable:
        is_available = False

    with monkeypatch.context() as patched:
        patched.setattr(pydicom.pixels, "get_decoder", lambda syntax: Unavailable)
        (error,) = errors_of(root, tmp_path)
        assert (error.file, error.kind) == ("a/scan.dcm", "decoder")
        assert "JPEG 2000" in error.problem
        assert error.remedy == "pip install pylibjpeg pylibjpeg-openjpeg"
        left = without(opened(root), [error]).samples.notes[-1]
        assert "1 of them only because a decoder is missing (pip install pylibjpeg" in left
    assert real(JPEG2000Lossless).is_available
    assert errors_of(root, tmp_path) == []


def test_a_file_of_dicom_bytes_is_an_error_as_long_as_pydicom_is_missing(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_dicom(root / "a" / "scan.dcm", noise(9))
    dataset = opened(root)
    real = importlib.util.find_spec
    with monkeypatch.context() as patched:
        patched.setattr(
            importlib.util, "find_spec", lambda name: None if name == "pydicom" else real(name)
        )
        (error,) = known_errors(dataset, tmp_path / "cache", lambda done, total: None)
    assert error.kind == "decoder"
    assert error.remedy == "pip install 'cxr-harness[dicom]'"
    assert errors_of(root, tmp_path) == []


# Links and names


def test_a_link_that_leads_nowhere_is_left_out(root: Path, tmp_path: Path) -> None:
    (root / "a" / "a-2.png").unlink()
    (root / "a" / "a-2.png").symlink_to(tmp_path / "elsewhere.png")
    errors = errors_of(root, tmp_path)
    assert [(e.file, e.kind) for e in errors] == [("a/a-2.png", "unreadable")]
    assert errors[0].problem == "is a broken link"
    rest = without(opened(root), errors)
    assert "a/a-2" in rest.samples.left_out
    broken = rest.fingerprint
    write(tmp_path / "elsewhere.png", noise(77))
    assert errors_of(root, tmp_path) == []
    assert opened(root).fingerprint != broken


def test_a_folder_or_pipe_under_the_name_of_an_image_is_left_out(
    root: Path, tmp_path: Path
) -> None:
    for name, make in (("a-2.png", os.mkdir), ("a-3.png", os.mkfifo)):
        (root / "a" / name).unlink()
        make(root / "a" / name)
    assert errors_of(root, tmp_path) == []
    samples = opened(root).samples
    assert not {"a/a-2", "a/a-3"} & set(samples.ids)
    assert any("named pipes, sockets and devices: 1 (a 1)" in note for note in samples.notes)
    (defect,) = look_at_image(root / "a" / "a-3.png", "a-3.png").defects
    assert (defect.kind, defect.problem) == ("unreadable", "is not a regular file")


NAME = os.fsdecode(b"Lungenentz\xfcndung.png")


def test_a_name_that_is_not_utf8_is_an_error_that_is_escaped(root: Path, tmp_path: Path) -> None:
    (root / "a" / "a-2.png").rename(root / "a" / NAME)
    (error,) = errors_of(root, tmp_path)
    assert (error.file, error.kind) == (r"a/Lungenentz\xfcndung.png", "name")
    assert "not UTF-8" in error.problem
    assert errors_of(root, tmp_path) == [error]
    rest = without(opened(root), [error])
    assert rest.samples.left_out == (r"a/Lungenentz\xfcndung",)


# What a run says


def test_how_many_files_are_read_otherwise_than_stored_is_noted_and_remembered(
    root: Path, tmp_path: Path
) -> None:
    for name in ("a-1", "b-1"):
        png(root / name[0] / f"{name}.png", noise(len(name)).astype(np.uint16) * 16 + ord(name[0]))
    png(root / "b" / "b-2.png", noise(5), before=chunk(b"eXIf", exif(6)))
    write_dicom(root / "b" / "b-5.dcm", noise(6).astype(np.uint16) * 16, WindowWidth=0)
    for _ in range(2):
        found = verified(opened(root), tmp_path / "cache", lambda done, total: None)
        assert [note.partition(" ")[0] for note in found.notes] == ["2", "1", "1"]
        assert "less than a quarter of the 16-bit range" in found.notes[0]
        assert "no usable window" in found.notes[1]
        assert "stored turned" in found.notes[2]
    assert list((tmp_path / "cache" / "verified").iterdir())
