"""Options that ``run`` and ``plan`` share, and the request that they make."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from harness.errors import HarnessError
from harness.plugins import Plugins, discover
from harness.protocol import PRESETS, did_you_mean, override, preset
from harness.study import Request
from harness.variants import with_prompts

Command = TypeVar("Command", bound=Callable[..., Any])

DISABLE = "CXR_HARNESS_DISABLE"
"""Environment variable: names of plugins that are not to be loaded, separated by commas."""

_OPTIONS = (
    click.option(
        "--plugins",
        "patterns",
        multiple=True,
        metavar="PATTERN",
        help="Methods to run: all, ID, a glob on ids, a plugin's name, task:…, family:…, tag:…; "
        "separated by commas, or repeated.",
    ),
    click.option("--exclude", multiple=True, metavar="PATTERN", help="Methods to leave out."),
    click.option("--dataset", metavar="NAME", help="Default: the embedded one."),
    click.option(
        "--data-root", type=click.Path(path_type=Path), metavar="DIR", help="The dataset's folder."
    ),
    click.option(
        "--preset",
        "preset_name",
        default="quick",
        metavar="NAME",
        help=f"Protocol: {', '.join(PRESETS)} (default: quick).",
    ),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="Change the preset, e.g. --set epochs=5.",
    ),
    click.option(
        "--param",
        "params",
        multiple=True,
        metavar="[PATTERN:]NAME=VALUE",
        help="Change a method's parameter, e.g. --param supervised:head=study.",
    ),
    click.option(
        "--prompts",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Sentences of your own for methods that take some: adds METHOD@STEM-OF-FILE.",
    ),
    click.option(
        "--weights",
        metavar="WHAT",
        help="pretrained, random, or a folder (default: the preset's).",
    ),
    click.option("--device", default="auto", metavar="NAME", help="auto, cpu, cuda or cuda:N."),
    click.option("--precision", default="auto", metavar="NAME", help="auto, fp32, bf16 or fp16."),
    click.option("--micro-batch", type=int, metavar="N", help="Split batches that do not fit."),
    click.option("--compile", "compiled", is_flag=True, help="Train through torch.compile."),
    click.option("--tf32", is_flag=True, help="Let a GPU round float32 factors (TensorFloat-32)."),
    click.option("--deterministic", is_flag=True, help="Repeatable bit by bit on a GPU; slower."),
    click.option("--time-only", is_flag=True, help="Measure speed; train nothing."),
    click.option("--seeds", default="0", metavar="N,N", help="Default: 0."),
    click.option(
        "--fractions", default="1", metavar="F,F", help="Of the training images (default: 1)."
    ),
    click.option(
        "--split",
        default="standard",
        metavar="NAME",
        help="standard (72/8/20, by patient), or study (80/20, selected on the 20).",
    ),
    click.option(
        "--split-file", type=click.Path(path_type=Path), metavar="FILE", help="A split of your own."
    ),
    click.option(
        "--out",
        type=click.Path(path_type=Path),
        default=Path("results"),
        metavar="DIR",
        help="Where results go (default: results).",
    ),
    click.option(
        "--name", metavar="NAME", help="Of the study's folder (default: <dataset>-<preset>)."
    ),
)


def study_options(command: Command) -> Command:
    """Adds the options that :func:`request_of` reads."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def installed_plugins(prompts: Path | None = None) -> Plugins:
    """Every plugin, less those that ``CXR_HARNESS_DISABLE`` names.

    Args:
        prompts: adds the methods that :func:`harness.variants.with_prompts` makes of this file.

    Raises:
        HarnessError: the variable names a plugin that is not installed, or the file will not do.
    """
    names = [name.strip() for name in os.environ.get(DISABLE, "").split(",") if name.strip()]
    plugins = discover(disabled=tuple(names))
    known = {record.name for record in plugins.records}
    for name in names:
        if name not in known:
            raise HarnessError(
                f"{DISABLE} names {name!r}, which is no installed plugin{did_you_mean(name, known)}"
            )
    return plugins if prompts is None else with_prompts(plugins, prompts)


def request_of(
    *,
    patterns: tuple[str, ...],
    exclude: tuple[str, ...],
    dataset: str | None,
    data_root: Path | None,
    preset_name: str,
    settings: tuple[str, ...],
    params: tuple[str, ...],
    weights: str | None,
    device: str,
    precision: str,
    micro_batch: int | None,
    compiled: bool,
    tf32: bool,
    deterministic: bool,
    time_only: bool,
    seeds: str,
    fractions: str,
    split: str,
    split_file: Path | None,
    out: Path,
    name: str | None,
) -> Request:
    """The request that the options make.

    Raises:
        HarnessError: a value that cannot be meant.
    """
    from harness.execution.devices import resolve_device

    if (
        weights is not None
        and weights not in ("pretrained", "random")
        and not Path(weights).is_dir()
    ):
        raise HarnessError(
            f"--weights {weights!r}: say pretrained, random, or name a folder that exists"
        )
    if split not in ("standard", "study"):
        raise HarnessError(f"--split {split!r}: use standard or study, or --split-file FILE")
    if name is not None and (Path(name).name != name or name.startswith(".")):
        raise HarnessError(f"--name {name!r}: give a plain folder name")
    flags = {
        "compile": compiled,
        "tf32": tf32,
        "deterministic": deterministic,
        "time_only": time_only,
    }
    extra = [f"{flag}=true" for flag, given in flags.items() if given]
    if time_only:
        extra.append("probe_seconds=none")
    if micro_batch is not None:
        extra.append(f"micro_batch={micro_batch}")
    return Request(
        methods=patterns or ("all",),
        exclude=exclude,
        dataset=dataset,
        data_root=data_root,
        protocol=override(preset(preset_name), (*extra, *settings)),
        params=params,
        weights=weights,
        device=resolve_device(device),
        precision=precision,
        seeds=_numbers("--seeds", seeds, int, lambda v: v >= 0, "whole numbers from 0"),
        fractions=_numbers(
            "--fractions", fractions, float, lambda v: 0 < v <= 1, "numbers above 0, at most 1"
        ),
        split="study" if split == "study" else "standard",
        split_file=split_file,
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
        raise HarnessError(f"{option} {text!r}: give {wanted}, separated by commas")
    return tuple(dict.fromkeys(values))


_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}


def number_of_bytes(option: str, text: str | None) -> int | None:
    """``20GB``, ``500 MB`` or a plain number; None stays None.

    Raises:
        HarnessError: it is none of these.
    """
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip().lower())
    if found is None or found[2] not in _UNITS:
        raise HarnessError(f"{option} {text!r}: give bytes, or a number with KB, MB, GB or TB")
    return int(float(found[1]) * _UNITS[found[2]])
