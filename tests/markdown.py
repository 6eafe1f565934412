"""Tables, blocks of code and links of a Markdown document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


def tables(text: str) -> Iterator[list[dict[str, str]]]:
    """Every table as rows: head -> text of the cell, without code marks."""
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        head, _, *body = [[c.strip() for c in r.strip("|").split("|")] for r in table.splitlines()]
        yield [dict(zip(head, (cell.strip("`") for cell in row), strict=True)) for row in body]


@dataclass(frozen=True)
class Block:
    """A fenced block of code."""

    language: str
    text: str

    @property
    def file(self) -> str | None:
        """The file that the first line names in a comment."""
        found = re.match(r"# ([\w/.]+\.(?:py|toml))\n", self.text)
        return found.group(1) if found else None


def blocks(document: Path) -> list[Block]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", document.read_text(), re.DOTALL | re.MULTILINE)
    return [Block(language, text) for language, text in found]


def links(document: Path) -> list[str]:
    """Targets of relative links, without their anchors; code is no text."""
    text = re.sub(r"^```.*?^```$|`[^`\n]*`", "", document.read_text(), flags=re.DOTALL | re.M)
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    return [target for target in targets if target and not re.match(r"\w+:", target)]


def named_files(document: Path) -> dict[str, str]:
    """File name -> content, of all blocks that name their file."""
    named = [(block.file, block.text) for block in blocks(document) if block.file]
    assert len({name for name, _ in named}) == len(named), "a file is shown twice"
    return dict(named)
