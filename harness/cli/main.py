"""The ``harness`` command. A verb's module is imported only when the verb is used."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from harness.cli.words.usage import usage_message
from harness.cli.words.verb_group import VerbGroup
from harness.errors import HarnessError
from harness.runtime.distribution import DISTRIBUTION
from harness.values.plain_text import escaped

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

VERBS: Mapping[str, str] = MappingProxyType(
    {
        "run": "Train, time and score methods; ends with what they show.",
        "run-cell": "Run one cell of a study, as executors do on other machines.",
        "plan": "Show a run's cells, what is missing, and the estimated cost.",
        "plugins": "List every plugin and method that is installed.",
        "check": "Check that a plugin does what its contract says.",
        "data": "List, check, describe, prepare and download datasets.",
        "weights": "List, fetch and check published weights.",
        "status": "Show the progress of a run.",
        "score": "Recompute the metrics from the stored predictions.",
        "report": "Print the table of finished runs.",
        "show": "Print one cell in full.",
        "predict": "Apply a finished model to new images.",
        "export": "Write a finished model with its card, and as ONNX.",
        "reproduce": "Repeat a published study and compare its tables with ours.",
        "clean": "Free disk space: delete cached data and leftovers of old runs.",
        "doctor": "Show what is installed and what is wrong with it.",
        "new-plugin": "Write a plugin to begin with, of any kind.",
        "completion": "Print the script that completes words in your shell.",
    }
)
"""Verb -> its line in ``harness --help``; the verb's code is ``harness.cli.<verb>.command``, with
``_`` for ``-``."""


def _module_of(verb: str) -> str:
    return f"harness.cli.{verb.replace('-', '_')}"


READER_GONE = 141
"""Exit code where the reader of the output has closed it: 128 and the number of SIGPIPE."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


class ReaderGoneError(Exception):
    """The reader of the output has closed it. click would exit with 1."""


@contextlib.contextmanager
def _closed_pipes() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise ReaderGoneError from error


class LazyGroup(VerbGroup):
    """Lists verbs without importing them."""

    @_closed_pipes()
    def make_context(self, *arguments: Any, **extra: Any) -> click.Context:
        return super().make_context(*arguments, **extra)

    @_closed_pipes()
    def invoke(self, ctx: click.Context) -> Any:
        return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = importlib.import_module(_module_of(cmd_name)).command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        verbs = [CompletionItem(v, help=h) for v, h in VERBS.items() if v.startswith(incomplete)]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name=DISTRIBUTION, prog_name="harness")
def cli() -> None:
    """Benchmark chest X-ray classifiers and lung segmenters; every method is a plugin.

    \b
    harness run --plugins all
    harness run --plugins 'ssl/*' --dataset radiography --data-root DIR --preset paper
    harness run study.toml

    "harness VERB --help" has the options and examples of a verb.
    """


def main() -> None:
    """Entry point: bad input is one message on stderr and exit code 2, never a traceback."""
    _fill_closed_streams()
    try:
        code = _run()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except OSError as error:
        if error.errno == errno.EPIPE:
            code = READER_GONE
        elif error.errno in _FULL:
            what = error.filename or "the output"
            why = "it is closed" if error.errno == errno.EBADF else error.strerror
            # Where standard error is the one that is full, there is nowhere to report it.
            with contextlib.suppress(OSError):
                click.echo(f"harness: {what} cannot be written ({why})", err=True)
            code = 2
        else:
            raise
    _drop_unwritten()
    sys.exit(code)


def _fill_closed_streams() -> None:
    """Make writing to a standard output that is closed (``>&-``) fail as it does on a full device;
    click would ignore it. Writing to standard error never fails: it could not be reported."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Any file opened later would get the number, and what this process and others print.
            mode = os.O_WRONLY if number == 2 else os.O_RDONLY
            os.set_inheritable(os.open(os.devnull, mode), True)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)


def _run() -> int | str | None:
    """The exit code of what the words of the command line ask for."""
    try:
        cli.main(prog_name="harness", standalone_mode=False)
    except SystemExit as stop:
        return stop.code
    except ReaderGoneError:
        return READER_GONE
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        # No word after a group: its help is the answer, and no mistake.
        click.echo(error.format_message())
        return 0
    except click.ClickException as error:
        verb = next((word for word in sys.argv[1:2] if word in VERBS), "")
        click.echo(f"harness: {usage_message(error, verb)}", err=True)
        return error.exit_code
    except HarnessError as error:
        said = escaped(str(error), kept="\n")
        click.echo(f"harness: {said}", err=True)
        return 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nharness: interrupted; repeat the command to resume", err=True)
        return 130
    return 0


def _drop_unwritten() -> None:
    """What standard output or error could not take: Python would try again at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


if __name__ == "__main__":
    main()
