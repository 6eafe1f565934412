"""Which servers answer, found out within a given time however dead the network is."""

from __future__ import annotations

import queue
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from http.client import HTTPException
from typing import Any


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirection is an answer; following it would ask another server."""

    def redirect_request(self, *_: Any) -> None:
        return None


def knock(address: str, limit: float) -> None:
    """Return once the server at ``address`` answers, whatever it says.

    Proxies of the environment are used. ``limit`` is in seconds, and does not hold for the look-up
    of the name.

    Raises:
        OSError, HTTPException, ValueError: it does not answer, or not in HTTP, or the address is
            none.
    """
    request = urllib.request.Request(address, method="HEAD")
    try:
        urllib.request.build_opener(_NoRedirect).open(request, timeout=limit).close()
    except urllib.error.HTTPError as answer:
        answer.close()


def unreachable(
    addresses: Iterable[str], limit: float, ask: Callable[[str, float], None] = knock
) -> dict[str, str]:
    """Address -> why, for those that have not answered after ``limit`` seconds.

    All are asked at the same time, each once.

    Args:
        ask: called with an address and the limit, in a thread of its own; returns when the server
            answers. It may hang.
    """
    answers: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
    too_late = f"no answer within {limit:g} s"

    def wait(address: str) -> None:
        try:
            ask(address, limit)
        except (OSError, HTTPException, ValueError) as error:
            late = isinstance(getattr(error, "reason", error), TimeoutError)
            answers.put((address, too_late if late else brief(error)))
        else:
            answers.put((address, ""))

    silent = dict.fromkeys(addresses, too_late)
    end = time.monotonic() + limit
    for address in silent:
        # The look-up of a name knows no time limit, and nothing may wait for it at exit.
        threading.Thread(target=wait, args=(address,), daemon=True).start()
    for _ in list(silent):
        try:
            address, silent[address] = answers.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            break
    return {address: why for address, why in silent.items() if why}


def brief(error: Exception) -> str:
    """What the error says, on one line of at most 200 characters."""
    if type(error) is urllib.error.URLError and isinstance(error.reason, Exception):
        error = error.reason
    return (" ".join(str(error).split()) or type(error).__name__)[:200]
