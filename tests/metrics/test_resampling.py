"""Resampling by groups: weights instead of images drawn again, and the intervals that follow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.metrics import classification, segmentation
from harness.metrics.intervals import Z, difference_interval, metric_interval
from harness.metrics.observations import majority, observations, predicts_one_class
from harness.metrics.resampled import OF_CLASSES, on_resamples, one_by_one
from harness.metrics.resampling import Resampling, group_names, resample
from harness.results.prediction_file import PredictionFile
from harness.results.predictions import MaskPredictions
from tests.builders import CLASSES, class_predictions, image_ids, mask_predictions

FEW = 60


def file_of(
    *, seed: int, count: int = 50, classes: int = 4, groups: int | None = 20, masks: bool = False
) -> PredictionFile:
    """Labels and probabilities that lean to them; ``groups`` of uneven size."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(classes, size=count)
    scores = generator.random((count, classes)) + np.eye(classes)[labels] / 2
    predicted, reference = generator.random((2, count, 5, 5)) < 0.6
    found = mask_predictions(predicted, reference)
    file = PredictionFile(
        ids=image_ids(count),
        labels=labels,
        classes=tuple(f"class {index}" for index in range(classes)),
        groups=None if groups is None else drawn_groups(count, groups),
        probabilities=(scores / scores.sum(axis=1, keepdims=True)).astype(np.float32),
        mask_bits=found.predicted_bits if masks else None,
        mask_grid=5 if masks else None,
        has_mask=generator.random(count) < 0.7 if masks else None,
    )
    bits = dict(zip(file.ids, found.reference_bits, strict=True))
    return file.counted(lambda ids: np.stack([bits[image] for image in ids]))


def drawn_groups(count: int, groups: int) -> tuple[str, ...]:
    """The same for every method of a set."""
    return tuple(f"p{g}" for g in np.random.default_rng(99).integers(groups, size=count))


def laid_out(file: PredictionFile, resampling: Resampling, resample: int) -> PredictionFile:
    """The images of one resample, each as often as it was drawn."""
    chosen = resampling.images_of(resample, file.ids)
    return replace(
        file,
        ids=tuple(file.ids[index] for index in chosen),
        labels=file.labels[chosen],
        groups=None,
        probabilities=file.probabilities[chosen],
        mask_bits=None if file.mask_bits is None else file.mask_bits[chosen],
        has_mask=None if file.has_mask is None else file.has_mask[chosen],
        mask_counts=None if file.mask_counts is None else file.mask_counts[chosen],
    )


@pytest.mark.parametrize("metric", OF_CLASSES)
@pytest.mark.parametrize("classes", [2, 4, 11])
def test_a_metric_of_classes_on_weights_is_bit_for_bit_that_of_the_resampled_images(
    metric: str, classes: int
):
    """With 11 classes in 50 images, resamples lack classes in many ways."""
    files = [file_of(seed=seed, classes=classes) for seed in (1, 2)]
    resampling = resample(group_names(files[0]), FEW)
    found = on_resamples(f"label.{metric}", files, resampling)
    for file, values in zip(files, found, strict=True):
        slow = one_by_one(getattr(classification, metric), file.class_predictions(), resampling)
        assert values.tolist() == slow.tolist()


def test_a_metric_is_not_a_number_where_a_resample_holds_one_class():
    file = file_of(seed=3, count=4, classes=2, groups=None)
    resampling = resample(group_names(file), 200)
    (values,) = on_resamples("label.mcc", [file], resampling)
    slow = one_by_one(classification.mcc, file.class_predictions(), resampling)
    assert np.isnan(values).any()
    np.testing.assert_array_equal(values, slow)


@pytest.mark.parametrize("metric", ["dice", "iou", "dice_pooled"])
def test_a_metric_of_masks_is_that_of_the_resampled_images_that_have_a_mask(metric: str):
    file = file_of(seed=4, masks=True)
    resampling = resample(group_names(file), FEW)
    (values,) = on_resamples(f"mask.{metric}", [file], resampling)
    slow = [
        getattr(segmentation, metric)(of_counts(laid_out(file, resampling, index)))
        for index in range(FEW)
    ]
    assert values == pytest.approx(slow, rel=1e-12)


def of_counts(file: PredictionFile) -> MaskPredictions:
    """Masks with these counts of pixels."""
    shared, predicted, reference = file.mask_counts[file.has_mask].T
    count, grid = len(shared), 8
    first = np.arange(64) < np.stack([predicted] * 64, axis=1)
    # The reference ends where the prediction's shared pixels end.
    start = (predicted - shared)[:, None]
    second = (np.arange(64) >= start) & (np.arange(64) < start + reference[:, None])
    shape = (count, grid, grid)
    return mask_predictions(first.reshape(shape), second.reshape(shape))


def test_masks_stored_without_counts_have_no_resamples():
    file = replace(file_of(seed=4, masks=True), mask_counts=None)
    assert on_resamples("mask.dice", [file], resample(group_names(file), FEW)) == [None]


def test_whole_groups_are_drawn():
    file = file_of(seed=5)
    resampling = resample(group_names(file), FEW)
    assert resampling.groups == len(set(file.groups)) < len(file.ids)
    assert (resampling.weights.sum(axis=1) == resampling.groups).all()
    rows = dict(zip(file.groups, resampling.rows(file.ids), strict=True))
    for index in range(FEW):
        drawn = [file.groups[image] for image in resampling.images_of(index, file.ids)]
        for name, row in rows.items():
            images = file.groups.count(name)
            assert drawn.count(name) == images * resampling.weights[index, row]


def test_the_draws_depend_on_the_images_and_their_groups_alone():
    names = group_names(file_of(seed=6))
    first, again = resample(names, FEW), resample(dict(reversed(names.items())), FEW)
    np.testing.assert_array_equal(first.weights, again.weights)
    assert first.group_of == again.group_of
    other = resample({**names, "image-0": "somebody else"}, FEW)
    assert first.weights.shape != other.weights.shape or (first.weights != other.weights).any()


def test_draws_in_blocks_are_the_same_as_in_one(monkeypatch: pytest.MonkeyPatch):
    file = file_of(seed=7)
    whole = resample(group_names(file), FEW)
    expected = on_resamples("label.f1", [file], whole)[0]
    monkeypatch.setattr("harness.metrics.resampling._BLOCK", 7 * 20)
    parts = resample(group_names(file), FEW)
    np.testing.assert_array_equal(whole.weights, parts.weights)
    np.testing.assert_array_equal(on_resamples("label.f1", [file], parts)[0], expected)


def test_part_of_the_images_is_measured_on_the_same_draws():
    file = file_of(seed=8)
    resampling = resample(group_names(file), FEW)
    part = file.of_images(set(file.ids[:30]))
    (values,) = on_resamples("label.f1", [part], resampling)
    for index in range(FEW):
        chosen = laid_out(part, resampling, index)
        assert values[index] == classification.f1(chosen.class_predictions())


def test_an_interval_is_196_standard_errors_wide_on_the_logit_scale():
    generator = np.random.default_rng(0)
    logits = generator.normal(1.0, 0.2, size=4000)
    n = 10**9  # So that half a group is nothing.
    found = metric_interval([0.8], [1 / (1 + np.exp(-logits))], groups=n, rests_on=n)
    error = Z * logits.std(ddof=1)
    ends = 1 / (1 + np.exp(-(np.log(4) + np.array([-error, error]))))
    assert (found.value, found.low, found.high) == pytest.approx((0.8, *ends), abs=1e-7)


def test_an_interval_keeps_to_the_bounds_of_its_metric():
    wide = np.random.default_rng(1).choice([0.9, 1.0, 0.2], size=500)
    found = metric_interval([0.97], [wide], groups=30, rests_on=30)
    assert 0 < found.low < 0.97 < found.high < 1
    shifted = metric_interval([0.94], [2 * wide - 1], groups=30, rests_on=30, bounds=(-1, 1))
    assert shifted.low == pytest.approx(2 * found.low - 1)


def test_a_perfect_score_has_the_interval_of_observations_that_all_agree():
    """Of 30 without an error: 0.025 ** (1 / 30) = 0.884."""
    found = metric_interval([1.0], [np.ones(100)], groups=50, rests_on=30)
    assert (found.low, found.high) == (pytest.approx(0.025 ** (1 / 30)), 1.0)
    worst = metric_interval([0.0], [np.zeros(100)], groups=50, rests_on=30)
    assert (worst.low, worst.high) == (0.0, pytest.approx(1 - 0.025 ** (1 / 30)))


def test_resamples_that_say_nothing_give_no_interval():
    alike, undefined = np.full(100, 0.7), np.full(100, np.nan)
    assert metric_interval([0.7], [alike], groups=9, rests_on=9) is None
    assert metric_interval([0.7], [undefined], groups=9, rests_on=9) is None
    assert metric_interval([0.7], [np.linspace(0.6, 0.8, 100)], groups=1, rests_on=1) is None
    assert difference_interval([0.7], [0.5], [alike], [alike - 0.2]) is None


def test_the_interval_of_a_difference_is_that_of_the_resampled_differences():
    """What both methods share on a resample cancels."""
    generator = np.random.default_rng(2)
    shared, own = generator.normal(0, 0.1, size=3000), generator.normal(0, 0.01, size=3000)
    found = difference_interval([0.8], [0.77], [0.8 + shared + own], [0.77 + shared])
    assert found.value == pytest.approx(0.03)
    assert found.high - found.low == pytest.approx(2 * Z * own.std(ddof=1))


def test_seeds_that_differ_by_more_than_the_images_say_widen_the_interval():
    draws = [value + np.random.default_rng(3).normal(0, 0.01, size=2000) for value in (0.5, 0.5)]
    close = metric_interval([0.7, 0.7001], draws, groups=100, rests_on=100)
    far = metric_interval([0.6, 0.8], draws, groups=100, rests_on=100)
    assert far.high - far.low > 5 * (close.high - close.low)


def test_seeds_that_differ_as_little_as_the_images_make_them_narrow_it():
    """Four seeds with errors of their own: the mean has half the standard error of one."""
    generator = np.random.default_rng(4)
    draws = [0.7 + generator.normal(0, 0.02, size=4000) for _ in range(4)]
    values = [0.70, 0.70, 0.70, 0.70]
    one = difference_interval([0.7], [0.0], draws[:1], [np.zeros(4000)])
    four = difference_interval(values, [0.0] * 4, draws, [np.zeros(4000)] * 4)
    assert (four.high - four.low) / (one.high - one.low) == pytest.approx(0.5, rel=0.05)


def test_a_mean_over_classes_rests_on_the_groups_of_the_rarest():
    file = PredictionFile(
        ids=image_ids(6),
        labels=np.array([0, 0, 0, 0, 1, 1]),
        classes=CLASSES,
        groups=("a", "b", "c", "d", "e", "e"),
        probabilities=np.eye(4, dtype=np.float32)[[0, 0, 0, 0, 1, 1]],
    )
    assert observations("label.f1", file) == 2 * 1
    assert observations("label.accuracy", file) == 5


def test_one_class_only_is_a_set_of_several_classes_predicted_as_one():
    constant = np.tile([0.1, 0.7, 0.1, 0.1], (3, 1))
    assert predicts_one_class(class_predictions([0, 1, 2], constant))
    assert not predicts_one_class(class_predictions([1, 1, 1], constant))
    assert not predicts_one_class(class_predictions([0, 1, 2], np.eye(4)[[0, 1, 1]]))


def test_the_majority_answers_the_most_frequent_class_whatever_the_image():
    found = majority(class_predictions([2, 2, 0, 1], np.eye(4)[[0, 1, 2, 3]]))
    assert found.predicted.tolist() == [2, 2, 2, 2]
    assert classification.accuracy(found) == 0.5


def test_predicted_masks_need_not_be_read_for_their_scores(tmp_path):
    from harness.results.prediction_file import read_predictions, write_predictions

    file = file_of(seed=9, masks=True)
    write_predictions(tmp_path / "predictions-test.npz", file)
    light = read_predictions(tmp_path / "predictions-test.npz", bits=False)
    assert light.mask_bits is None
    resampling = resample(group_names(file), FEW)
    (expected,) = on_resamples("mask.dice", [file], resampling)
    np.testing.assert_array_equal(on_resamples("mask.dice", [light], resampling)[0], expected)
