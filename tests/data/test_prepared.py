"""The prepared store: built once, checked when opened, never believed when damaged."""

from __future__ import annotations

import errno
import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.data.dataset import Samples
from harness.data.store import build as store_build
from harness.data.store.prepared import Store, open_store
from harness.errors import HarnessError

GRID = 30


class Noise:
    """A dataset of random images of various sizes; every second one has a random mask."""

    fingerprint = "f00d"

    def __init__(self, count: int = 7, *, masks: bool = True) -> None:
        random = np.random.default_rng(5)
        self.pixels = [random.integers(0, 256, (40 + i, 61), dtype=np.uint8) for i in range(count)]
        self.masks = random.random((count, GRID, GRID)) < 0.5
        self.samples = Samples(
            ids=tuple(f"image-{i}" for i in range(count)),
            labels=np.arange(count) % 2,
            classes=("a", "b"),
            has_mask=np.arange(count) % 2 == 0 if masks else np.zeros(count, dtype=bool),
            mask_size=GRID if masks else None,
        )
        self.reads = 0
        self._lock = threading.Lock()

    def image(self, index: int) -> np.ndarray:
        with self._lock:
            self.reads += 1
        return self.pixels[index]

    def mask(self, index: int) -> np.ndarray:
        assert self.samples.has_mask[index], "only masks that exist are asked for"
        return self.masks[index]


def _open(dataset: Noise, cache: Path, **options) -> Store:
    return open_store(
        dataset, **{"size": 17, "interpolation": "bilinear", "cache": cache, **options}
    )


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_images_are_resized_with_antialiasing_each_by_itself(tmp_path, interpolation):
    dataset = Noise()
    store = _open(dataset, tmp_path, interpolation=interpolation)
    resampling = Image.Resampling[interpolation.upper()]
    for row, pixels in zip(store.images, dataset.pixels, strict=True):
        assert np.array_equal(row, np.asarray(Image.fromarray(pixels).resize((17, 17), resampling)))


def test_training_masks_take_the_nearest_pixel_and_are_empty_where_there_is_none(tmp_path):
    dataset = Noise()
    bits = _open(dataset, tmp_path, size=15).mask_bits[[3, 2, 0]]
    assert bits.shape == (3, 29)
    masks = np.unpackbits(bits, axis=1, count=225).reshape(3, 15, 15).astype(bool)
    assert not masks[0].any()
    for mask, index in ((masks[1], 2), (masks[2], 0)):
        small = Image.fromarray(dataset.masks[index]).resize((15, 15), Image.Resampling.NEAREST)
        assert np.array_equal(mask, np.asarray(small))


def test_reference_masks_keep_their_native_grid_bit_for_bit(tmp_path):
    dataset = Noise()
    store = _open(dataset, tmp_path)
    bits = store.reference_bits(np.array([0, 1, 4]))
    assert store.mask_size == GRID
    assert bits.shape == (3, (GRID * GRID + 7) // 8)
    unpacked = np.unpackbits(bits, axis=1, count=GRID * GRID).reshape(3, GRID, GRID).astype(bool)
    assert np.array_equal(unpacked[[0, 2]], dataset.masks[[0, 4]])
    assert not unpacked[1].any()


def test_a_dataset_without_masks_has_none_in_its_store(tmp_path):
    store = _open(Noise(masks=False), tmp_path)
    assert store.mask_size is None
    assert store.mask_bits is None
    with pytest.raises(HarnessError, match="no reference masks"):
        store.reference_bits(np.array([0]))


def test_the_images_cannot_be_written_to(tmp_path):
    images = _open(Noise(), tmp_path).images
    with pytest.raises(ValueError, match="read-only"):
        images[0, 0, 0] = 1


def test_a_second_opening_reads_no_image_and_tells_the_recorded_cost(tmp_path):
    first = _open(Noise(), tmp_path)
    dataset = Noise()
    second = _open(dataset, tmp_path)
    assert dataset.reads == 0
    assert second.build_seconds == first.build_seconds > 0
    assert second.notes == ()
    assert np.array_equal(first.images, second.images)


def test_the_key_depends_on_content_size_and_interpolation(tmp_path):
    other = Noise()
    other.fingerprint = "beef"
    stores = [
        _open(Noise(), tmp_path),
        _open(other, tmp_path),
        _open(Noise(), tmp_path, size=18),
        _open(Noise(), tmp_path, interpolation="bicubic"),
    ]
    assert len({store.key for store in stores}) == 4
    assert all(store.directory.name == store.key for store in stores)


def test_progress_counts_up_to_the_number_of_images(tmp_path):
    seen: list[tuple[int, int]] = []
    _open(Noise(600), tmp_path, progress=lambda done, count: seen.append((done, count)))
    assert seen[0] == (0, 600)
    assert seen[-1] == (600, 600)
    assert len(seen) > 2
    assert seen == sorted(seen)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _flip_a_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("file", ["images.npy", "masks.npy", "reference.npy"])
@pytest.mark.parametrize("damage", [_truncate, _flip_a_bit, Path.unlink])
def test_a_damaged_store_is_rebuilt_and_says_so(tmp_path, file, damage):
    first = _open(Noise(), tmp_path)
    images, bits = first.images.copy(), first.reference_bits(np.arange(7))
    damage(first.directory / file)
    again = _open(Noise(), tmp_path)
    (note,) = again.notes
    assert f"were damaged ({file}" in note
    assert "rebuilt" in note
    assert np.array_equal(again.images, images)
    assert np.array_equal(again.reference_bits(np.arange(7)), bits)
    assert _open(Noise(), tmp_path).notes == ()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b'{"key": "other", "files": {}}'])
def test_a_store_without_its_record_is_rebuilt(tmp_path, content):
    (_open(Noise(), tmp_path).directory / "meta.json").write_bytes(content)
    dataset = Noise()
    assert len(_open(dataset, tmp_path).notes) == 1
    assert dataset.reads == 7


@pytest.mark.parametrize("seconds", ["99999.0", "NaN", "-1"])
def test_a_record_of_another_price_is_not_believed(tmp_path, seconds):
    record = _open(Noise(), tmp_path).directory / "meta.json"
    text = record.read_text()
    assert '"build_seconds": 0.' in text
    record.write_text(re.sub(r'("build_seconds": )[\d.]+', rf"\g<1>{seconds}", text))
    store = _open(Noise(), tmp_path)
    assert "meta.json has changed" in store.notes[0]
    assert 0 <= store.build_seconds < 60


@pytest.mark.parametrize("name", ["{}", "{}.building"])
def test_a_file_in_the_place_of_a_store_is_replaced(tmp_path, name):
    key = _open(Noise(), tmp_path / "elsewhere").key
    (tmp_path / "prepared").mkdir()
    (tmp_path / "prepared" / name.format(key)).write_text("no folder")
    assert len(_open(Noise(), tmp_path).images) == 7
    assert _open(Noise(), tmp_path).notes == ()


def test_a_store_that_the_disk_cannot_hold_is_refused_before_anything_is_read(tmp_path):
    dataset = Noise()
    with pytest.raises(HarnessError, match=r"need .* MB, and the disk has .* MB left"):
        _open(dataset, tmp_path, size=10_000_000)
    assert dataset.reads == 0


def test_an_unreadable_image_is_named_and_leaves_no_half_store(tmp_path):
    class Broken(Noise):
        def image(self, index: int) -> np.ndarray:
            if index == 5:
                raise HarnessError("COVID-6.png: cannot be read as an image")
            return super().image(index)

    with pytest.raises(HarnessError, match=r"COVID-6\.png"):
        _open(Broken(), tmp_path)
    assert [path.suffix for path in (tmp_path / "prepared").iterdir()] == [".lock"]
    assert len(_open(Noise(), tmp_path).images) == 7


def test_an_unreadable_image_ends_the_build_before_the_others_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)

    class Broken(Noise):
        def image(self, index: int) -> np.ndarray:
            if index == 1:
                raise HarnessError("COVID-2.png: cannot be read as an image")
            return super().image(index)

    dataset = Broken(400)
    with pytest.raises(HarnessError, match=r"COVID-2\.png"):
        _open(dataset, tmp_path)
    assert dataset.reads <= 40


def test_a_full_disk_is_explained_and_leaves_no_half_store(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store_build, "write_header", full)
    with pytest.raises(HarnessError, match=r"the disk is full.*CXR_HARNESS_CACHE"):
        _open(Noise(), tmp_path)
    assert [path.suffix for path in (tmp_path / "prepared").iterdir()] == [".lock"]


def test_a_cache_that_cannot_be_a_folder_is_explained(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(HarnessError, match="CXR_HARNESS_CACHE"):
        _open(Noise(), tmp_path / "file")


def test_what_a_killed_builder_left_is_replaced(tmp_path):
    key = _open(Noise(), tmp_path / "elsewhere").key
    left = tmp_path / "prepared" / f"{key}.building"
    left.mkdir(parents=True)
    (left / "images.npy").write_bytes(b"half")
    assert len(_open(Noise(), tmp_path).images) == 7
    assert not left.exists()


def test_of_two_that_need_a_store_one_builds_and_the_other_reports_its_progress(tmp_path):
    started, waited = threading.Event(), threading.Event()

    class Slow(Noise):
        def image(self, index: int) -> np.ndarray:
            started.set()
            assert waited.wait(10), "the second never waited for the first"
            return super().image(index)

    builder, waiter = Slow(), Noise()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(_open, builder, tmp_path)
        assert started.wait(10)
        second = pool.submit(_open, waiter, tmp_path, progress=lambda done, count: waited.set())
        stores = first.result(20), second.result(20)
    assert (builder.reads, waiter.reads) == (7, 0)
    assert np.array_equal(stores[0].images, stores[1].images)


def test_a_dataset_that_breaks_its_contract_is_told_which_image(tmp_path):
    dataset = Noise()
    dataset.pixels[3] = dataset.pixels[3].astype(np.float32)
    with pytest.raises(HarnessError, match=r"image image-3: .* uint8 \[H, W\], got float32"):
        _open(dataset, tmp_path)
    dataset = Noise()
    dataset.masks = dataset.masks[:, :20]
    with pytest.raises(
        HarnessError, match=r"mask image-\d: .* bool \[30, 30\], got bool \[20, 30\]"
    ):
        _open(dataset, tmp_path)


def test_an_unknown_interpolation_is_refused(tmp_path):
    with pytest.raises(HarnessError, match="bilinear or bicubic, got 'lanczos'"):
        _open(Noise(), tmp_path, interpolation="lanczos")


def test_the_same_content_in_another_order_is_another_store(tmp_path):
    listed, turned = Noise(), Noise()
    turned.pixels.reverse()
    turned.samples = replace(listed.samples, ids=listed.samples.ids[::-1])
    first, second = _open(listed, tmp_path), _open(turned, tmp_path)
    assert np.array_equal(second.images, first.images[::-1])


def test_masks_on_another_grid_are_another_store(tmp_path):
    first = _open(Noise(), tmp_path)
    coarse = Noise()
    coarse.masks = coarse.masks[:, ::2, ::2]
    coarse.samples = replace(coarse.samples, mask_size=GRID // 2)
    assert _open(coarse, tmp_path).key != first.key
