"""Reading image files, and fingerprints of folders."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.data.images.read import fingerprint_files, read_grey, read_mask
from harness.errors import HarnessError
from harness.storage.cache import cache_directory


@pytest.fixture
def grey() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (19, 23), dtype=np.uint8)


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("CXR_HARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _save(pixels: np.ndarray, path: Path) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def test_grey_images_come_back_as_they_are(tmp_path, grey):
    assert np.array_equal(read_grey(_save(grey, tmp_path / "a.png")), grey)


def test_equal_channels_and_opaque_alpha_give_the_same_grey(tmp_path, grey):
    opaque = np.full_like(grey, 255)
    for name, channels in (
        ("rgb", [grey] * 3),
        ("rgba", [*[grey] * 3, opaque]),
        ("la", [grey, opaque]),
    ):
        path = _save(np.stack(channels, axis=-1), tmp_path / f"{name}.png")
        assert np.array_equal(read_grey(path), grey), name


def test_transparent_pixels_are_black(tmp_path, grey):
    clear = np.zeros_like(grey)
    path = _save(np.stack([grey, grey, grey, clear], axis=-1), tmp_path / "a.png")
    assert not read_grey(path).any()


def test_palette_images_are_looked_up(tmp_path, grey):
    image = Image.fromarray(grey).convert("P")
    image.save(tmp_path / "a.png")
    assert np.array_equal(read_grey(tmp_path / "a.png"), grey)


def test_16_bit_levels_are_scaled_to_8_bits(tmp_path):
    levels = np.array([[0, 257, 128 * 257, 65535]], dtype=np.uint16)
    assert read_grey(_save(levels, tmp_path / "a.png")).tolist() == [[0, 1, 128, 255]]


def test_masks_are_inside_above_127(tmp_path):
    levels = np.array([[0, 127, 128, 255]], dtype=np.uint8)
    path = _save(np.stack([levels] * 3, axis=-1), tmp_path / "a.png")
    assert read_mask(path).tolist() == [[False, False, True, True]]


@pytest.mark.parametrize("kept", [0, 4, 30, 0.5, 0.9])
def test_a_truncated_image_is_named(tmp_path, kept):
    noise = np.random.default_rng(1).integers(0, 256, (200, 200), dtype=np.uint8)
    path = _save(noise, tmp_path / "COVID-7.png")
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data)) if isinstance(kept, float) else kept])
    with pytest.raises(HarnessError, match=r"COVID-7\.png: cannot be read as an image"):
        read_grey(path)


def test_a_missing_image_is_named(tmp_path):
    with pytest.raises(HarnessError, match=r"gone\.png: no such file"):
        read_grey(tmp_path / "gone.png")


def test_the_cache_folder_follows_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("CXR_HARNESS_CACHE", str(tmp_path / "chosen"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_directory() == tmp_path / "chosen"
    monkeypatch.delenv("CXR_HARNESS_CACHE")
    assert cache_directory() == tmp_path / "xdg" / "cxr-harness"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_directory() == tmp_path / ".cache" / "cxr-harness"


def _folder(root: Path, age: float = 3600) -> list[Path]:
    """Two files, last changed ``age`` seconds ago."""
    root.mkdir()
    paths = [root / "a.bin", root / "b.bin"]
    for path in paths:
        path.write_bytes(path.name.encode() * 50)
        when = path.stat().st_mtime - age
        os.utime(path, (when, when))
    return paths


def test_a_fingerprint_ignores_the_order_and_place_of_the_files(tmp_path, cache):
    first = _folder(tmp_path / "first")
    second = _folder(tmp_path / "second", age=60)
    fingerprint = fingerprint_files(first, tmp_path / "first")
    assert fingerprint_files(second[::-1], tmp_path / "second") == fingerprint


def test_a_fingerprint_depends_on_content_names_and_number_of_files(tmp_path, cache):
    paths = _folder(tmp_path / "files")
    seen = {fingerprint_files(paths, tmp_path / "files")}
    seen.add(fingerprint_files(paths[:1], tmp_path / "files"))
    seen.add(
        fingerprint_files([paths[0], paths[1].rename(paths[1].with_name("c.bin"))], paths[0].parent)
    )
    paths[0].write_bytes(b"else")
    seen.add(fingerprint_files(paths[:1], tmp_path / "files"))
    assert len(seen) == 4


def test_a_second_fingerprint_reads_no_content(tmp_path, cache, monkeypatch):
    paths = _folder(tmp_path / "files")
    fingerprint = fingerprint_files(paths, tmp_path / "files")

    def refuse(*args):
        raise AssertionError("content was read again")

    monkeypatch.setattr(hashlib, "file_digest", refuse)
    assert fingerprint_files(paths, tmp_path / "files") == fingerprint


def test_a_change_of_equal_size_and_time_is_seen(tmp_path, cache):
    paths = _folder(tmp_path / "files")
    fingerprint = fingerprint_files(paths, tmp_path / "files")
    before = paths[0].stat()
    paths[0].write_bytes(b"x" * before.st_size)
    os.utime(paths[0], ns=(before.st_atime_ns, before.st_mtime_ns))
    assert fingerprint_files(paths, tmp_path / "files") != fingerprint


def test_files_that_have_just_changed_are_not_remembered(tmp_path, cache):
    paths = _folder(tmp_path / "files", age=0)
    fingerprint_files(paths, tmp_path / "files")
    assert not list(cache.rglob("*.json"))


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"format": 1, "files": {"a.bin": 3}}'])
def test_a_damaged_memory_is_made_again(tmp_path, cache, damage):
    paths = _folder(tmp_path / "files")
    fingerprint = fingerprint_files(paths, tmp_path / "files")
    (memory,) = cache.rglob("*.json")
    whole = memory.read_bytes()
    memory.write_bytes(damage)
    assert fingerprint_files(paths, tmp_path / "files") == fingerprint
    assert memory.read_bytes() == whole


def test_an_edited_memory_is_made_again(tmp_path, cache):
    paths = _folder(tmp_path / "files")
    fingerprint = fingerprint_files(paths, tmp_path / "files")
    (memory,) = cache.rglob("*.json")
    content = json.loads(memory.read_text())
    entry = content["files"]["a.bin"]
    entry[3] = ("0" if entry[3][0] != "0" else "1") + entry[3][1:]
    memory.write_text(json.dumps(content))
    assert fingerprint_files(paths, tmp_path / "files") == fingerprint


def test_a_missing_file_and_one_outside_are_named(tmp_path, cache):
    paths = _folder(tmp_path / "files")
    with pytest.raises(HarnessError, match=r"gone\.bin: cannot be read"):
        fingerprint_files([*paths, tmp_path / "files" / "gone.bin"], tmp_path / "files")
    with pytest.raises(HarnessError, match="lies outside"):
        fingerprint_files(paths, tmp_path / "elsewhere")
