"""Static checks: a plugin that cannot be described fails the one check that says why."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.discovery.registry import Plugins, discover
from harness.errors import HarnessError
from harness.specs import MethodSpec, WeightsCard, WeightsFile
from harness.testing.checks.methods import method_checks
from harness.testing.generate import checks_of
from harness.testing.outcome import Outcome
from harness.testing.perform import perform
from tests.core.plugin_sites import GOOD, HEAD, METHOD, Site, hook

OFFER = "@harness.hookimpl\ndef harness_methods():\n    "


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An empty folder on ``sys.path``, and no trace of its modules afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Site(tmp_path)
    for name in [name for name in sys.modules if name.startswith("site_")]:
        del sys.modules[name]


def static(site: Site, code: str, **more: str) -> dict[str, Outcome]:
    """What comes of the checks of the plugin as a whole, by promise."""
    site.install("mine", code, **more)  # type: ignore[arg-type]
    checks = [check for check in checks_of("mine", site.discover()) if check.subject == "mine"]
    return {check.promise.name: perform(check) for check in checks}


def test_a_good_plugin_passes_every_check(site: Site) -> None:
    found = static(site, GOOD)
    assert list(found) == ["entry-point", "light-import", "hooks", "specs"]
    assert {outcome.verdict for outcome in found.values()} == {"passed"}


@pytest.mark.parametrize(
    ("code", "promise", "seen"),
    [
        ("import nowhere_to_be_found", "entry-point", "ModuleNotFoundError"),
        ("import sys; sys.exit(3)", "entry-point", "SystemExit: 3"),
        ("import harness", "entry-point", "does not state HARNESS_API"),
        ("HARNESS_API = 7", "entry-point", "written for HARNESS_API 7"),
        (HEAD + "import torch", "light-import", "imports torch at"),
        (HEAD + OFFER + "import torch\n    return ()", "light-import", "imports torch at"),
        (HEAD + "def harness_methods():\n    return ()", "hooks", "lacks the @harness.hookimpl"),
        (HEAD + hook("harness_method", "return ()"), "hooks", "is not a hook (did you mean"),
        (HEAD + hook("harness_tasks", "return ()", "study"), "hooks", "study"),
        (HEAD + OFFER + "yield 'net'", "specs", "it must offer MethodSpec records"),
        (HEAD + METHOD + OFFER + "yield method('a b')", "specs", "method name 'a b' is not valid"),
        (HEAD + METHOD + OFFER + "yield method(); yield method()", "specs", "'net' twice"),
        (
            HEAD + METHOD + OFFER + "yield method(requires=('nonsense >>',))",
            "specs",
            "requires 'nonsense >>'",
        ),
    ],
)
def test_a_plugin_that_is_not_described_fails_one_check(
    code: str, promise: str, seen: str, site: Site
) -> None:
    found = static(site, code)
    failed = {name: outcome.seen for name, outcome in found.items() if outcome.verdict == "failed"}
    assert list(failed) == [promise], failed
    assert seen in failed[promise]
    order = list(found)
    behind = [found[name] for name in order[order.index(promise) + 1 :]]
    assert all(outcome.seen == f"not reached: {promise} fails" for outcome in behind)


def test_a_plugin_of_another_harness_fails_by_its_metadata(site: Site) -> None:
    found = static(site, GOOD, requires="cxr-harness>=99")
    assert found["entry-point"].seen.startswith("incompatible: needs cxr-harness>=99")


def test_a_failure_says_what_was_seen_what_the_contract_is_and_how_to_fix_it(site: Site) -> None:
    text = static(site, HEAD + "import torch")["light-import"].text
    first, contract, fix = text.splitlines()
    assert first.startswith("mine:light-import: failed: imports torch at ")
    assert contract.startswith("  contract: describing a plugin imports no torch")
    assert fix.startswith("  fix: move the import into the module that the factory names")


def test_no_plugin_of_the_name_is_an_error_with_a_suggestion(site: Site) -> None:
    site.install("mine", GOOD)
    with pytest.raises(HarnessError, match=r"called 'mime' \(did you mean 'mine'\?\)"):
        checks_of("mime", site.discover())


def test_a_method_s_id_is_checked_alone(site: Site) -> None:
    site.install("mine", HEAD + METHOD + OFFER + "yield method(); yield method('other')")
    plugins = site.discover()
    assert {check.subject for check in checks_of("mine/net", plugins)} == {"mine/net"}
    subjects = [check.subject for check in checks_of("mine", plugins)]
    assert list(dict.fromkeys(subjects)) == ["mine", "mine/net", "mine/other"]
    ids = [check.id for check in checks_of("mine", plugins)]
    assert len(set(ids)) == len(ids)


# What a MethodSpec says


CARD = WeightsCard(
    id="net.mine",
    source="torchvision",
    location="https://example.org/net.pth",
    files=(WeightsFile(name="net.pth", sha256="0123abcd"),),
    pretraining_method="supervised",
    pretraining_data="ImageNet-1k",
    labels_used=True,
    licence="MIT",
    mean=(0.5,),
    std=(0.5,),
    native_size=224,
    interpolation="bilinear",
)


@pytest.fixture
def plugins(site: Site) -> Plugins:
    """A plugin with a method, and what it needs of the harness's own."""
    site.install("mine", GOOD)
    return replace(discover(), methods=site.discover().methods)


def described(plugins: Plugins, **fields: object) -> dict[str, Outcome]:
    """What comes of the static checks of the method with these fields, by promise."""
    entry = plugins.methods["mine/net"]
    spec: MethodSpec = replace(entry.spec, **fields)  # type: ignore[arg-type]
    checks = method_checks(replace(entry, spec=spec), plugins)
    chosen = [check for check in checks if check.promise.name in ("description", "card")]
    return {check.promise.name: perform(check) for check in chosen}


@pytest.mark.parametrize(
    ("fields", "promise", "seen"),
    [
        ({"task": "classifying"}, "description", "which no plugin offers (did you mean 'classif"),
        ({"protocol": {"device": "cpu"}}, "description", "declares deviations in ['device']"),
        ({"files": ("harness:nothing.txt",)}, "description", "'harness:nothing.txt' is missing"),
        ({"tiny": {"width": 8}}, "description", "tiny has 'width', which params lacks"),
        ({"prompts_param": "words"}, "description", "prompts_param is 'words'"),
        ({"twins": {"label": "mine/nat"}}, "description", "'mine/nat', which there is not"),
        ({"weights": replace(CARD, licence=" ")}, "card", "licence is empty"),
        ({"weights": replace(CARD, mean=(0.5, 0.5), std=(1.0, 1.0))}, "card", "2 means"),
        (
            {"weights": replace(CARD, files=(WeightsFile(name="net.pth"),))},
            "card",
            "net.pth has neither a sha256 nor a revision",
        ),
    ],
)
def test_a_record_that_says_something_wrong_fails_its_check(
    fields: dict[str, object], promise: str, seen: str, plugins: Plugins
) -> None:
    found = described(plugins, **fields)
    failed = {name: outcome.seen for name, outcome in found.items() if outcome.verdict == "failed"}
    assert list(failed) == [promise], failed
    assert seen in failed[promise]


def test_a_complete_card_passes(plugins: Plugins) -> None:
    assert described(plugins, weights=CARD)["card"].verdict == "passed"
    hub = replace(CARD, source="timm", revision="abc", files=(WeightsFile(name="net.pth"),))
    assert described(plugins, weights=hub)["card"].verdict == "passed"
