"""The harness's defaults beside what they were chosen over, each alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from unittest.mock import patch

import torch

from benchmarks.peers import ours
from benchmarks.peers.bench import Bench
from benchmarks.peers.measure import Run, interleave, spread, wall_ratio
from benchmarks.peers.networks import resnet18
from benchmarks.peers.row import Row
from benchmarks.peers.workload import Workload
from benchmarks.runners import Workshop
from harness.discovery.registry import discover
from harness.execution.workers.process import PASSIVE_WAITING
from harness.protocol import QUICK

ADAM = torch.optim.Adam
STEPS = 30
"""In one timed run."""
CONVOLUTIONAL = ("supervised/densenet161", "segmentation/unet")
SUITE = "supervised/*"
"""Cells of a few seconds each."""
MOST_ROUNDS = 3
"""Of whole commands."""


def levers(bench: Bench, cores: int) -> Iterator[Row]:
    """Ratios of times, the default over the other way: below 1 where the default is faster."""
    yield from _within_a_step(bench)
    yield from _layouts(bench)
    yield from _side_by_side(bench, cores)
    yield from _waiting(bench, cores)


def _within_a_step(bench: Bench) -> Iterator[Row]:
    """Training steps of ResNet-18 at 64 px; one thread."""
    workload = bench.workload(network=resnet18, size=64, batch_size=16, epochs=1, train=640, val=64)
    last_first = replace(workload, settings=replace(workload.settings, channels_last=True))
    compiled = replace(workload, settings=replace(workload.settings, compile=True))
    compiling: list[float] = []
    numbers = count()

    def steps(given: Workload, adam: Callable[..., torch.optim.Adam] = ADAM) -> Run:
        folder = bench.empty_folder(f"levers-{next(numbers)}")
        offered = ours.offers()
        method = ours.SameNetwork(ours.problem(given, offered.task), given)
        runner, clock = ours.build(method, given, folder)
        with patch("torch.optim.Adam", adam):
            step = runner.training_step(ours.data(given))
        assert step is not None
        if given.settings.compile:
            compiling.append(clock.read()["compile"])

        def run() -> None:
            for _ in range(STEPS):
                step()

        return run

    others: Mapping[str, Callable[[], Run]] = {
        "fused Adam / Adam as torch chooses it": partial(steps, workload, _chosen_by_torch),
        "channels first / channels last": partial(steps, last_first),
        "eager / compiled, compiling not counted": partial(steps, compiled),
    }
    nothing_cached = {"TORCHINDUCTOR_CACHE_DIR": str(bench.empty_folder("levers-compiled"))}
    with patch.dict(os.environ, nothing_cached):
        taken = interleave({"default": partial(steps, workload), **others}, bench.rounds)
    for name in others:
        yield Row(
            comparison="levers",
            what=f"step of ResNet-18 at 64 px: {name}",
            value=wall_ratio(taken["default"], taken[name]),
            note=f"compiled in {compiling[0]:.0f} s, once" if "compiled" in name else "",
        )


def _chosen_by_torch(*given: object, fused: bool, **options: object) -> torch.optim.Adam:
    assert fused, "the harness asks for the fused one"
    return ADAM(*given, **options)  # type: ignore[arg-type]


def _layouts(bench: Bench) -> Iterator[Row]:
    """Training steps of small convolutional networks in both memory layouts; one thread."""
    plugins, numbers = discover(), count()

    def steps(method: str, channels_last: bool | None) -> Run:
        workshop = Workshop(
            plugins=plugins,
            protocol=replace(QUICK, channels_last=channels_last),
            device="cpu",
            folder=bench.empty_folder(f"levers-layout-{next(numbers)}"),
        )
        trainee = workshop.trainee(method, steps=2)
        step = trainee.runner.training_step(trainee.parts)
        assert step is not None

        def run() -> None:
            for _ in range(STEPS):
                step()

        return run

    for method in CONVOLUTIONAL:
        ways = {"last": partial(steps, method, None), "first": partial(steps, method, False)}
        taken = interleave(ways, bench.rounds)
        yield Row(
            comparison="levers",
            what=f"step of {method}, quick: channels last / channels first",
            value=wall_ratio(taken["last"], taken["first"]),
        )


def _side_by_side(bench: Bench, cores: int) -> Iterator[Row]:
    """A whole ``harness run``: a process per core, or one process with a thread per core."""

    def command(jobs: int, threads: int) -> Run:
        output = bench.empty_folder("levers-suite")
        arguments = ["run", "--plugins", SUITE, "--out", str(output)]
        arguments += ["--jobs", str(jobs), "--threads", str(threads)]
        return lambda: _finish([sys.executable, "-m", "harness.cli.main", *arguments])

    ways = {"processes": partial(command, cores, 1), "threads": partial(command, 1, cores)}
    taken = interleave(ways, min(bench.rounds, MOST_ROUNDS))
    yield Row(
        comparison="levers",
        what=f"run of {SUITE}, quick: {cores} processes of a thread / one of {cores}",
        value=wall_ratio(taken["processes"], taken["threads"]),
    )


def _waiting(bench: Bench, cores: int) -> Iterator[Row]:
    """Training with a thread per core while every core has something else to do as well."""
    plain = {name: value for name, value in os.environ.items() if name not in PASSIVE_WAITING}

    child = [sys.executable, "-m", "benchmarks.peers.spinning", str(cores)]
    ratios = []
    with ExitStack() as stack:
        for _ in range(cores):
            busy = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(busy.kill)
        for _ in range(min(bench.rounds, MOST_ROUNDS)):
            passive = float(_finish(child, {**plain, **PASSIVE_WAITING}))
            ratios.append(passive / float(_finish(child, plain)))
    yield Row(
        comparison="levers",
        what=f"steps with {cores} threads on a loaded machine: passive / spinning waiting",
        value=spread(ratios),
    )


def _finish(command: list[str], environment: Mapping[str, str] | None = None) -> str:
    """Run a command; what it prints."""
    root = Path(__file__).parents[2]
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")
    return done.stdout
