"""What is predicted in the end is what the best epoch predicted, whatever stage it lies in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from harness import Stage
from harness.training.fit.runner import Outputs
from tests.runners import TRAINED, bundled, contents, parts_for, runner_of
from tests.training.test_loop import PROBLEM, CachedLinear, Small, head_only

LINEAR = Stage(name="linear", share_of_epochs=0.5, trainable=head_only)
ALL = Stage(name="all", share_of_epochs=0.5)


class LinearThenAll(CachedLinear):
    stages = (LINEAR, ALL)


class AllThenLinear(CachedLinear):
    stages = (ALL, LINEAR)


class HeadBodyHead(CachedLinear):
    stages = (
        Stage(name="first", share_of_epochs=0.25, trainable=head_only),
        Stage(name="all", share_of_epochs=0.5),
        Stage(name="last", share_of_epochs=0.25, trainable=head_only),
    )


def scores_with_best(best: int, seen: list[Outputs]) -> Callable[[Outputs], dict[str, float]]:
    """Scores of one epoch after the other, of which ``best`` is the highest; keeps what it saw."""
    epochs: Iterator[int] = count(1)

    def score(outputs: Outputs) -> dict[str, float]:
        seen.append(outputs)
        return {"primary": float(next(epochs) == best)}

    return score


@pytest.mark.parametrize("where", ["disk", "memory", "per batch"])
@pytest.mark.parametrize("best", [1, 2, 3, 4])
@pytest.mark.parametrize("kind", [LinearThenAll, AllThenLinear, HeadBodyHead])
def test_the_final_predictions_are_those_of_the_best_epoch_in_any_stage(
    kind: type[Small], best: int, where: str, tmp_path: Path
) -> None:
    method = kind(PROBLEM)
    parts, seen = parts_for(method), []
    bounds = {"disk": {}, "memory": {"disk_budget": 0}, "per batch": {
        "disk_budget": 0, "memory_budget": 0}}  # fmt: skip
    runner = runner_of(
        method, tmp_path / "cell", "epochs=4", "learning_rate=0.05", sharing=bounds[where]
    )
    fitted = runner.fit(parts, scores_with_best(best, seen))
    assert fitted.best_epoch == best
    assert contents(runner.predict(parts.val, loss=True)) == contents(seen[best - 1])
    assert len({contents(outputs) for outputs in seen}) == 4, "epochs must differ"


@pytest.mark.parametrize("cut", [2, 3])
def test_a_run_resumed_in_the_second_stage_keeps_the_network_of_the_first(
    cut: int, tmp_path: Path
) -> None:
    class PowerCutError(Exception):
        """Stands for the power cut."""

    def stop(line: Mapping[str, Any]) -> None:
        if line.get("epoch") == cut + 1:
            raise PowerCutError

    parts, seen = parts_for(LinearThenAll(PROBLEM)), []
    score = scores_with_best(1, seen)
    settings = (tmp_path / "cell", "epochs=4", "learning_rate=0.05")
    killed = runner_of(LinearThenAll(PROBLEM), *settings, report=stop)
    with pytest.raises(PowerCutError):
        killed.fit(parts, score)
    killed._checkpoints.wait()
    resumed = runner_of(LinearThenAll(PROBLEM), *settings)
    fitted = resumed.fit(parts, score)
    assert (fitted.best_epoch, fitted.resumed) == (1, 1)
    assert contents(resumed.predict(parts.val, loss=True)) == contents(seen[0])


@pytest.mark.parametrize("name", TRAINED)
def test_a_bundled_method_predicts_with_its_best_epoch_and_keeps_that(
    name: str, tmp_path: Path
) -> None:
    method = bundled(name)
    parts, seen = parts_for(method), []
    settings = ("epochs=2", "learning_rate=0.01")
    runner = runner_of(method, tmp_path / "cell", *settings)
    runner.fit(parts, scores_with_best(1, seen))
    found = runner.predict(parts.val, loss=True)
    assert contents(found) == contents(seen[0])
    assert contents(found) != contents(seen[1])
    runner.finish()

    kept = runner_of(bundled(name), tmp_path / "cell", *settings)
    kept.load()
    batches = list(kept.probabilities(parts.val))
    if found.probabilities is not None:
        classes = np.concatenate([batch["label"] for batch in batches])
        # Activations of a frozen half are kept in half precision.
        np.testing.assert_allclose(classes, found.probabilities, atol=2e-3)
    expected = dict(runner.network()[1].state_dict())
    for part, value in kept.network()[1].state_dict().items():
        assert torch.equal(value, expected[part])
    assert isinstance(kept.network()[1], nn.Module)
