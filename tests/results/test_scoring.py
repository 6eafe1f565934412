"""From prediction files to metrics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness import HarnessError, MetricSpec, Samples
from harness.metrics.scoring import reference_masks, score_cell
from harness.results.packed_masks import pack_masks
from harness.results.prediction_file import PredictionFile
from tests.builders import CLASSES, image_ids, make_cell, metric_specs

MASKS = np.random.default_rng(0).random((4, 6, 6)) < 0.5


class MadeUpDataset:
    """Four images with a mask each, but for the last."""

    fingerprint = "f" * 32

    def __init__(self) -> None:
        self.masks_read = 0

    @property
    def samples(self) -> Samples:
        return Samples(
            ids=image_ids(4),
            labels=np.array([0, 1, 2, 3]),
            classes=CLASSES,
            has_mask=np.array([True, True, True, False]),
            mask_size=6,
        )

    def image(self, index: int) -> np.ndarray:
        raise AssertionError("scores need no image")

    def mask(self, index: int) -> np.ndarray:
        self.masks_read += 1
        return MASKS[index]


def predicted(*, labels=(0, 1, 2, 3), masks: bool = True) -> PredictionFile:
    """Right in every label and mask but the first image's, whose mask is empty."""
    bits = pack_masks(MASKS)
    bits[0] = 0
    labels = np.array(labels)
    return PredictionFile(
        ids=image_ids(4),
        labels=labels,
        classes=CLASSES,
        probabilities=np.eye(4, dtype=np.float32)[labels],
        mask_bits=bits if masks else None,
        mask_grid=6 if masks else None,
        has_mask=np.array([True, True, True, False]) if masks else None,
    )


def no_reference(ids):
    raise AssertionError("no masks have been predicted")


def spec(name: str, function: str, **more) -> MetricSpec:
    return MetricSpec(
        name=name, kind="classes", function=function, label=name, summary=name, **more
    )


def test_every_set_with_a_prediction_file_is_scored(tmp_path):
    cell = make_cell(tmp_path)
    for part in ("val", "test", "test@lungless"):
        cell.write_predictions(part, predicted(masks=False))
    scores = score_cell(cell, metric_specs(), ("label.f1",), no_reference)
    assert set(scores) == {"val", "test", "test@lungless"}
    assert scores["test"]["label"]["f1"] == 1.0
    assert scores["test"]["mask"] is None


def test_the_primary_metric_is_the_mean_over_the_targets(tmp_path):
    cell = make_cell(tmp_path)
    cell.write_predictions("test", predicted())
    dataset = MadeUpDataset()
    reference = reference_masks(dataset, dataset.fingerprint)
    scores = score_cell(cell, metric_specs(), ("label.f1", "mask.dice"), reference)["test"]
    assert scores["mask"]["dice"] == pytest.approx(2 / 3)
    assert scores["primary"] == pytest.approx((1 + 2 / 3) / 2)
    assert (scores["images"], scores["masks"]) == (4, 3)


def test_scores_are_what_the_cell_directory_stores(tmp_path):
    cell = make_cell(tmp_path)
    cell.write_predictions("test", predicted(masks=False))
    scores = score_cell(cell, metric_specs(), ("label.f1",), no_reference)
    assert cell.metrics is None
    cell.write_metrics(scores)
    assert cell.metrics == scores


def test_where_a_class_is_absent_the_average_over_all_classes_is_not_defined(tmp_path):
    cell = make_cell(tmp_path)
    cell.write_predictions("val", predicted(masks=False))
    cell.write_predictions("test", predicted(labels=(0, 1, 2, 2), masks=False))
    scores = score_cell(cell, metric_specs(), ("label.f1",), no_reference)
    assert scores["val"]["label_all_classes"]["f1"] == 1.0
    assert scores["test"]["label"]["f1"] == 1.0
    assert scores["test"]["label_all_classes"] == dict.fromkeys(
        ("f1", "precision", "recall", "balanced_accuracy", "auroc")
    )
    assert scores["test"]["classes_present"] == list(CLASSES[:3])
    assert scores["test"]["recall_per_class"]["Viral Pneumonia"] is None


def test_an_undefined_part_makes_the_primary_metric_undefined(tmp_path):
    cell = make_cell(tmp_path)
    file = replace(predicted(), has_mask=np.zeros(4, dtype=bool))
    cell.write_predictions("test", file)
    scores = score_cell(cell, metric_specs(), ("label.f1", "mask.dice"), no_reference)
    assert scores["test"]["mask"]["dice"] is None
    assert scores["test"]["primary"] is None


def test_a_primary_metric_that_nobody_offers_or_predicts_is_an_error(tmp_path):
    cell = make_cell(tmp_path)
    cell.write_predictions("test", predicted(masks=False))
    with pytest.raises(HarnessError, match=r"label\.f2 is not offered .* label\.f1"):
        score_cell(cell, metric_specs(), ("label.f2",), no_reference)
    with pytest.raises(HarnessError, match="the test set holds no predicted mask"):
        score_cell(cell, metric_specs(), ("mask.dice",), no_reference)


def test_metrics_of_opposite_directions_cannot_be_averaged(tmp_path):
    cell = make_cell(tmp_path)
    cell.write_predictions("test", predicted(masks=False))
    error = spec("error", "harness.metrics.classification:accuracy", higher_is_better=False)
    specs = (*metric_specs(), error)
    with pytest.raises(HarnessError, match="some are better higher, some lower"):
        score_cell(cell, specs, ("label.f1", "label.error"), no_reference)
    scores = score_cell(cell, specs, ("label.error",), no_reference)
    assert scores["test"]["primary_higher_is_better"] is False


def failing(predictions):
    raise ZeroDivisionError("oops")


def not_a_number(predictions):
    return float("nan")


def a_record(predictions):
    return {"f1": 0.5}


def a_word(predictions):
    return "0.5"


def leaving(predictions):
    raise SystemExit(3)


def writing(predictions):
    predictions.labels[:] = 0
    return 1.0


def writing_masks(predictions):
    predictions.reference_bits[:] = 0
    return 1.0


def unlocking(predictions):
    for array in (predictions.labels, predictions.probabilities):
        array.setflags(write=True)
        array[:] = 0
    return np.float32(0.25)


FAILING = pytest.mark.parametrize(
    ("function", "message"),
    [
        ("failing", "failed on the test set: ZeroDivisionError: oops"),
        ("not_a_number", "returned nan on the test set"),
        ("a_record", "returned dict on the test set; a metric returns a float, or None"),
        ("a_word", "returned str on the test set"),
        ("leaving", "failed on the test set: SystemExit: 3"),
        ("missing", "failed on the test set: AttributeError"),
        ("writing", "failed on the test set: ValueError: assignment destination is read-only"),
    ],
)


@FAILING
def test_a_metric_that_fails_costs_its_own_value_and_a_note_names_it(tmp_path, function, message):
    cell = make_cell(tmp_path)
    cell.write_predictions("test", predicted(masks=False))
    specs = (*metric_specs(), spec("mine", f"{__name__}:{function}"))
    scores = score_cell(cell, specs, ("label.f1",), no_reference, {"mine": "ward"})["test"]
    assert scores["label"]["mine"] is None
    assert (scores["label"]["f1"], scores["primary"]) == (1.0, 1.0)
    assert scores["classes_present"] == list(CLASSES)
    (note,) = scores["notes"]
    assert note.startswith("metric mine of plugin 'ward'")
    assert message in note


@FAILING
def test_a_primary_metric_that_fails_is_an_error_that_names_it(tmp_path, function, message):
    cell = make_cell(tmp_path)
    cell.write_predictions("test", predicted(masks=False))
    specs = (*metric_specs(), spec("mine", f"{__name__}:{function}"))
    with pytest.raises(HarnessError, match="metric mine of plugin 'ward'") as error:
        score_cell(cell, specs, ("label.mine",), no_reference, {"mine": "ward"})
    assert message in str(error.value)


def test_what_a_metric_writes_reaches_no_other_metric(tmp_path):
    cell = make_cell(tmp_path)
    cell.write_predictions("test", predicted())
    first = spec("mine", f"{__name__}:unlocking")
    masks = MetricSpec(
        name="bits",
        kind="binary-mask",
        function=f"{__name__}:writing_masks",
        label="b",
        summary="b",
    )
    dataset = MadeUpDataset()
    reference = reference_masks(dataset, dataset.fingerprint)
    primary = ("label.f1", "mask.dice")
    mixed = score_cell(cell, (first, masks, *metric_specs()), primary, reference)["test"]
    plain = score_cell(cell, metric_specs(), primary, reference)["test"]
    assert mixed["label"].pop("mine") == 0.25
    assert mixed["mask"].pop("bits") is None
    assert len(mixed.pop("notes")) == 1
    assert plain.pop("notes") == []
    assert mixed == plain


def test_a_cell_without_predictions_cannot_be_scored(tmp_path):
    with pytest.raises(HarnessError, match="holds no prediction file"):
        score_cell(make_cell(tmp_path), metric_specs(), ("label.f1",), no_reference)


def test_masks_of_another_dataset_are_refused_by_its_fingerprint():
    with pytest.raises(HarnessError, match=r"fingerprint f+, the run was made on 0+"):
        reference_masks(MadeUpDataset(), "0" * 32)


def test_each_reference_mask_is_read_once_and_an_unknown_image_is_an_error():
    dataset = MadeUpDataset()
    reference = reference_masks(dataset, dataset.fingerprint)
    np.testing.assert_array_equal(reference(("image-2", "image-0")), pack_masks(MASKS[[2, 0]]))
    reference(("image-2",))
    assert dataset.masks_read == 2
    with pytest.raises(HarnessError, match="holds no image 'image-9'"):
        reference(("image-9",))
