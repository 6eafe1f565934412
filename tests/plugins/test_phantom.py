"""The embedded dataset: what its pictures promise."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import ndimage

from harness import Dataset, HarnessError
from harness_phantom import harness_datasets
from harness_phantom.dataset import open_phantom
from harness_phantom.radiograph import render_image, render_mask

CLASSES = ("COVID", "Lung_Opacity", "Normal", "Viral Pneumonia")


def phantom(images: int = 24, size: int = 64, seed: int = 0) -> Dataset:
    return open_phantom(None, images=images, size=size, seed=seed)


def of_class(dataset: Dataset, name: str) -> list[int]:
    return np.flatnonzero(dataset.samples.labels == CLASSES.index(name)).tolist()


def brightness(dataset: Dataset, index: int) -> float:
    """Mean grey value of the lungs, relative to the rest of the picture."""
    image, mask = dataset.image(index).astype(float), dataset.mask(index)
    return float((image[mask].mean() - image[~mask].mean()) / image.std())


def test_the_plugin_offers_one_embedded_dataset_that_opens_with_its_own_parameters() -> None:
    (spec,) = harness_datasets()
    assert spec.name == "phantom"
    assert spec.embedded
    assert dict(spec.params) == {"images": 1320, "size": 128, "seed": 0}
    assert isinstance(open_phantom(None, **spec.params), Dataset)


@pytest.mark.parametrize("size", [32, 65, 128])
def test_images_and_masks_have_the_size_that_was_asked_for(size: int) -> None:
    dataset = phantom(4, size)
    image, mask = dataset.image(2), dataset.mask(2)
    assert (image.shape, image.dtype) == ((size, size), np.uint8)
    assert (mask.shape, mask.dtype) == ((size, size), np.bool_)
    assert dataset.samples.mask_size == size
    assert np.ptp(image) > 100


def test_an_image_is_the_same_every_time_in_any_order_and_on_any_thread() -> None:
    dataset = phantom(12)
    forwards = [dataset.image(index) for index in range(12)]
    with ThreadPoolExecutor(4) as pool:
        backwards = list(pool.map(phantom(12).image, reversed(range(12))))
    assert all(map(np.array_equal, forwards, reversed(backwards)))


def test_a_larger_dataset_begins_with_the_smaller_one() -> None:
    small, large = phantom(10), phantom(200)
    assert large.samples.ids[:10] == small.samples.ids
    assert large.samples.groups[:10] == small.samples.groups
    assert large.samples.sources[:10] == small.samples.sources
    assert large.samples.labels[:10].tolist() == small.samples.labels.tolist()
    for index in range(10):
        assert np.array_equal(large.image(index), small.image(index))
        assert np.array_equal(large.mask(index), small.mask(index))


def test_no_two_images_are_equal_and_another_seed_makes_others() -> None:
    dataset, other = phantom(30), phantom(30, seed=1)
    assert len({dataset.image(index).tobytes() for index in range(30)}) == 30
    assert not any(np.array_equal(dataset.image(i), other.image(i)) for i in range(30))


def test_the_same_chest_is_shown_at_every_size() -> None:
    small, large = phantom(8, 64), phantom(8, 256)
    for index in range(8):
        shrunk = large.image(index).reshape(64, 4, 64, 4).mean(axis=(1, 3))
        assert np.corrcoef(shrunk.ravel(), small.image(index).ravel())[0, 1] > 0.97
        assert abs(large.mask(index).mean() - small.mask(index).mean()) < 0.01


@pytest.mark.parametrize("size", [32, 128])
def test_a_mask_is_two_lungs_of_a_plausible_area_one_on_each_side(size: int) -> None:
    dataset = phantom(60, size, seed=3)
    for index in range(60):
        mask = dataset.mask(index)
        labelled, lungs = ndimage.label(mask, structure=np.ones((3, 3)))
        assert lungs == 2
        assert 0.12 < mask.mean() < 0.45
        columns = sorted(x for _, x in ndimage.center_of_mass(mask, labelled, [1, 2]))
        assert columns[0] < size / 2 < columns[1]


def test_lungs_are_darker_than_the_rest_of_the_chest_and_the_heart_takes_room_on_the_right() -> (
    None
):
    dataset = phantom(40)
    for index in range(40):
        image, mask = dataset.image(index), dataset.mask(index)
        rows = mask.any(axis=1)
        between = ~mask & (np.arange(64) > 26) & (np.arange(64) < 38) & rows[:, None]
        assert np.median(image[mask]) < np.median(image[between])
    right, left = (
        np.mean([dataset.mask(i)[:, half].sum() for i in range(40)])
        for half in (slice(0, 32), slice(32, 64))
    )
    assert left < right


@pytest.mark.parametrize("finding", CLASSES)
def test_a_finding_changes_the_image_and_not_the_mask(finding: str) -> None:
    requests = open_phantom(None, images=12, size=64, seed=0).requests
    for request in requests:
        other = dataclasses.replace(request, finding=finding)
        assert np.array_equal(render_mask(other), render_mask(request))
        same_image = np.array_equal(render_image(other), render_image(request))
        assert same_image == (finding == request.finding)


def test_classes_come_in_their_order_with_the_shares_of_the_real_set_and_enough_viral() -> None:
    samples = phantom(640).samples
    counts = np.bincount(samples.labels, minlength=4)
    assert samples.classes == CLASSES
    assert np.abs(counts - 640 * np.array([0.17, 0.28, 0.42, 0.13])).max() < 2
    assert counts[3] >= 0.12 * 640
    assert samples.has_mask.all()


def test_some_patients_have_two_images_of_one_anatomy_and_one_class_at_one_site() -> None:
    dataset = phantom(40)
    samples = dataset.samples
    pairs = [i for i in range(1, 40) if samples.groups[i] == samples.groups[i - 1]]
    assert len(set(samples.groups)) == 40 - len(pairs)
    assert len(pairs) >= 4

    def overlap(first: int, second: int) -> float:
        """Dice of the masks, each moved to the centre of the picture."""
        masks = [dataset.mask(i) for i in (first, second)]
        moved = [
            ndimage.shift(m.astype(float), 31.5 - np.array(ndimage.center_of_mass(m)), order=1)
            > 0.5
            for m in masks
        ]
        return 2 * (moved[0] & moved[1]).sum() / (moved[0].sum() + moved[1].sum())

    for second in pairs:
        assert samples.labels[second] == samples.labels[second - 1]
        assert samples.sources[second] == samples.sources[second - 1]
        assert not np.array_equal(dataset.image(second), dataset.image(second - 1))
    same = np.mean([overlap(i - 1, i) for i in pairs])
    different = np.mean([overlap(i - 2, i) for i in pairs])
    assert same > different + 0.02


def test_sites_do_not_tell_the_class() -> None:
    samples = phantom(640).samples
    first = np.array(samples.sources) == "site-a"
    assert set(samples.sources) == {"site-a", "site-b"}
    for label in range(4):
        assert 0.4 < first[samples.labels == label].mean() < 0.6


def test_patients_with_two_images_occur_in_every_class() -> None:
    samples = phantom(640).samples
    repeats = [i for i in range(1, 640) if samples.groups[i] == samples.groups[i - 1]]
    shares = np.bincount(samples.labels[repeats], minlength=4) / np.bincount(samples.labels)
    assert shares.min() > 0.1


def test_findings_leave_traces_that_a_simple_statistic_sees() -> None:
    dataset = phantom(200)
    haze = {
        name: np.mean([brightness(dataset, i) for i in of_class(dataset, name)]) for name in CLASSES
    }
    assert haze["COVID"] > haze["Normal"]
    assert haze["Lung_Opacity"] > haze["Normal"]

    def roughness(index: int) -> float:
        image, mask = dataset.image(index).astype(float), dataset.mask(index)
        return np.abs(image - ndimage.gaussian_filter(image, 1.0))[mask].mean() / image.std()

    rough = {name: np.mean([roughness(i) for i in of_class(dataset, name)]) for name in CLASSES}
    assert rough["Viral Pneumonia"] > 1.03 * rough["Normal"]

    def lopsided(index: int) -> float:
        image, mask = dataset.image(index).astype(float), dataset.mask(index)
        right, left = mask.copy(), mask.copy()
        right[:, 32:], left[:, :32] = False, False
        return abs(image[right].mean() - image[left].mean()) / image.std()

    uneven = {name: np.mean([lopsided(i) for i in of_class(dataset, name)]) for name in CLASSES}
    assert uneven["Lung_Opacity"] > 1.2 * uneven["Normal"]
    assert uneven["Lung_Opacity"] > 1.2 * uneven["COVID"]


def test_the_fingerprint_is_that_of_the_parameters() -> None:
    prints = {
        phantom(*parameters).fingerprint
        for parameters in ((24, 64, 0), (25, 64, 0), (24, 65, 0), (24, 64, 1))
    }
    assert len(prints) == 4
    assert phantom().fingerprint == phantom().fingerprint
    assert all(len(digest) == 64 and int(digest, 16) for digest in prints)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [("images", 0), ("images", 2.5), ("size", 31), ("size", True), ("seed", -1), ("seed", "0")],
)
def test_a_parameter_out_of_range_is_named(parameter: str, value: object) -> None:
    parameters = {"images": 4, "size": 64, "seed": 0, parameter: value}
    with pytest.raises(HarnessError, match=f"phantom: {parameter} is {value!r}"):
        open_phantom(None, **parameters)
