"""Options of other tools, and what the verbs that take no study have instead.

:mod:`harness.planning.other_tools` has those of ``run`` and ``plan``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from harness.planning.other_tools import Table, find, instead

_OTHERS: Mapping[str, Table] = MappingProxyType(
    {
        "clean": (
            ("dry-run dryrun n", "nothing is deleted without --yes"),
            ("force f y all confirm", "--yes deletes what the other options select"),
            ("days age before older", "--older-than 30d"),
            ("max-size size keep", "--larger-than 10GB"),
            ("cache", "the cache is listed without an option"),
        ),
        "report": (
            (
                "output-format form csv json latex markdown tex md excel xlsx xls",
                "--output FILE, in the format of its suffix: .txt, .md, .tex, .csv, .json, .html "
                "or .xlsx; --format NAME prints it",
            ),
            ("metric metrics fields cols column", "--columns NAME,NAME"),
            (
                "sort-by order-by order by rank-by",
                "--sort NAME, or --sort -NAME for the highest first",
            ),
            (
                "where query q method methods plugins model family task seeds",
                "--filter CONDITION, e.g. 'method=ssl/*'",
            ),
            ("mean average group-by seeds-mean", "--aggregate seeds"),
            ("out o file", "--output FILE"),
            (
                "results dir directory folder",
                "the folder is named without an option: harness report RESULTS",
            ),
        ),
        "predict": (
            (
                "model checkpoint ckpt cell weights",
                "the cell comes first, without an option: harness predict CELL IMAGES",
            ),
            (
                "input images image data data-root dir",
                "images follow the cell, without an option: harness predict CELL IMAGES",
            ),
            ("output output-dir save-dir o", "--out DIR"),
            ("gpu gpus cuda device-id", "--device cuda or cuda:N"),
            ("ensemble seeds", "--average seeds"),
        ),
        "export": (
            (
                "model checkpoint cell",
                "the cell comes first, without an option: harness export CELL --out DIR",
            ),
            ("output output-dir o", "--out DIR"),
            (
                "format onnx",
                "model.onnx is written where the packages of 'cxr-harness[export]' are installed",
            ),
        ),
        "show": (
            ("format", "--json prints JSON"),
            ("dir directory folder", "--results RESULTS says where cells are"),
            ("cell", "the cell is named without an option: harness show CELL"),
        ),
        "data prepare": (("resize imgsz img-size resolution px", "--size PIXELS"),),
        "status": (
            ("watch w follow f", "it is printed once: repeat it, e.g. with watch(1)"),
            ("out results dir", "the folder is named without an option: harness status RESULTS"),
        ),
        "reproduce": (("dry-run", "without --run the commands are printed and nothing is run"),),
        "harness": (
            ("list", "'harness plugins' lists methods, 'harness data list' datasets"),
            ("v V", "harness --version"),
            ("verbose debug quiet", "options follow the verb; 'harness VERB --help' lists them"),
        ),
    }
)
"""Words after ``harness`` -> what that verb has instead; ``harness``: what stands before a verb."""


def option_instead(name: str, verb: str) -> str | None:
    """What ``verb`` has instead of the option ``name``, in a line; None where that is not known.

    Args:
        verb: words after ``harness``; ``"harness"`` for what stands before a verb.
    """
    return instead(name) if verb in ("run", "plan") else find(name, _OTHERS.get(verb, ()))
