"""``harness check``"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import click

from harness.cli.shared.completions import plugins_and_methods
from harness.cli.shared.plugin_options import local_option
from harness.cli.words.value_types import Duration
from harness.errors import HarnessError
from harness.progress.counting import counting
from harness.testing import TIME_LIMIT, Report, check_plugin
from harness.values.wording import counted


@click.command(name="check")
@click.argument("name", metavar="NAME", shell_complete=plugins_and_methods)
@local_option
@click.option(
    "--data-root",
    "data_roots",
    multiple=True,
    metavar="[DATASET=]DIR",
    help="Check datasets that need a folder with this one; with a name before it, that dataset "
    "alone. May be repeated.",
)
@click.option(
    "--expect-failure",
    "expected",
    multiple=True,
    metavar="ID=REASON",
    help="A check that fails, and why; it is an error if it passes. May be repeated.",
)
@click.option(
    "--timeout",
    type=Duration(),
    default=TIME_LIMIT,
    metavar="TIME",
    help="How long one check may take (default: 2m).",
)
@click.option("--json", "as_json", is_flag=True, help="Every check and its outcome as JSON.")
def command(
    name: str,
    plugin: tuple[Path, ...],
    data_roots: tuple[str, ...],
    expected: tuple[str, ...],
    timeout: float,
    as_json: bool,
) -> None:
    """Check that a plugin does what the contract of plugins says, before you publish it.

    NAME is an installed plugin, or the id of one of its methods, to check that alone.

    Checks what the plugin says of itself, and uses all that it offers: methods as small members
    on a few made-up images. A method that hangs or ends its process fails the check that it was
    at. A failure says what was seen, what the contract is and how to fix it. The same
    checks are tests of pytest by harness.testing.parametrize(NAME).

    \b
    harness check my_plugin
    harness check my_plugin/my_net
    harness check my_net --plugin my_net.py
    harness check my_data --data-root DIR
    harness check my_plugin --expect-failure 'my_plugin/my_net:learns=needs 1,000 steps'

    Exit codes: 0 all passed; 1 some failed, or none was made; 2 there is no such plugin.
    """
    with counting(f"checking {name}", shown=not as_json) as progress:
        report = check_plugin(
            name,
            plugin=plugin,
            data_roots=_pairs(data_roots, "--data-root", alone=True),
            expected_failures=_pairs(expected, "--expect-failure", alone=False),
            timeout=timeout,
            progress=progress,
        )
    click.echo(json.dumps(_facts(report), indent=2) if as_json else _text(report))
    raise SystemExit(0 if report.ok else 1)


def _pairs(texts: Iterable[str], option: str, *, alone: bool) -> dict[str, str]:
    """``NAME=VALUE`` of every text; a path that stands alone is under the empty name."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if alone and (not equals or Path(text).exists()):
            name, value = "", text
        elif not (equals and name and value):
            raise HarnessError(f"{option} {text!r}: write ID=REASON")
        found[name] = value
    return found


def _text(report: Report) -> str:
    lines = [outcome.text for outcome in report.failures]
    for verdict in ("expected failure", "skipped"):
        chosen = [outcome for outcome in report.outcomes if outcome.verdict == verdict]
        reasons = Counter(outcome.seen for outcome in chosen)
        lines += [f"{verdict}: {count} x {reason}" for reason, count in reasons.most_common()]
    counts = ", ".join(
        counted(count, verdict) if verdict == "expected failure" else f"{count} {verdict}"
        for verdict, count in report.counts.items()
    )
    none = "" if report.counts["passed"] else "; no check has passed, which is a failure, too"
    return "\n".join([*lines, f"{report.name}: {counts}{none}"])


def _facts(report: Report) -> dict[str, object]:
    return {
        "name": report.name,
        "ok": report.ok,
        "counts": dict(report.counts),
        "checks": [asdict(outcome) for outcome in report.outcomes],
    }
