"""Whether the source gives the class away, against the slow, obvious way."""

from __future__ import annotations

import numpy as np
import pytest

from harness.metrics.source_shortcut import source_shortcut


def slowly(labels: list[int], sources: list[str], classes: int) -> tuple[float, float]:
    most = max(range(classes), key=lambda c: (labels.count(c), -c))
    right = 0
    for source in set(sources):
        of_it = [label for label, one in zip(labels, sources, strict=True) if one == source]
        for half in (0, 1):
            near = of_it[1 - half :: 2]
            answer = max(range(classes), key=lambda c: (near.count(c), -c)) if near else most
            right += of_it[half::2].count(answer)
    return right / len(labels), labels.count(most) / len(labels)


@pytest.mark.parametrize("seed", range(12))
def test_it_is_the_share_of_images_that_the_other_half_of_their_source_tells(seed: int) -> None:
    random = np.random.default_rng(seed)
    count, kinds = int(random.integers(5, 60)), int(random.integers(2, 8))
    labels = random.integers(0, 4, count)
    sources = [f"s{(label + random.integers(0, 2)) % kinds}" for label in labels]
    found = source_shortcut(labels, sources, 4)
    if len(set(sources)) < 2:
        assert found is None
        return
    assert found is not None
    assert (found.by_source, found.by_majority) == slowly(labels.tolist(), sources, 4)


def test_a_source_of_one_image_tells_nothing() -> None:
    labels = np.array([0, 1, 0, 1, 0])
    found = source_shortcut(labels, list("abcde"), 2)
    assert found is not None
    assert found.gain == 0


def test_balanced_classes_of_mixed_sources_gain_nothing() -> None:
    random = np.random.default_rng(0)
    labels = random.permutation(np.arange(400) % 4)
    found = source_shortcut(labels, random.choice(list("abcdefgh"), 400).tolist(), 4)
    assert found is not None
    assert found.gain < 0.08


def test_a_source_for_each_class_tells_all() -> None:
    labels = np.array([0, 1, 2] * 5)
    found = source_shortcut(labels, [str(label) for label in labels], 3)
    assert found is not None
    assert found.by_source == 1
    assert found.gain == pytest.approx(2 / 3)
