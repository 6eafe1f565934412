"""The classification metrics, against scikit-learn, torchmetrics and sums done by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import metrics as sklearn_metrics
from torchmetrics.functional import classification as torchmetrics

from harness.metrics import classification
from tests.builders import CLASSES, class_predictions, random_class_predictions

CASES = {
    "all classes": random_class_predictions(seed=1),
    "one class absent": random_class_predictions(seed=2, drawn=(0, 1, 3)),
    "two classes absent": random_class_predictions(seed=3, drawn=(1, 2)),
    "ties": random_class_predictions(seed=4, ties=True),
    "ties and an absent class": random_class_predictions(seed=5, drawn=(0, 2, 3), ties=True),
    "a class never predicted": class_predictions(
        [0, 1, 2, 3, 3, 2],
        np.eye(4)[[0, 1, 2, 2, 0, 1]] * 0.6 + 0.1,
    ),
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


@pytest.mark.parametrize("name", ["f1", "precision", "recall"])
def test_a_macro_average_equals_scikit_learns_over_the_classes_present(case, name):
    score = getattr(sklearn_metrics, f"{name}_score")
    expected = score(
        case.labels, case.predicted, labels=case.present, average="macro", zero_division=0
    )
    assert getattr(classification, name)(case) == pytest.approx(expected, abs=1e-6)


def test_accuracy_and_mcc_equal_scikit_learns(case):
    accuracy = sklearn_metrics.accuracy_score(case.labels, case.predicted)
    assert classification.accuracy(case) == pytest.approx(accuracy, abs=1e-6)
    mcc = sklearn_metrics.matthews_corrcoef(case.labels, case.predicted)
    assert classification.mcc(case) == pytest.approx(mcc, abs=1e-6)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_balanced_accuracy_equals_scikit_learns(case):
    expected = sklearn_metrics.balanced_accuracy_score(case.labels, case.predicted)
    assert classification.balanced_accuracy(case) == pytest.approx(expected, abs=1e-6)


def test_auroc_is_the_mean_of_scikit_learns_one_against_the_rest(case):
    areas = [
        sklearn_metrics.roc_auc_score(case.labels == index, case.probabilities[:, index])
        for index in case.present
    ]
    assert classification.auroc(case) == pytest.approx(np.mean(areas), abs=1e-6)


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("f1", torchmetrics.multiclass_f1_score),
        ("precision", torchmetrics.multiclass_precision),
        ("recall", torchmetrics.multiclass_recall),
    ],
)
def test_a_macro_average_equals_torchmetrics_over_the_classes_present(case, name, function):
    scores = function(
        torch.from_numpy(case.probabilities),
        torch.from_numpy(case.labels),
        num_classes=len(CLASSES),
        average="none",
    )
    expected = float(scores[torch.from_numpy(case.present)].mean())
    assert getattr(classification, name)(case) == pytest.approx(expected, abs=1e-6)


def test_auroc_and_mcc_equal_torchmetrics_where_all_classes_are_present():
    case = CASES["ties"]
    tensors = torch.from_numpy(case.probabilities), torch.from_numpy(case.labels)
    area = torchmetrics.multiclass_auroc(*tensors, num_classes=4)
    assert classification.auroc(case) == pytest.approx(float(area), abs=1e-6)
    mcc = torchmetrics.multiclass_matthews_corrcoef(*tensors, num_classes=4)
    assert classification.mcc(case) == pytest.approx(float(mcc), abs=1e-6)


def test_an_image_taken_for_an_absent_class_costs_recall_but_adds_no_class_to_the_mean():
    predictions = class_predictions(
        [0, 0, 1], [[1, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0]], classes=CLASSES
    )
    assert classification.recall(predictions) == pytest.approx((0.5 + 1) / 2)
    assert classification.f1(predictions) == pytest.approx((2 / 3 + 1) / 2)


def test_equal_scores_everywhere_have_an_area_of_one_half():
    predictions = class_predictions([0, 1, 2, 3], np.full((4, 4), 0.25))
    assert classification.auroc(predictions) == 0.5


def test_what_one_class_alone_leaves_undefined_is_none():
    predictions = class_predictions([2, 2], [[0, 0, 1, 0], [1, 0, 0, 0]])
    assert classification.auroc(predictions) is None
    assert classification.mcc(predictions) is None
    assert classification.accuracy(predictions) == 0.5


def test_the_same_answer_for_every_image_has_a_correlation_of_zero():
    predictions = class_predictions([0, 1, 2, 3], np.tile([0.1, 0.7, 0.1, 0.1], (4, 1)))
    assert classification.mcc(predictions) == 0.0


def test_recall_per_class_is_none_for_a_class_without_an_image():
    predictions = class_predictions([0, 0, 3], [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    assert classification.per_class_recall(predictions) == {
        "COVID": 0.5,
        "Lung_Opacity": None,
        "Normal": None,
        "Viral Pneumonia": 1.0,
    }


def test_all_classes_are_defined_only_where_each_occurs():
    assert classification.all_classes_defined(CASES["all classes"])
    assert not classification.all_classes_defined(CASES["one class absent"])
