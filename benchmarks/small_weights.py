"""What the small weights are worth: three claims, each with its paired interval at three seeds.

From the repository's root, with the harness installed: ``python -m benchmarks.small_weights``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import harness
from harness.metrics.intervals import difference_interval
from harness.metrics.resampled import on_resamples
from harness.metrics.resampling import group_names, resample
from harness.results.rundir import CellDirectory

SEEDS = (0, 1, 2)
FREEZE8 = "ssl/dinov2_base@freeze8"
PIXELS = "baselines/pixels"


@dataclass(frozen=True)
class Side:
    """A method's cells, one per seed."""

    name: str
    cells: Sequence[harness.Cell]

    @property
    def scores(self) -> list[float]:
        """Macro F1 on the test set, of each seed."""
        return [float(cell.metrics["test"]["label"]["f1"]) for cell in self.cells]


def main() -> None:
    """Run what is missing, then print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("results"))
    out = parser.parse_args().out
    asked = {"plugins": "all", "exclude": "segmentation,multitask", "out": out}
    own = sides(harness.run(**asked, seeds=SEEDS, name="own"))
    random = sides(
        harness.run(plugins=FREEZE8, weights="random", seeds=SEEDS, out=out, name="random")
    )
    prompts = [side for side in own.values() if side.name.startswith("clip/")]
    trained = [side for side in own.values() if not side.name.startswith(("clip/", "baselines/"))]
    ranked = sorted(prompts, key=lambda side: np.mean(side.scores))
    best = max(trained, key=lambda side: np.mean(side.scores))
    print(
        "| macro F1, seeds 0 to 2 | first | second | difference, 95 % interval |\n|---|---|---|---|"
    )
    print(line("own weights / random ones", own[FREEZE8], random[FREEZE8]))
    print(line("best / worst prompt set", ranked[-1], ranked[0]))
    print(line("best trained network / pixels", best, own[PIXELS]))


def sides(results: harness.Results) -> dict[str, Side]:
    """The cells of each method, in the order of their seeds."""
    ordered = sorted(results.cells, key=lambda cell: cell.record["seed"])
    names = dict.fromkeys(cell.method for cell in ordered)
    return {name: Side(name, [c for c in ordered if c.method == name]) for name in names}


def line(what: str, first: Side, second: Side) -> str:
    """A row of the table: the mean of each side, and their difference on the same resamples."""
    pairs = [
        [CellDirectory(cell.directory).predictions("test", bits=False) for cell in side.cells]
        for side in (first, second)
    ]
    resampling = resample(group_names(pairs[0][0]))
    drawn = [on_resamples("label.f1", files, resampling) for files in pairs]
    difference = difference_interval(first.scores, second.scores, *drawn)
    means = [f"{side.name} {np.mean(side.scores):.3f}" for side in (first, second)]
    ends = f"[{difference.low:+.3f}, {difference.high:+.3f}]"
    return f"| {what} | {means[0]} | {means[1]} | {difference.value:+.3f} {ends} |"


if __name__ == "__main__":
    main()
