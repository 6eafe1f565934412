"""A network is put into a stage's modes by remembering them, as by asking every layer."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import pytest
from torch import nn

from harness.training.frozen.freeze import Modes, set_train_mode


class StaysStill(nn.Linear):
    """Never in train mode."""

    def train(self, mode: bool = True) -> nn.Module:
        return super().train(False)


def network(last: Callable[[int, int], nn.Module] = nn.Linear) -> nn.Sequential:
    """Frozen but for its last layer; a layer is in the frozen part and behind it."""
    shared = nn.Linear(4, 4)
    body = nn.Sequential(shared, nn.BatchNorm1d(4), nn.Dropout())
    net = nn.Sequential(body, nn.Dropout(), shared, last(4, 2))
    net[0].requires_grad_(False)
    return net


def modes(net: nn.Module) -> dict[str, bool]:
    return {name: part.training for name, part in net.named_modules(remove_duplicate=False)}


@pytest.mark.parametrize("last", [nn.Linear, StaysStill])
@pytest.mark.parametrize("begins_in", [True, False])
def test_remembered_modes_are_those_of_asking_every_layer(
    last: Callable[[int, int], nn.Module], begins_in: bool
) -> None:
    fast = network(last)
    fast.train(begins_in)
    slow, remembered = deepcopy(fast), Modes(fast)
    for _ in range(2):
        remembered.train()
        set_train_mode(slow)
        assert modes(fast) == modes(slow)
        remembered.eval()
        slow.eval()
        assert modes(fast) == modes(slow)


def test_a_part_that_came_later_takes_the_mode_too() -> None:
    net = network()
    remembered = Modes(net)
    net.append(nn.Dropout())
    net.eval()
    remembered.train()
    assert net[-1].training
    remembered.eval()
    assert not net[-1].training


def test_a_part_that_a_step_has_put_into_another_mode_is_put_back() -> None:
    net = network()
    remembered = Modes(net)
    remembered.train()
    net[0][2].train()
    remembered.train()
    assert not net[0][2].training
