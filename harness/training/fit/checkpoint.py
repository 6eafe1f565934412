"""Checkpoints: ``last`` to resume from after an interrupt, ``best`` to predict with."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, load_model, save_file, save_model
from torch import Tensor, nn

from harness.errors import HarnessError

TRAIN_AGAIN = "repeat its run with --rerun"

Figures = Mapping[str, float]
"""Of the validation part: metrics as ``target.metric``, ``primary``, and ``loss`` where the method
has one that is finite."""


def nothing_kept(path: Path) -> str:
    """The message about a finished cell that has no weights."""
    return f"{path}: the trained weights are missing; {TRAIN_AGAIN}"


class DamagedCheckpointError(HarnessError):
    """A checkpoint to resume from is not what was written."""


@dataclass
class Progress:
    """What, apart from tensors, decides how training continues."""

    epochs_done: int = 0
    best_epoch: int | None = None
    best_primary: float | None = None
    best_val: Figures | None = None
    """All metrics of the best epoch on the validation part."""
    resumed: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    """The clock's buckets until this checkpoint."""
    epochs: list[dict[str, Any]] = field(default_factory=list)
    """An ``EpochRecord`` per finished epoch."""
    activations: dict[str, Any] = field(default_factory=dict)
    """By stage: what happened to the activations at its frozen boundary."""


class Checkpoints:
    """The folder ``checkpoint/`` of a cell. Every file appears whole or not at all.

    During training, only what training can have changed is written: a frozen encoder is rebuilt
    from its seed or its weights. Saving copies the tensors and returns; a thread writes them
    during the next epoch. What is kept of a finished cell is complete.

    New best weights replace the old ones only once ``last``, which says what epoch they
    are of, is written: whenever the process is killed, both belong together.
    """

    def __init__(self, directory: Path) -> None:
        self.last = directory / "last.pt"
        self.best = directory / "best.safetensors"
        self._best_so_far = directory / "best-so-far.safetensors"
        self._next_best = directory / "next-best.safetensors"
        self._copies = Copies()
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._writing: Future[None] | None = None

    def save(
        self,
        module: nn.Module,
        moved: Collection[str],
        stepping: Mapping[str, Any] | None,
        progress: Progress,
        *,
        best: bool,
    ) -> None:
        """Keep everything that the next epoch depends on, as the best weights so far where
        ``best``; waits until the checkpoint before this one is on disk.

        Args:
            moved: names of the parameters that any stage trains; buffers are kept anyway.
            stepping: state of the optimiser; None where no step will resume from it.

        Raises:
            HarnessError: the checkpoint before this one could not be written.
        """
        self.wait()
        state = self._copies.of(
            {
                "module": _changed(module, moved),
                "stepping": stepping,
                "progress": deepcopy(vars(progress)),
            }
        )
        self._writing = self._writer.submit(self._write, state, best)

    def wait(self) -> None:
        """Return once all that was saved is on disk; raises the error that prevented it."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def _write(self, state: Mapping[str, Any], best: bool) -> None:
        if best:
            weights = {name: value.contiguous() for name, value in state["module"].items()}
            epoch = {"epoch": str(state["progress"]["best_epoch"])}
            self._replace(self._next_best, partial(save_file, weights, metadata=epoch))
        with _without_checksums():
            self._replace(self.last, partial(torch.save, state))
        if best:
            self._next_best.replace(self._best_so_far)

    def load_last(self, module: nn.Module, device: torch.device) -> dict[str, Any] | None:
        """What :meth:`save` wrote last, its weights put into ``module``; None where there is
        nothing.

        Raises:
            DamagedCheckpointError: it cannot be read, or the best weights that it refers to.
        """
        for half_written in self.last.parent.glob(".*.*"):
            half_written.unlink()
        if not self.last.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(self.last, map_location=device, weights_only=True)
        except Exception as error:  # What it raises depends on where the damage is.
            reason = " ".join(str(error).split())[:100]
            raise DamagedCheckpointError(f"{self.last} cannot be read ({reason})") from error
        if (epoch := state["progress"]["best_epoch"]) is not None:
            self._settle_best(epoch)
        _put(state.pop("module"), module)
        return state

    def _settle_best(self, epoch: int) -> None:
        """Make ``best-so-far`` the weights of the epoch that ``last`` calls the best."""
        if self._next_best.exists():
            if _epoch_of(self._next_best) == epoch:
                self._next_best.replace(self._best_so_far)
            else:
                self._next_best.unlink()
        # A cell that was killed while it cleared up has its best weights in full.
        if self._best_so_far.exists() or not self.best.exists():
            found = _epoch_of(self._best_so_far)
            if found != epoch:
                raise DamagedCheckpointError(
                    f"{self._best_so_far} holds epoch {found}, and not epoch {epoch}"
                )

    def load_best_so_far(self, module: nn.Module, device: torch.device) -> None:
        """The weights of the best epoch, those left out that no stage trains."""
        self.wait()
        if self._best_so_far.exists():
            _put(load_file(self._best_so_far, device=str(device)), module)
        else:
            self.load_finished(module, device)

    def keep(self, module: nn.Module) -> None:
        """Leave all weights of the module, and nothing that only an unfinished cell needs but
        :attr:`last`."""
        self.wait()
        self._replace(self.best, lambda temporary: save_model(module, str(temporary)))
        for path in (self._best_so_far, self._next_best):
            path.unlink(missing_ok=True)

    def load_finished(self, module: nn.Module, device: torch.device) -> None:
        """The best weights of a cell that has ended; HarnessError where none can be used."""
        try:
            load_model(module, str(self.best), device=str(device))
        except FileNotFoundError as error:
            raise HarnessError(nothing_kept(self.best)) from error
        except (RuntimeError, SafetensorError) as error:
            reason = " ".join(str(error).split())[:300]
            raise HarnessError(
                f"{self.best}: does not fit {type(module).__name__} ({reason}); {TRAIN_AGAIN}"
            ) from error

    def drop_last(self) -> None:
        self.last.unlink(missing_ok=True)

    def drop_best(self) -> None:
        self.wait()
        for path in (self.best, self._best_so_far, self._next_best):
            path.unlink(missing_ok=True)

    def _replace(self, path: Path, write: Callable[[Path], object]) -> None:
        """Replace a file by a new one, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            write(temporary)
            temporary.replace(path)
        except (OSError, RuntimeError, SafetensorError) as error:
            temporary.unlink(missing_ok=True)
            reason = " ".join(str(error).split())[:200]
            raise HarnessError(
                f"{path}: cannot be written ({reason}); make room where it lies and repeat the "
                "command"
            ) from error


class Copies:
    """Copies of nested records with tensors, in memory that is used again from time to time.

    A copy lies in memory as the tensor does, as fused optimisers walk through moments in the order
    of their memory. It holds until the next one is made.
    """

    def __init__(self) -> None:
        self._buffers: dict[tuple[object, ...], Tensor] = {}

    def of(self, value: Any) -> Any:
        """A copy on the CPU of a tree of dicts, lists, tensors and plain values."""
        copied = self._copy(value, ())
        if any(buffer.is_pinned() for buffer in self._buffers.values()):
            torch.cuda.synchronize()
        return copied

    def _copy(self, value: Any, path: tuple[object, ...]) -> Any:
        if isinstance(value, Mapping):
            return {key: self._copy(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self._copy(item, (*path, i)) for i, item in enumerate(value))
        if not isinstance(value, Tensor):
            return value
        buffer = self._buffers.get(path)
        if buffer is None or not same_layout(buffer, value):
            buffer = torch.empty_like(value, device="cpu", pin_memory=value.is_cuda)
            self._buffers[path] = buffer
        return buffer.copy_(value.detach(), non_blocking=True)


def same_layout(one: Tensor, other: Tensor) -> bool:
    """Whether both have one shape, one type, and their elements in one order in memory."""
    return one.shape == other.shape and one.dtype == other.dtype and one.stride() == other.stride()


def _epoch_of(path: Path) -> int:
    """The epoch whose weights the file holds.

    Raises:
        DamagedCheckpointError: it is missing, cut off or something else.
    """
    try:
        with safe_open(path, "pt") as file:
            return int(file.metadata()["epoch"])
    except (OSError, SafetensorError, TypeError, KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:100]
        raise DamagedCheckpointError(f"{path} cannot be read ({reason})") from error


def _changed(module: nn.Module, moved: Collection[str]) -> dict[str, Tensor]:
    """Buffers and the parameters of these names, each memory once."""
    left_out, seen = set(), set()
    for name, parameter in module.named_parameters(remove_duplicate=False):
        if name not in moved or id(parameter) in seen:
            left_out.add(name)
        seen.add(id(parameter))
    return {name: value for name, value in module.state_dict().items() if name not in left_out}


def _put(state: Mapping[str, Tensor], module: nn.Module) -> None:
    """Load part of a module's state; whatever the module does not have is an error."""
    unexpected = module.load_state_dict(state, strict=False).unexpected_keys
    if unexpected:
        raise HarnessError(
            f"the checkpoint holds {unexpected[:3]}, which the network does not have; "
            "repeat the run with --rerun"
        )


@contextmanager
def _without_checksums() -> Iterator[None]:
    """What torch saves in here gets no checksums: they take most of the time, and a file that was
    replaced whole needs none."""
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        yield
    finally:
        torch.serialization.set_crc32_options(before)
