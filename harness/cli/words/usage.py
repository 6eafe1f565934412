"""Mistakes that click finds in a command line, each as one line."""

from __future__ import annotations

import click

from harness.errors import did_you_mean


def usage_message(error: click.ClickException, verb: str) -> str:
    """What is wrong and what to do: what there is instead of an option of other tools, or the
    verb's help.

    Args:
        verb: the first word of the command line, for errors that do not say where they arose.
    """
    context = error.ctx if isinstance(error, click.UsageError) else None
    called = f"harness {verb}".strip() if context is None else context.command_path
    if isinstance(error, click.NoSuchOption):
        return _no_option(error, called)
    said = " ".join(map(str.strip, error.format_message().splitlines())).rstrip(".")
    return f"{said[:1].lower()}{said[1:]}; '{_whole(called)} --help' shows what it takes"


def _no_option(error: click.NoSuchOption, called: str) -> str:
    from harness.cli.words.other_options import option_instead

    name, ours = error.option_name, _options(error.ctx)
    if (spelled := name.replace("_", "-")) in ours:
        return f"no option {name}: write {spelled}"
    if (hint := option_instead(name, called.removeprefix("harness "))) is not None:
        return f"no option {name}: {hint}"
    return f"no option {name}{did_you_mean(name, ours)}; '{_whole(called)} --help' lists them"


def _options(context: click.Context | None) -> list[str]:
    command = None if context is None else context.command
    return [] if command is None else [name for one in command.params for name in one.opts]


def _whole(called: str) -> str:
    return called if called.startswith("harness") else f"harness {called}"
