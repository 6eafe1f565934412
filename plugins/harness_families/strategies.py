"""The ways of training a network that somebody else has trained before: what is frozen when."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import harness

OFFERED = ("full", "freezeN", "linear", "lpft", "lora")
"""As a user is told of them: N is a number."""

HEAD_LEARNING_RATE = 1e-3
"""A linear layer on frozen features learns next to nothing at the rate of a fine-tuning."""
LORA_LEARNING_RATE = 5e-4
"""Ten times that of the paper preset: low-rank updates want about an order of magnitude more
(https://arxiv.org/abs/2405.09673)."""

PEFT = "peft>=0.15"
"""What ``lora`` needs."""
PROBE_LR_SCALE = 20.0
"""From the paper preset's 5e-5 to :data:`HEAD_LEARNING_RATE`."""
RANK = 8
"""Of the updates that ``lora`` learns."""

_FREEZE = re.compile(r"freeze([1-9][0-9]{0,3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """A strategy, and what of a method's description it decides."""

    name: str
    frozen_blocks: int = 0
    """So many blocks, and all that comes before them, never train."""
    learning_rate: float | None = None
    """Where it is not the protocol's."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Parameters that no other strategy has."""
    requires: tuple[str, ...] = ()
    install: str = ""

    @property
    def protocol(self) -> dict[str, float]:
        """What it declares to differ from the protocol."""
        return {} if self.learning_rate is None else {"learning_rate": self.learning_rate}

    def words(self, head: str, encoder: str) -> str:
        """A summary of at most 40 characters.

        Args:
            head: what is new, e.g. ``"classifier"``.
            encoder: what was trained before, e.g. ``"network"``.
        """
        return {
            "full": "every layer trained",
            "linear": f"{head} on the frozen {encoder}",
            "lpft": f"{head} first, then every layer",
            "lora": f"low-rank updates and {head}",
        }.get(self.name, f"first {self.frozen_blocks} blocks frozen")


def strategy_of(name: str) -> tuple[str, Strategy]:
    """What comes before the ``@``, and the strategy behind it, ``full`` where there is none.

    Raises:
        HarnessError: there is no such strategy.
    """
    base, _, strategy = name.partition("@")
    return base, named(strategy or "full")


def named(name: str) -> Strategy:
    """The strategy of this name.

    Raises:
        HarnessError: there is none.
    """
    if found := _FREEZE.fullmatch(name):
        return Strategy(name=name, frozen_blocks=int(found[1]))
    known = {
        "full": Strategy(name="full"),
        "linear": Strategy(name="linear", learning_rate=HEAD_LEARNING_RATE),
        "lpft": Strategy(name="lpft", params={"probe_lr_scale": PROBE_LR_SCALE}),
        "lora": Strategy(
            name="lora",
            learning_rate=LORA_LEARNING_RATE,
            params={"rank": RANK},
            requires=(PEFT,),
            install="cxr-harness[lora]",
        ),
    }
    if name not in known:
        raise harness.HarnessError(
            f"no strategy {name!r}; strategies: {', '.join(OFFERED)}, N being a number of blocks"
        )
    return known[name]


def summary(name: str, words: str) -> str:
    """``<name>, <words>`` in the 72 characters of a summary; a longer name loses its end."""
    room = 72 - len(", ") - len(words)
    return f"{name if len(name) <= room else name[: room - 1] + '…'}, {words}"
