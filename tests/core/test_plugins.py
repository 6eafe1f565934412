"""Finding and describing plugins: every way in which one can be wrong costs that one alone."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from plugin_sites import GOOD, HEAD, METHOD, TASK, Site, hook

from harness import __version__
from harness.discovery.registry import discover

# What loads


def test_a_plugin_that_loads_offers_its_methods_under_its_own_name(site: Site) -> None:
    site.install("acme", GOOD, dist="acme-nets", version="2.5")
    plugins = site.discover()
    (record,) = plugins.records
    assert (record.name, record.status, record.dist, record.version) == (
        "acme",
        "ok",
        "acme-nets",
        "2.5",
    )
    entry = plugins.methods["acme/net"]
    assert (entry.plugin, entry.dist, entry.version) == ("acme", "acme-nets", "2.5")
    assert entry.spec.summary == "A network"
    assert record.specs == (entry.spec,)
    assert record.seconds > 0
    assert plugins.broken == ()


def test_records_and_methods_are_sorted_whatever_the_order_of_installation(site: Site) -> None:
    for name in ("walnut", "acorn", "maple"):
        site.install(name, GOOD)
    plugins = site.discover()
    assert [record.name for record in plugins.records] == ["acorn", "maple", "walnut"]
    assert list(plugins.methods) == ["acorn/net", "maple/net", "walnut/net"]


def test_everything_on_sys_path_is_looked_at(site: Site) -> None:
    site.install("zz-site", GOOD)
    assert discover().methods["zz-site/net"].dist == "dist-zz-site"


def test_the_first_of_several_copies_of_a_distribution_counts(
    site: Site, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.install("zz-copy", GOOD, version="1.0")
    newer = Site(tmp_path_factory.mktemp("newer"))
    monkeypatch.syspath_prepend(str(newer.path))
    newer.install("zz-copy", GOOD, version="2.0")
    copies = [r for r in discover().records if r.name == "zz-copy"]
    assert [(r.version, r.status) for r in copies] == [("2.0", "ok")]


def test_one_distribution_may_offer_several_plugins(site: Site) -> None:
    site.install("one", GOOD, dist="both")
    site.install("two", GOOD, dist="both")
    assert list(site.discover().methods) == ["one/net", "two/net"]


def test_an_editable_install_tells_its_source_folder(site: Site) -> None:
    url = '{"url": "file:///home/me/my%20nets", "dir_info": {"editable": true}}'
    site.install("acme", GOOD, direct_url=url)
    assert site.discover().methods["acme/net"].editable_root == Path("/home/me/my nets")


def test_an_install_from_an_archive_has_no_source_folder(site: Site) -> None:
    site.install("acme", GOOD, direct_url='{"url": "file:///tmp/a.whl", "archive_info": {}}')
    assert site.discover().methods["acme/net"].editable_root is None


def test_what_a_plugin_prints_is_kept_from_standard_output(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    code = (
        HEAD
        + "print('at import')\n"
        + hook("harness_methods", "print('in the hook')\n    return []")
    )
    record = site.record("loud", code)
    assert record.status == "ok"
    assert record.output == "at import\nin the hook\n"
    assert capsys.readouterr().out == ""


def test_a_hook_unknown_to_this_version_may_be_optional(site: Site) -> None:
    code = HEAD + "@harness.hookimpl(optionalhook=True)\ndef harness_of_tomorrow(): ...\n"
    assert site.record("early", code).status == "ok"


# What does not load


def test_a_disabled_plugin_is_not_imported(site: Site) -> None:
    site.install("off", "raise RuntimeError('imported')")
    plugins = site.discover(disabled=("off",))
    (record,) = plugins.records
    assert record.status == "disabled"
    assert plugins.broken == ()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import nowhere_to_be_found", "No module named 'nowhere_to_be_found'"),
        ("def broken(:", "SyntaxError"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import harness", "does not state HARNESS_API = 1"),
        (HEAD + hook("harness_methods", "raise ValueError('bad day')"), "ValueError: bad day"),
        (HEAD + hook("harness_methods", "raise SystemExit('bye')"), "SystemExit: bye"),
        (HEAD + hook("harness_methods", "return None"), "harness_methods returned NoneType"),
        (
            HEAD + METHOD + hook("harness_methods", "return method()"),
            "harness_methods returned MethodSpec; return or yield MethodSpec records",
        ),
        (
            HEAD + hook("harness_methods", "return ['net']"),
            "harness_methods offers 'net' (str); it must offer MethodSpec records",
        ),
        (
            HEAD + METHOD + hook("harness_datasets", "return [method()]"),
            "it must offer DatasetSpec records",
        ),
        (
            HEAD + METHOD + hook("harness_methods", "return [method(), method()]"),
            "harness_methods offers 'net' twice",
        ),
        (
            HEAD + METHOD + hook("harness_methods", "yield method(name='Net')"),
            "method name 'Net' is not valid",
        ),
        (
            HEAD + hook("harness_metods", "return []"),
            "harness_metods is not a hook (did you mean 'harness_methods'?)",
        ),
        (HEAD + "def harness_helper(): ...", "names that begin with 'harness_' are kept for hooks"),
        (
            HEAD + "def harness_methods(): return []",
            "harness_methods lacks the @harness.hookimpl decorator",
        ),
        (
            HEAD + hook("harness_methods", "return []", "config"),
            "Argument(s) {'config'} are declared in the hookimpl but can not be found",
        ),
        (
            HEAD + "@harness.hookimpl(wrapper=True)\ndef harness_methods():\n    return (yield)\n",
            "harness_methods is a hook wrapper",
        ),
    ],
)
def test_a_mistake_is_named_and_costs_one_plugin(site: Site, code: str, reason: str) -> None:
    site.install("good", GOOD)
    site.install("bad", code)
    plugins = site.discover()
    bad, good = plugins.records
    assert (bad.status, good.status) == ("failed", "ok")
    assert reason in bad.reason
    assert "\n" not in bad.reason
    assert "Traceback" in bad.error
    assert bad.specs == ()
    assert plugins.broken == (bad,)
    assert list(plugins.methods) == ["good/net"]


def test_a_failure_names_the_line_of_the_plugin(site: Site) -> None:
    module = site.install("bad", HEAD + "import json\njson.loads('{')\n")
    assert f"{module}.py:4)" in site.discover().records[0].reason


def test_an_interrupt_is_not_held_against_a_plugin(site: Site) -> None:
    site.install("slow", "raise KeyboardInterrupt", dist="cxr-harness")
    with pytest.raises(KeyboardInterrupt):
        site.discover()


def test_an_interrupt_that_a_third_party_raises_is_its_failure(site: Site) -> None:
    record = site.record("slow", "raise KeyboardInterrupt")
    assert (record.status, record.reason[:17]) == ("failed", "KeyboardInterrupt")


def test_an_entry_point_must_name_a_module(site: Site) -> None:
    site.install("acme", GOOD + "class Plugin: ...\n", value="site_dist_acme_acme:Plugin")
    (record,) = site.discover().records
    assert record.status == "failed"
    assert "names a type; it must name a module" in record.reason


@pytest.mark.parametrize("name", ["all", "none", "Acme", "a/b", "a*"])
def test_a_plugin_name_that_patterns_could_not_address_is_refused(name: str) -> None:
    entry_point = EntryPoint(name, "harness.bundled", "cxr_harness")
    (record,) = discover(entry_points=[entry_point]).records
    assert record.status == "failed"
    assert f"{name!r} cannot name a plugin" in record.reason


@pytest.mark.parametrize(
    "files",
    [
        {"entry_points.txt": "[cxr_harness]\nzz-lost = zz_lost\n"},
        {
            "entry_points.txt": "[cxr_harness]\nno value\n",
            "METADATA": "Metadata-Version: 2.1\nName: zz-broken\nVersion: 1.0\n",
        },
        {
            "entry_points.txt": "[cxr_harness]\nzz-lost = zz_lost\n",
            "METADATA": "Metadata-Version: 2.1\nName: zz-broken\nVersion: 1.0\n"
            "Requires-Dist: not a requirement\n",
        },
    ],
    ids=["no metadata", "no entry point", "no requirement"],
)
def test_unreadable_metadata_costs_only_its_own_distribution(
    site: Site, files: dict[str, str]
) -> None:
    site.install("zz-good", GOOD)
    (site.path / "zz_broken-1.0.dist-info").mkdir()
    for name, text in files.items():
        (site.path / "zz_broken-1.0.dist-info" / name).write_text(text)
    plugins = discover()
    assert "zz-good/net" in plugins.methods
    reasons = [r.reason for r in plugins.broken if "cannot be read" in r.reason]
    assert len(reasons) == 1
    assert "zz-broken" in reasons[0] or str(site.path) in reasons[0]
    assert "reinstall it" in reasons[0]


# Compatibility


@pytest.mark.parametrize("api", ["0", "2", "'1'", "None"])
def test_another_contract_is_incompatible(site: Site, api: str) -> None:
    record = site.record("old", f"HARNESS_API = {api}\n")
    assert record.status == "incompatible"
    assert f"HARNESS_API {api}, this harness speaks 1" in record.reason


@pytest.mark.parametrize("requirement", ["cxr-harness>=99", "CXR_Harness (<0.0.1)"])
def test_a_plugin_that_needs_another_harness_is_incompatible_and_not_imported(
    site: Site, requirement: str
) -> None:
    record = site.record("new", "raise RuntimeError('imported')", requires=requirement)
    assert record.status == "incompatible"
    assert f"needs {requirement}, but this is cxr-harness {__version__}" in record.reason


@pytest.mark.parametrize(
    "requirement",
    [f"cxr-harness>={__version__}", "cxr-harness", "cxr-harness>=99; extra == 'new'", "other>=99"],
)
def test_a_requirement_that_is_met_or_not_ours_is_no_obstacle(site: Site, requirement: str) -> None:
    assert site.record("fine", GOOD, requires=requirement).status == "ok"


# Conflicts


def test_two_distributions_that_offer_one_name_are_both_refused(site: Site) -> None:
    site.install("acme", "raise RuntimeError('imported')", dist="acme-a", version="1.0")
    site.install("acme", "raise RuntimeError('imported')", dist="acme-b", version="2.0")
    site.install("good", GOOD)
    plugins = site.discover()
    assert [r.status for r in plugins.records] == ["conflict", "conflict", "ok"]
    for record in plugins.broken:
        assert "acme-a 1.0" in record.reason
        assert "acme-b 2.0" in record.reason


def test_a_third_party_cannot_take_the_name_of_a_bundled_plugin(site: Site) -> None:
    site.install("own", TASK, dist="cxr-harness")
    site.install("own", "raise RuntimeError('imported')", dist="zz-thief")
    plugins = site.discover()
    assert [(r.dist, r.status) for r in plugins.records] == [
        ("cxr-harness", "ok"),
        ("zz-thief", "conflict"),
    ]
    assert "only the bundled one is loaded" in plugins.records[1].reason
    assert plugins.tasks["grading"].plugin == "own"


def test_two_plugins_that_offer_one_task_are_both_refused(site: Site) -> None:
    site.install("acorn", TASK + METHOD + hook("harness_methods", "yield method()"))
    site.install("maple", TASK)
    plugins = site.discover()
    acorn, maple = plugins.records
    assert (acorn.status, maple.status) == ("conflict", "conflict")
    assert "task 'grading', as plugin 'maple' (dist-maple 1.0) does" in acorn.reason
    assert "task 'grading', as plugin 'acorn' (dist-acorn 1.0) does" in maple.reason
    assert not plugins.tasks
    assert not plugins.methods


def test_disabling_one_side_settles_a_conflict(site: Site) -> None:
    site.install("acorn", TASK)
    site.install("maple", TASK)
    assert site.discover(disabled=("acorn",)).tasks["grading"].plugin == "maple"


def test_a_third_party_cannot_take_a_bundled_name_away(site: Site) -> None:
    site.install("acorn", TASK)
    site.install("own", TASK, dist="cxr-harness")
    plugins = site.discover()
    assert [(r.name, r.status) for r in plugins.records] == [("acorn", "conflict"), ("own", "ok")]
    assert plugins.tasks["grading"].plugin == "own"
