"""Counts and sizes as texts have them, and sizes as a user writes them."""

from __future__ import annotations

import pytest

from harness.errors import HarnessError
from harness.planning.units import bytes_text, number_of_bytes
from harness.values.wording import counted, size_text


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (0, "image", "0 images"),
        (1, "image", "1 image"),
        (2, "image", "2 images"),
        (1, "class", "1 class"),
        (3, "class", "3 classes"),
        (2, "micro-batch", "2 micro-batches"),
        (10, "epoch", "10 epochs"),
    ],
)
def test_a_noun_agrees_with_its_number(number: int, noun: str, text: str) -> None:
    assert counted(number, noun) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1000, "1000 B"),
        (4000, "3.91 KiB"),
        (312 * 2**20, "312 MiB"),
        (1.5 * 2**30, "1.5 GiB"),
        (2**41, "2048 GiB"),
    ],
)
def test_sizes_are_in_binary_units(count: float, text: str) -> None:
    assert size_text(count) == text
    assert bytes_text(int(count)) == text


@pytest.mark.parametrize(
    ("text", "count"),
    [("8GB", 8 * 10**9), ("8 GiB", 8 * 2**30), ("1.5mib", 3 * 2**19), ("500 MB", 5 * 10**8)],
)
def test_a_size_may_be_given_in_decimal_and_in_binary_units(text: str, count: int) -> None:
    assert number_of_bytes("--device-memory", text) == count


def test_a_size_of_another_unit_is_refused() -> None:
    with pytest.raises(HarnessError, match="a number with a unit, such as 8GB or 8GiB"):
        number_of_bytes("--device-memory", "8 gigs")
