"""What a cell uses of a split: images with masks, limits, and nested fractions of train."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.data.dataset import Samples
from harness.data.splits.make import Split, make_split, select_parts
from harness.errors import HarnessError
from tests.tables import make_samples


def _select(samples: Samples, split: Split, **options) -> dict[str, np.ndarray]:
    defaults = {"need_masks": False, "fraction": 1.0, "train_limit": None, "test_limit": None}
    return dict(select_parts(samples, split, **{**defaults, "seed": 0, **options}))


@pytest.fixture
def large() -> Samples:
    return make_samples([200, 275, 474, 61], masked=0.4)


def test_everything_is_used_where_nothing_is_asked(large):
    split = make_split(large)
    for name, part in _select(large, split).items():
        assert np.array_equal(part, split.parts[name])


def test_a_task_with_masks_uses_only_images_that_have_one(large):
    split = make_split(large)
    for name, part in _select(large, split, need_masks=True).items():
        assert large.has_mask[part].all()
        assert len(part) == large.has_mask[split.parts[name]].sum()


def test_fractions_are_nested_stratified_and_cut_from_train_only(large):
    split = make_split(large)
    whole = _select(large, split)
    larger = set(whole["train"])
    for fraction in (0.75, 0.5, 0.25, 0.1, 0.01):
        parts = _select(large, split, fraction=fraction)
        assert set(parts["train"]) <= larger
        larger = set(parts["train"])
        for label in range(4):
            share = fraction * (large.labels[whole["train"]] == label).sum()
            assert abs((large.labels[parts["train"]] == label).sum() - share) <= 2
        assert np.array_equal(parts["val"], whole["val"])
        assert np.array_equal(parts["test"], whole["test"])


def test_limits_cap_every_part_and_the_fraction_is_cut_from_what_they_leave(large):
    split = make_split(large)
    parts = _select(large, split, train_limit=64, test_limit=16, fraction=0.5)
    assert [len(part) for part in parts.values()] == [32, 16, 16]
    assert set(parts["train"]) <= set(_select(large, split, train_limit=64)["train"])


def test_limits_keep_the_shares_of_classes(large):
    split = make_split(large)
    part = _select(large, split, train_limit=100)["train"]
    for label in range(4):
        share = 100 * (large.labels[split.parts["train"]] == label).mean()
        assert abs((large.labels[part] == label).sum() - share) <= 2


def test_under_limits_images_with_masks_come_first_in_their_class(large):
    split = make_split(large)
    part = _select(large, split, train_limit=100)["train"]
    for label in range(4):
        there = split.parts["train"][large.labels[split.parts["train"]] == label]
        kept = part[large.labels[part] == label]
        masks = min(len(kept), int(large.has_mask[there].sum()))
        assert large.has_mask[kept].sum() == masks


def masked_in_one_class() -> Samples:
    samples = make_samples([60, 200, 150, 90])
    samples.has_mask[:] = False
    samples.has_mask[:40] = True
    return samples


@pytest.mark.parametrize("fraction", [1.0, 0.5, 0.1])
@pytest.mark.parametrize("limits", [(None, None), (200, 60), (64, 32), (8, 8)])
@pytest.mark.parametrize("one_class", [True, False])
def test_a_task_with_masks_has_the_mask_images_of_a_task_with_all(
    large, one_class, limits, fraction
):
    samples = masked_in_one_class() if one_class else large
    asked = {"train_limit": limits[0], "test_limit": limits[1], "fraction": fraction}
    split = make_split(samples)
    every = _select(samples, split, **asked)
    masks = _select(samples, split, need_masks=True, **asked)
    for name, part in every.items():
        assert np.array_equal(masks[name], part[samples.has_mask[part]])


def test_a_limit_that_leaves_no_mask_is_an_error_that_says_so():
    samples = masked_in_one_class()
    with pytest.raises(HarnessError, match=r"none of the 2 images that the limit .* raise it"):
        _select(samples, make_split(samples), need_masks=True, test_limit=2)


@pytest.mark.parametrize("seed", range(5))
def test_as_many_images_as_classes_hold_every_class(large, seed):
    split = make_split(large)
    parts = _select(large, split, train_limit=4, test_limit=4, seed=seed)
    for part in parts.values():
        assert sorted(large.labels[part]) == [0, 1, 2, 3]


def test_the_smallest_fraction_has_an_image_of_every_class(large):
    part = _select(large, make_split(large), fraction=1e-6)["train"]
    assert sorted(large.labels[part]) == [0, 1, 2, 3]


def test_a_selection_depends_on_its_seed_only(large):
    split = make_split(large)
    first, same, other = (_select(large, split, test_limit=20, seed=s)["test"] for s in (3, 3, 4))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_equal_parts_stay_equal_under_a_limit(large):
    parts = _select(large, make_split(large, "study"), test_limit=20)
    assert np.array_equal(parts["val"], parts["test"])


def test_a_part_without_masks_is_an_error_for_a_task_that_needs_them():
    samples = make_samples([4, 4])
    samples.has_mask[:] = [True] * 4 + [False] * 4
    split = make_split(make_samples([4, 4]))
    parts = {"train": np.arange(4), "val": np.array([4, 5]), "test": np.array([6, 7])}
    with pytest.raises(
        HarnessError, match=r"part val is empty .* none of its 2 .* 4 of its 8 images"
    ):
        _select(samples, replace(split, parts=parts), need_masks=True)


@pytest.mark.parametrize("fraction", [0, -0.5, 1.01, float("nan")])
def test_fractions_outside_their_range_are_refused(large, fraction):
    with pytest.raises(HarnessError, match="fraction"):
        _select(large, make_split(large), fraction=fraction)
