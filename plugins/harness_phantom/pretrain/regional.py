"""Networks that learn where and how much of the lung is filled, and no class.

The targets are the simulator's own maps: the share of each cell's air that the finding replaces,
and its summary by zone. That is help which only a simulator can give; the weights cards say so.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness_phantom.pretrain.networks import Learner
from harness_phantom.pretrain.phantoms import CELLS, Phantoms
from harness_phantom.pretrain.recipes import Recipe, scheduled
from harness_phantom.pretrain.views import exposed, hidden_patches, normalised

ZONES = 8
"""Two lungs in three zones each; the fullest zone; the share of cells that hold anything."""
_SCALE = torch.tensor([5.0] * 7 + [1.0])
"""Brings the targets to about one."""
_ROWS = (slice(0, 3), slice(3, 5), slice(5, CELLS))
_COLUMNS = (slice(0, CELLS // 2), slice(CELLS // 2, CELLS))
_ANYTHING = 0.03


def by_zone(findings: Tensor, lungs: Tensor) -> Tensor:
    """Maps [B, CELLS, CELLS] -> targets [B, ZONES]: share of the air replaced in each zone."""
    shares = [
        findings[:, rows, columns].sum(dim=(1, 2)) / (lungs[:, rows, columns].sum(dim=(1, 2)) + 1)
        for rows in _ROWS
        for columns in _COLUMNS
    ]
    zones = torch.stack(shares, dim=1)
    summary = [zones.amax(dim=1), (findings > _ANYTHING).float().mean(dim=(1, 2))]
    return torch.cat([zones, torch.stack(summary, dim=1)], dim=1) * _SCALE


def by_cell(findings: Tensor, side: int) -> Tensor:
    """Maps [B, CELLS, CELLS] -> targets in [0, 1], [B, side * side], of ``side`` cells a side."""
    pooled = F.adaptive_avg_pool2d(findings[:, None], side)
    return (2.5 * pooled.flatten(1)).clamp(0, 1)


class RegionalHead(nn.Module):
    """What is learned from a network's features and tokens."""

    def __init__(self, learner: Learner) -> None:
        super().__init__()
        self.zones = nn.Linear(learner.width, ZONES)
        self.cells = nn.Linear(learner.width, 2) if learner.side else None

    def loss(
        self, features: Tensor, tokens: Tensor | None, findings: Tensor, lungs: Tensor
    ) -> Tensor:
        """Scalar: squared error of the zones, and cross-entropy of cells where there are tokens."""
        loss = 2 * F.mse_loss(self.zones(features), by_zone(findings, lungs))
        if self.cells is None or tokens is None:
            return loss
        side = round(tokens.shape[1] ** 0.5)
        filled, lung = self.cells(tokens).unbind(dim=-1)
        where = F.adaptive_avg_pool2d(lungs[:, None], side).flatten(1)
        return (
            loss
            + F.binary_cross_entropy_with_logits(filled, by_cell(findings, side))
            + F.binary_cross_entropy_with_logits(lung, where)
        )


def learn_regions(
    learner: Learner, phantoms: Phantoms, recipe: Recipe, progress: Callable[[int], None]
) -> None:
    """Train ``learner`` in place. ``progress`` is given the number of steps that are done."""
    rng = torch.Generator().manual_seed(recipe.seed)
    head = RegionalHead(learner)
    both = nn.ModuleList([learner, head])
    optimizer = torch.optim.AdamW(
        both.parameters(), lr=recipe.learning_rate, weight_decay=0.02, betas=(0.9, 0.95)
    )
    learner.train()
    for step in range(recipe.steps):
        scheduled(optimizer, recipe, step)
        chosen = torch.randint(len(phantoms), (recipe.batch,), generator=rng)
        images = phantoms.images[chosen].float() / 255
        findings, lungs = phantoms.findings[chosen], phantoms.lungs[chosen]
        flip = torch.rand(recipe.batch, generator=rng) < 0.5
        images, findings, lungs = (
            torch.where(flip[:, None, None], part.flip(-1), part)
            for part in (exposed(images, rng), findings, lungs)
        )
        hidden = None
        if recipe.hidden:
            hidden = hidden_patches(recipe.batch, learner.side, recipe.hidden, rng)
        features, tokens = learner(normalised(images, recipe.mean, recipe.std), hidden)
        loss = head.loss(features, tokens, findings, lungs)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(both.parameters(), 1.0)
        optimizer.step()
        progress(step + 1)
