"""Cross-validation: every image is tested once, by patients, in shares like the whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.data.dataset import Samples
from harness.data.splits.folds import MOST, make_folds, notes_of
from harness.data.splits.make import make_split
from harness.data.splits.split import GROUPS_UNKNOWN, Split
from harness.errors import HarnessError
from tests.tables import make_samples

SAMPLES = make_samples([120, 240, 400, 60], patients=[3, 4, 5, 2])


def folds_of(samples: Samples, count: int, seed: int = 0) -> list[Split]:
    return [split for _, split in make_folds(samples, count, seed)]


def names(samples: Samples, split: Split, part: str) -> set[str]:
    return {samples.ids[i] for i in split.parts[part]}


@pytest.mark.parametrize("count", [2, 3, 5, 10])
def test_every_image_is_tested_once_and_is_in_every_split(count: int) -> None:
    splits = folds_of(SAMPLES, count)
    tested = np.concatenate([split.parts["test"] for split in splits])
    assert sorted(tested.tolist()) == list(range(len(SAMPLES)))
    for split in splits:
        every = np.concatenate(list(split.parts.values()))
        assert sorted(every.tolist()) == list(range(len(SAMPLES)))


@pytest.mark.parametrize("seed", [0, 1])
def test_no_patient_is_in_two_parts_of_a_split(seed: int) -> None:
    assert SAMPLES.groups is not None
    for split in folds_of(SAMPLES, 5, seed):
        owners = [{SAMPLES.groups[i] for i in part} for part in split.parts.values()]
        assert sum(map(len, owners)) == len(set().union(*owners))


def test_each_fold_is_like_the_whole() -> None:
    for split in folds_of(SAMPLES, 5):
        for part, share in (("train", 0.72), ("val", 0.08), ("test", 0.20)):
            rows = split.parts[part]
            counts = np.bincount(SAMPLES.labels[rows], minlength=4)
            # To within the largest patient.
            assert np.all(np.abs(counts - share * np.array([120, 240, 400, 60])) <= 5)
            assert abs(int(SAMPLES.has_mask[rows].sum()) - share * 410) <= 8


def test_an_images_fold_depends_on_ids_and_not_on_their_order() -> None:
    shuffled = np.random.default_rng(0).permutation(len(SAMPLES))
    assert SAMPLES.groups is not None
    other = replace(
        SAMPLES,
        ids=tuple(SAMPLES.ids[i] for i in shuffled),
        labels=SAMPLES.labels[shuffled],
        has_mask=SAMPLES.has_mask[shuffled],
        groups=tuple(SAMPLES.groups[i] for i in shuffled),
    )
    mine, theirs = make_folds(SAMPLES, 4), make_folds(other, 4)
    assert [split.digest for _, split in mine] == [split.digest for _, split in theirs]
    assert mine[0][0].digest == theirs[0][0].digest


def test_one_digest_is_of_all_folds_and_of_no_others() -> None:
    digests = [{fold.digest for fold, _ in make_folds(SAMPLES, count)} for count in (3, 4)]
    seeds = {fold.digest for fold, _ in make_folds(SAMPLES, 3, seed=1)}
    assert [len(found) for found in (*digests, seeds)] == [1, 1, 1]
    assert len(digests[0] | digests[1] | seeds) == 3
    assert [(fold.number, fold.of) for fold, _ in make_folds(SAMPLES, 3)] == [
        (1, 3),
        (2, 3),
        (3, 3),
    ]


def test_without_groups_single_images_are_divided_and_it_is_said() -> None:
    samples = replace(SAMPLES, groups=None)
    for split in folds_of(samples, 5):
        counts = np.bincount(samples.labels[split.parts["test"]], minlength=4)
        assert np.all(np.abs(counts - np.array([24, 48, 80, 12])) <= 1)
        assert GROUPS_UNKNOWN in split.notes


def test_the_datasets_own_parts_are_drawn_anew_and_its_further_test_sets_stay() -> None:
    own = ("train", "train", "val", "test", "test-abroad", "")
    parts = tuple(own[i % len(own)] for i in range(len(SAMPLES)))
    samples = replace(SAMPLES, groups=None, split=parts)
    assert names(samples, make_split(samples), "test") == {
        name for name, part in zip(samples.ids, parts, strict=True) if part == "test"
    }
    splits = folds_of(samples, 3)
    abroad = {name for name, part in zip(samples.ids, parts, strict=True) if part == "test-abroad"}
    inside = {n for n, p in zip(samples.ids, parts, strict=True) if p in ("train", "val", "test")}
    assert set().union(*(names(samples, split, "test") for split in splits)) == inside
    for split in splits:
        assert names(samples, split, "test-abroad") == abroad
        assert names(samples, split, "train") | names(samples, split, "val") <= inside
    (said,) = {note for split in splits for note in split.notes if "drawn anew" in note}
    assert "the dataset's own train, val and test are not used" in said
    assert f"{parts.count('')} of {len(samples)} images are in no part" in " ".join(splits[0].notes)


def test_a_further_test_set_that_shares_patients_with_the_folds_leaks() -> None:
    assert SAMPLES.groups is not None
    parts = ["train"] * len(SAMPLES)
    parts[0] = "test-abroad"
    assert SAMPLES.groups[0] == SAMPLES.groups[1]
    (split, *_) = folds_of(replace(SAMPLES, split=tuple(parts)), 3)
    assert (
        "further test sets share 1 group(s) with the folds, or each other: it leaks" in split.notes
    )


def test_a_class_of_few_patients_is_said_with_the_folds_that_test_it() -> None:
    samples = make_samples([300, 8, 300, 300], patients=[3, 4, 3, 3])
    notes = notes_of(make_folds(samples, 4))
    (told,) = [note for note in notes if note.startswith("Lung_Opacity has 2 patients: no grouped")]
    assert "fold-1 and fold-2 only" in told
    some = [note for note in notes if note.startswith("fold ")]
    assert any("Lung_Opacity has 1 patient" in note for note in some)


@pytest.mark.parametrize("count", [-1, 0, 1, MOST + 1])
def test_a_number_of_folds_that_makes_no_sense_is_refused(count: int) -> None:
    with pytest.raises(HarnessError, match=f"--folds {count}: give a number of folds from 2 to"):
        make_folds(SAMPLES, count)


def test_more_folds_than_patients_are_refused() -> None:
    samples = make_samples([20, 20, 0, 0], patients=[10, 10])
    with pytest.raises(HarnessError, match=r"the dataset has 4 groups \(patients\) to divide"):
        make_folds(samples, 5)


def test_where_patients_of_a_class_are_too_few_the_remedy_is_fewer_folds() -> None:
    """A split file is none: it is no option beside folds."""
    samples = make_samples([20, 20, 0, 0], patients=[10, 10])
    with pytest.raises(HarnessError, match=r"cannot be divided; ask for fewer folds"):
        make_folds(samples, 3)
