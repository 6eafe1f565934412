"""``harness plugins``"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import click

from harness.cli.shared.fitted_tables import fitted_table
from harness.cli.shared.found_plugins import found_plugins
from harness.cli.shared.method_card import find_method, method_facts, method_text
from harness.cli.shared.plugin_options import local_option
from harness.cli.shared.terminal import terminal_width
from harness.discovery.families import form, search
from harness.discovery.registry import PluginRecord, Plugins
from harness.discovery.requirements import what_to_install
from harness.errors import HarnessError
from harness.progress.patience import patience
from harness.specs import Spec
from harness.values.plain_text import on_screen
from harness.values.wording import counted


@click.command(name="plugins")
@click.argument("method", metavar="[METHOD]", required=False)
@local_option
@click.option(
    "--search",
    "pattern",
    metavar="PATTERN",
    help="List methods, and names that families have: a glob on ids, or a part of one.",
)
@click.option("--fresh", is_flag=True, help="Describe again what is remembered.")
@click.option("--json", "as_json", is_flag=True, help="All details as JSON, with tracebacks.")
def command(
    method: str | None,
    plugin: tuple[Path, ...],
    pattern: str | None,
    fresh: bool,
    as_json: bool,
) -> None:
    """List every installed plugin, method and logger, and why a plugin does not load; or all that
    is known of one METHOD.

    A method's id begins with its plugin. METHOD is an id, a name without its plugin, or the name of
    a network of a family, such as timm/resnet18@linear (docs/families.md). --search lists those.

    Reads the plugins' own descriptions; no network is built and no heavy library imported. Those of
    third parties are described in processes of their own, 10 s at most each, and again once their
    files change. A broken plugin affects no other: it is listed with the reason.

    The environment variable CXR_HARNESS_DISABLE names plugins to leave out, separated by commas;
    CXR_HARNESS_ONLY names the only plugins of third parties to load.

    \b
    harness plugins
    harness plugins swin_b
    harness plugins timm/resnet18@linear
    harness plugins --search 'timm/vit_*dinov3*'
    harness plugins --json
    harness plugins --fresh
    CXR_HARNESS_DISABLE=clip,ssl harness plugins

    Exit codes: 0 always, but 2 where there is no such METHOD, nothing matches PATTERN, or one of
    these variables names an unknown plugin.
    """
    if pattern is not None and method is not None:
        raise click.UsageError("give METHOD or --search PATTERN, not both")
    asked = () if method is None else (method,)
    plugins = found_plugins(asked=asked, plugin=plugin, fresh=fresh)
    if pattern is not None:
        _search(pattern, plugins, as_json)
        return
    if method is not None:
        facts = method_facts(find_method(method, plugins), plugins)
        click.echo(json.dumps(facts, indent=2) if as_json else method_text(facts, terminal_width()))
        return
    click.echo(
        json.dumps(_facts(plugins), indent=2) if as_json else _text(plugins, terminal_width())
    )


def _search(pattern: str, plugins: Plugins, as_json: bool) -> None:
    with patience("asking for") as busy:
        found = search(pattern, plugins, busy)
    if not found:
        raise HarnessError(
            f"--search {pattern!r}: no method, and no name that a family lists, matches; "
            "'harness plugins' names the families"
        )
    if as_json:
        facts = [{"id": o.id, "summary": o.summary, "strategies": o.strategies} for o in found]
        click.echo(json.dumps(facts, indent=2))
        return
    rows = [(one.id, on_screen(one.summary)) for one in found]
    click.echo(fitted_table(("name", "summary"), rows, terminal_width(), wrapped=(1,)))
    told = list(dict.fromkeys(", ".join(one.strategies) for one in found if one.strategies))
    click.echo("\n".join(["", counted(len(found), "name"), *(f"strategies: {t}" for t in told)]))


def _text(plugins: Plugins, width: int) -> str:
    found = [(r.name, r.status, _distribution(r), _offers(r)) for r in plugins.records]
    heads = ("plugin", "status", "distribution", "offers")
    blocks = [fitted_table(heads, found, width, wrapped=(2, 3))]
    for task in dict.fromkeys(entry.spec.task for entry in plugins.methods.values()):
        methods = [
            (entry.id, entry.spec.family, entry.spec.summary)
            for entry in plugins.methods.values()
            if entry.spec.task == task
        ]
        heads_of_task = (f"{task} method", "family", "summary")
        blocks.append(fitted_table(heads_of_task, methods, width, wrapped=(2,)))
    if plugins.families:
        families = [
            (
                form(family).removesuffix("[@strategy]"),
                on_screen(family.spec.summary),
                ", ".join(family.spec.strategies),
            )
            for family in plugins.families
        ]
        heads_of_families = ("family, by name (--search)", "summary", "@strategy")
        blocks.append(fitted_table(heads_of_families, families, width, wrapped=(1, 2)))
    if plugins.loggers:
        loggers = [
            (name, entry.spec.summary, f"no: {command}" if command else "yes")
            for name, entry in plugins.loggers.items()
            for command in (what_to_install(entry.spec),)
        ]
        heads_of_loggers = ("logger (run --log)", "summary", "installed")
        blocks.append(fitted_table(heads_of_loggers, loggers, width, wrapped=(1, 2)))
    reasons = [f"{r.name}: {r.status}: {r.reason}" for r in plugins.records if r.status != "ok"]
    printed = [
        f"{r.name} printed: {on_screen(r.output)}" for r in plugins.records if r.output.strip()
    ]
    blocks += ["\n".join(lines) for lines in (reasons, printed) if lines]
    hints = {
        "--json shows the tracebacks": any(record.error for record in plugins.records),
        "--fresh describes them again": any(not record.bundled for record in plugins.broken),
    }
    if said := [hint for hint, fits in hints.items() if fits]:
        blocks.append(f"harness plugins {', '.join(said)}")
    return "\n\n".join(blocks)


def _distribution(record: PluginRecord) -> str:
    return f"{record.origin} (editable)" if record.editable_root else record.origin


def _offers(record: PluginRecord) -> str:
    """``"3 tasks, 10 metrics"``"""
    counts = Counter(_kind(spec) for spec in record.specs)
    return ", ".join(counted(n, kind) for kind, n in counts.items())


def _kind(spec: Spec) -> str:
    return type(spec).__name__.removesuffix("Spec").lower()


def _facts(plugins: Plugins) -> dict[str, Any]:
    return {
        "plugins": [
            {
                "name": record.name,
                "target": record.target,
                "distribution": record.dist,
                "version": record.version,
                "local": record.local and str(record.local),
                "editable_root": record.editable_root and str(record.editable_root),
                "status": record.status,
                "reason": record.reason,
                "traceback": record.error,
                "seconds": round(record.seconds, 6),
                "printed": record.output,
                "offers": [{"kind": _kind(s), "name": s.name} for s in record.specs],
            }
            for record in plugins.records
        ],
        "methods": [
            {
                "id": entry.id,
                "plugin": entry.plugin,
                "task": entry.spec.task,
                "family": entry.spec.family,
                "tags": sorted(entry.spec.tags),
                "distribution": entry.dist,
                "version": entry.version,
                "summary": entry.spec.summary,
            }
            for entry in plugins.methods.values()
        ],
        "families": [
            {
                "form": form(family),
                "plugin": family.plugin,
                "summary": family.spec.summary,
                "library": family.spec.library,
                "strategies": list(family.spec.strategies),
            }
            for family in plugins.families
        ],
        "loggers": [
            {
                "name": name,
                "plugin": entry.plugin,
                "summary": entry.spec.summary,
                "install": what_to_install(entry.spec),
            }
            for name, entry in plugins.loggers.items()
        ],
    }
