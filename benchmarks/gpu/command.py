"""The command line of the benchmark."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import torch

from benchmarks.gpu.bench import Bench, Settings
from benchmarks.gpu.catalogue import Entry, catalogue, chosen
from benchmarks.gpu.derive import FREEZE8, derive
from benchmarks.gpu.machine import machine_facts, matrix_rate
from benchmarks.gpu.measure import clean, measure
from benchmarks.gpu.report import errors, text
from harness import HarnessError
from harness.cell.construct import prepare_process
from harness.execution.devices import resolve_device
from harness.machine import Resources, cores

SCHEMA = 1
DTYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
COURSE = "ssl/dinov2_base@full"
"""Its network is what the course project's loop trains."""


@click.command()
@click.option("--methods", multiple=True, metavar="PATTERN", help="Ids or globs, by commas.")
@click.option("--images", default=21_165, show_default=True, type=click.IntRange(4))
@click.option("--size", default=224, show_default=True, type=click.IntRange(32), help="Pixels.")
@click.option("--batch", default=64, show_default=True, type=click.IntRange(2))
@click.option("--tiny", is_flag=True, help="Small members instead of the full networks.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--blocks", default=4, show_default=True, type=click.IntRange(2), help="Of steps.")
@click.option(
    "--seconds-per-method",
    default=16.0,
    show_default=True,
    help="After so many seconds a method gets no more than two blocks of each contestant.",
)
@click.option("--compile", "through_compile", is_flag=True, help="One method compiled as well.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--markdown", "markdown_file", type=click.Path(path_type=Path, dir_okay=False))
def main(
    methods: tuple[str, ...],
    device: str,
    through_compile: bool,
    json_file: Path | None,
    markdown_file: Path | None,
    **options: Any,
) -> None:
    """Speed, efficiency, memory and energy of every trained method of the paper protocol, and of
    CLIP, beside a bare PyTorch loop."""
    for file in (json_file, markdown_file):
        if file is not None and not file.absolute().parent.is_dir():
            raise click.UsageError(f"{file.parent} is no folder; make it first")
    settings = Settings(compile=through_compile, **options)
    try:
        entries, where = chosen(methods), torch.device(_indexed(resolve_device(device)))
    except HarnessError as error:
        raise click.UsageError(str(error)) from error
    with tempfile.TemporaryDirectory(prefix="gpu-") as scratch:
        bench = Bench(settings, where, Path(scratch))
        document = run(bench, entries, json_file)
    if markdown_file is not None:
        markdown_file.write_text(text(document, "github"), encoding="utf-8")
    click.echo(text(document, "simple"))
    sys.exit(1 if errors(document) else 0)


def _indexed(device: str) -> str:
    return "cuda:0" if device == "cuda" else device


def run(bench: Bench, entries: list[Entry], file: Path | None) -> dict[str, Any]:
    """Measure everything; the file is written anew after every method, should the time run out."""
    started = time.perf_counter()
    document = _heading(bench)
    matrix_flops = document["matrix_flops"]
    for entry in entries:
        click.echo(f"{time.perf_counter() - started:5.0f} s  {entry.id}", err=True)
        document["methods"][entry.id] = measure(bench, entry, matrix_flops)
        _write(document, file, started)
    if FREEZE8 in document["methods"]:
        click.echo(f"{time.perf_counter() - started:5.0f} s  a course project's loop", err=True)
        document["course"] = _course(bench)
        clean(bench)
    _write(document, file, started)
    return document


def _heading(bench: Bench) -> dict[str, Any]:
    # As a cell gets them: all for the loop beside a GPU, one where it does the arithmetic.
    threads = 1 if bench.device.type == "cpu" else cores()
    resources = Resources(device=str(bench.device), threads=threads, concurrent=False)
    prepare_process(resources, bench.protocol, seed=0)
    return {
        "schema": SCHEMA,
        "machine": machine_facts(bench.device),
        "settings": asdict(bench.settings),
        "precision": bench.precision,
        "matrix_flops": matrix_rate(bench.stopwatch, DTYPES[bench.precision]),
        "methods": {},
    }


def _course(bench: Bench) -> dict[str, Any]:
    try:
        # It imports scikit-learn, scipy and the pictures' plugin.
        from benchmarks.gpu.course import course

        return course(bench, catalogue()[COURSE])
    except Exception as error:
        return {"errors": {"course": f"{type(error).__name__}: {error}"}}


def _write(document: dict[str, Any], file: Path | None, started: float) -> None:
    document["seconds"] = time.perf_counter() - started
    derive(document)
    if file is not None:
        file.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
