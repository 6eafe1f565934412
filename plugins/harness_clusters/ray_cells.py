"""Runs cells as tasks of Ray."""

from __future__ import annotations

import os
import signal
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import harness
from harness_clusters.ray_slots import TOKEN, address_of, has_token, why_no_answer
from harness_clusters.ray_worker import leave_token, run_words

REFRESH_SECONDS = 0.3
"""Between two questions about all tasks."""
TOKEN_SECONDS = 60.0
"""That a node may take to write a file, and the file to arrive here."""
LOSS_SECONDS = 30.0
"""That Ray may take to notice that a node has failed."""
HEAD_SECONDS = 20.0
"""That the head node may be out of reach before the run ends. Ray ends the process after 60."""
_HEAD_LOOK_SECONDS = 2.0
"""Between two looks, and that one may take."""
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "0",
}


class Ray:
    """See :class:`harness.Executor`. Tasks end with the command that has submitted them."""

    poll_seconds = 0.2

    def __init__(self, settings: harness.ExecutorSettings) -> None:
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        if address_of(settings.params) and has_token():
            os.environ.setdefault("RAY_AUTH_MODE", "token")
        import ray

        self._ray = ray
        self._params = settings.params
        address = address_of(settings.params)
        before = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(
                address=address or "local",
                log_to_driver=False,
                logging_level="error",
                **({} if address else {"include_dashboard": False}),
            )
        except (ConnectionError, RuntimeError, ValueError, OSError, TimeoutError) as error:
            where = f"at {address}" if address else "on this machine"
            remedy = f"; {TOKEN}" if address else ""
            raise harness.HarnessError(
                f"--executor ray: no cluster {where}: {str(error).splitlines()[0]}{remedy}",
                about="executor_param.address",
            ) from error
        # Ray's own handler raises SystemExit wherever the run is, and a cell would fail of it.
        if before is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)
        client = address.startswith("ray://")
        self._head = address if client else ray.get_runtime_context().gcs_address
        self._looked = self._reached = time.monotonic()
        self._open: dict[Any, RayCell] = {}
        self._asked = 0.0
        try:
            self._check_resources()
            if settings.study is not None:
                self._check_folder(settings.study)
        except BaseException:
            ray.shutdown()
            raise

    def submit(
        self, directory: Path, resources: harness.Resources, facts: harness.CellFacts
    ) -> RayCell:
        """A task.

        Raises:
            ExecutorError: the head node is gone.
        """
        self._look_at_head(every=0.0)
        while self._looked > self._reached:  # Ray would wait in there, and end this process.
            time.sleep(_HEAD_LOOK_SECONDS)
            self._look_at_head()
        words = harness.cell_command(directory, resources, facts)
        task = self._task(run_words, name=facts.key, **self._needs())
        cell = RayCell(self, task.remote(words))
        self._open[cell.reference] = cell
        return cell

    def close(self) -> None:
        """End all tasks, and the cluster where it was started here."""
        if self._is_lost_head():
            return  # Ray would wait for it and then end this process.
        for reference in self._open:
            self._ray.cancel(reference, force=True)
        self._ray.shutdown()

    def refresh(self) -> None:
        """Ask which tasks have ended.

        Raises:
            ExecutorError: the head node is gone.
        """
        self._look_at_head()
        now = time.monotonic()
        if now - self._asked < REFRESH_SECONDS or not self._open:
            return
        self._asked = now
        references = list(self._open)
        ended, _ = self._ray.wait(references, num_returns=len(references), timeout=0)
        for reference in ended:
            self._open.pop(reference).end(*self._outcome(reference))

    def cancel(self, cell: RayCell) -> None:
        """End its task."""
        if cell.reference in self._open:
            self._ray.cancel(cell.reference, force=True)

    def _look_at_head(self, every: float = _HEAD_LOOK_SECONDS) -> None:
        if time.monotonic() - self._looked < every:
            return
        why = why_no_answer(self._head, _HEAD_LOOK_SECONDS)
        self._looked = time.monotonic()
        if not why:
            self._reached = self._looked
        elif self._is_lost_head():
            raise harness.ExecutorError(
                f"the Ray cluster at {self._head} has not answered for {HEAD_SECONDS:.0f} s "
                f"({why}); repeat the command when it runs again: unfinished cells continue from "
                "their last epoch"
            )

    def _is_lost_head(self) -> bool:
        return self._looked - self._reached > HEAD_SECONDS

    def _outcome(self, reference: Any) -> tuple[int, harness.Ending | None]:
        """Exit code, and what Ray knows of the end."""
        errors = self._ray.exceptions
        try:
            return int(self._ray.get(reference)), None
        except errors.TaskCancelledError:
            return -9, harness.Ending(reason="the Ray task was cancelled; repeat the command")
        except errors.OutOfMemoryError as error:
            return -9, harness.Ending(kind="oom", reason=f"ended by Ray: {_first_line(error)}")
        except errors.RayTaskError as error:
            return 1, harness.Ending(reason=f"the Ray task failed: {_first_line(error.cause)}")
        except errors.RayError as error:
            return -9, harness.Ending(
                reason=f"its Ray worker or node was lost ({type(error).__name__})", lost=True
            )

    def _task(self, function: Any, **options: Any) -> Any:
        return self._ray.remote(function).options(max_retries=0, **options)

    def _needs(self) -> dict[str, Any]:
        return {"num_cpus": self._params["num_cpus"], "num_gpus": self._params["num_gpus"]}

    def _check_resources(self) -> None:
        """HarnessError where a task would wait for ever."""
        nodes = self._nodes()
        needs = {"CPU": self._params["num_cpus"], "GPU": self._params["num_gpus"]}
        if any(
            all(node["Resources"].get(kind, 0) >= count for kind, count in needs.items())
            for node in nodes
        ):
            return
        has = "; ".join(
            f"{_host(node)}: {node['Resources'].get('CPU', 0):g} CPUs, "
            f"{node['Resources'].get('GPU', 0):g} GPUs"
            for node in nodes
        )
        raise harness.HarnessError(
            f"--executor ray: no node has num_cpus={needs['CPU']} and num_gpus={needs['GPU']} "
            f"({has or 'there is no node'})",
            about="executor_param.num_cpus",
        )

    def _check_folder(self, study: Path) -> None:
        """HarnessError unless every node writes a file into the study that is seen from here."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        tokens = {}
        for node in self._nodes():
            token = f".seen-{uuid.uuid4().hex}"
            strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            task = self._task(leave_token, num_cpus=0, scheduling_strategy=strategy)
            tokens[token] = (node, task.remote(str(study), token))
        try:
            for token, (node, reference) in tokens.items():
                wrong, host = self._wrong(node, reference, study / token), _host(node)
                if wrong:
                    raise harness.HarnessError(
                        f"{study}: node {host} does not share this folder: {wrong}; choose an "
                        "--out on a file system that all nodes see, under the same path",
                        about="out",
                    )
        finally:
            for token in tokens:
                (study / token).unlink(missing_ok=True)

    def _wrong(self, node: Mapping[str, Any], reference: Any, token: Path) -> str:
        try:
            _, wrong = self._ray.get(reference, timeout=TOKEN_SECONDS)
        except self._ray.exceptions.RayError as error:
            if self._is_lost(node):
                return ""  # It gets no cell either.
            return f"it cannot run a task: {_first_line(error)}"
        if wrong:
            return str(wrong)
        until = time.monotonic() + TOKEN_SECONDS
        while not any(path.name == token.name for path in token.parent.iterdir()):
            if time.monotonic() > until:
                return "what it writes is not seen here"
            time.sleep(0.2)
        return ""

    def _is_lost(self, node: Mapping[str, Any]) -> bool:
        """Whether a node is found to have failed; Ray notices after some seconds."""
        until = time.monotonic() + LOSS_SECONDS
        while node["NodeID"] in {each["NodeID"] for each in self._nodes()}:
            if time.monotonic() > until:
                return False
            time.sleep(0.5)
        return True

    def _nodes(self) -> list[Mapping[str, Any]]:
        return [node for node in self._ray.nodes() if node["Alive"]]


class RayCell:
    """A cell that is a task."""

    def __init__(self, executor: Ray, reference: Any) -> None:
        self.reference = reference
        self._executor = executor
        self._code: int | None = None
        self._ending: harness.Ending | None = None

    def end(self, code: int, ending: harness.Ending | None) -> None:
        """It has ended."""
        self._code, self._ending = code, ending

    def state(self) -> Literal["queued", "running"]:
        """Queued until it gives a sign of life itself: Ray does not say where it is."""
        return "queued" if self._code is None else "running"

    def poll(self) -> int | None:
        self._executor.refresh()
        return self._code

    def kill(self) -> None:
        self._executor.cancel(self)

    def reason(self) -> harness.Ending | None:
        return self._ending


def _host(node: Mapping[str, Any]) -> str:
    return str(node["NodeManagerHostname"])


def _first_line(error: object) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
