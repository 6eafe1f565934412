"""A logger: an object with hooks, which runs call that name it."""

from __future__ import annotations

from pathlib import Path

import pytest
from plugin_sites import HEAD, Site, hook

from harness import HarnessError, SpecError, hookspecs
from harness.discovery.registry import Plugins
from harness.execution.loggers import with_loggers
from harness.specs import LoggerSpec

OFFER = HEAD + hook(
    "harness_loggers",
    "yield harness.LoggerSpec(name='paper', factory='{module}:Paper', summary='On paper'{more})",
)


def install(site: Site, methods: str, more: str = "") -> Plugins:
    """A plugin with one logger, whose class has these methods."""
    body = "".join(f"    {line}\n" for line in methods.splitlines())
    code = OFFER.format(module="site_dist_pen_pen", more=more) + f"class Paper:\n{body}"
    site.install("pen", code)
    return site.discover()


def heard(plugins: Plugins) -> list[tuple[str, int]]:
    def unexpected(plugin: str, error: BaseException) -> None:
        raise AssertionError(plugin) from error

    return plugins.call(
        hookspecs.harness_session_finish, unexpected, directory=Path("out"), exit_code=3
    )


FINISH = "@harness.hookimpl\ndef harness_session_finish(self, exit_code): return exit_code"


def test_its_hooks_are_called_where_it_is_named_and_nowhere_else(site: Site) -> None:
    plugins = install(site, FINISH)
    assert [entry.spec.name for entry in plugins.loggers.values()] == ["paper"]
    assert heard(plugins) == []
    assert heard(with_loggers((), plugins)) == []
    assert heard(with_loggers(("paper",), plugins)) == [("pen", 3)]


def test_a_logger_that_is_named_twice_is_one(site: Site) -> None:
    plugins = install(site, FINISH)
    assert heard(with_loggers(("paper, paper", "paper"), plugins)) == [("pen", 3)]


def test_it_is_told_after_plugins(site: Site) -> None:
    after = "def harness_session_finish(exit_code):\n    return 0\n"
    site.install("zebra", f"{HEAD}@harness.hookimpl(trylast=True)\n{after}")
    assert heard(with_loggers(("paper",), install(site, FINISH))) == [("zebra", 0), ("pen", 3)]


@pytest.mark.parametrize(
    ("methods", "says"),
    [
        ("pass", "logger 'paper' of plugin 'pen' has no hook"),
        ("def harness_cell_finish(self): ...", "lacks the @harness.hookimpl decorator"),
        ("@harness.hookimpl\ndef harness_cell_ends(self): ...", "harness_cell_ends is not a hook"),
        ("@harness.hookimpl\ndef harness_cell_finish(self, what): ...", "what"),
        (
            "@harness.hookimpl\ndef harness_environment(self): ...",
            "has harness_environment; a logger has hooks of the session and of cells",
        ),
        ("def __init__(self): 1 / 0", "cannot be made: ZeroDivisionError: division by zero"),
        ("def __init__(self): raise SystemExit(4)", "cannot be made: SystemExit: 4"),
    ],
)
def test_one_that_cannot_work_is_refused(methods: str, says: str, site: Site) -> None:
    plugins = install(site, methods)
    with pytest.raises(HarnessError) as caught:
        with_loggers(("paper",), plugins)
    assert says in str(caught.value)
    assert caught.value.about == "log"


def test_without_a_name_of_an_extra_the_requirements_are_to_be_installed(site: Site) -> None:
    more = ", requires=('numpy>=1', 'nowhere-at-all>=2', 'nothing-here')"
    plugins = install(site, "pass", more)
    with pytest.raises(HarnessError, match="pip install 'nowhere-at-all>=2' 'nothing-here'"):
        with_loggers(("paper",), plugins)


def test_two_loggers_of_one_name_are_a_conflict(site: Site) -> None:
    install(site, FINISH)
    site.install("ink", OFFER.format(module="somewhere", more=""))
    found = {record.name: record.reason for record in site.discover().records}
    assert found["ink"].startswith("offers logger 'paper', as plugin 'pen'")
    assert site.discover().loggers == {}


@pytest.mark.parametrize(
    "wrong", [{"requires": ("no requirement!",)}, {"factory": "nowhere"}, {"summary": ""}]
)
def test_a_bad_description_names_the_logger(wrong: dict[str, object]) -> None:
    fields = {"name": "paper", "factory": "a:b", "summary": "On paper", **wrong}
    with pytest.raises(SpecError, match="logger paper: "):
        LoggerSpec(**fields)  # type: ignore[arg-type]
