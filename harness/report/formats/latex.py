"""Floats of LaTeX: ``booktabs``, every character escaped, the best scores bold, notes under the
table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from harness.report.formats.text_columns import Shown, body_rows, head_rows, width_of
from harness.report.table.notes import Note

COLUMN = 50
"""Characters of a line of small numbers that fit one column of a page of two."""
PAGE = 80
"""Characters of such a line that fit a page of one column."""
_SHRUNK = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
"""Shrinks what is too wide for the page that it is on, and nothing else."""

_ESCAPES: Mapping[str, str] = MappingProxyType(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "[": "{[}",
        "]": "{]}",
        "\N{GREEK CAPITAL LETTER DELTA}": r"$\Delta$",
        "\N{EN DASH}": "--",
        "\N{MINUS SIGN}": "$-$",
        "\N{PLUS-MINUS SIGN}": r"$\pm$",
        "\N{MULTIPLICATION SIGN}": r"$\times$",
        "\N{MIDDLE DOT}": r"$\cdot$",
        "\N{RIGHTWARDS ARROW}": r"$\to$",
        "\N{HORIZONTAL ELLIPSIS}": r"\ldots{}",
        # Before another one, which would make a dash of both.
        "-": "-{}",
    }
)
_NEGATIVE = re.compile("(?<![^ (\N{EN DASH}])-(?=[0-9])")
"""A hyphen that is the sign of a number."""
_SPECIAL = re.compile("[" + re.escape("".join(_ESCAPES.keys() - {"-"})) + "]|-(?=-)")


def escape(text: str) -> str:
    """The text as LaTeX prints it. Brackets are braced: after a line break they would be an
    option."""
    signed = _NEGATIVE.sub("\N{MINUS SIGN}", text)
    return _SPECIAL.sub(lambda found: _ESCAPES[found.group()], signed)


@dataclass(frozen=True, slots=True)
class Tabular:
    """Columns of a float, and what is printed above them."""

    columns: Sequence[Shown]
    heading: str = ""

    @property
    def shrinks(self) -> bool:
        """Whether it may be too wide for a page."""
        return width_of(self.columns) > PAGE


def latex_float(
    caption: str, label: str, tables: Sequence[Tabular], said: Iterable[Note] = ()
) -> str:
    """One float with all of the tables and the notes under them, for one column of a page or, where
    a table is too wide for that, across both."""
    wide = any(width_of(table.columns) > COLUMN for table in tables)
    name, where = ("table*", "tp") if wide else ("table", "htbp")
    lines = [
        rf"\begin{{{name}}}[{where}]",
        r"\centering\footnotesize\setlength{\tabcolsep}{4pt}",
        rf"\caption{{{escape(caption)}}}",
        rf"\label{{{label}}}",
    ]
    for table in tables:
        heading = [rf"\textit{{{escape(table.heading)}}}"] if table.heading else []
        lines += [r"\par\medskip", *heading, r"\par\smallskip"] if heading else [r"\smallskip"]
        body = _tabular(table.columns)
        lines += [_SHRUNK, *body[:-1], f"{body[-1]}%", "}"] if table.shrinks else body
    return "\n".join([*lines, *latex_notes(said), rf"\end{{{name}}}"])


def packages(tables: Iterable[Tabular]) -> str:
    """The comment that names the packages which the floats need."""
    needed = ["booktabs", *(["graphicx"] if any(table.shrinks for table in tables) else [])]
    return rf"% needs \usepackage{{{','.join(needed)}}}"


def latex_notes(said: Iterable[Note]) -> list[str]:
    """A paragraph per note in small print; nothing where there are none."""
    lines = [
        text
        for note in said
        for text in (
            escape(note.text),
            *(rf"\quad\texttt{{{escape(line)}}}" for line in note.log),
        )
    ]
    if not lines:
        return []
    return [
        r"\par\medskip",
        r"\begin{minipage}{\linewidth}\footnotesize\raggedright",
        *(rf"{line}\par" for line in lines),
        r"\end{minipage}",
    ]


def _tabular(columns: Sequence[Shown]) -> list[str]:
    aligned = "".join("l" if column.left else "r" for column in columns)
    best = [column.best for column in columns]
    return [
        rf"\begin{{tabular}}{{@{{}}{aligned}@{{}}}}",
        r"\toprule",
        *(_row(map(escape, heads)) for heads in head_rows(columns)),
        r"\midrule",
        *(
            _row(_cell(text, row in at) for text, at in zip(texts, best, strict=True))
            for row, texts in enumerate(body_rows(columns))
        ),
        r"\bottomrule",
        r"\end{tabular}",
    ]


def _cell(text: str, best: bool) -> str:
    """A mean is bold, and the range behind it is not."""
    if not best:
        return escape(text)
    value, space, rest = text.partition(" ")
    return rf"\textbf{{{escape(value)}}}{space}{escape(rest)}"


def _row(texts: Iterable[str]) -> str:
    return " & ".join(texts) + r" \\"
