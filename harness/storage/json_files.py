"""Files that are whole or absent, and the JSON in them."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any, BinaryIO

from harness.errors import HarnessError


def write_bytes(path: Path, data: bytes) -> None:
    """Put ``data`` in the file at ``path``, or leave what was there.

    The folder must exist. After a crash at any point the file holds the old content or the new.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_output(path: Path, data: bytes) -> None:
    """The same for a file that a user has named: through a link, and a pipe or a device, which
    cannot be replaced, in place."""
    if path.exists() and not path.is_file():
        path.write_bytes(data)
    else:
        write_bytes(path.resolve(), data)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON with sorted keys, whole or not at all.

    Raises:
        ValueError: ``value`` holds NaN or infinity, which JSON has not: unknown values are None.
    """
    write_bytes(path, (_dump(path, value, indent=2) + "\n").encode())


def read_json(path: Path) -> Any:
    """The value in the file.

    Raises:
        HarnessError: the file is missing or is not JSON; names it.
    """
    try:
        return parsed_json(path, path.read_bytes())
    except OSError as error:
        raise HarnessError(f"{path}: cannot be read ({error.strerror})") from error


def parsed_json(path: Path, data: bytes) -> Any:
    """The value that a file holds.

    Args:
        path: of the file, for messages.

    Raises:
        HarnessError: it is not JSON.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise HarnessError(
            f"{path}: is not valid JSON ({error}); restore it from a copy, or move its folder "
            "elsewhere and repeat the command that has made it"
        ) from error


def append_json_line(path: Path, value: Any) -> None:
    """Add one line. What a killed writer left of a line before it is removed first.

    Raises:
        ValueError: ``value`` holds NaN or infinity.
    """
    line = (_dump(path, value) + "\n").encode()
    with path.open("ab+") as file:
        file.truncate(_whole_lines_end(file))
        file.write(line)


def read_json_lines(path: Path) -> list[Any]:
    """One value per line; empty where there is no file.

    A line counts once its newline is written, so the torn last line of a killed writer is left out.

    Raises:
        HarnessError: a whole line is not JSON; names file and line.
    """
    try:
        *lines, _torn = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise HarnessError(f"{path}: cannot be read ({error.strerror})") from error
    values = []
    for number, line in enumerate(lines, start=1):
        try:
            values.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            raise HarnessError(f"{path}, line {number}: is not valid JSON ({error})") from error
    return values


def _dump(path: Path, value: Any, indent: int | None = None) -> str:
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False, ensure_ascii=False, indent=indent)
    except ValueError as error:
        raise ValueError(f"{path}: cannot hold {error}; write None for an unknown value") from error


def _whole_lines_end(file: BinaryIO) -> int:
    """Bytes up to and with the last newline."""
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        return 0
    file.seek(size - 1)
    if file.read(1) == b"\n":
        return size
    file.seek(0)
    return file.read().rfind(b"\n") + 1


def json_digest(value: object) -> str:
    """BLAKE2b of a value's JSON text, 32 hexadecimal digits."""
    return hashlib.blake2b(json.dumps(value).encode(), digest_size=16).hexdigest()
