"""Words after an option that takes one: ``--seeds 0 1 2``."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import click

from harness.errors import HarnessError

_NUMBER = re.compile(r"[\d.,]+")
_WORD = re.compile(r"[^=]+")
_SETTING = re.compile(r".*[=<>].*")

_LISTS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "--plugins": _WORD,
        "--exclude": _WORD,
        "--seeds": _NUMBER,
        "--fractions": _NUMBER,
        "--columns": _WORD,
        "--log": _WORD,
    }
)
"""Options whose values stand between commas -> what looks like one more value."""
_REPEATED: Mapping[str, re.Pattern[str]] = MappingProxyType(
    dict.fromkeys(("--set", "--param", "--data-param", "--column", "--filter"), _SETTING)
)
"""Options that are repeated for one more value -> what looks like one."""


class ListsCommand(click.Command):
    """A verb that says how several values of an option are written where words follow it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:
            found, others = _strays(self, args)
            if not others and found and any(map(_takes_last_word, self.params)):
                # The last word is the argument.
                option, value, strays = found[-1]
                found[-1] = (option, value, strays[:-1])
            for option, value, strays in found:
                _refuse(option, value, [word for word in strays if not self.takes(word)])
        return super().parse_args(ctx, args)

    def takes(self, word: str) -> bool:
        """Whether the word is an argument of the verb's own."""
        return Path(word).exists()


def _takes_last_word(parameter: click.Parameter) -> bool:
    """Whether it is an argument that the verb cannot do without, or that takes any number of words:
    what is behind a list is more often one of its words than one more of the list."""
    return isinstance(parameter, click.Argument) and (parameter.required or parameter.nargs == -1)


_Option = tuple[str, str, list[str]]
"""An option, its value and the words behind that."""


def _strays(command: click.Command, args: Sequence[str]) -> tuple[list[_Option], list[str]]:
    """Every option with a value, and the words that stand behind none."""
    flags = {
        name
        for option in command.params
        if isinstance(option, click.Option) and (option.is_flag or option.count)
        for name in (*option.opts, *option.secondary_opts)
    }
    words = iter(args)
    found: list[_Option] = []
    others: list[str] = []
    behind = others
    for word in words:
        if word == "--":
            others += words
            break
        if not word.startswith("-") or _NUMBER.fullmatch(word[1:]):
            behind.append(word)
            continue
        name, equals, value = word.partition("=")
        behind = others
        if name not in flags:
            behind = []
            found.append((name, value if equals else next(words, ""), behind))
    return found, others


def _refuse(option: str, value: str, strays: Sequence[str]) -> None:
    """Raise HarnessError where the first of the words looks like another value of the option."""
    joined = option in _LISTS
    alike = _LISTS.get(option) or _REPEATED.get(option)
    if alike is None:
        return
    more = []
    for word in strays:
        if not alike.fullmatch(word):
            break
        more.append(word)
    if not more:
        return
    typed = shlex.join([option, value, *more])
    if joined:
        values = ",".join(one.strip(",") for one in (value, *more))
        how = f"separate values by commas alone: {option} {shlex.quote(values)}"
    elif strays[0].startswith("="):
        whole = value + "".join(strays[: 2 if strays[0] == "=" else 1])
        how = f"write it without spaces: {option} {shlex.quote(whole)}"
    else:
        meant = " ".join(f"{option} {shlex.quote(one)}" for one in (value, *more))
        how = f"write one {option} for each: {meant}"
    raise HarnessError(f"{typed}: {how}")
