"""How every method is trained and measured alike, and the named protocols (presets)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from types import MappingProxyType, NoneType
from typing import Any, Literal, get_args, get_type_hints

from harness.errors import HarnessError, did_you_mean
from harness.values.check import converted, mismatch, value_of

Precision = Literal["fp32", "bf16", "fp16"]

LARGEST_IMAGE = 8192
"""Pixels per side: more than any chest film has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """Everything that is held equal between methods.

    Raises:
        HarnessError: on construction, for a value of another type than its field or outside its
            range; says about which field, as ``set.FIELD``.
    """

    name: str
    image_size: int
    """Pixels per side."""
    epochs: int
    batch_size: int
    micro_batch: int | None = None
    """Samples per forward pass where a batch does not fit; gradients add up to the batch's."""
    learning_rate: float
    weight_decay: float = 1e-6
    """Coupled L2 of Adam, not AdamW's decoupled decay."""
    flip: bool = False
    """Random horizontal flips in training, image and mask alike. A chest has a heart side."""
    tiny: bool = False
    """Use every method's small member (``MethodSpec.tiny``) instead of the full network."""
    train_images: int | None = None
    """At most so many training images, cut alike for every method; None for all."""
    test_images: int | None = None
    """At most so many images in every other part."""
    half_activations: bool = True
    """Keep activations at a frozen boundary in half precision; vectors are float32 always."""
    channels_last: bool | None = None
    """Memory layout of images and convolutions; None: where it pays, which is on a GPU in half
    precision, and on a CPU for methods that say that they are convolutional."""
    tf32: bool = False
    """Let a GPU round float32 factors to 10 bits of mantissa."""
    deterministic: bool = False
    """Only algorithms that repeat themselves bit by bit on a GPU, which are slower."""
    compile: bool = False
    """Train through ``torch.compile``; what compiling takes has a bucket of its own."""
    time_only: bool = False
    """Measure speed and train nothing."""
    weights: str = "pretrained"
    """What networks start from unless ``--weights`` says otherwise."""
    select_by: str | None = None
    """Metrics as ``target.metric``, separated by commas, whose mean selects the epoch and ranks the
    table instead of the task's primary metrics; those of targets that a task lacks are passed
    over. None: the task's own."""
    probe_warmup: int = 10
    """Forward passes before the timed ones of a probe."""
    probe_iterations: int = 40
    """Timed forward passes of a probe."""
    probe_seconds: float | None = 30.0
    """A probe ends early after so many seconds, with three timed passes at least; None: never."""

    def __post_init__(self) -> None:
        for what, kind in _types().items():
            value = getattr(self, what)
            if (wrong := mismatch(value, kind, (what,))) is not None:
                none = " or none" if NoneType in get_args(kind) else ""
                raise HarnessError(f"protocol: {wrong}{none}", about=f"set.{what}")
            object.__setattr__(self, what, converted(value, kind))
        positive = ("image_size", "epochs", "batch_size", "learning_rate", "probe_iterations")
        optional = ("micro_batch", "train_images", "test_images", "probe_seconds")
        for what in (*positive, *optional):
            value = getattr(self, what)
            if value is not None and not value > 0:
                raise HarnessError(
                    f"protocol: {what} must be positive, got {value}", about=f"set.{what}"
                )
        if not 32 <= self.image_size <= LARGEST_IMAGE:
            raise HarnessError(
                f"protocol: image_size must be 32 to {LARGEST_IMAGE} pixels, got {self.image_size}",
                about="set.image_size",
            )
        if self.batch_size < 2:
            raise HarnessError(
                "protocol: batch_size must be at least 2 (batch normalisation)",
                about="set.batch_size",
            )
        for what in ("weight_decay", "probe_warmup"):
            if getattr(self, what) < 0:
                raise HarnessError(
                    f"protocol: {what} must not be negative, got {getattr(self, what)}",
                    about=f"set.{what}",
                )


@cache
def _types() -> Mapping[str, Any]:
    return get_type_hints(Protocol)


PAPER = Protocol(
    name="paper", image_size=224, epochs=20, batch_size=64, learning_rate=5e-5, weight_decay=1e-6
)
"""The protocol for results: 20 epochs of Adam on the full, pretrained networks."""

STUDY = replace(PAPER, name="study", batch_size=16, select_by="mask.dice_soft")
"""What the published course study did, as far as a protocol can say it: ``docs/reproduce.md`` lists
what differs from method to method there, and from here."""

QUICK = Protocol(
    name="quick",
    image_size=64,
    epochs=3,
    batch_size=8,
    learning_rate=3e-4,
    tiny=True,
    train_images=512,
    test_images=512,
    probe_seconds=0.5,
)
"""A laptop's minutes, to see that everything works: small members of the same families, which start
from weights of their own where they have some."""

PRESETS: Mapping[str, Protocol] = MappingProxyType({p.name: p for p in (PAPER, STUDY, QUICK)})

METHOD_MAY_CHANGE = frozenset(
    {"image_size", "epochs", "batch_size", "learning_rate", "weight_decay", "flip"}
)
"""What ``MethodSpec.protocol`` may deviate in."""


def preset(name: str) -> Protocol:
    """The named protocol; HarnessError with a suggestion where there is none."""
    if name in PRESETS:
        return PRESETS[name]
    raise HarnessError(
        f"unknown preset {name!r}{did_you_mean(name, PRESETS)}; presets: {', '.join(PRESETS)}",
        about="preset",
    )


def override(protocol: Protocol, settings: Iterable[str]) -> Protocol:
    """The protocol with ``KEY=VALUE`` settings applied, values as JSON.

    Raises:
        HarnessError: an unknown key, a value of the wrong type, or one out of range.
    """
    keys = [f.name for f in fields(Protocol) if f.name not in ("name", "weights")]
    changes: dict[str, Any] = {}
    written: dict[str, str] = {}
    for setting in settings:
        said, equals, text = setting.partition("=")
        key = said.strip().replace("-", "_")
        if not equals or key not in keys:
            raise HarnessError(
                f"--set {setting!r}: write KEY=VALUE with a key of the protocol"
                f"{did_you_mean(key, keys)}; keys: {', '.join(sorted(keys))}",
                about=f"set.{said}",
            )
        changes[key], written[f"set.{key}"] = _value(text), f"set.{said}"
    try:
        return replace(protocol, **changes)
    except HarnessError as error:
        error.about = written.get(str(error.about))
        raise


def _value(text: str) -> Any:
    """JSON or text, and ``none``; upper and lower case are the same but in text."""
    value = value_of({"none": "null"}.get(text.strip().lower(), text.lower()))
    return text if isinstance(value, str) else value


def effective(protocol: Protocol, method_id: str, changes: Mapping[str, Any]) -> Protocol:
    """The protocol that a method is trained by: its declared deviations applied.

    Raises:
        HarnessError: a deviation that is not in :data:`METHOD_MAY_CHANGE`, or a value of the
            wrong type or out of its range.
    """
    if unknown := sorted(set(changes) - METHOD_MAY_CHANGE):
        raise HarnessError(
            f"{method_id}: declares deviations in {unknown}; "
            f"a method may change {sorted(METHOD_MAY_CHANGE)}"
        )
    try:
        return replace(protocol, **changes)
    except HarnessError as error:
        raise HarnessError(f"{method_id}: declares {dict(changes)}: {error}") from error


def deviations(protocol: Protocol, used: Protocol) -> dict[str, tuple[Any, Any]]:
    """Field -> (protocol's value, used value), where they differ."""
    pairs = ((f.name, getattr(protocol, f.name), getattr(used, f.name)) for f in fields(Protocol))
    return {name: (stated, value) for name, stated, value in pairs if stated != value}


def resolve_precision(asked: str, device_kind: str) -> Precision:
    """``auto`` is bf16 on CUDA and fp32 on a CPU.

    Raises:
        HarnessError: half precision on a CPU (12 to 28 times slower there), or no such precision.
    """
    if asked == "auto":
        return "bf16" if device_kind == "cuda" else "fp32"
    if asked not in ("fp32", "bf16", "fp16"):
        raise HarnessError(
            f"--precision {asked!r}: use auto, fp32, bf16 or fp16", about="precision"
        )
    if device_kind != "cuda" and asked != "fp32":
        raise HarnessError(
            f"--precision {asked} needs a CUDA device; the device here is a CPU",
            about="precision",
        )
    return asked  # type: ignore[return-value]
