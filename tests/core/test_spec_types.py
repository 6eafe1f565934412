"""A spec whose fields are not of their types is refused when it is made, with the field's name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import harness
from harness import SpecError
from harness.discovery.registry import discover
from harness.specs import WeightsCard

METHOD: dict[str, Any] = {
    "name": "net",
    "factory": "a.b:c",
    "task": "classification",
    "summary": "A network",
    "family": "demo",
}


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("name", 3, "method 3: name: 3 is not text"),
        ("requires", "torch", "method net: requires: 'torch' is not a list"),
        ("files", "demo:prompts.txt", "files: 'demo:prompts.txt' is not a list"),
        ("files", [3], "files.0: 3 is not text"),
        ("tags", "small", "tags: 'small' is not a set"),
        ("tags", {1}, "tags: 1 is not text"),
        ("params", ["width"], "params: ['width'] is not a record"),
        ("twins", {"label": None}, "twins.label: None is not text"),
        ("weights", "imagenet", "weights: 'imagenet' is not WeightsCard"),
    ],
)
def test_a_field_of_a_method_of_another_type_is_named(field: str, value: Any, says: str) -> None:
    with pytest.raises(SpecError) as error:
        harness.MethodSpec(**{**METHOD, field: value})
    assert says in str(error.value)


def test_lists_stand_for_tuples_and_sets() -> None:
    spec = harness.MethodSpec(**METHOD, requires=["torch"], tags=["small"])  # type: ignore[arg-type]
    assert list(spec.requires) == ["torch"]


def test_a_weights_card_has_finite_means() -> None:
    card = next(
        card for e in discover().methods.values() if isinstance(card := e.spec.weights, WeightsCard)
    )
    with pytest.raises(SpecError, match=r"mean\.0: nan is not a finite number"):
        replace(card, mean=(float("nan"), 0.5, 0.5))
