"""Prediction files and the records that metrics are computed from."""

from __future__ import annotations

import zipfile
from dataclasses import replace

import numpy as np
import pytest

from harness import HarnessError
from harness.results.packed_masks import pack_masks, unpack_masks
from harness.results.prediction_file import PredictionFile, read_predictions, write_predictions
from tests.builders import CLASSES, class_predictions, image_ids, mask_predictions


def random_masks(seed: int, count: int, grid: int):
    return np.random.default_rng(seed).random((count, grid, grid)) < 0.4


def a_file(count: int = 5, grid: int = 5) -> PredictionFile:
    probabilities = np.random.default_rng(1).dirichlet(np.ones(4), count).astype(np.float32)
    return PredictionFile(
        ids=tuple(f"Viral Pneumonia/ä-{index}" for index in range(count)),
        labels=np.arange(count, dtype=np.int64) % 4,
        classes=CLASSES,
        groups=tuple(f"patient-{index // 2}" for index in range(count)),
        sources=("", *["rsna"] * (count - 1)),
        probabilities=probabilities,
        mask_bits=pack_masks(random_masks(2, count, grid)),
        mask_grid=grid,
        has_mask=np.array([True, False, True, True, False]),
    )


def assert_equal(one: PredictionFile, other: PredictionFile) -> None:
    for name in ("ids", "classes", "groups", "sources", "mask_grid"):
        assert getattr(one, name) == getattr(other, name)
    for name in ("labels", "probabilities", "mask_bits", "has_mask"):
        first, second = getattr(one, name), getattr(other, name)
        assert (first is None) == (second is None)
        if first is not None:
            assert first.dtype == second.dtype
            np.testing.assert_array_equal(first, second)


def test_a_file_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "predictions-test.npz"
    write_predictions(path, a_file())
    assert_equal(read_predictions(path), a_file())


def test_what_a_task_does_not_predict_is_absent(tmp_path):
    path = tmp_path / "predictions-test.npz"
    file = PredictionFile(ids=("a",), labels=np.array([1]), classes=CLASSES)
    write_predictions(path, file)
    assert_equal(read_predictions(path), file)
    assert read_predictions(path).class_predictions() is None
    assert read_predictions(path).mask_predictions(lambda ids: pytest.fail("asked")) is None


def test_equal_predictions_give_equal_bytes_at_any_time_of_writing(tmp_path):
    first, second = tmp_path / "first.npz", tmp_path / "second.npz"
    write_predictions(first, a_file())
    write_predictions(second, a_file())
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}


def test_a_file_holds_no_pickle(tmp_path):
    path = tmp_path / "predictions-test.npz"
    write_predictions(path, a_file())
    with np.load(path, allow_pickle=False) as stored:
        assert all(stored[name].dtype != object for name in stored.files)


@pytest.mark.parametrize("spoil", ["truncate", "empty", "text", "array", "flip"])
def test_a_damaged_file_is_an_error_that_names_it(tmp_path, spoil):
    path = tmp_path / "predictions-test.npz"
    write_predictions(path, a_file())
    whole = path.read_bytes()
    middle = whole.index(b"probabilities.npy") + 40
    if spoil == "array":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    else:
        content = {
            "truncate": whole[: len(whole) // 2],
            "empty": b"",
            "text": b"not a zip archive",
            "flip": whole[:middle] + bytes(20) + whole[middle + 20 :],
        }
        path.write_bytes(content[spoil])
    with pytest.raises(HarnessError, match=r"predictions-test\.npz"):
        read_predictions(path)


def test_a_missing_file_is_an_error_that_names_it(tmp_path):
    with pytest.raises(HarnessError, match=r"predictions-test\.npz is missing"):
        read_predictions(tmp_path / "predictions-test.npz")


def test_a_file_of_another_schema_or_without_an_array_is_refused(tmp_path):
    path = tmp_path / "other.npz"
    np.savez(path, schema=np.array(2))
    with pytest.raises(HarnessError, match=r"other\.npz: schema 2"):
        read_predictions(path)
    np.savez(path, schema=np.array(1), ids=np.array(["a"]))
    with pytest.raises(HarnessError, match=r"other\.npz: lacks the array 'labels'"):
        read_predictions(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.5, 7.0])
def test_a_value_that_is_no_probability_is_refused_with_the_image(value):
    probabilities = np.full((3, 4), 0.25)
    probabilities[1, 2] = value
    with pytest.raises(HarnessError, match=r"1 images .* outside \[0, 1\].*image-1"):
        class_predictions([0, 1, 2], probabilities)


def test_shapes_that_disagree_are_refused():
    file = a_file()
    with pytest.raises(HarnessError, match="labels have shape"):
        replace(file, labels=file.labels[:3])
    with pytest.raises(HarnessError, match="outside the 4 classes"):
        replace(file, labels=file.labels + 1)
    with pytest.raises(HarnessError, match=r"probabilities have shape \(5, 3\)"):
        replace(file, probabilities=file.probabilities[:, :3])
    with pytest.raises(HarnessError, match="5 images, 2 groups"):
        replace(file, groups=("a", "b"))
    with pytest.raises(HarnessError, match="5 masks of 6 x 6"):
        replace(file, mask_grid=6)
    with pytest.raises(HarnessError, match="mask_grid and has_mask"):
        replace(file, has_mask=None)


def test_masks_are_joined_with_the_reference_of_the_images_that_have_one():
    file, reference = a_file(), random_masks(3, 3, 5)
    asked = []

    def read(ids):
        asked.append(ids)
        return pack_masks(reference)

    masks = file.mask_predictions(read)
    assert asked == [(file.ids[0], file.ids[2], file.ids[3])]
    predicted = unpack_masks(file.mask_bits, 5)[[0, 2, 3]]
    for index in range(3):
        np.testing.assert_array_equal(masks.pair(index)[0], predicted[index])
        np.testing.assert_array_equal(masks.pair(index)[1], reference[index])


def test_reference_masks_on_another_grid_are_refused():
    with pytest.raises(HarnessError, match=r"reference_bits.*3 masks of 5 x 5"):
        a_file().mask_predictions(lambda ids: pack_masks(random_masks(3, 3, 8)))


def test_pixels_are_counted_without_the_bits_that_fill_the_last_byte():
    predicted, reference = random_masks(4, 6, 5), random_masks(5, 6, 5)
    masks = mask_predictions(predicted, reference)
    np.testing.assert_array_equal(masks.predicted_area, predicted.sum(axis=(1, 2)))
    np.testing.assert_array_equal(masks.reference_area, reference.sum(axis=(1, 2)))
    np.testing.assert_array_equal(masks.intersection, (predicted & reference).sum(axis=(1, 2)))


def test_packed_masks_are_unpacked_as_they_were():
    masks = random_masks(6, 4, 7)
    np.testing.assert_array_equal(unpack_masks(pack_masks(masks), 7), masks)
    assert pack_masks(masks[:0]).shape == (0, 7)


def test_the_confusion_matrix_has_reference_rows_and_predicted_columns():
    predictions = class_predictions([0, 0, 3], [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    expected = np.zeros((4, 4), dtype=np.int64)
    expected[0, 0] = expected[0, 1] = expected[3, 3] = 1
    np.testing.assert_array_equal(predictions.confusion, expected)
    np.testing.assert_array_equal(predictions.present, [0, 3])
    assert predictions.ids == image_ids(3)
