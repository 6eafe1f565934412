"""Curves, areas and outlines against the slow, obvious way and against scikit-learn."""

from __future__ import annotations

import re

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from harness.report.page.blocks.sketch import sketch
from harness.report.page.chapters.curve_values import (
    GRID,
    area_under_roc,
    average_precision,
    calibration_error,
    precision_recall,
    roc,
    scores,
)
from harness.report.page.chapters.outline import LONGEST, outline, short_outline
from harness.report.page.chapters.tradeoff import _mark_front
from tests.builders import random_class_predictions

POINTS_X, POINTS_Y = (0.013, 4.2, 71.0), (0.413, 0.887, 0.652)
CASES = [(seed, ties) for seed in range(5) for ties in (False, True)]


@pytest.fixture(params=CASES, ids=str)
def given(request: pytest.FixtureRequest):
    seed, ties = request.param
    return scores(random_class_predictions(seed=seed, ties=ties), seed % 4)


def test_areas_are_scikit_learns(given) -> None:
    assert area_under_roc(given) == pytest.approx(roc_auc_score(*given), abs=1e-12)
    assert average_precision(given) == pytest.approx(average_precision_score(*given), abs=1e-12)


def test_a_roc_curve_holds_the_rates_of_every_threshold(given) -> None:
    positive, score = given
    points: dict[float, float] = {0.0: 0.0}
    for threshold in np.unique(score):
        said = score >= threshold
        false, true = (said & ~positive).sum() / (~positive).sum(), said[positive].mean()
        points[false] = max(points.get(false, 0.0), true)
    along = sorted(points)
    expected = np.interp(GRID, along, [points[at] for at in along])
    assert roc(given) == pytest.approx(expected, abs=1e-12)


def test_precision_is_that_of_the_highest_threshold_that_reaches_the_recall(given) -> None:
    precision, recall, thresholds = precision_recall_curve(*given)
    for at, found in zip(GRID, precision_recall(given), strict=True):
        reached = [
            (threshold, value)
            for value, there, threshold in zip(precision, recall, thresholds, strict=False)
            if there >= at - 1e-12
        ]
        assert found == pytest.approx(max(reached)[1], abs=1e-12)


def test_a_calibration_error_is_the_mean_over_images_of_what_its_bin_is_off() -> None:
    one = random_class_predictions(seed=3, count=200)
    largest = one.probabilities.max(axis=1).astype(float)
    right = one.probabilities.argmax(axis=1) == one.labels
    bins = [min(int(p * 10), 9) for p in largest]
    off = []
    for place in bins:
        same = np.array(bins) == place
        off.append(abs(right[same].mean() - largest[same].mean()))
    assert calibration_error(one) == pytest.approx(np.mean(off), abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_an_outline_is_every_edge_between_inside_and_outside(seed: int) -> None:
    mask = np.random.default_rng(seed).random((9, 7)) < (0, 0.3, 0.6, 1)[seed]
    expected = set()
    height, width = mask.shape
    inside = np.pad(mask, 1)
    for row in range(height + 1):
        for column in range(width):
            if inside[row, column + 1] != inside[row + 1, column + 1]:
                expected.add(("h", row, column))
    for row in range(height):
        for column in range(width + 1):
            if inside[row + 1, column] != inside[row + 1, column + 1]:
                expected.add(("v", row, column))
    found = set()
    for x, y, way, length in re.findall(r"M(\d+) (\d+)([hv])(\d+)", outline(mask)):
        for step in range(int(length)):
            edge = (int(y), int(x) + step) if way == "h" else (int(y) + step, int(x))
            found.add((way, *edge))
    assert found == expected


def test_a_ragged_outline_is_drawn_coarser_and_not_longer() -> None:
    ragged = np.random.default_rng(0).random((256, 256)) < 0.5
    path, coarser = short_outline(ragged)
    assert coarser
    assert 0 < len(path) <= LONGEST
    square = np.zeros((64, 64), dtype=bool)
    square[16:48, 8:24] = True
    assert short_outline(square) == (outline(square), False)
    assert outline(square[::2, ::2], 2) == outline(square)


@pytest.mark.parametrize("logarithmic", [False, True])
def test_a_chart_without_scripts_has_every_point_where_its_ticks_say(logarithmic: bool) -> None:
    records = [
        {"method": m, "x": x, "y": y} for m, x, y in zip("abc", POINTS_X, POINTS_Y, strict=True)
    ]
    drawn = sketch(records, "abc", ("x", "x"), ("y", "y"), joined=False, logarithmic=logarithmic)
    for ticks, values, axis in ((drawn.x, POINTS_X, 0), (drawn.y, POINTS_Y, 1)):
        scale = np.log10 if logarithmic and axis == 0 else float
        places, numbers = [at for at, _ in ticks], [scale(float(text)) for _, text in ticks]
        assert min(numbers) <= scale(min(values)) <= scale(max(values)) <= max(numbers)
        for curve, value in zip(drawn.curves, values, strict=True):
            order = np.argsort(numbers)
            at = np.interp(scale(value), np.array(numbers)[order], np.array(places)[order])
            assert curve.dots[0][axis] == pytest.approx(at, abs=0.2)


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_the_front_is_what_no_other_method_beats(higher_is_better: bool) -> None:
    drawn = np.random.default_rng(0).integers(0, 12, (40, 2)).astype(float)
    points = [
        {"method": str(i), "cost": cost, "value": value} for i, (cost, value) in enumerate(drawn)
    ]
    _mark_front(points, higher_is_better=higher_is_better)
    sign = 1 if higher_is_better else -1
    for point, (cost, value) in zip(points, drawn, strict=True):
        beaten = [
            (c, v)
            for c, v in drawn
            if c <= cost and sign * v >= sign * value and (c, v) != (cost, value)
        ]
        assert point["front"] == (not beaten)
