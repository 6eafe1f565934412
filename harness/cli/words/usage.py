"""Mistakes that click finds in a command line, each as one line."""

from __future__ import annotations

import click


def usage_message(error: click.ClickException, verb: str) -> str:
    """What is wrong and what to do: what there is instead of an option of other tools, or the
    verb's help.

    Args:
        verb: the first word of the command line, for errors that do not say where they arose.
    """
    context = error.ctx if isinstance(error, click.UsageError) else None
    called = f"harness {verb}".strip() if context is None else context.command_path
    if isinstance(error, click.NoSuchOption):
        from harness.cli.words.other_options import option_instead

        name = error.option_name
        if (hint := option_instead(name, called.removeprefix("harness "))) is not None:
            return f"no option {name}: {hint}"
    said = " ".join(map(str.strip, error.format_message().splitlines())).rstrip(".")
    return f"{said[:1].lower()}{said[1:]}; '{_whole(called)} --help' shows what it takes"


def _whole(called: str) -> str:
    return called if called.startswith("harness") else f"harness {called}"
