"""A split that the dataset brings along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from harness.data.dataset import Samples
from harness.data.splits.make import make_split
from harness.errors import HarnessError
from tests.tables import make_samples

SAMPLES = make_samples([50, 50], patients=[2, 2])


def with_parts(parts: Sequence[str], samples: Samples = SAMPLES) -> Samples:
    """The samples with these parts in turn."""
    repeated = tuple(parts[i % len(parts)] for i in range(len(samples)))
    return replace(samples, groups=None, split=repeated)


def test_standard_takes_the_datasets_own_split() -> None:
    samples = with_parts(("train", "train", "val", "test"))
    split = make_split(samples)
    for part in ("train", "val", "test"):
        expected = [i for i, name in enumerate(samples.split or ()) if name == part]
        assert split.parts[part].tolist() == expected
    assert "the split is the dataset's own" in split.notes


def test_the_seed_changes_nothing_that_is_given() -> None:
    samples = with_parts(("train", "val", "test"))
    assert make_split(samples, seed=1).digest == make_split(samples, seed=2).digest


def test_without_val_a_tenth_of_train_is_cut_off_for_it() -> None:
    samples = with_parts(("train", "train", "train", "train", "test"))
    split = make_split(samples)
    assert len(split.parts["test"]) == 20
    assert (len(split.parts["train"]), len(split.parts["val"])) == (72, 8)
    assert "it has no val: 8 images of train are used for it" in split.notes


def test_the_cut_is_stratified_and_keeps_patients_together() -> None:
    parts = tuple("test" if i % 10 >= 8 else "train" for i in range(100))
    samples = replace(SAMPLES, split=parts)
    split = make_split(samples)
    assert samples.groups is not None
    owners = [{samples.groups[i] for i in split.parts[part]} for part in ("train", "val")]
    assert not owners[0] & owners[1]
    assert np.bincount(samples.labels[split.parts["val"]]).tolist() == [4, 4]


def test_further_test_sets_are_kept() -> None:
    split = make_split(with_parts(("train", "val", "test", "test-abroad")))
    assert list(split.parts) == ["train", "val", "test", "test-abroad"]


def test_images_in_no_part_are_counted() -> None:
    split = make_split(with_parts(("train", "val", "test", "")))
    assert "25 of 100 images are in no part of the dataset's own split" in split.notes


def test_a_patient_in_two_parts_is_told() -> None:
    parts = tuple(("train", "val", "test")[i % 3] for i in range(100))
    (leak,) = [note for note in make_split(replace(SAMPLES, split=parts)).notes if "leaks" in note]
    assert leak.startswith("the dataset's own split puts 50 group(s)")


def test_unknown_patients_are_told() -> None:
    notes = make_split(with_parts(("train", "val", "test"))).notes
    assert "groups unknown: the split may leak" in notes


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (("train", "val"), "no image in test"),
        (("val", "test"), "no image in train"),
        (("train", "test", "holdout"), "unknown part 'holdout'"),
        (("train", "val+test"), "unknown part"),
    ],
)
def test_a_split_that_no_run_can_use_is_an_error(parts: tuple[str, ...], message: str) -> None:
    with pytest.raises(HarnessError, match=message):
        make_split(with_parts(parts))


def test_the_study_split_ignores_it() -> None:
    split = make_split(with_parts(("train", "val", "test")), "study")
    assert split.selected_on_test


def test_a_part_per_image_is_needed() -> None:
    with pytest.raises(HarnessError, match="100 images but 1 entries of split"):
        replace(SAMPLES, split=("train",))
