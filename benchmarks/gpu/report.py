"""The document as tables, plain for a terminal or as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tabulate import tabulate

Table = tuple[str, tuple[str, ...], list[tuple[Any, ...]]]
"""Title, heads, rows."""

METHOD_HEAD = (
    "method", "px", "M params", "train img/s", "/ bare", "MFU", "data wait", "predict img/s",
    "/ bare", "GB", "J/img", "steps",
)  # fmt: skip
FROZEN_HEAD = (
    "on activations", "prefix img/s", "compute img/s", "GB in all", "train img/s",
    "training s", "share of full",
)  # fmt: skip
VARIANTS: Mapping[str, Callable[[dict[str, Any]], str]] = {
    "other_layout": lambda found: "channels last" if found["channels_last"] else "channels first",
    "streamed": lambda found: f"streamed, data wait {_percent(found['data_wait']['device_share'])}",
    "compiled": lambda found: f"torch.compile, {found['compile_seconds']:.0f} s to compile",
}
"""Section of a method's record -> what it is, in words."""


def text(document: dict[str, Any], style: str) -> str:
    """All tables that have rows.

    Args:
        document: what the command writes as JSON.
        style: a table format of tabulate.
    """
    mark = "## " if style == "github" else ""
    parts = [machine(document)]
    for title, head, rows in _tables(document):
        if rows:
            table = tabulate(rows, head, tablefmt=style, disable_numparse=True)
            parts.append(f"{mark}{title}\n\n{table}")
    return "\n\n".join(parts) + "\n"


def machine(document: dict[str, Any]) -> str:
    """What the figures belong to, in a few lines."""
    facts, settings = document["machine"], document["settings"]
    packages = ", ".join(f"{name} {found}" for name, found in facts["packages"].items() if found)
    gpu = ""
    if "gpu" in facts:
        gpu = (
            f"{facts['gpu']}, {facts['gpu_memory_bytes'] / 2**30:.0f} GiB, CUDA {facts['cuda']}, "
            f"cuDNN {facts['cudnn']}; driver, clock, power limit: "
            f"{'; '.join(facts['gpu_driver'] or ['unknown'])}\n"
        )
    return (
        f"{gpu}{facts['cpu']}, {facts['cpu_count']} cores, {facts['threads']} threads; "
        f"Python {facts['python']}; {facts['date']}\n{packages}\n"
        f"{settings['images']} images of {settings['size']} px, batch {settings['batch']}, "
        f"{document['precision']}; matrix products {document['matrix_flops'] / 1e12:.3g} TFLOP/s; "
        f"{document['seconds']:.0f} s in all"
    )


def _tables(document: dict[str, Any]) -> Iterator[Table]:
    methods = document["methods"]
    yield "Methods", METHOD_HEAD, [_method(name, found) for name, found in methods.items()]
    frozen = [_frozen(name, found) for name, found in methods.items() if _has_frozen(found)]
    yield "Frozen layers", FROZEN_HEAD, frozen
    others = [row for name, found in methods.items() for row in _variants(name, found)]
    yield "Other ways", ("method", "way", "train img/s", "/ usual"), others
    yield "A course project's loop", ("precision", "img/s"), _course(document.get("course", {}))
    yield "Failed", ("method", "section", "error"), _errors(document)


def _method(name: str, found: dict[str, Any]) -> tuple[Any, ...]:
    training, inference = found.get("training"), found.get("inference")
    memory = found.get("memory", {}).get("allocated_bytes")
    wait = found.get("data_wait", {}).get("device_share")
    return (
        name,
        found.get("input_size", ""),
        _shown(found.get("parameters_total"), lambda count: f"{count / 1e6:.1f}"),
        *_speed(training),
        _shown(found.get("mfu"), _percent),
        _shown(wait, _percent),
        *_speed(inference),
        _shown(memory, _gigabytes),
        _shown(found.get("joules_per_image"), lambda joules: f"{joules:.3g}"),
        training["harness"]["timed_steps"] if training else "",
    )


def _speed(found: dict[str, Any] | None) -> tuple[str, str]:
    """Images per second, and the ratio to the bare loop."""
    if found is None:
        return "", ""
    return f"{found['harness']['images_per_second']:,.0f}", f"{found['ratio']['median']:.3f}"


def _has_frozen(found: dict[str, Any]) -> bool:
    return "training_seconds" in found.get("frozen", {})


def _frozen(name: str, found: dict[str, Any]) -> tuple[Any, ...]:
    frozen = found["frozen"]
    return (
        name,
        f"{frozen['prefix_images_per_second']:,.0f}",
        f"{frozen['compute_images_per_second']:,.0f}",
        _gigabytes(frozen["bytes"]),
        f"{found['training']['harness']['images_per_second']:,.0f}",
        f"{frozen['training_seconds']:,.0f}",
        _shown(frozen.get("share_of_full"), lambda share: f"{share:.3f}"),
    )


def _variants(name: str, found: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    for section, words in VARIANTS.items():
        if section in found:
            way = found[section]
            yield name, words(way), *_speed(way)


def _course(found: dict[str, Any]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = [
        (key.replace("_", " "), f"{found[key]['images_per_second']:,.0f}")
        for key in ("single_precision", "harness_precision")
        if key in found
    ]
    if "epoch_speedup" in found:
        rows += [
            ("the harness's epoch, 8 blocks frozen", f"{found['epoch_speedup']:.3g} times"),
            ("its training, activations included", f"{found['training_speedup']:.3g} times"),
        ]
    return rows


def _errors(document: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(name, section, error[:200]) for name, section, error in errors(document)]


def errors(document: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(method, section, error) of all that failed."""
    parts = {**document["methods"], "course": document.get("course", {})}
    return [
        (name, section, error)
        for name, found in parts.items()
        for section, error in found.get("errors", {}).items()
    ]


def _shown(value: Any, form: Callable[[Any], str]) -> str:
    return "" if value is None else form(value)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.2f}"
