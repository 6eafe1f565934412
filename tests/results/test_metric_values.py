"""What counts as the value of a metric, whoever has written it."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from harness.metrics.one_metric import MetricError, value_of
from harness.specs import MetricSpec
from tests.builders import class_predictions

RETURNED: list[Any] = [None]
MINE = MetricSpec(
    name="mine", kind="classes", function=f"{__name__}:mine", label="mine", summary="Mine"
)


def mine(predictions: object) -> object:
    return RETURNED[0]


def value(returned: object) -> float | None:
    RETURNED[0] = returned
    return value_of(MINE, class_predictions([0], [[1, 0, 0, 0]]), "test set")


@pytest.mark.parametrize(
    "returned",
    [
        0.5, np.float32(0.5), np.longdouble(0.5), np.array(0.5), np.array(0.5, object),
        np.array(np.float32(0.5), object), np.ma.array(0.5), Fraction(1, 2), torch.tensor(0.5),
        torch.tensor(0.5, requires_grad=True),
    ],
    ids=repr,
)  # fmt: skip
def test_one_real_number_is_a_value(returned: object) -> None:
    assert value(returned) == 0.5


@pytest.mark.parametrize(
    "returned",
    [None, np.ma.masked, np.ma.array(0.5, mask=True), np.array(None, object)],
    ids=repr,
)
def test_what_is_masked_or_none_is_not_defined(returned: object) -> None:
    assert value(returned) is None


@pytest.mark.parametrize(
    "returned",
    [
        True, np.True_, np.array(True), torch.tensor(True), 0.5j, np.complex64(1), Decimal("0.5"),
        np.array(Decimal("0.5"), object), "0.5", np.str_("0.5"), np.array("0.5"), np.array([0.5]),
        np.ma.array([0.5], mask=[True]), torch.tensor([0.5]), [0.5],
    ],
    ids=repr,
)  # fmt: skip
def test_anything_else_has_no_value_and_is_named(returned: object) -> None:
    with pytest.raises(MetricError, match=r"metric mine .* returned .* on the test set"):
        value(returned)
