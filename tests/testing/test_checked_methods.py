"""Every promise of a method: one that breaks it is caught by its check, and by no other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.discovery.registry import MethodEntry, Plugins, discover
from harness.specs import MethodSpec
from harness.testing.checks.methods import method_checks
from harness.testing.outcome import Outcome
from harness.testing.perform import not_worth_it, perform

MODULE = "tests.testing.broken_methods"


@pytest.fixture(scope="module")
def installed() -> Plugins:
    return discover()


def outcomes(name: str, installed: Plugins, **spec: Any) -> dict[str, Outcome]:
    """Of every check that is worth making of the method, by the promise's name."""
    fields: dict[str, Any] = {
        "name": "net",
        "factory": f"{MODULE}:{name}",
        "task": "classification",
        "family": "supervised",
        "summary": "A method of the tests",
        **spec,
    }
    entry = MethodEntry(
        id="tests/net",
        plugin="tests",
        dist="tests",
        version="1",
        spec=MethodSpec(**fields),
        editable_root=None,
    )
    plugins = replace(installed, methods={**installed.methods, entry.id: entry})
    found, verdicts = {}, dict[str, str]()
    for check in method_checks(entry, plugins):
        if not_worth_it(check, verdicts):
            continue
        outcome = found[check.promise.name] = perform(check)
        verdicts[check.id] = outcome.verdict
    return found


def failed(found: dict[str, Outcome]) -> dict[str, str]:
    return {name: o.seen for name, o in found.items() if o.verdict == "failed"}


SEGMENTATION = {"task": "segmentation", "family": "segmentation"}


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("Honest", {"params": {"width": 32}, "tiny": {"width": 16}}),
        ("NothingTrains", {}),
        ("SaysWhichSize", {}),
        ("Segmenter", SEGMENTATION),
        ("Plain", {"family": "baseline"}),
        ("PlainForest", {"family": "baseline"}),
    ],
)
def test_an_honest_method_passes(name: str, spec: dict[str, Any], installed: Plugins) -> None:
    found = outcomes(name, installed, **spec)
    assert failed(found) == {}
    assert sum(outcome.verdict == "passed" for outcome in found.values()) > 10


@pytest.mark.parametrize(
    ("name", "promise", "seen"),
    [
        ("Missing", "requirements", "has no 'Missing'"),
        ("NoMethod", "builds", "returned NoMethod, which is neither a TorchMethod nor has fit"),
        ("TrainsWhatThereIsNot", "builds", "trains 'neck.weight', which the network does not have"),
        ("AnswersWithATensor", "outputs", "returned a value of type Tensor; expected a mapping"),
        ("NamesAnotherTarget", "outputs", "returned ['classes']; the task also needs 'label'"),
        ("HasNoNumbers", "outputs", "logits that are not finite"),
        ("LosesPerImage", "loss", "of shape [8] for 'label'; expected a scalar tensor"),
        ("LosesNothing", "loss", "terms without a gradient"),
        ("KnowsThreeClasses", "classes", "of 2 classes: ContractError: forward() returned 'label'"),
        ("KnowsOneSize", "sizes", "at 128 px: RuntimeError: 64 only"),
        ("SqueezesTheBatch", "one-image", "'label' of shape [3]; expected logits"),
        ("CentresTheBatch", "independent", "predicts something else of an image when others are"),
        ("MovesTheFrozen", "frozen", "body.0.weight changed while stage 'probe' trained"),
        ("WritesInEvaluation", "unchanged", "head.bias changed in eval mode"),
        ("SplitsElsewhere", "split", "split() does not keep its promise in stage 'probe'"),
        ("RemembersLabels", "labels", "after loss() has been given other labels"),
        ("NamesNoShare", "trains", "it raised RuntimeError: a fourth batch was not expected"),
        ("DrawsFromTheSystem", "deterministic", "a second training with the same seed predicts"),
        ("ForgetsItsScale", "save-load", "a new instance that has loaded the files predicts"),
        ("SetsTheThreads", "leaves-process", "torch.get_float32_matmul_precision() is 'high'"),
        ("LearnsNothing", "learns", "negative log-likelihood is"),
        ("PlainLogits", "outputs", "values from"),
        ("PlainBatch", "independent", "gives image 0 other values of 'label'"),
        ("PlainNeedsFit", "labels", "it raised RuntimeError: fit() comes first"),
        ("PlainForgets", "save-load", "a new instance that has loaded the files predicts"),
        ("PlainDraws", "deterministic", "a second training with the same seed predicts"),
    ],
)
def test_a_broken_promise_is_caught_by_its_check_alone(
    name: str, promise: str, seen: str, installed: Plugins
) -> None:
    found = failed(outcomes(name, installed))
    assert list(found) == [promise], found
    assert seen in found[promise]
