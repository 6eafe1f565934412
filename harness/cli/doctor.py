"""``harness doctor``"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

import click

from harness.cli.shared.found_plugins import found_plugins
from harness.cli.shared.past_runs import results_option
from harness.cli.shared.terminal import state_text
from harness.discovery.find import DISABLE, ONLY
from harness.errors import HarnessError
from harness.machine import cuda_driver
from harness.upkeep import check_installation as doctor
from harness.upkeep import check_machine as doctor_machine
from harness.upkeep.check_installation import Finding
from harness.values.wording import counted


@click.command(name="doctor")
@results_option("The results folder to look at", formerly=("--out",))
@click.option("--json", "as_json", is_flag=True, help="The findings as JSON.")
def command(results: Path, as_json: bool) -> None:
    """Show what is installed and what the machine has, and what is wrong, with the remedy.

    Looks at versions, files that hide a library, processor and GPUs, caches and free disk, plugins,
    optional extras and environment variables. Imports no library and changes nothing. Include
    its output in a bug report.

    \b
    harness doctor
    harness doctor --json
    harness doctor --results RESULTS

    Exit codes: 0 all is well, 1 something is wrong.
    """
    findings = list(_findings(results))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        click.echo(_text(findings))
    raise SystemExit(int(any(finding.state == "wrong" for finding in findings)))


def _findings(results: Path) -> Iterator[Finding]:
    yield from doctor.versions()
    yield from doctor.imported(Path.cwd())
    yield from doctor_machine.devices(cuda_driver(), doctor_machine.torch_cuda())
    yield from doctor_machine.places(results)
    wrong: list[Finding] = []
    while True:
        try:
            found = found_plugins(fresh=True)
            break
        except HarnessError as error:
            # A variable that names a plugin that is not there: without it, what is there is found.
            name = next(name for name in (DISABLE, ONLY) if str(error).startswith(name))
            wrong.append(
                Finding(topic="environment", name=name, value="", state="wrong", remedy=str(error))
            )
            del os.environ[name]
    yield from doctor.plugins(found)
    yield from doctor.extras()
    yield from doctor.environment(os.environ)
    yield from wrong


def _text(findings: list[Finding]) -> str:
    wide = max(len(finding.name) for finding in findings)
    lines: list[str] = []
    for topic, group in groupby(findings, key=lambda finding: finding.topic):
        lines += ["", topic.capitalize()]
        for finding in group:
            mark = "" if finding.state == "ok" else f"  {state_text(finding.state)}"
            lines.append(f"  {finding.name:{wide}}  {finding.value}{mark}".rstrip())
            if finding.remedy:
                lines.append(f"  {'':{wide}}  -> {finding.remedy}")
    wrong = sum(finding.state == "wrong" for finding in findings)
    lines += ["", counted(wrong, "problem") if wrong else "all is well"]
    return "\n".join(lines[1:])
