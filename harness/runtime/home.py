"""The user's home folder, which in a container need not exist."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from pathlib import Path

from harness.errors import HarnessError

NO_HOME = "this user has no home folder (HOME is not set, and the system has no entry for the user)"


def home() -> Path | None:
    """``HOME``, or what the system's user database says; None where neither names a folder."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def expanded(text: str | Path, where: str) -> Path:
    """The path with ``~`` and ``~user`` replaced.

    Args:
        where: what names the path, for messages: an option or an environment variable.

    Raises:
        HarnessError: there is no such home folder.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        name = Path(text).parts[0]
        why = NO_HOME if name == "~" else f"there is no home folder {name}"
        raise HarnessError(f"{where} {text}: {why}; write the whole path") from error


def substitutes(folder: Path) -> Mapping[str, str]:
    """Environment variables for processes that import libraries, several of which ask for the
    user's name and home folder; empty where both are known.

    Args:
        folder: takes the home folder's place.
    """
    missing = {} if home() is not None else {"HOME": str(folder)}
    try:
        getpass.getuser()
    except (KeyError, OSError):
        missing["LOGNAME"] = str(os.getuid())
    return missing
