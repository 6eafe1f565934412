"""``harness reproduce``"""

from __future__ import annotations

import shlex
from itertools import pairwise
from pathlib import Path

import click

from harness.cli.shared.exit_codes import of_several
from harness.cli.shared.found_plugins import found_plugins
from harness.cli.shared.past_runs import RESULTS
from harness.cli.shared.terminal import terminal_width
from harness.errors import HarnessError
from harness.report.table.rows import Row


@click.command(name="reproduce", context_settings={"ignore_unknown_options": True})
@click.argument("name", metavar="NAME")
@click.argument("extra", nargs=-1, type=click.UNPROCESSED, metavar="[-- RUN-OPTIONS]")
@click.option(
    "--data-root", type=click.Path(path_type=Path), metavar="DIR", help="The dataset's folder."
)
@click.option("--device", default="auto", metavar="NAME", help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=RESULTS,
    metavar="RESULTS",
    help="The results folder, which study folders lie in (default: results).",
)
@click.option("--run", "asked_to_run", is_flag=True, help="Run the commands, too.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown"]),
    default="text",
    help="Default: text.",
)
def command(
    name: str,
    extra: tuple[str, ...],
    data_root: Path | None,
    device: str,
    out: Path,
    asked_to_run: bool,
    form: str,
) -> None:
    """Repeat a published study: the commands, the time they take, its tables next to ours.

    NAME is that of the study, as its dataset declares it.
    Without --run nothing is run, and our values are those of an earlier run. Options of
    "harness run" after a double dash change the protocol, e.g. for a rehearsal; our values are
    then those of the study folder that --out and --name give there.

    \b
    harness reproduce study
    harness reproduce study --data-root DIR --run
    harness reproduce study --data-root DIR --run -- --preset quick

    Exit codes: 0, with --run those of all the runs together (3 only where none ran anything), or 2
    for bad input.
    """
    from harness.execution.devices import resolve_device
    from harness.planning.published.conditions import last_value
    from harness.planning.published.study import find_published
    from harness.report.published.comparison import beside, expected_time, wrapped

    plugins = found_plugins()
    study = find_published(plugins, name)
    root = "DIR" if data_root is None else str(data_root)
    needs_root = plugins.datasets[study.dataset].spec.needs_root
    if asked_to_run and needs_root and data_root is None:
        raise HarnessError(f"--run needs --data-root: the folder of dataset {study.dataset!r}")
    places = ("--data-root", root, "--out", str(out)) if needs_root else ("--out", str(out))
    commands = study.commands(device=resolve_device(device), extra=(*places, *extra))
    # Options after the double dash win in the commands, and so they do here.
    folder = Path(last_value(extra, "out", str(out))) / last_value(extra, "name", study.name)

    width = terminal_width()
    click.echo(study.title + "\n")
    lines = [wrapped(f"- {line}", width) for line in study.protocol]
    click.echo("\n".join(["Protocol", *lines]) + "\n")
    click.echo("Commands")
    for arguments in commands:
        click.echo(_command(arguments, None if form == "markdown" else width))
    click.echo("\nExpected time\n\n" + expected_time(study, _rows(folder), width) + "\n")
    code = _run(commands) if asked_to_run else 0
    metrics = [entry.spec for entry in plugins.metrics.values()]
    markdown = form == "markdown"
    click.echo(beside(study, _rows(folder), metrics, markdown=markdown, width=width), nl=False)
    raise SystemExit(code)


def _command(arguments: tuple[str, ...], width: int | None) -> str:
    """The command as a shell takes it; in lines of at most ``width`` characters where its words
    allow that, each but the last with a backslash at its end."""
    lines = ["  harness"]
    for option in _options(arguments):
        if width is not None and len(f"{lines[-1]} {option} \\") > width:
            lines.append(f"    {option}")
        else:
            lines[-1] += f" {option}"
    return " \\\n".join(lines)


def _options(arguments: tuple[str, ...]) -> list[str]:
    """The words of a command, quoted; the value of an option with the option."""
    found: list[str] = []
    for last, word in pairwise(("", *arguments)):
        if last.startswith("--") and "=" not in last and not word.startswith("-"):
            found[-1] += f" {shlex.quote(word)}"
        else:
            found.append(shlex.quote(word))
    return found


def _rows(folder: Path) -> list[Row]:
    from harness.report.table.rows import rows
    from harness.results.rundir import find_cells

    return rows(find_cells(folder)) if folder.is_dir() else []


def _run(commands: list[tuple[str, ...]]) -> int:
    """Run each, one after the other; the exit code of all. Bad input ends it at once."""
    from harness.cli.run import command as run

    codes = set()
    for arguments in commands:
        click.echo(f"\nharness {shlex.join(arguments)}")
        try:
            with run.make_context("run", list(arguments[1:])) as ctx:
                run.invoke(ctx)
        except SystemExit as stop:
            assert isinstance(stop.code, int)
            codes.add(stop.code)
    return of_several(codes)
