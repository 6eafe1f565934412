"""Groups of verbs: help where it is asked for in words, and the verb that does what others do."""

from __future__ import annotations

from pathlib import Path

import click

from harness.errors import HarnessError, did_you_mean

HELP = "help"


class VerbGroup(click.Group):
    """A group that takes ``help``, ``help VERB`` and ``VERB help``, and knows others' verbs."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        args = self._asking_for_help(ctx, args)
        verbs = self.list_commands(ctx)
        if args[0] not in verbs and not args[0].startswith("-"):
            raise HarnessError(self._unknown(ctx, args[0], verbs))
        return super().resolve_command(ctx, args)

    def _asking_for_help(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The words with ``--help`` where ``help`` stands for it; the group's own is shown here."""
        if args[0] == HELP:
            if args[1:] not in ([], [HELP]):
                return self._with_help(ctx, args[1:])
            click.echo(ctx.get_help())
            ctx.exit()
        # A file or folder of that name may be what is meant.
        if args[1:] == [HELP] and args[0] in self.list_commands(ctx) and not Path(HELP).exists():
            return self._with_help(ctx, args[:1])
        return args

    def _with_help(self, ctx: click.Context, verbs: list[str]) -> list[str]:
        """``VERB --help``, or of the group's verb that follows: ``data verify --help``."""
        deeper = len(verbs) > 1 and isinstance(self.get_command(ctx, verbs[0]), click.Group)
        return [*verbs[: 1 + deeper], "--help"]

    def _unknown(self, ctx: click.Context, word: str, verbs: list[str]) -> str:
        from harness.cli.words.other_verbs import verb_for

        group = ctx.command_path.removeprefix("harness").strip()
        called = f"{group} {word}".strip()
        if (hint := verb_for(word, group)) is not None:
            return f"no verb {called!r}: {hint}"
        return f"no verb {called!r}{did_you_mean(word, verbs)}; verbs: {', '.join(verbs)}"
