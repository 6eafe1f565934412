"""The baselines: methods without a network, saved without pickle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from harness import FitContext, HarnessError, Method
from harness_baselines.majority import Majority
from harness_baselines.pixels import Pixels, features
from tests.checkpoints import LABEL, make_problem


@dataclass
class Images:
    """A part of a split, as a method sees it."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.int64]
    masks: None = None

    @property
    def ids(self) -> Sequence[str]:
        return [str(i) for i in range(len(self))]

    @property
    def has_mask(self) -> NDArray[np.bool_]:
        return np.zeros(len(self), np.bool_)

    def __len__(self) -> int:
        return len(self.labels)


def exposures(labels: Sequence[int], size: int = 20) -> Images:
    """Noise whose brightness grows with the class index."""
    generator = np.random.default_rng(0)
    brightness = 40 * np.asarray(labels)[:, None, None]
    pixels = generator.integers(0, 90, (len(labels), size, size)) + brightness
    return Images(pixels.astype(np.uint8), np.asarray(labels, np.int64))


def fit(method: Majority | Pixels, train: Images, folder: Path) -> None:
    context = FitContext(
        epochs=1,
        batch_size=16,
        learning_rate=1e-3,
        device="cpu",
        threads=1,
        directory=folder,
        report=lambda figures: None,
    )
    method.fit(train, train, context)


PROBLEM = make_problem("classification", 20)


def test_majority_predicts_the_frequencies_of_the_training_labels(tmp_path: Path) -> None:
    method = Majority(PROBLEM)
    fit(method, exposures([0, 1, 1, 3]), tmp_path)
    predicted = method.predict(np.zeros((3, 20, 20), np.uint8))["label"]
    assert predicted.dtype == np.float32
    np.testing.assert_array_equal(predicted, [[0.25, 0.5, 0, 0.25]] * 3)


def test_pixels_learn_what_exposure_tells(tmp_path: Path) -> None:
    method = Pixels(PROBLEM)
    fit(method, exposures([0, 1, 2, 3] * 20), tmp_path)
    test = exposures([3, 0, 2, 1] * 5)
    predicted = method.predict(test.pixels)["label"]
    assert predicted.dtype == np.float32
    np.testing.assert_allclose(predicted.sum(axis=1), 1, rtol=1e-6)
    assert (predicted.argmax(axis=1) == test.labels).all()


@pytest.mark.parametrize("present", [[0, 1, 2, 3], [0, 2, 3], [1, 3]])
def test_pixels_predict_the_probabilities_of_scikit_learn(
    tmp_path: Path, present: list[int]
) -> None:
    train, method = exposures(present * 12), Pixels(PROBLEM)
    fit(method, train, tmp_path)
    reference = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    inputs = features(train.pixels)
    expected = np.zeros((len(train), 4))
    expected[:, present] = reference.fit(inputs, train.labels).predict_proba(inputs)
    predicted = method.predict(train.pixels)["label"]
    np.testing.assert_allclose(predicted, expected, atol=1e-6)


def test_pixels_refuse_a_single_class(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="one class"):
        fit(Pixels(PROBLEM), exposures([2] * 8), tmp_path)


@pytest.mark.parametrize("factory", [Majority, Pixels])
def test_a_saved_method_predicts_bit_by_bit_the_same(
    tmp_path: Path, factory: type[Majority] | type[Pixels]
) -> None:
    train, method, loaded = exposures([0, 1, 2, 3] * 6), factory(PROBLEM), factory(PROBLEM)
    fit(method, train, tmp_path)
    method.save(tmp_path)
    loaded.load(tmp_path)
    for path in tmp_path.iterdir():
        np.load(path, allow_pickle=False).close()
    np.testing.assert_array_equal(
        loaded.predict(train.pixels)["label"], method.predict(train.pixels)["label"]
    )


@pytest.mark.parametrize("factory", [Majority, Pixels])
def test_a_baseline_is_a_method_that_never_skips(
    factory: type[Majority] | type[Pixels],
) -> None:
    method = factory(PROBLEM)
    assert isinstance(method, Method)
    assert method.skip() is None


@pytest.mark.parametrize("size", [8, 20, 65])
def test_features_are_area_means_and_grey_levels(size: int) -> None:
    image = np.full((1, size, size), 51, np.uint8)
    found = features(image)
    assert found.shape == (1, 64 + 2 + 5)
    expected = np.full(71, 0.2)
    expected[65] = 0  # the standard deviation
    np.testing.assert_allclose(found[0], expected, atol=1e-12)


def test_the_thumbnail_keeps_what_is_where() -> None:
    image = np.zeros((1, 16, 16), np.uint8)
    image[0, 2:4, 12:14] = 255
    thumbnail = features(image)[0, :64].reshape(8, 8)
    assert np.argwhere(thumbnail).tolist() == [[1, 6]]
    assert thumbnail[1, 6] == 1


def test_a_problem_with_two_classes_gets_two_columns(tmp_path: Path) -> None:
    two = make_problem(
        "classification", 20, targets={"label": replace(LABEL, names=("healthy", "ill"))}
    )
    method = Pixels(two)
    train = exposures([0, 1] * 12)
    fit(method, train, tmp_path)
    predicted = method.predict(train.pixels)["label"]
    assert predicted.shape == (24, 2)
    assert (predicted.argmax(axis=1) == train.labels).all()
