"""Tables and notes as LaTeX: ``booktabs``, every character escaped, notes under the table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from harness.report.formats.text_columns import Shown, body_rows, head_rows
from harness.report.table.notes import Note

WIDTH = 90
"""Characters of a line of numbers that fit a page in small print; wider tables are stacked."""

PREAMBLE = "% needs \\usepackage{booktabs}"

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
    }
)
_NEGATIVE = re.compile(r"\A-(?=\d)")
_SPECIAL = re.compile("[" + re.escape("".join(_ESCAPES)) + "]")


def escape(text: str) -> str:
    """The text as LaTeX prints it. Brackets are braced: after a line break they would be an
    option."""
    signed = _NEGATIVE.sub("\N{MINUS SIGN}", text)
    return _SPECIAL.sub(lambda found: _ESCAPES[found.group()], signed)


def latex_table(heading: str, tables: Sequence[Sequence[Shown]], said: Iterable[Note] = ()) -> str:
    """A float per table, the heading as its caption, the notes under the last."""
    floats = [
        [
            r"\begin{table}[htbp]",
            r"\centering\footnotesize",
            rf"\caption{{{escape(heading)}{' (continued)' if number else ''}}}",
            *_tabular(columns),
        ]
        for number, columns in enumerate(tables)
    ]
    floats[-1] += latex_notes(said)
    return "\n\n".join("\n".join([*lines, r"\end{table}"]) for lines in floats)


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
    return [
        rf"\begin{{tabular}}{{{aligned}}}",
        r"\toprule",
        *map(_row, head_rows(columns)),
        r"\midrule",
        *map(_row, body_rows(columns)),
        r"\bottomrule",
        r"\end{tabular}",
    ]


def _row(texts: Iterable[str]) -> str:
    return " & ".join(map(escape, texts)) + r" \\"
