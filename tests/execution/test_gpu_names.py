"""Cells share no GPU, and wait for none that is another."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from harness.cell.construct import gpu_name


@pytest.mark.parametrize(
    ("cards", "names"),
    [
        ((SimpleNamespace(uuid="a1"), SimpleNamespace(uuid="b2")), ["gpu-a1", "gpu-b2"]),
        ((SimpleNamespace(), SimpleNamespace()), ["cuda-0", "cuda-0"]),
    ],
)
def test_a_gpu_is_named_by_its_card_and_not_by_the_number_that_a_job_sees(
    cards: tuple[SimpleNamespace, ...], names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for card in cards:  # Two jobs, to each of which another GPU is the first.
        monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device, card=card: card)
        found.append(gpu_name("cuda:0"))
    assert found == names
