"""What sharing image embeddings saves: five CLIP prompt sets against one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.clip_checkpoint import write_clip
from benchmarks.peers.bench import Bench, threads
from benchmarks.peers.measure import Run, cpu_ratio, interleave, wall_ratio
from benchmarks.peers.row import Row
from benchmarks.runners import Workshop
from harness.discovery.registry import discover
from harness.protocol import PAPER

METHOD = "clip/vit_l14"
SETS = ("photo", "short", "signs", "findings", "ensemble")
BATCHES = 2
"""Of 64 images."""
MOST_ROUNDS = 1
"""A round takes many minutes."""


def prompt_sets(bench: Bench, cores: int) -> Iterator[Row]:
    """The network is built, its sentences and images encoded, the images classified; all cores."""
    files = write_clip(bench.scratch / "clip", full=True)
    plugins = discover()

    def contestant(name: str, sets: tuple[str, ...]) -> Run:
        folder = bench.empty_folder(f"prompts-{name}")
        workshop = Workshop(plugins=plugins, protocol=PAPER, device="cpu", folder=folder)

        def run() -> None:
            for prompt_set in sets:
                _classify(workshop, prompt_set, files, folder / "activations")

        return run

    with threads(cores):
        taken = interleave(
            {
                "one": lambda: contestant("one", SETS[:1]),
                "five": lambda: contestant("five", SETS),
            },
            min(bench.rounds, MOST_ROUNDS),
            warm_up=False,
        )
    yield Row(
        comparison="prompts",
        what="five CLIP prompt sets / one, ViT-L/14, 128 images",
        value=wall_ratio(taken["five"], taken["one"]),
        cpu=cpu_ratio(taken["five"], taken["one"]),
        target=1.1,
    )


def _classify(workshop: Workshop, prompt_set: str, files: Mapping[str, Path], kept: Path) -> None:
    trainee = workshop.trainee(
        f"{METHOD}@{prompt_set}", steps=BATCHES, files=files, activations=kept
    )
    trainee.epoch()
    trainee.predict()
