"""Which epochs a stage trains, and that they are the protocol's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness import HarnessError, Stage
from harness.training.fit.loop import fit
from harness.training.fit.stages import epochs_per_stage, spans, stage_of
from tests.training.test_loop import PROBLEM, Small, SmallNet, TwoStages, head_only, training

HALVES = (Stage(share_of_epochs=0.5), Stage(share_of_epochs=0.5))


def nothing(module: Any) -> tuple[str, ...]:
    return ()


@pytest.mark.parametrize("epochs", [1, 2, 3, 4, 7, 20])
@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_the_epochs_of_all_stages_are_those_of_the_protocol(count: int, epochs: int) -> None:
    stages = [Stage(share_of_epochs=1 / count)] * count
    assert sum(epochs_per_stage(stages, epochs)) == epochs


def test_halves_are_rounded_in_favour_of_the_earlier_stage() -> None:
    assert epochs_per_stage(HALVES, 20) == (10, 10)
    assert epochs_per_stage(HALVES, 3) == (2, 1)
    assert epochs_per_stage(HALVES, 1) == (1, 0)


def test_shares_that_do_not_sum_to_one_are_refused() -> None:
    with pytest.raises(HarnessError, match="must sum to 1"):
        epochs_per_stage((Stage(share_of_epochs=0.5),), 4)


@pytest.mark.parametrize(("epochs", "expected"), [(1, ["linear"]), (2, ["linear", "all"])])
def test_a_stage_without_an_epoch_is_left_out(
    epochs: int, expected: list[str], tmp_path: Path
) -> None:
    lines: list[Any] = []
    progress = fit(training(TwoStages(PROBLEM), tmp_path, f"epochs={epochs}", report=lines.append))
    assert [line["stage"] for line in lines] == expected
    assert progress.epochs_done == epochs


@pytest.mark.parametrize("idle", [0, 1])
def test_a_stage_that_trains_nothing_leaves_its_epochs_to_the_others(
    idle: int, tmp_path: Path
) -> None:
    class OneIdle(Small):
        stages = tuple(
            Stage(
                name=f"{number}",
                share_of_epochs=0.5,
                trainable=nothing if number == idle else head_only,
            )
            for number in (0, 1)
        )

    lines: list[Any] = []
    fit(training(OneIdle(PROBLEM), tmp_path, report=lines.append))
    assert [(line["stage"], line["epoch"]) for line in lines] == [
        (f"{1 - idle}", epoch) for epoch in (1, 2, 3, 4)
    ]


def test_the_stage_of_an_epoch_is_the_one_that_trained_it() -> None:
    found = spans(TwoStages.stages, SmallNet(), 3)
    assert [stage_of(found, epoch).name for epoch in (1, 2, 3)] == ["linear", "linear", "all"]
    assert stage_of(found, None).name == "all"
