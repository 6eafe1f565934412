"""A dataset as a study has recorded it is the dataset, image by image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness import HarnessError
from harness.data.recorded import RecordedDataset
from harness_folder.dataset import open_folder
from tests.image_files import make_folders


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXR_HARNESS_CACHE", str(tmp_path / "cache"))


def test_a_dataset_that_lists_its_images_in_another_order_is_refused(tmp_path: Path) -> None:
    dataset = open_folder(make_folders(tmp_path / "data"), pad=False)
    whole = dataset.samples
    turned = replace(whole, ids=whole.ids[::-1], labels=whole.labels[::-1])
    recorded = RecordedDataset(turned, dataset.fingerprint, lambda: dataset)
    with pytest.raises(HarnessError, match="another order"):
        recorded.image(0)


def test_a_dataset_that_orders_its_classes_in_another_way_is_refused(tmp_path: Path) -> None:
    dataset = open_folder(make_folders(tmp_path / "data"), pad=False)
    whole = dataset.samples
    turned = replace(whole, classes=whole.classes[::-1], labels=1 - whole.labels)
    recorded = RecordedDataset(turned, dataset.fingerprint, lambda: dataset)
    with pytest.raises(HarnessError, match="another order"):
        recorded.image(0)
