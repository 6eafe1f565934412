"""``harness check``: a method that hangs or dies costs its check and nobody else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli_tools import environment, harness, refused, write_plugin

LIGHT = """
    import harness

    HARNESS_API = 1

    @harness.hookimpl
    def harness_methods():
        for name in {names!r}:
            yield harness.MethodSpec(
                name=name, factory=f"harness_mine_models:{{name.title()}}", task="classification",
                family="supervised", summary="A network",
            )
    """
MODELS = """
    import os, signal, sys, time
    import harness
    from torch import nn

    class Good(harness.TorchMethod):
        def build(self):
            features = 3 * self.problem.image_size**2
            return nn.Sequential(nn.Flatten(), nn.Linear(features, len(self.problem.classes)))

        def forward(self, module, images):
            return {"label": module(images)}

    class Hangs(Good):
        def loss(self, outputs, batch):
            time.sleep(1000)

    class Dies(Good):
        def loss(self, outputs, batch):
            os.kill(os.getpid(), signal.SIGSEGV)

    class Ends(Good):
        def loss(self, outputs, batch):
            os.write(1, b"so long")
            os._exit(0)

    class Leaves(Good):
        def loss(self, outputs, batch):
            sys.exit("enough")

    class Forks(Good):
        def build(self):
            if os.fork() == 0:
                raise ValueError("said by the second process")
            return super().build()

    class Skips(Good):
        def skip(self):
            return "no licence"
    """


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    names = ("good", "hangs", "dies", "ends", "leaves", "skips")
    return write_plugin(folder, "mine", LIGHT.format(names=names), MODELS)


def checked(site: Path, cwd: Path, *arguments: str, **env: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the facts of ``harness check ARGUMENTS --json``."""
    done = harness("check", *arguments, "--json", cwd=cwd, plugins=site, env=env)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, json.loads(done.stdout)


def test_a_hang_and_a_crash_are_failed_checks_and_the_others_are_made(
    site: Path, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    code, facts = checked(site, tmp_path, "mine", "--timeout", "20s", TMPDIR=str(scratch))
    seen = {one["id"]: one["seen"] for one in facts["checks"] if one["verdict"] == "failed"}
    leaves = seen.pop("mine/leaves:loss")
    assert leaves.startswith("it called sys.exit(enough) (")
    assert seen == {
        "mine/hangs:loss": "still running after 20 s",
        "mine/dies:loss": "killed by SIGSEGV",
        "mine/ends:loss": "it ended the process with exit code 0, having written: so long",
    }
    assert code == 1
    assert (facts["name"], facts["ok"], facts["counts"]["failed"]) == ("mine", False, 4)
    good = {o["verdict"] for o in facts["checks"] if o["id"].startswith("mine/good:")}
    assert "failed" not in good
    assert sum(facts["counts"].values()) == len(facts["checks"])
    assert list(scratch.iterdir()) == []


def test_what_a_method_forks_answers_no_check(tmp_path: Path) -> None:
    # Apart, as what its second process does to the files of a check is not told beforehand.
    site = write_plugin(tmp_path / "site", "mine", LIGHT.format(names=("forks",)), MODELS)
    _, facts = checked(site, tmp_path, "mine/forks")
    assert [one for one in facts["checks"] if "second process" in str(one["seen"])] == []
    assert facts["counts"]["passed"] > 0


def test_a_method_alone_with_its_counts(site: Path, tmp_path: Path) -> None:
    done = harness("check", "mine/good", cwd=tmp_path, plugins=site)
    assert done.returncode == 0, done.stdout
    *skipped, last = done.stdout.splitlines()
    assert all(line.startswith("skipped: ") for line in skipped)
    assert "skipped: 2 x there is no CUDA device here" in skipped
    assert last.startswith("mine/good: ")
    assert " passed, 0 failed, " in last
    assert list(tmp_path.iterdir()) == []


def test_a_method_that_does_not_want_to_run_is_skipped_with_its_reason(
    site: Path, tmp_path: Path
) -> None:
    code, facts = checked(site, tmp_path, "mine/skips")
    reasons = {one["seen"] for one in facts["checks"] if one["verdict"] == "skipped"}
    assert "it skips itself: no licence" in reasons
    assert code == 0


def test_expected_failures_are_strict(site: Path, tmp_path: Path) -> None:
    code, facts = checked(
        site, tmp_path, "mine/leaves", "--expect-failure", "mine/leaves:loss=rude"
    )
    assert (code, facts["counts"]["expected failure"]) == (0, 1)
    done = harness(
        "check", "mine/good", "--expect-failure", "mine/good:loss=rude", cwd=tmp_path, plugins=site
    )
    assert done.returncode == 1
    assert "mine/good:loss: it passes, although its failure was expected (rude)" in done.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("nothing",), "no plugin and no method is called 'nothing'"),
        (("baselines", "--expect-failure", "loss"), "write ID=REASON"),
        (("baselines", "--expect-failure", "loss=rude"), "a failure of 'loss' is expected"),
    ],
)
def test_what_is_not_there_is_bad_input(words: tuple[str, ...], says: str, tmp_path: Path) -> None:
    refused("check", *words, cwd=tmp_path, says=says)


def test_a_plugin_of_which_nothing_passes_has_failed(tmp_path: Path) -> None:
    site = write_plugin(tmp_path / "site", "mine", "import nowhere_to_be_found")
    done = harness("check", "mine", cwd=tmp_path, plugins=site)
    assert done.returncode == 1
    assert done.stdout.startswith("mine:entry-point: failed: ModuleNotFoundError")
    assert "mine: 0 passed, 1 failed, 3 skipped" in done.stdout


TESTS = """
import harness

@harness.testing.parametrize(
    "mine/leaves", expected_failures={"mine/leaves:loss": "rude", "mine/leaves:builds": "wrong"}
)
def test_leaves(check):
    check()


@harness.testing.parametrize("mine/good")
def test_good(check):
    check()
"""


def test_the_same_checks_are_tests_of_pytest(site: Path, tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(TESTS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-rA",
        "test_mine.py",
    ]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(plugins=site), capture_output=True, text=True
    )
    assert "XFAIL test_mine.py::test_leaves[mine/leaves:loss] - rude" in done.stdout
    assert "FAILED test_mine.py::test_leaves[mine/leaves:builds]" in done.stdout
    assert "[XPASS(strict)] wrong" in done.stdout
    assert "PASSED test_mine.py::test_good[mine/good:learns]" in done.stdout
    assert "1 failed" in done.stdout.splitlines()[-1]


def test_the_kit_imports_neither_torch_nor_pytest_before_it_is_used() -> None:
    code = (
        "import sys, harness; harness.testing.check_plugin, harness.testing.parametrize\n"
        "sys.exit(str({'torch', 'pytest'} & set(sys.modules) or '') or None)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
