"""``python -m harness_loggers NAME FOLDER``: writes the runs that standard input sends.

A line is a message, ``{"begin": RUN}``, ``{"epoch": N, "hash": …, "values": …}`` or ``{"end":
RUN}``. The answer is ``{"error": TEXT, "ready": BOOL}``: the text is empty where all went well, and
a process that is not ready ends. Nothing else is printed there.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from harness_loggers.logged import Run
from harness_loggers.tracker import Desk, Tracker


def main(name: str, folder: Path) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    open_tracker = _imported(name)
    desk: Desk | None = None
    for line in sys.stdin:
        error = ""
        try:
            if desk is None:
                folder.mkdir(exist_ok=True)
                _print_into(folder / f"{name}.log")
                desk = Desk(open_tracker(folder / name))
            _take(desk, json.loads(line))
        except (Exception, SystemExit) as raised:
            traceback.print_exc()
            error = f"{type(raised).__name__}: {' '.join(str(raised).split())}"
        print(json.dumps({"error": error, "ready": desk is not None}), file=answers, flush=True)
        if desk is None:
            return
    if desk is not None:
        desk.close()


def _imported(name: str) -> Callable[[Path], Tracker]:
    """What opens the tracker of this name. A library that cannot be imported raises when it is
    used: before, nobody listens."""
    try:
        found: Callable[[Path], Tracker] = import_module(f"harness_loggers.to_{name}").open_tracker
    except (Exception, SystemExit) as error:
        return _raises(error)
    return found


def _raises(error: BaseException) -> Callable[[Path], Tracker]:
    def open_tracker(folder: Path) -> Tracker:
        raise error

    return open_tracker


def _print_into(log: Path) -> None:
    """Everything that the process prints from here on."""
    with log.open("wb") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)


def _take(desk: Desk, message: dict[str, Any]) -> None:
    if "begin" in message:
        desk.begin(Run.from_json(message["begin"]))
    elif "epoch" in message:
        desk.epoch(message["hash"], message["epoch"], message["values"])
    else:
        desk.end(Run.from_json(message["end"]))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
