"""Splits that the harness makes: stratified, grouped and deterministic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.data.dataset import Samples
from harness.data.splits.make import Split, make_split
from harness.errors import HarnessError
from tests.tables import CLASSES, make_samples

SHARES = {"train": 0.72, "val": 0.08, "test": 0.20}


def _skewed(seed: int) -> Samples:
    """Patients with a heavy tail of images, some in several classes, masks mostly in the first."""
    random = np.random.default_rng(seed)
    labels, groups, masks = [], [], []
    for patient in range(400):
        usual = random.choice(4, p=[0.2, 0.3, 0.4, 0.1])
        for _ in range(min(20, 1 + int(random.pareto(1.3)))):
            label = random.integers(4) if random.random() < 0.1 else usual
            labels.append(label)
            groups.append(f"p{patient}")
            masks.append(random.random() < (0.5 if label == 0 else 0.05))
    return Samples(
        ids=tuple(f"image-{i}" for i in range(len(labels))),
        labels=np.array(labels),
        classes=CLASSES,
        has_mask=np.array(masks),
        mask_size=256,
        groups=tuple(groups),
    )


def _sets(split: Split, samples: Samples) -> dict[str, set[str]]:
    return {name: {samples.ids[i] for i in part} for name, part in split.parts.items()}


def _parts_with(split: Split, samples: Samples, class_name: str) -> set[str]:
    label = CLASSES.index(class_name)
    return {name for name, part in split.parts.items() if (samples.labels[part] == label).any()}


def test_the_standard_split_puts_every_image_into_one_of_three_parts():
    samples = make_samples([200, 275, 274, 61])
    split = make_split(samples)
    assert list(split.parts) == ["train", "val", "test"]
    assert sorted(np.concatenate(list(split.parts.values()))) == list(range(len(samples)))
    assert not split.selected_on_test
    for part in split.parts.values():
        assert part.dtype == np.int64
        assert (np.diff(part) > 0).all()


def test_single_images_are_apportioned_to_within_one_per_class_and_mask_presence():
    samples = make_samples([200, 275, 274, 61])
    for name, part in make_split(samples).parts.items():
        for label in range(4):
            for has_mask in (False, True):
                stratum = (samples.labels == label) & (samples.has_mask == has_mask)
                assert abs(stratum[part].sum() - SHARES[name] * stratum.sum()) <= 1


@pytest.mark.parametrize("seed", range(12))
def test_no_group_is_in_two_parts_and_sizes_are_close_for_skewed_groups(seed):
    samples = _skewed(seed)
    split = make_split(samples, seed=seed)
    owners = [{samples.groups[i] for i in part} for part in split.parts.values()]
    assert not owners[0] & owners[1] and not owners[0] & owners[2] and not owners[1] & owners[2]
    for name, part in split.parts.items():
        assert abs(len(part) - SHARES[name] * len(samples)) <= 0.01 * len(samples)
        for label in range(4):
            total = (samples.labels == label).sum()
            assert abs((samples.labels[part] == label).sum() - SHARES[name] * total) <= 4


def test_large_patients_do_not_all_go_to_train():
    samples = make_samples([600, 600], patients=[20, 20])
    for part in make_split(samples).parts.values():
        assert set(np.unique(samples.labels[part])) == {0, 1}


def test_the_same_seed_gives_the_same_split_and_another_seed_another():
    samples = make_samples([50, 60, 70, 20], patients=[2, 1, 3, 1])
    assert make_split(samples, seed=0).digest == make_split(samples, seed=0).digest
    assert make_split(samples, seed=0).digest != make_split(samples, seed=1).digest


def test_the_order_of_the_samples_does_not_matter():
    samples = make_samples([50, 60, 70, 20], patients=[2, 1, 3, 1])
    order = np.random.default_rng(0).permutation(len(samples))
    shuffled = replace(
        samples,
        ids=tuple(samples.ids[i] for i in order),
        labels=samples.labels[order],
        has_mask=samples.has_mask[order],
        groups=tuple(samples.groups[i] for i in order),
    )
    first, second = make_split(samples), make_split(shuffled)
    assert _sets(first, samples) == _sets(second, shuffled)
    assert first.digest == second.digest


def test_a_class_of_one_patient_is_in_train_only_and_noted_once():
    samples = make_samples([60, 60, 60, 4], patients=[2, 2, 2, 4])
    split = make_split(samples)
    assert _parts_with(split, samples, "Viral Pneumonia") == {"train"}
    assert split.notes == (
        "Viral Pneumonia has 1 patient: no grouped split can hold it in every part; "
        "it is in train only",
    )


def test_the_only_patient_of_a_class_is_in_train_whatever_else_is_known_of_the_patient():
    patients = [("large", 60), ("mixed", 30), *((f"single-{i}", 1) for i in range(10))]
    groups = [name for name, count in patients for _ in range(count)] + ["mixed"]
    samples = make_samples([100, 0, 0, 1], masked=0)
    split = make_split(replace(samples, groups=tuple(groups)))
    assert _parts_with(split, samples, "Viral Pneumonia") == {"train"}
    assert _parts_with(split, samples, "COVID") == {"train", "val", "test"}


def test_a_class_of_two_patients_is_in_train_and_test():
    samples = make_samples([60, 60, 60, 4], patients=[2, 2, 2, 2])
    split = make_split(samples)
    assert _parts_with(split, samples, "Viral Pneumonia") == {"train", "test"}
    assert "Viral Pneumonia has 2 patients" in split.notes[0]


def test_a_class_of_two_images_without_groups_is_in_train_and_test():
    split = make_split(make_samples([60, 60, 60, 2], masked=0))
    assert split.notes[1:] == (
        "Viral Pneumonia has 2 images: no split can hold it in every part; "
        "it is in train and test only",
    )


@pytest.mark.parametrize("images", [3, 4, 5, 12])
@pytest.mark.parametrize("seed", range(4))
def test_a_class_of_three_patients_is_in_every_part(images, seed):
    samples = make_samples([90, 80, 100, images], masked=0, patients=[2, 7, 1, images // 3])
    split = make_split(samples, seed=seed)
    assert _parts_with(split, samples, "Viral Pneumonia") == {"train", "val", "test"}
    assert split.notes == ()


@pytest.mark.parametrize("seed", range(6))
def test_a_few_masks_reach_every_part(seed):
    samples = make_samples([100, 100, 100, 100], patients=[1, 1, 1, 1], masked=0)
    samples.has_mask[[0, 1, 2]] = True
    split = make_split(samples, seed=seed)
    assert [samples.has_mask[part].sum() for part in split.parts.values()] == [1, 1, 1]


def test_unknown_groups_are_noted():
    assert make_split(make_samples([9, 9, 9, 9])).notes == ("groups unknown: the split may leak",)


def test_the_study_split_selects_and_tests_on_the_same_fifth():
    samples = make_samples([200, 275, 274, 61], patients=[4, 4, 4, 4])
    split = make_split(samples, "study")
    assert split.selected_on_test
    assert np.array_equal(split.parts["val"], split.parts["test"])
    for label in range(4):
        total = (samples.labels == label).sum()
        assert abs((samples.labels[split.parts["test"]] == label).sum() - 0.2 * total) <= 1
    assert not set(split.parts["train"]) & set(split.parts["test"])
    assert "same images" in split.notes[0]
    assert "groups are ignored, as in the original study" in split.notes[1]


def test_too_few_groups_for_three_parts_is_an_error():
    with pytest.raises(HarnessError, match=r"leaves .*val empty.*2 group"):
        make_split(make_samples([10, 10], patients=[10, 10]))


def test_an_unknown_kind_of_split_is_refused():
    with pytest.raises(HarnessError, match=r"'random'.*standard, study"):
        make_split(make_samples([9, 9]), "random")
