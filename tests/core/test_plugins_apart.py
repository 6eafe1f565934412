"""Whatever a third party's plugin does while it is described, it costs that plugin alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from plugin_sites import GOOD, HEAD, METHOD, Site, hook

from harness.discovery import isolated
from harness.discovery.describe import MOST
from harness.discovery.registry import PluginRecord

FORKED_AND_LATE = """import os, time
if os.fork() == 0:
    time.sleep(0.2)
else:
    write = os.write
    os.write = lambda file, text: (write(file, text), time.sleep(0.6 * text.startswith(b"{")))[0]
"""
"""Its second process says what it does after the first has answered, and before that one ends."""
ENDLESS = "number = 0\n    while True:\n        number += 1\n"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated, "SECONDS", 1.5)


def beside(site: Site, code: str) -> PluginRecord:
    """The record of a plugin; those before and behind it are as they are without it."""
    site.install("before", GOOD)
    site.install("middle", code)
    site.install("next", GOOD)
    surroundings = (dict(os.environ), Path.cwd(), list(sys.path))
    plugins = site.discover()
    before, middle, after = plugins.records
    assert (before.status, before.reason, before.output) == ("ok", "", "")
    assert (after.status, after.reason, after.output) == ("ok", "", "")
    assert "before/net" in plugins.methods
    assert "next/net" in plugins.methods
    assert (dict(os.environ), Path.cwd(), list(sys.path)) == surroundings
    assert not [name for name in sys.modules if name.startswith("site_")]
    assert "\n" not in middle.reason
    return middle


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("while True: pass", "was still importing site_dist_middle_middle after 1.5 s"),
        (HEAD + hook("harness_methods", ENDLESS), "was still calling harness_methods after 1.5 s"),
        (HEAD + hook("harness_methods", ENDLESS + "        yield from ()"), "was still calling"),
        (
            HEAD + METHOD + hook("harness_methods", ENDLESS + "        yield method(f'n{number}')"),
            f"harness_methods offers more than {MOST:,} records",
        ),
        (
            "import os; os._exit(0)",
            "ended the process with code 0 while importing",
        ),
        ("import os; os._exit(3)", "ended the process with code 3"),
        ("import ctypes; ctypes.string_at(0)", "killed by SIGSEGV while importing"),
        ("import os; os.abort()", "killed by SIGABRT"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed by SIGKILL"),
        (
            "import os, signal; os.kill(os.getppid(), signal.SIGKILL)\nwhile True: pass",
            "ended the process that runs plugins' code",
        ),
        (
            "class Mute(Exception):\n    def __str__(self): raise ValueError\nraise Mute",
            "Mute: its text cannot be made (ValueError)",
        ),
        ("import asyncio; raise asyncio.CancelledError('late')", "CancelledError: late"),
        ("raise BaseException('base')", "BaseException: base"),
        ("def deep(): deep()\ndeep()", "RecursionError"),
        ("import os; os.closerange(0, 1024)\nraise ValueError", "ended the process with code 0"),
        (GOOD + "while True: print('x' * 100_000)", "File too large"),
        ("raise ValueError('\\x1b[2J\\u202eevil')", r"ValueError: \x1b[2J\u202eevil"),
        ("raise ValueError('long' * 1000)", "longlong"),
    ],
)
def test_a_plugin_that_breaks_has_a_reason_and_the_others_are_as_without_it(
    site: Site, code: str, reason: str
) -> None:
    record = beside(site, code)
    assert record.status == "failed"
    assert reason in record.reason
    assert len(record.reason) <= 300


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.fork()",
        FORKED_AND_LATE,
        "import threading, time; threading.Thread(target=time.sleep, args=(600,)).start()",
        "import os; os.environ['PATH'] = ''; os.chdir('/'); os.umask(0)",
        "import sys; sys.path.clear(); sys.modules['json'] = None",
        "import signal; [signal.signal(n, signal.SIG_IGN) for n in (2, 15, 17)]",
        "import sys; sys.stdout = sys.stderr = None",
        "import sys; sys.stdout.close(); sys.stderr.close()",
        "import os; os.closerange(0, 3)",
        "harness.specs.MethodSpec.__post_init__ = lambda spec: None",
    ],
)
def test_what_a_plugin_does_to_its_process_reaches_no_other(site: Site, code: str) -> None:
    record = beside(site, f"{GOOD}{code}\n")
    assert (record.status, record.reason) == ("ok", "")
    assert [spec.name for spec in record.specs] == ["net"]


def test_no_process_of_a_plugin_outlives_its_description(site: Site, tmp_path: Path) -> None:
    mark = f"mark-{tmp_path.name}"
    child = f"[sys.executable, '-c', 'import time; time.sleep(600)', {mark!r}]"
    code = f"import subprocess, sys\nsubprocess.Popen({child}, start_new_session=True)\n"
    assert beside(site, GOOD + code).status == "ok"
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert mark not in running


@pytest.mark.parametrize("megabytes", ["os.write(1, b'x' * 5_000_000)", "print('x' * 50_000_000)"])
def test_megabytes_are_cut_in_the_middle(site: Site, megabytes: str) -> None:
    code = f"import os\nprint('first')\n{megabytes}\nos.write(2, b'last')\n"
    record = beside(site, GOOD + code)
    assert record.status == "ok"
    assert "first" in record.output
    assert record.output.endswith("last")
    assert "bytes left out" in record.output
    assert len(record.output) < 50_000


def test_a_hang_shows_what_was_printed_before_it(site: Site) -> None:
    record = beside(site, GOOD + "print('fetching \\u2026')\nwhile True: pass\n")
    assert record.status == "failed"
    assert record.output == "fetching \u2026\n"


@pytest.mark.parametrize("value", ["a b c", ":", ":attribute"])
def test_an_entry_point_that_names_no_module_is_told(site: Site, value: str) -> None:
    site.install("acme", GOOD, value=value)
    (record,) = site.discover().records
    assert record.status == "failed"
    assert record.reason == f"its entry point {value!r} names no module; write 'package.module'"


def test_what_is_no_text_on_the_path_is_left_out(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [Path("/"), *sys.path])
    site.install("acme", GOOD)
    assert [site.discover().records[0].status for _ in range(2)] == ["ok", "ok"]


def test_a_plugin_is_told_while_it_is_described(site: Site) -> None:
    from importlib.metadata import distributions

    from harness.discovery.registry import discover

    site.install("one", GOOD)
    site.install("two", GOOD)
    points = [e for d in distributions(path=[str(site.path)]) for e in d.entry_points]
    told: list[str] = []
    discover(entry_points=points, busy=told.append)
    assert told == ["plugin one", "plugin two"]
    discover(entry_points=points, busy=told.append)
    assert told == ["plugin one", "plugin two"]  # Remembered: nothing takes its time.


# What is remembered


def counting(site: Site, plugin: str) -> tuple[str, Path]:
    """A plugin that writes a line for every time that it is imported."""
    log = site.path.parent / f"{site.path.name}-{plugin}.log"
    return f"{GOOD}with open({str(log)!r}, 'a') as log: print('again', file=log)\n", log


def times(log: Path) -> int:
    return len(log.read_text().splitlines())


def test_a_plugin_is_described_once_until_something_changes(site: Site) -> None:
    code, log = counting(site, "acme")
    module = site.install("acme", code)
    first = site.discover()
    assert times(log) == 1
    again = site.discover()
    assert times(log) == 1
    assert again.records[0].specs == first.records[0].specs
    (site.path / f"{module}.py").write_text(code.replace("A network", "Another network"))
    assert site.discover().methods["acme/net"].spec.summary == "Another network"
    assert times(log) == 2


def test_a_module_that_it_imports_is_part_of_it(site: Site) -> None:
    helper = site.path / "site_helper.py"
    helper.write_text("SUMMARY = 'One'\n")
    head = f"{HEAD}import site_helper\n{METHOD}".replace("'A network'", "site_helper.SUMMARY")
    head = head.replace('"A network"', "site_helper.SUMMARY")
    site.install("acme", head + hook("harness_methods", "yield method()"))
    assert site.discover().methods["acme/net"].spec.summary == "One"
    helper.write_text("SUMMARY = 'Another'\n")
    assert site.discover().methods["acme/net"].spec.summary == "Another"


def test_a_file_that_changes_meanwhile_is_read_again(site: Site) -> None:
    code, log = counting(site, "acme")
    rewrites = (
        "text = open(__file__).read()\nopen(__file__, 'w').write(text.replace('A n', 'My n'))\n"
    )
    site.install("acme", code + rewrites)
    assert site.discover().methods["acme/net"].spec.summary == "A network"
    assert site.discover().methods["acme/net"].spec.summary == "My network"
    assert times(log) == 2


def test_a_failure_is_remembered_until_something_is_installed(site: Site) -> None:
    code, log = counting(site, "acme")
    site.install("acme", code + "import site_needed\n")
    assert [site.discover().records[0].status for _ in range(2)] == ["failed", "failed"]
    assert times(log) == 1
    (site.path / "site_needed.py").write_text("")
    assert site.discover().records[0].status == "ok"


def test_another_version_is_described_again(site: Site) -> None:
    code, log = counting(site, "acme")
    site.install("acme", code, version="1.0")
    site.discover()
    info = site.path / "dist_acme-1.0.dist-info"
    (info / "METADATA").write_text((info / "METADATA").read_text().replace("1.0", "1.1"))
    assert site.discover().records[0].version == "1.1"
    assert times(log) == 2


DAMAGES: tuple[Callable[[str], str], ...] = (
    lambda text: '{"stamps": ',
    lambda text: "[]",
    lambda text: text.replace('"status"', '"statut"'),
    lambda text: text.replace("harness_methods", "harness_nothing"),
    lambda text: text.replace('"net"', '"new"'),
)


def test_a_damaged_memory_is_none(site: Site, cache: Path) -> None:
    code, log = counting(site, "acme")
    site.install("acme", code)
    site.discover()
    for number, damage in enumerate(DAMAGES):
        for file in (cache / "plugins").iterdir():
            file.write_text(damage(file.read_text()))
        assert site.discover().records[0].specs[0].name == "net"
        assert times(log) == 2 + number


def test_without_a_cache_everything_works(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    (site.path / "file").write_text("")
    monkeypatch.setenv("CXR_HARNESS_CACHE", str(site.path / "file" / "cache"))
    site.install("acme", GOOD)
    assert site.discover().records[0].status == "ok"
