"""Make the small weights anew: ``python -m harness_phantom.pretrain [NAME ...] [--out DIR]``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from harness_phantom.own_weights import FOLDER
from harness_phantom.pretrain.make import make
from harness_phantom.pretrain.phantoms import simulate
from harness_phantom.pretrain.recipes import RECIPES, SIZE

EVERY_SECONDS = 5.0
"""How often progress is printed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate the phantoms once, then train each network in a process of one thread."""
    options = _parser().parse_args(arguments)
    recipes = [RECIPES[name] for name in options.names or RECIPES]
    seeds = {(recipe.data_seed, recipe.images) for recipe in recipes}
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    for seed, images in sorted(seeds):
        tell = partial(_tell, f"phantoms of seed {seed}", images, _Clock())
        phantoms = simulate(seed, images, SIZE, options.jobs, tell)
        chosen = [one for one in recipes if (one.data_seed, one.images) == (seed, images)]
        with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
            waiting = {pool.submit(make, recipe, phantoms, out): recipe for recipe in chosen}
            for done in as_completed(waiting):
                print(f"{waiting[done].name}: {done.result()}", flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m harness_phantom.pretrain", description=__doc__.partition(":")[0] + "."
    )
    parser.add_argument("names", nargs="*", choices=[[], *RECIPES], metavar="NAME", default=[])
    parser.add_argument("--out", default=str(FOLDER), help="Default: where the package has them.")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="Processes.")
    return parser


class _Clock:
    """When something was last printed."""

    last = 0.0


def _tell(what: str, total: int, clock: _Clock, done: int) -> None:
    if done == total or time.monotonic() - clock.last > EVERY_SECONDS:
        clock.last = time.monotonic()
        print(f"{what}: {done}/{total}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
