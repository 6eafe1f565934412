"""Names have one order whatever lists them, and names that a reader takes for one are found."""

from __future__ import annotations

import random

import pytest

from harness import HarnessError
from harness.data.spelling import name_order, spelled_alike
from tests.tables import make_samples


def test_numbers_in_names_are_ordered_by_value() -> None:
    names = ["image-10", "image-2", "image", "10", "9", "0", "b", "a"]
    ordered = ["0", "9", "10", "a", "b", "image", "image-2", "image-10"]
    assert sorted(names, key=name_order) == ordered


def test_the_order_is_the_same_whatever_order_names_come_in() -> None:
    names = ["COVID", "covid", "Covid", "stage1", "stage01", "stage001", "1", "01", "a", "A", "ä"]
    orders = set()
    for seed in range(20):
        mixed = random.Random(seed).sample(names, len(names))
        orders.add(tuple(sorted(mixed, key=name_order)))
    assert len(orders) == 1


def test_a_number_of_any_length_can_be_ordered() -> None:
    long = "1" * 6000
    assert sorted([long, "2"], key=name_order) == ["2", long]


@pytest.mark.parametrize(
    "names",
    [
        ("COVID", "covid"),
        ("stage1", "stage01"),
        ("0", "0.0"),
        ("1.5", "1,50"),
        ("Lung Opacity", "Lung_Opacity"),
        ("covid-19", "covid 19"),
        ("no finding", "nofinding"),
        ("é", "e\u0301"),
        ("Straße", "STRASSE"),
        ("a\u00a0b", "a b"),
        ("COVID-19", "COVID\u201319"),
        ("COVID-19", "COVID\u221219"),
        ("0", "0,000"),
        ("0.5", "0,500"),
        ("1,000", "1000"),
        ("12,345.6", "12345.60"),
        ("a\u200bb", "ab"),
        ("\ufeffa", "a"),
        ("pneu\u00admonia", "pneumonia"),
        ("N", "N."),
        ("St. 1", "St 1"),
        ("p.001", "P1"),
        ("\uff23\uff2f\uff36\uff29\uff24", "COVID"),
        ("\ufb01brosis", "fibrosis"),
        ("Crohn's", "Crohn\u2019s"),
        ("\u22121", "-1"),
        ("Grade -1", "grade \u22121"),
    ],
)
def test_spellings_of_one_name_are_found(names: tuple[str, str]) -> None:
    assert [set(found) for found in spelled_alike([*names, "other"])] == [set(names)]


@pytest.mark.parametrize(
    "names",
    [
        *(
            ("1", "-1"),
            ("HER2", "HER2-"),
            ("1 2", "12"),
            ("1", "10"),
            ("stage", "stage0"),
            ("a", "b"),
        ),
        *(("Grade -1", "Grade 1"), ("T -1", "T 1"), ("grade_-1", "grade_1"), ("1 -1", "1 1")),
        *(("v1.2", "v12"), ("grade 1.05", "grade 1.5"), ("Grade .5", "Grade 5"), ("1,000", "1")),
        *(("a/b", "ab"), ("1.5", "15"), ("A+", "A"), ("?", "")),
    ],
)
def test_names_that_mean_different_things_are_kept_apart(names: tuple[str, str]) -> None:
    assert spelled_alike(names) == ()


@pytest.mark.parametrize("classes", [("COVID", "covid", "x", "y"), ("a", "a", "x", "y")])
def test_no_dataset_can_have_two_classes_of_one_name(classes: tuple[str, ...]) -> None:
    from dataclasses import replace

    with pytest.raises(HarnessError, match=f"{classes[0]}.*{classes[1]}"):
        replace(make_samples([2, 2, 2, 2]), classes=classes)
