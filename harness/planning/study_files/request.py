"""From the options of ``run`` and ``plan`` to the request that they make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.planning.params import column_settings
from harness.planning.study_files.protocol_options import read_settings, with_short
from harness.planning.study_files.study_file import StudyFile, protocol_settings
from harness.planning.study_files.sweep import sweep_of
from harness.protocol import preset
from harness.study import Request


def request_of(
    *,
    study_file: StudyFile | None = None,
    patterns: tuple[str, ...],
    exclude: tuple[str, ...],
    dataset: str | None,
    data_root: Path | None,
    data_params: tuple[str, ...],
    columns: tuple[str, ...],
    skip_bad: bool,
    preset_name: str,
    settings: tuple[str, ...],
    params: tuple[str, ...],
    weights: str | None,
    device: str,
    precision: str,
    threads: int | None,
    micro_batch: int | None,
    compiled: bool,
    tf32: bool,
    deterministic: bool,
    time_only: bool,
    seeds: str,
    fractions: str,
    split: str,
    split_file: Path | None,
    folds: int | None,
    out: Path,
    name: str | None,
) -> Request:
    """The request that the options make; those of ``study_file`` that no option repeats are among
    them but for its tables, whose entries options replace one by one.

    Raises:
        HarnessError: an invalid value.
    """
    if (
        weights is not None
        and weights not in ("pretrained", "random")
        and not Path(weights).exists()
    ):
        raise HarnessError(
            f"--weights {weights!r}: use pretrained, random, or a folder or file that exists",
            about="weights",
        )
    if split not in ("standard", "study"):
        raise HarnessError(
            f"--split {split!r}: use standard or study, or --split-file FILE", about="split"
        )
    if folds is not None and (split == "study" or split_file is not None):
        other = "--split study" if split == "study" else "--split-file"
        raise HarnessError(
            f"--folds {folds} with {other}: folds are splits of their own; leave one of both out",
            about="folds",
        )
    if name is not None and (Path(name).name != name or name.startswith(".")):
        raise HarnessError(f"--name {name!r}: give a plain folder name", about="name")
    flags = {
        "compile": compiled,
        "tf32": tf32,
        "deterministic": deterministic,
        "time_only": time_only,
    }
    short = {
        name: (f"--{name.replace('_', '-')}", "true") for name, given in flags.items() if given
    }
    if micro_batch is not None:
        short["micro_batch"] = (f"--micro-batch {micro_batch}", str(micro_batch))
    untimed = ("probe_seconds=none",) if time_only else ()
    own = (*untimed, *read_settings(with_short(short, settings)))
    file_params = () if study_file is None else study_file.settings("param", params)
    file_data = () if study_file is None else study_file.settings("data_param", data_params)
    file_columns = () if study_file is None else study_file.settings("column", columns)
    sweep = sweep_of(preset(preset_name), (*protocol_settings(study_file, own), *own))
    return Request(
        methods=patterns or ("all",),
        exclude=exclude,
        dataset=dataset,
        data_root=data_root,
        data_params=(*file_data, *data_params, *column_settings((*file_columns, *columns))),
        skip_bad=skip_bad,
        protocol=sweep.protocols[0],
        sweep=sweep.protocols if sweep.fields else (),
        swept=sweep.fields,
        params=(*file_params, *params),
        weights=weights,
        device=device,
        precision=precision,
        threads=threads,
        seeds=_numbers("--seeds", seeds, int, lambda v: v >= 0, "whole numbers from 0"),
        fractions=_numbers(
            "--fractions", fractions, float, lambda v: 0 < v <= 1, "numbers above 0, at most 1"
        ),
        split="study" if split == "study" else "standard",
        split_file=split_file,
        folds=folds,
        out=out,
        name=name,
    )


def _numbers(
    option: str, text: str, kind: Callable[[str], Any], valid: Callable[[Any], bool], wanted: str
) -> tuple[Any, ...]:
    try:
        values = [kind(part) for part in text.split(",")]
    except ValueError:
        values = []
    if not values or not all(valid(value) for value in values):
        raise HarnessError(
            f"{option} {text!r}: give {wanted}, separated by commas",
            about=option.removeprefix("--"),
        )
    return tuple(dict.fromkeys(values))
