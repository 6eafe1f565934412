"""What plugins that loaded are used for: session hooks, and the default dataset."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from plugin_sites import HEAD, TASK, Site, hook

from harness import HarnessError, hookspecs
from harness.discovery.registry import Plugins

# Session hooks


def finish(body: str, arguments: str = "directory, exit_code", decorator: str = "") -> str:
    return (
        HEAD
        + f"@harness.hookimpl{decorator}\ndef harness_session_finish({arguments}):\n    {body}\n"
    )


def called(plugins: Plugins, report: Callable[[str, BaseException], None] | None = None) -> list:  # type: ignore[type-arg]
    def unexpected(plugin: str, error: BaseException) -> None:
        raise AssertionError(plugin) from error

    return plugins.call(
        hookspecs.harness_session_finish, report or unexpected, directory=Path("out"), exit_code=3
    )


def test_session_hooks_get_the_arguments_that_they_ask_for(site: Site) -> None:
    site.install("both", finish("return (str(directory), exit_code)"))
    site.install("bare", finish("return 'called'", arguments=""))
    site.install("one", finish("return exit_code", arguments="exit_code"))
    site.install("silent", finish("return None"))
    assert called(site.discover()) == [("bare", "called"), ("both", ("out", 3)), ("one", 3)]


def test_a_session_hook_that_raises_is_reported_and_the_others_run(site: Site) -> None:
    site.install("a-bad", finish("raise ValueError('no disk')"))
    site.install("b-exit", finish("raise SystemExit(9)"))
    site.install("c-lazy", finish("yield 1; raise KeyError('late')"))
    site.install("d-good", finish("yield exit_code"))
    reports: list[tuple[str, str]] = []
    results = called(site.discover(), lambda plugin, e: reports.append((plugin, repr(e))))
    assert results == [("d-good", (3,))]
    assert reports == [
        ("a-bad", "ValueError('no disk')"),
        ("b-exit", "SystemExit(9)"),
        ("c-lazy", "KeyError('late')"),
    ]


def test_session_hooks_may_ask_to_go_first_or_last(site: Site) -> None:
    site.install("a", finish("return 1", decorator="(trylast=True)"))
    site.install("b", finish("return 1"))
    site.install("c", finish("return 1", decorator="(tryfirst=True)"))
    assert [plugin for plugin, _ in called(site.discover())] == ["c", "b", "a"]


def test_hooks_of_a_plugin_that_did_not_load_are_not_called(site: Site) -> None:
    site.install("acorn", TASK + finish("return 1"))
    site.install("maple", TASK)
    assert called(site.discover()) == []


# The default dataset


def dataset(name: str, embedded: bool) -> str:
    return HEAD + hook(
        "harness_datasets",
        f"yield harness.DatasetSpec(name={name!r}, factory='a:b', summary='Images', "
        f"needs_root=not {embedded}, embedded={embedded})",
    )


def test_the_embedded_dataset_of_the_harness_is_the_default(site: Site) -> None:
    site.install("one", dataset("on-disk", embedded=False))
    site.install("two", dataset("made-up", embedded=True), dist="cxr-harness")
    site.install("three", dataset("of-others", embedded=True))
    assert site.discover().default_dataset().name == "made-up"


def test_no_third_party_s_dataset_becomes_the_default(site: Site) -> None:
    site.install("one", dataset("a", embedded=True))
    with pytest.raises(HarnessError, match="choose one with --dataset: a"):
        site.discover().default_dataset()


def test_without_an_embedded_dataset_the_others_are_named(site: Site) -> None:
    site.install("one", dataset("on-disk", embedded=False))
    with pytest.raises(HarnessError, match="choose one with --dataset: on-disk"):
        site.discover().default_dataset()


def test_several_embedded_datasets_are_named(site: Site) -> None:
    site.install("one", dataset("a", embedded=True), dist="cxr-harness")
    site.install("two", dataset("b", embedded=True), dist="cxr-harness")
    with pytest.raises(HarnessError, match=r"a \(plugin one\), b \(plugin two\)"):
        site.discover().default_dataset()
