"""Checks of a method: of its record here, and, by name, of what its code does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

from harness.discovery.families import family_strategies
from harness.discovery.registry import MethodEntry, Plugins
from harness.discovery.requirements import missing_requirements
from harness.errors import HarnessError, did_you_mean
from harness.protocol import PRESETS, effective
from harness.provenance import package_file
from harness.runtime.resolve import resolve
from harness.specs import TARGET_OF_KIND, MethodSpec, WeightsCard
from harness.testing.checks.check import BrokenPromiseError, Check, NotCheckedError, Promise

_ON_A_HUB = ("timm", "smp", "transformers")
_DIGEST_DIGITS = 8

DESCRIPTION = Promise(
    name="description",
    group="static",
    contract="a task that some plugin offers, deviations that the protocol allows, files that are "
    "installed, and parameters in tiny and prompts_param that params has",
    fix="correct the field of the MethodSpec that the message names",
)
REQUIREMENTS = Promise(
    name="requirements",
    group="static",
    contract="where every package in requires is installed, the factory can be imported",
    fix="name the package in requires, or correct the factory",
)
CARD = Promise(
    name="card",
    group="static",
    contract="a weights card says what it was pretrained by and on and under which licence, and "
    "pins every file by a SHA-256 of 8 digits or more, or a revision of its repository",
    fix="complete the WeightsCard: sha256sum FILE prints the digest",
)

_FIRST = ("requirements", "imports")
_BUILT = (*_FIRST, "builds")
_STARTS = (*_BUILT, "tiny")
_RUNS = (*_STARTS, "outputs")
_LEARNS = (*_RUNS, "loss")
_STEPS = (*_LEARNS, "one-image", "unchanged", "independent", "frozen", "split", "labels")
_TRAINS = (*_STEPS, "trains")


def _contract(name: str, contract: str, fix: str, after: tuple[str, ...] = _RUNS) -> Promise:
    return Promise(name=name, group="contract", contract=contract, fix=fix, after=after)


CODE = (
    _contract(
        "imports",
        "importing the factory's module changes nothing global: no default of torch or NumPy, no "
        "environment variable, no working directory, no function of a library",
        "change it where it is needed, in a with block, or not at all",
        ("requirements",),
    ),
    _contract(
        "builds",
        "factory(problem, **params) returns a harness.TorchMethod, or has skip, fit, predict, save "
        "and load; build() returns the network on the CPU; shares of stages sum to 1, and they "
        "train parameters that there are",
        "return what the contract says from the factory, from skip() and from build()",
        _FIRST,
    ),
    _contract(
        "tiny",
        "the factory takes params as they are and with the changes of tiny, and the small network "
        "takes all of tiny_weights",
        "make tiny change what the factory takes, and tiny_weights fit the network",
        _BUILT,
    ),
    _contract(
        "outputs",
        "forward() returns a mapping with finite floating-point logits for every target: label "
        "[B, C], mask [B, 1, H, W]; predict() of a method without torch, probabilities of "
        "shape [B, C] and [B, H, W]",
        "return that from forward() or predict()",
        _STARTS,
    ),
    _contract(
        "loss",
        "loss() returns a mapping from names to scalar tensors, one of which at least has a "
        "gradient where the stage trains something; called on the validation part as well",
        "return such a mapping from loss()",
    ),
    _contract(
        "classes",
        "the method takes 2, 3 or 5 classes, or skips with a reason",
        "take the number of classes from problem.classes",
    ),
    _contract(
        "sizes",
        "the method takes images of any size, states another in its input, or raises "
        "harness.HarnessError or harness.Skip and says what it needs",
        "take the size from problem.image_size, or say which sizes fit",
    ),
    _contract(
        "one-image",
        "a single image can be predicted",
        "keep the axis of the batch (no squeeze() without an axis), and use no statistics of the "
        "batch in eval mode",
    ),
    _contract(
        "unchanged",
        "forward() and loss() in eval mode write to no parameter and no buffer",
        "keep what changes in training behind module.training",
        _LEARNS,
    ),
    _contract(
        "independent",
        "the prediction of an image depends on no other image of the batch",
        "use no statistics of the batch in eval mode",
        (*_LEARNS, "one-image", "unchanged"),
    ),
    _contract(
        "frozen",
        "parameters that a stage freezes, and buffers of parts that it freezes, are the same to "
        "the last bit when it ends",
        "let trainable name all that trains, and let forward() and loss() write to nothing",
        _LEARNS,
    ),
    _contract(
        "split",
        "suffix(prefix(images)) equals forward(images) in eval mode and as the stage trains, and "
        "the prefix treats images independently and holds nothing that the stage trains",
        "let split() cut the network where forward() passes, or return None",
    ),
    _contract(
        "labels",
        "predictions need no labels: they depend on images and on what has been trained alone",
        "let forward() and predict() use nothing that loss() or fit() was given, but what it has "
        "learned",
        (*_LEARNS, "unchanged"),
    ),
    _contract(
        "trains",
        "the method trains through the harness's own loop, predicts and is kept",
        "correct what the message names",
        _STEPS,
    ),
    _contract(
        "deterministic",
        "with the same seed, two trainings on a CPU predict the same to the last bit",
        "draw from torch's global generator in build() and forward() (the harness seeds it), or "
        "from one that is seeded by problem.seed",
        _TRAINS,
    ),
    _contract(
        "save-load",
        "what is saved predicts the same when it is loaded into a new instance",
        "keep all that predictions need in parameters and persistent buffers, or in the files of "
        "save()",
        _TRAINS,
    ),
    _contract(
        "leaves-process",
        "using the method changes nothing global, as importing it",
        "change it in a with block, or not at all",
        _LEARNS,
    ),
    Promise(
        name="learns",
        group="learning",
        contract="on one batch of 8 images whose classes and masks are plain to see, the negative "
        "log-likelihood of the truth falls by 90 %, or no stage trains anything",
        fix="look at what trains, at the size of the gradients, and at the learning rate (protocol "
        "and lr_scale)",
        after=_TRAINS,
    ),
    Promise(
        name="synchronised",
        group="timing",
        contract="when fit() or a training step or predict() returns to the clock, the GPU has "
        "done all that was asked of it",
        fix="start no work of your own on other threads or streams, or wait for it before you "
        "return",
        after=_TRAINS,
    ),
    Promise(
        name="memory",
        group="timing",
        contract="a second use of the method holds no more GPU memory when it is over than the "
        "first",
        fix="keep no tensors in modules, classes or caches that outlive the method",
        after=_TRAINS,
    ),
)
"""What is found out by using the method."""

_FILES = {
    **dict.fromkeys(("imports", "leaves-process"), "process"),
    **dict.fromkeys(("builds", "tiny", "classes", "sizes"), "construction"),
    **dict.fromkeys(("outputs", "loss", "one-image", "independent", "labels"), "passes"),
    **dict.fromkeys(("frozen", "unchanged", "split"), "stages"),
    **dict.fromkeys(("trains", "deterministic", "save-load"), "trainings"),
    "learns": "learning",
    **dict.fromkeys(("synchronised", "memory"), "timing"),
}
"""Promise -> the file of :mod:`harness.testing.methods` with the function of its name."""


def method_checks(entry: MethodEntry, plugins: Plugins) -> Iterator[Check]:
    """Every check of a method."""
    static: tuple[tuple[Promise, Callable[[], None]], ...] = (
        (DESCRIPTION, partial(_description, entry, plugins)),
        (REQUIREMENTS, partial(_requirements, entry.spec)),
        (CARD, partial(_cards, entry, plugins)),
    )
    for promise, function in static:
        yield Check(subject=entry.id, promise=promise, function=function)

    @cache
    def subject() -> Any:
        return resolve("harness.testing.methods.subject:Subject")(entry, plugins)

    for promise in CODE:
        where = f"harness.testing.methods.{_FILES[promise.name]}:{promise.name.replace('-', '_')}"
        yield Check(
            subject=entry.id,
            promise=promise,
            function=partial(_use, entry, plugins, where, subject),
        )


def _use(entry: MethodEntry, plugins: Plugins, function: str, subject: Callable[[], Any]) -> None:
    if missing := missing_requirements(entry.spec):
        wanted = " ".join(f"'{requirement}'" for requirement in missing)
        raise NotCheckedError(f"packages are not installed: pip install {wanted}")
    if entry.spec.task not in plugins.tasks:
        raise NotCheckedError(f"no plugin offers its task {entry.spec.task!r}")
    with resolve("harness.testing.methods.process_state:put_back")():
        resolve(function)(subject())


def _description(entry: MethodEntry, plugins: Plugins) -> None:
    spec = entry.spec
    if spec.task not in plugins.tasks:
        raise BrokenPromiseError(
            f"task is {spec.task!r}, which no plugin offers{did_you_mean(spec.task, plugins.tasks)}"
        )
    offered = {e.spec.full_name for e in plugins.metrics.values() if e.spec.kind in TARGET_OF_KIND}
    for metric in plugins.tasks[spec.task].spec.primary:
        if metric not in offered:
            raise BrokenPromiseError(
                f"its task {spec.task!r} is ranked by {metric!r}, which no plugin offers"
            )
    for protocol in PRESETS.values():
        effective(protocol, entry.id, spec.protocol)
    for file in spec.files:
        package_file(file)
    if spec.prompts_param and spec.prompts_param not in spec.params:
        raise BrokenPromiseError(f"prompts_param is {spec.prompts_param!r}, which params lacks")
    if strange := sorted(set(spec.tiny) - set(spec.params)):
        raise BrokenPromiseError(f"tiny has {strange[0]!r}, which params lacks")
    for target, twin in spec.twins.items():
        if twin.partition("/")[0] == entry.plugin and twin not in plugins.methods:
            raise BrokenPromiseError(f"twins[{target!r}] is {twin!r}, which there is not")


def _requirements(spec: MethodSpec) -> None:
    if missing := missing_requirements(spec):
        wanted = " ".join(f"'{requirement}'" for requirement in missing)
        raise NotCheckedError(f"packages are not installed: pip install {wanted}")
    try:
        resolve("harness.testing.methods.imported:first_import")(spec.factory)
    except HarnessError as error:
        raise BrokenPromiseError(str(error)) from error


def _cards(entry: MethodEntry, plugins: Plugins) -> None:
    spec = entry.spec
    if family_strategies(entry, plugins):
        raise NotCheckedError("of a family's weights, what their hub does not say stays unknown")
    cards = [card for card in (spec.weights, spec.tiny_weights) if card is not None]
    if not cards:
        raise NotCheckedError("it names no weights")
    for card in cards:
        _complete(card)


def _complete(card: WeightsCard) -> None:
    for what in ("pretraining_method", "pretraining_data", "licence", "location"):
        if not getattr(card, what).strip():
            raise BrokenPromiseError(f"weights card {card.id}: {what} is empty")
    if len(card.mean) not in (1, 3) or card.native_size < 1:
        raise BrokenPromiseError(
            f"weights card {card.id}: {len(card.mean)} means and native_size {card.native_size}; "
            "images have 1 or 3 channels and a size in pixels"
        )
    for file in card.files:
        digits = file.sha256 or ""
        pinned = len(digits) >= _DIGEST_DIGITS or (card.source in _ON_A_HUB and card.revision)
        if not pinned:
            raise BrokenPromiseError(
                f"weights card {card.id}: {file.name} has neither a sha256 nor a revision, so what "
                "is downloaded may change"
            )
