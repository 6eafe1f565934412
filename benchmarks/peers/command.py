"""The command line of the benchmark."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path

import click

from benchmarks.peers.bench import Bench
from benchmarks.peers.comparisons import COMPARISONS, SLOW
from benchmarks.peers.pictures import write_pictures
from benchmarks.peers.report import Report, as_json, as_text, machine_facts
from benchmarks.peers.row import Row

PICTURES = 768


@click.command()
@click.option(
    "--only", multiple=True, type=click.Choice(list(COMPARISONS)), help="May be repeated."
)
@click.option("--repeat", default=5, show_default=True, type=click.IntRange(1), help="Rounds.")
@click.option("--slow", is_flag=True, help=f"Also what takes many minutes: {', '.join(SLOW)}.")
@click.option("--json", "file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
def main(only: tuple[str, ...], repeat: int, slow: bool, file: Path | None) -> None:
    """Time the harness and its peers side by side; only ratios are reported."""
    chosen = only or [name for name in COMPARISONS if slow or name not in SLOW]
    with tempfile.TemporaryDirectory(prefix="peers-") as scratch:
        os.environ["CXR_HARNESS_CACHE"] = str(Path(scratch) / "cache")
        click.echo("simulating the pictures", err=True)
        pictures = write_pictures(Path(scratch) / "pictures", PICTURES)
        bench = Bench(pictures=pictures, scratch=Path(scratch), rounds=repeat)
        machine = machine_facts()
        found = []
        for name in chosen:
            click.echo(f"comparing: {name}", err=True)
            # Frameworks draw progress bars; what they draw is timed, but nobody has to see it.
            with (
                Path(os.devnull).open("w") as nowhere,
                contextlib.redirect_stdout(nowhere),
                contextlib.redirect_stderr(nowhere),
            ):
                found += COMPARISONS[name](bench)
    rows = [item for item in found if isinstance(item, Row)]
    report = Report(
        rows=rows,
        agreements=[item for item in found if not isinstance(item, Row)],
        machine=machine,
    )
    if file is not None:
        file.write_text(json.dumps(as_json(report), indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(as_text(report) + "\n")
