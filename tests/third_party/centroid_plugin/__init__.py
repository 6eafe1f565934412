"""A plugin of a third party: one method without torch, and a session hook."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import harness

HARNESS_API = 1


@harness.hookimpl
def harness_methods() -> Iterator[harness.MethodSpec]:
    yield harness.MethodSpec(
        name="thumbnails",
        factory="centroid_plugin.method:NearestCentroid",
        task="classification",
        family="baseline",
        summary="Distance to the mean thumbnail of every class",
        params={"side": 8},
        requires=("numpy>=2",),
        tags=frozenset({"no-torch"}),
    )


@harness.hookimpl
def harness_session_finish(directory: Path, exit_code: int) -> dict[str, Any]:
    return {"directory": str(directory), "exit_code": exit_code}
