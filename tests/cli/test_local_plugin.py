"""``--plugin PATH``: a plugin that is not installed is used like one that is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli_tools import TINY, harness

CODE = """
import harness

HARNESS_API = 1


@harness.hookimpl
def harness_methods():
    yield harness.MethodSpec(
        name="constant", factory="{module}:Constant", task="classification",
        family="mine", summary="Always the same", params={{"favourite": 0}},
    )


@harness.hookimpl
def harness_metrics():
    yield harness.MetricSpec(
        name="half", kind="classes", function="{module}:half", label="half", summary="A half"
    )


def half(predictions):
    return 0.5


class Constant:
    def __init__(self, problem, *, favourite):
        import numpy as np

        self._row = np.full(len(problem.classes), 0.1, np.float32)
        self._row[favourite] = 1 - 0.1 * (len(self._row) - 1)

    def skip(self): ...

    def fit(self, train, val, context): ...

    def predict(self, images):
        import numpy as np

        return {{"label": np.repeat(self._row[None], len(images), axis=0)}}

    def save(self, directory): ...

    def load(self, directory): ...
"""
FAST = (*TINY, "--set", "image_size=32", "--set", "probe_seconds=none", "--no-progress")
PROJECT = '[project]\nname = "mine"\n[project.entry-points.cxr_harness]\nmine = "mine_inside"\n'


def file(folder: Path) -> Path:
    (folder / "mine.py").write_text(CODE.format(module="mine"))
    return folder / "mine.py"


def package(folder: Path) -> Path:
    (folder / "mine").mkdir()
    (folder / "mine" / "__init__.py").write_text(CODE.format(module="mine"))
    return folder / "mine"


def project(folder: Path, inside: str = ".") -> Path:
    home = folder / "work" / inside
    home.mkdir(parents=True)
    (folder / "work" / "pyproject.toml").write_text(PROJECT)
    (home / "mine_inside.py").write_text(CODE.format(module="mine_inside"))
    return folder / "work"


def cell(folder: Path) -> dict[str, Any]:
    """The newest cell of the method."""
    cells = folder.glob("results/*/cells/mine--constant/*/*/cell.json")
    found: dict[str, Any] = json.loads(max(cells, key=lambda c: c.stat().st_mtime_ns).read_text())
    return found


@pytest.mark.parametrize("make", [file, package, project, lambda folder: project(folder, "src")])
def test_a_file_a_package_and_a_project_are_listed_as_local(tmp_path: Path, make: Any) -> None:
    path = make(tmp_path)
    done = harness("plugins", "--plugin", path, "--json", cwd=tmp_path)
    (record,) = [p for p in json.loads(done.stdout)["plugins"] if p["name"] == "mine"]
    assert (record["status"], record["distribution"], record["local"]) == ("ok", "local", str(path))
    assert f"local: {path}" in harness("plugins", "--plugin", path, cwd=tmp_path).stdout


def test_it_runs_and_its_source_names_its_cells(tmp_path: Path) -> None:
    path = file(tmp_path)
    words = ("run", *FAST, "--plugin", "mine.py", "--plugins", "mine")
    done = harness(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first = cell(tmp_path)
    assert first["provenance"]["distribution"] == "local"
    assert first["import_from"] == [str(tmp_path)]
    assert harness(*words, cwd=tmp_path).returncode == 0
    assert cell(tmp_path)["created"] == first["created"]
    path.write_text(path.read_text().replace("0.1", "0.2"))
    assert harness(*words, cwd=tmp_path).returncode == 0
    assert cell(tmp_path)["hash"] != first["hash"]
    (study,) = tmp_path.glob("results/*/study.json")
    (mine,) = [p for p in json.loads(study.read_text())["plugins"] if p["name"] == "mine"]
    assert (mine["distribution"], mine["path"]) == ("local", str(path))


def test_finished_cells_predict_and_score_with_it(tmp_path: Path) -> None:
    path = file(tmp_path)
    done = harness("run", *FAST, "--plugin", path, "--plugins", "mine", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    image = next(Path(__file__).parents[2].glob("docs/*.png"))
    done = harness("predict", "mine/constant", image, "--out", "predicted", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = harness("score", "--plugin", path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    table = harness("report", "--plugin", path, "--columns", "method,label.half", cwd=tmp_path)
    assert "0.5" in table.stdout, table.stderr


def test_it_is_checked_without_being_installed(tmp_path: Path) -> None:
    file(tmp_path)
    done = harness("check", "mine/constant", "--plugin", "mine.py", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mine/constant: " in done.stdout
    assert " passed, 0 failed" in done.stdout


def test_a_study_file_names_it_relative_to_itself(tmp_path: Path) -> None:
    file(tmp_path)
    study = tmp_path / "study.toml"
    study.write_text('plugin = "mine.py"\nplugins = "mine"\n')
    (tmp_path / "elsewhere").mkdir()
    done = harness("plan", study, cwd=tmp_path / "elsewhere")
    assert done.returncode == 0, done.stderr
    assert "mine/constant" in done.stdout


def test_a_run_leaves_a_study_file_that_repeats_it_from_anywhere(tmp_path: Path) -> None:
    file(tmp_path)
    done = harness("run", *FAST, "--plugin", "mine.py", "--plugins", "mine", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (study,) = tmp_path.glob("results/*/study.toml")
    (tmp_path / "elsewhere").mkdir()
    done = harness("plan", study, "--json", cwd=tmp_path / "elsewhere")
    assert [c["state"] for c in json.loads(done.stdout)["cells"]] == ["finished"], done.stdout


def test_harness_run_takes_it_from_python(tmp_path: Path) -> None:
    import subprocess
    import sys

    from tests.cli_tools import environment

    file(tmp_path)
    code = (
        "import harness\n"
        "results = harness.run('mine', plugin='mine.py', set={'epochs': 1, 'train_images': 32,\n"
        "    'test_images': 16, 'image_size': 32}, progress=False)\n"
        "print([cell.status for cell in results])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.stdout == "['ok']\n", done.stderr


def test_a_plugin_that_is_edited_during_a_run_gives_no_rows_of_the_old_name(
    tmp_path: Path,
) -> None:
    edit = (
        "def fit(self, train, val, context):\n"
        "        import pathlib\n"
        "        source = pathlib.Path(__file__)\n"
        "        source.write_text(source.read_text() + '# edited\\n')\n"
    )
    code = CODE.format(module="mine").replace("def fit(self, train, val, context): ...\n", edit)
    (tmp_path / "mine.py").write_text(code)
    words = ("--plugin", "mine.py", "--plugins", "mine", "--seeds", "0,1", "--jobs", "1")
    done = harness("run", *words, *FAST, cwd=tmp_path)
    assert done.returncode == 1
    assert "the code of plugin mine was edited after this run had been planned" in done.stderr


def test_what_is_edited_in_a_notebook_is_another_cell(tmp_path: Path) -> None:
    from harness.discovery.registry import discover
    from harness.provenance import code_digest

    path = tmp_path / "edited_plugin.py"
    path.write_text(CODE.format(module="edited_plugin"))
    sources = set()
    for _ in range(2):
        discover(local=[path])
        sources.add(code_digest("edited_plugin:Constant"))
        path.write_text(path.read_text() + "# edited\n")
    assert len(sources) == 2


def test_a_notebook_that_goes_on_calls_the_edited_hooks(tmp_path: Path) -> None:
    import subprocess
    import sys

    from tests.cli_tools import environment

    hook = "@harness.hookimpl\ndef harness_session_start():\n    print(mine_words.WORD)\n"
    plugin = f"import mine_words\n{CODE.format(module='mine')}\n{hook}"
    (tmp_path / "mine.py").write_text(plugin)
    code = (
        "import harness, pathlib\n"
        "for word in ('first', 'second', 'second'):\n"
        "    pathlib.Path('mine_words.py').write_text(f'WORD = {word!r}')\n"
        "    harness.run('mine', plugin='mine.py', set={'epochs': 1, 'train_images': 32,\n"
        "        'test_images': 16, 'image_size': 32}, progress=False)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["first", "second", "second"]


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("nowhere.py", "--plugin nowhere.py: there is no such file or folder"),
        ("notes.txt", "--plugin notes.txt: is neither a Python file (.py) nor a folder"),
        ("empty", "has no pyproject.toml with entry points of group cxr_harness"),
        ("other", "pyproject.toml has no [project.entry-points.cxr_harness]"),
        ("my-net.py", "'my-net' cannot be imported: use letters, digits and '_'"),
        ("json.py", "another module 'json' is imported instead"),
        ("clip.py", "clip.py: 'clip' is offered by cxr-harness"),
        ("Mine.py", "'Mine' cannot name a plugin: use lower-case letters"),
        ("all.py", "'all' cannot name a plugin"),
        ("package/__init__.py", "is part of a package; name its folder"),
        ("x" * 300 + ".py", "cannot be opened (OSError: "),
        ("odd", "pyproject.toml has no [project.entry-points.cxr_harness]"),
    ],
)
def test_what_holds_no_plugin_is_one_message(tmp_path: Path, path: str, says: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "pyproject.toml").write_text('[project]\nname = "other"\n')
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "pyproject.toml").write_text("project = 3\n")
    (tmp_path / "package").mkdir()
    names = ("notes.txt", "my-net.py", "json.py", "clip.py", "Mine.py", "all.py")
    for name in (*names, "package/__init__.py"):
        (tmp_path / name).write_text("")
    done = harness("plan", "--plugin", path, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("harness: ")
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


def test_a_package_is_named_from_inside(tmp_path: Path) -> None:
    inside = tmp_path / "mine" / "inside"
    inside.mkdir(parents=True)
    (tmp_path / "mine" / "__init__.py").write_text(CODE.format(module="mine"))
    done = harness("plan", "--plugin", "..", "--plugins", "mine", cwd=inside)
    assert done.returncode == 0, done.stderr


def test_a_pattern_never_means_a_path(tmp_path: Path) -> None:
    file(tmp_path)
    done = harness("plan", "--plugins", "mine.py", cwd=tmp_path)
    assert done.returncode == 2
    assert "pattern 'mine.py' matches no method" in done.stderr


def test_a_broken_one_is_listed_and_an_error_where_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("1 / 0\n")
    done = harness("plugins", "--plugin", "mine.py", cwd=tmp_path)
    assert done.returncode == 0
    assert "mine: failed: ZeroDivisionError" in done.stdout
    done = harness("plan", "--plugin", "mine.py", "--plugins", "mine", cwd=tmp_path)
    assert done.returncode == 2
    assert "plugin 'mine' did not load: ZeroDivisionError" in done.stderr


# Which plugins a run uses


def test_only_and_disable_are_options_and_keys_of_a_study_file(tmp_path: Path) -> None:
    path = file(tmp_path)
    words = ("plan", "--plugin", path, "--plugins", "all", "--json")
    plugins = {c["method"].split("/")[0] for c in _cells(tmp_path, *words)}
    assert {"mine", "clip", "ssl"} <= plugins
    study = tmp_path / "study.toml"
    study.write_text(f'plugin = "{path}"\ndisable_plugins = ["clip", "ssl"]\n')
    plugins = {c["method"].split("/")[0] for c in _cells(tmp_path, "plan", study, "--json")}
    assert "mine" in plugins
    assert not {"clip", "ssl"} & plugins


@pytest.mark.parametrize("option", ["--only-plugins", "--disable-plugins"])
def test_an_unknown_plugin_in_them_is_an_error(tmp_path: Path, option: str) -> None:
    done = harness("plan", option, "clipp", cwd=tmp_path)
    assert done.returncode == 2
    assert f"{option} names 'clipp', which is not an installed plugin" in done.stderr


def _cells(folder: Path, *words: str | Path) -> list[dict[str, Any]]:
    done = harness(*words, cwd=folder)
    assert done.returncode == 0, done.stderr
    cells: list[dict[str, Any]] = json.loads(done.stdout)["cells"]
    return cells
