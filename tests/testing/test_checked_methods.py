"""Every promise of a method: one that breaks it is caught by its check, and by no other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.discovery.registry import MethodEntry, Plugins, discover
from harness.specs import MethodSpec
from harness.testing.checks.methods import method_checks
from harness.testing.methods.process_state import ProcessState
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
        ("KnowsThreeClasses", "classes", "of 2 classes: forward() returned 'label'"),
        ("KnowsOneSize", "sizes", "at 128 px: it raised RuntimeError: 64 only ("),
        ("SqueezesTheBatch", "one-image", "'label' of shape [3]; expected logits"),
        ("CentresTheBatch", "independent", "predicts something else of an image when others are"),
        ("MovesTheFrozen", "frozen", "body.0.weight changed while stage 'probe' trained"),
        ("WritesInEvaluation", "unchanged", "head.bias changed in eval mode"),
        ("SplitsElsewhere", "split", "split() does not keep its promise in stage 'probe'"),
        ("RemembersLabels", "labels", "after loss() has been given other labels"),
        ("FailsLater", "trains", "it raised RuntimeError: a fourth batch was not expected"),
        ("DrawsFromTheSystem", "deterministic", "a second training with the same seed predicts"),
        ("ForgetsItsScale", "save-load", "a new instance that has loaded the files predicts"),
        ("SetsThePrecision", "leaves-process", "torch.get_float32_matmul_precision() is 'high'"),
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


def test_a_full_network_that_cannot_be_made_is_caught(installed: Plugins) -> None:
    spec = {"params": {"width": 64}, "tiny": {"width": 16}}
    found = failed(outcomes("FailsAtFullWidth", installed, **spec))
    assert list(found) == ["tiny"]
    assert found["tiny"].startswith("it raised ValueError: 64 is too wide (")


def test_small_weights_that_do_not_fit_are_caught(installed: Plugins) -> None:
    card = installed.methods["supervised/convnext_base"].spec.tiny_weights
    spec = {"params": {"width": 64}, "tiny": {"width": 16}, "tiny_weights": card}
    found = failed(outcomes("LoadsItsWeights", installed, **spec))
    assert list(found) == ["tiny"]
    assert "model.safetensors" in found["tiny"]


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("torch.set_default_dtype(torch.float64)", "torch.get_default_dtype() is torch.float64"),
        ("torch.manual_seed(1)", "the global random generator of torch has been seeded or used"),
        ("np.random.seed(1)", "the global random generator of NumPy has been seeded or used"),
        ("os.environ['TESTED'] = 'yes'", "environment variable TESTED is 'yes'"),
        ("os.chdir('/')", "the working directory is /"),
        ("nn.Linear.forward = lambda self, x: x", "Linear.forward has been replaced"),
        ("sys.path.append('/nowhere')", "sys.path is another"),
    ],
)
def test_a_module_that_changes_something_global_is_caught_and_it_is_put_back(
    line: str,
    seen: str,
    installed: Plugins,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = f"changes_{abs(hash(line))}"
    text = "import os, sys\nimport numpy as np\nimport torch\nfrom torch import nn\n"
    code = f"from {MODULE} import Honest\n{text}{line}\n"
    (tmp_path / f"{module}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    before = ProcessState.capture()
    found = failed(outcomes("", installed, factory=f"{module}:Honest"))
    assert list(found) == ["imports"]
    assert seen in found["imports"]
    assert before.changes(drawn=False) == ()
