"""Initial weights out of a checkpoint file: all of them, or one clear error."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from harness import HarnessError, load_checkpoint


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, b.state_dict()[name]) for name, x in a.state_dict().items())


@pytest.mark.parametrize("wrapper", [None, "model", "module", "state_dict"])
def test_a_torch_file_is_loaded_bare_or_wrapped_once(tmp_path: Path, wrapper: str | None) -> None:
    source, target = network(1), network(2)
    state = source.state_dict()
    torch.save(state if wrapper is None else {wrapper: state, "epoch": 3}, tmp_path / "a.pth")
    assert not same(source, target)
    load_checkpoint(target, tmp_path / "a.pth")
    assert same(source, target)


def test_a_safetensors_file_is_loaded(tmp_path: Path) -> None:
    source, target = network(1), network(2)
    save_file(source.state_dict(), tmp_path / "a.safetensors")
    load_checkpoint(target, tmp_path / "a.safetensors")
    assert same(source, target)


def test_names_can_be_adapted(tmp_path: Path) -> None:
    source, target = network(1), network(2)
    torch.save({f"body.{k}": v for k, v in source.state_dict().items()}, tmp_path / "a.pth")
    load_checkpoint(
        target,
        tmp_path / "a.pth",
        lambda state: {name.removeprefix("body."): value for name, value in state.items()},
    )
    assert same(source, target)


@pytest.mark.parametrize(
    "change",
    [
        lambda state: {k: v for k, v in state.items() if k != "1.running_mean"},
        lambda state: {**state, "2.weight": torch.zeros(1)},
        lambda state: {**state, "0.bias": torch.zeros(3)},
        lambda state: {**state, "0.bias": Path("code")},
        lambda state: list(state.values()),
    ],
    ids=["lacks a buffer", "has another layer", "another shape", "an object", "no names"],
)
def test_a_file_of_another_network_is_refused_by_name(tmp_path: Path, change) -> None:
    torch.save(change(dict(network(1).state_dict())), tmp_path / "a.pth")
    with pytest.raises(HarnessError, match=r"a\.pth: this checkpoint does not fit Sequential"):
        load_checkpoint(network(2), tmp_path / "a.pth")


@pytest.mark.parametrize("name", ["a.pth", "a.safetensors"])
@pytest.mark.parametrize("content", [b"", b"\x08", b"not a checkpoint at all", b"PK\x03\x04cut"])
def test_a_damaged_file_is_refused_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(HarnessError, match=name):
        load_checkpoint(network(2), tmp_path / name)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"none\.pth"):
        load_checkpoint(network(2), tmp_path / "none.pth")
