"""What a cell gets in a Ray cluster, and whether one answers."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import harness

_ANSWER_SECONDS = 10.0
TOKEN = (
    "a cluster that was started with a token (ray start says so) takes no others: put it into "
    "~/.ray/auth_token or RAY_AUTH_TOKEN"
)
"""What to do where a cluster turns a client away."""
_SETTINGS = bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""Begins every connection of HTTP/2, which Ray speaks, from either side."""
_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _SETTINGS


def slots(asked: harness.SlotsRequest) -> harness.Slots:
    """One task per cell, with ``num_cpus`` and ``num_gpus``; ``--jobs`` limits how many there are
    at a time.

    Raises:
        HarnessError: no cluster answers at the address, or no GPU is asked of it.
    """
    params = asked.params
    for name, least in (("num_cpus", 1), ("num_gpus", 0)):
        if params[name] < least:
            raise harness.HarnessError(
                f"--executor-param {name}={params[name]}: give a number from {least}",
                about=f"executor_param.{name}",
            )
    if asked.device.startswith("cuda") and not params["num_gpus"]:
        raise harness.HarnessError(
            f"--device {asked.device}: a task gets no GPU; add --executor-param num_gpus=1",
            about="device",
        )
    _check_answers(address_of(params))
    device = asked.device.partition(":")[0]
    return harness.Slots(
        device="cuda" if params["num_gpus"] and device != "cpu" else "cpu",
        threads=asked.threads or params["num_cpus"],
        count=asked.jobs,
    )


def address_of(params: Mapping[str, Any]) -> str:
    """Of the cluster; empty for one that is started on this machine."""
    return str(params["address"] or os.environ.get("RAY_ADDRESS", ""))


def has_token() -> bool:
    """Whether this machine has the token of a Ray cluster. ``ray start`` asks for one where it
    finds one, and clients send it only where they are told to; a cluster without does not mind."""
    file = os.environ.get("RAY_AUTH_TOKEN_PATH", "") or "~/.ray/auth_token"
    return bool(os.environ.get("RAY_AUTH_TOKEN")) or Path(file).expanduser().is_file()


def why_no_answer(address: str, seconds: float = _ANSWER_SECONDS) -> str:
    """Why no Ray cluster answers at an address; empty where one may. Ray itself would try for
    minutes, and end the process where a cluster goes away.

    Args:
        seconds: that an answer may take.
    """
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon or not port.isdecimal():
        return ""  # None, or a word of Ray's own.
    try:
        with socket.create_connection((host, int(port)), timeout=seconds) as connection:
            if os.environ.get("RAY_USE_TLS", "0") not in ("", "0"):
                return ""
            connection.sendall(_HELLO)
            answer = b""
            while len(answer) < len(_SETTINGS) and (more := connection.recv(len(_SETTINGS))):
                answer += more
    except (OSError, OverflowError) as error:
        return str(error)
    if answer[3:4] != _SETTINGS[3:4]:
        return "what listens there speaks another protocol, as the dashboard's port does"
    return ""


def _check_answers(address: str) -> None:
    if why := why_no_answer(address):
        raise harness.HarnessError(
            f"--executor ray: no cluster answers at {address} ({why}); give the address that "
            "'ray start' prints by --executor-param address=HOST:PORT or RAY_ADDRESS, or none for "
            "this machine",
            about="executor_param.address",
        )
