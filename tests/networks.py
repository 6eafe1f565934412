"""What is asked of a network: a proxy that serves nothing, and a watch on Python's sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

from tests.cli_tools import environment

WATCH = """
    import os, sys

    def watch(event, arguments):
        if event == "socket.connect":
            where = arguments[1]
            host = where[0] if isinstance(where, tuple) else "unix"
        elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
            host = arguments[0]
        else:
            return
        if host not in ("unix", "localhost", "127.0.0.1", "::1", None):
            with open(os.environ["ASKED"], "a") as asked:
                print(event, host, *sys.argv, file=asked)

    sys.addaudithook(watch)
"""
"""``sitecustomize.py`` of every Python process: what it looks up or connects to, but for its own
machine. Other programs are told to use the proxy."""

_TESTING = ("PYTEST_CURRENT_TEST", "CI", "GITHUB_ACTIONS", "DO_NOT_TRACK")
"""Variables by which libraries know that they are tested, and ask for less."""


class Asked:
    """What has been asked so far."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.of_proxy: list[str] = []
        """First lines of requests."""

    @property
    def everything(self) -> list[str]:
        looked_up = self._file.read_text().splitlines() if self._file.exists() else []
        return [*self.of_proxy, *looked_up]


@contextmanager
def watched(folder: Path, site: Path) -> Iterator[tuple[Mapping[str, str], Asked]]:
    """The environment of processes whose requests are recorded, and the record.

    Args:
        folder: for the record.
        site: a folder of plugins, to which the watch is added.
    """
    (site / "sitecustomize.py").write_text(dedent(WATCH))
    asked = Asked(folder / "asked.txt")
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_record, args=(server, asked), daemon=True).start()
        proxy = f"http://127.0.0.1:{server.getsockname()[1]}"
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy")
        given = {**dict.fromkeys(names, proxy), "ASKED": str(folder / "asked.txt"), "NO_PROXY": ""}
        every = environment(given, site)
        yield {name: text for name, text in every.items() if name not in _TESTING}, asked
        server.shutdown(socket.SHUT_RDWR)


def _record(server: socket.socket, asked: Asked) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return  # It was closed.
        with connection, connection.makefile("rb") as lines:
            asked.of_proxy.append(lines.readline().decode(errors="replace").strip())
