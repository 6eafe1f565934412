"""Rows of an array: resident, or streamed in the order that was announced."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from harness import InputSpec
from harness.training.batches import Batches, in_chunks
from harness.training.rows import Budget, Resident, Streamed, place
from tests.checkpoints import TARGETS
from tests.trainings import CPU, make_part

ARRAY = np.arange(60, dtype=np.uint8).reshape(20, 3)
INDEX = np.array([5, 3, 19, 0, 7])


@pytest.mark.parametrize("index", [None, INDEX])
@pytest.mark.parametrize("kind", ["resident", "streamed"])
def test_rows_are_those_of_the_array_whatever_the_order(kind: str, index) -> None:
    whole = ARRAY if index is None else ARRAY[index]
    rows = (
        Resident(torch.from_numpy(ARRAY), index)
        if kind == "resident"
        else Streamed(ARRAY, index, CPU)
    )
    assert len(rows) == len(whole)
    asked = torch.tensor([4, 0, 2])
    assert np.array_equal(rows(asked).numpy(), whole[[4, 0, 2]])


def test_announced_chunks_are_read_ahead_and_no_further_than_asked() -> None:
    read: list[list[int]] = []

    class Watched(np.ndarray):
        def take(self, indices, **options):
            read.append(indices.tolist())
            return np.asarray(self).take(indices, **options)

    stream = Streamed(ARRAY.view(Watched), None, CPU, ahead=2)
    chunks = in_chunks(torch.arange(20), 4)
    stream.announce(chunks)
    first = stream(chunks[0])
    assert np.array_equal(first.numpy(), ARRAY[:4])
    stream._reader.shutdown(wait=True)
    assert read == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]


def test_a_stream_serves_rows_that_nobody_announced() -> None:
    stream = Streamed(ARRAY, None, CPU)
    stream.announce(in_chunks(torch.arange(20), 4))
    assert np.array_equal(stream(torch.tensor([13, 2])).numpy(), ARRAY[[13, 2]])


def test_a_new_announcement_replaces_the_old_one() -> None:
    stream = Streamed(ARRAY, None, CPU)
    stream.announce(in_chunks(torch.arange(20), 4))
    chunks = in_chunks(torch.arange(19, -1, -1), 5)
    stream.announce(chunks)
    assert all(np.array_equal(stream(rows).numpy(), ARRAY[rows.numpy()]) for rows in chunks)


def test_a_read_that_fails_is_told_where_the_rows_are_asked_for() -> None:
    stream = Streamed(ARRAY, None, CPU)
    rows = torch.tensor([99])
    stream.announce([rows])
    with pytest.raises(IndexError, match="99"):
        stream(rows)


def test_a_memory_map_is_used_in_place_and_without_a_warning(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    np.save(tmp_path / "array.npy", ARRAY)
    mapped = np.load(tmp_path / "array.npy", mmap_mode="r")
    rows = place(mapped, INDEX, Budget(CPU, 0))
    assert np.array_equal(rows(torch.arange(5)).numpy(), ARRAY[INDEX])
    assert rows._values.data_ptr() == mapped.ctypes.data
    assert not recwarn.list


def test_a_budget_is_spent_once() -> None:
    budget = Budget(CPU, 100)
    assert budget.take(60)
    assert not budget.take(60)
    assert budget.take(40)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("flip", [False, True])
def test_batches_are_normalised_and_mirrored_with_their_masks(
    channels_last: bool, flip: bool
) -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (6, 9, 9), dtype=np.uint8)
    masks = random.random((6, 9, 9)) < 0.5
    has = np.array([True, True, False, True, True, True])
    part = make_part(pixels, np.arange(6) % 4, masks, has)
    spec = InputSpec(size=9, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))
    batches = Batches(part, spec, TARGETS["multitask"], Budget(CPU), channels_last=channels_last)
    rows = torch.tensor([4, 2, 1])
    flipped = torch.tensor([True, False, True]) if flip else None
    batch = batches.batch(rows, flipped)
    for position, row in enumerate(rows.tolist()):
        mirrored = flip and flipped is not None and bool(flipped[position])
        step = -1 if mirrored else 1
        for channel, (mean, std) in enumerate(zip(spec.mean, spec.std, strict=True)):
            expected = (pixels[row][:, ::step] / 255 - mean) / std
            np.testing.assert_allclose(batch.images[position, channel], expected, atol=1e-5)
        assert np.array_equal(batch.targets["mask"][position, 0], masks[row][:, ::step])
    assert batch.targets["label"].tolist() == [0, 2, 1]
    assert batch.present["label"] is None
    assert batch.present["mask"].tolist() == [0, 2]
    layout = torch.channels_last if channels_last else torch.contiguous_format
    assert batch.images.is_contiguous(memory_format=layout)
