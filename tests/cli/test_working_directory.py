"""Nothing that lies in the working directory is imported, and nothing that lies on the path in
place of a library goes unnoticed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.cell.imported_code import libraries_as_recorded
from harness.provenance import library_versions
from harness.upkeep.check_installation import imported
from tests.cli_tools import ROOT, TINY, environment, harness, inside

RUN = ("run", "--plugins", "segmentation/unet", *TINY, "--set", "probe_seconds=0.1", "-q")


def clone(folder: Path) -> Path:
    """segmentation_models_pytorch as another state of its repository: its decoders see the deepest
    features alone."""
    spec = find_spec("segmentation_models_pytorch")
    assert spec is not None and spec.origin is not None
    target = folder / "segmentation_models_pytorch"
    shutil.copytree(Path(spec.origin).parent, target, ignore=shutil.ignore_patterns("__pycache__"))
    model = target / "base" / "model.py"
    text, call = model.read_text(), "self.decoder(features)"
    assert call in text
    deepest = "self.decoder([f * (k == len(features) - 1) for k, f in enumerate(features)])"
    model.write_text(text.replace(call, deepest))
    return folder


def test_a_run_beside_a_clone_and_scripts_with_names_of_libraries_predicts_the_same(
    tmp_path: Path,
) -> None:
    clean, crowded = tmp_path / "clean", tmp_path / "crowded"
    clean.mkdir()
    clone(crowded)
    (crowded / "selectors.py").write_text('print("my selection of cases")\n')
    (crowded / "timm").mkdir()
    (crowded / "timm" / "__init__.py").write_text("")
    found = []
    for folder in (clean, crowded):
        done = harness(*RUN, cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "my selection" not in done.stdout + done.stderr
        (file,) = folder.rglob("predictions-test.npz")
        found.append((file.parent.name, file.read_bytes()))
    assert found[0] == found[1]


def test_a_library_from_another_place_than_its_distribution_fails_the_cell(tmp_path: Path) -> None:
    path = os.pathsep.join([str(clone(tmp_path / "mine")), str(ROOT), str(ROOT / "plugins")])
    done = harness(*RUN, cwd=tmp_path, env={"PYTHONPATH": path})
    assert done.returncode == 1, done.stderr
    (status,) = tmp_path.rglob("status.json")
    reason = json.loads(status.read_text())["reason"]
    assert reason.startswith("segmentation_models_pytorch was imported from")
    assert str(tmp_path / "mine") in reason
    assert "PYTHONPATH" in reason


def test_the_wrong_place_is_told_in_place_of_the_error_that_it_leads_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "timm").mkdir()
    (tmp_path / "timm" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "timm", raising=False)
    with pytest.raises(Exception, match="timm was imported from"), libraries_as_recorded():
        import timm

        timm.create_model("resnet18")
    sys.modules.pop("timm", None)


def broken(folder: Path, name: str) -> Path:
    """A folder with a library of this name that cannot be imported, as a copy without its parts."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text("from . import core\n")
    (folder / name / "core.py").write_text("raise ImportError('libgomp.so.1: cannot open')\n")
    return folder


def test_a_copy_that_cannot_be_imported_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(broken(tmp_path, "sklearn"))
    for name in [name for name in sys.modules if name.partition(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    file = re.escape(str(tmp_path / "sklearn" / "__init__.py"))
    with (
        pytest.raises(
            Exception, match=f"sklearn was imported from {file}.*ImportError: libgomp.so.1"
        ),
        libraries_as_recorded(),
    ):
        import sklearn  # noqa: F401


def test_a_copy_that_a_method_imports_while_it_learns_fails_its_cell(tmp_path: Path) -> None:
    folder = broken(tmp_path / "mine", "sklearn")
    path = os.pathsep.join([str(folder), str(ROOT), str(ROOT / "plugins")])
    run = ("run", "--plugins", "baselines/pixels", *TINY)
    done = harness(*run, cwd=tmp_path, env={"PYTHONPATH": path})
    assert done.returncode == 1, done.stderr
    (status,) = tmp_path.rglob("status.json")
    assert json.loads(status.read_text())["reason"].startswith("sklearn was imported from")


def test_a_copy_that_the_command_itself_cannot_import_is_one_message(tmp_path: Path) -> None:
    folder = broken(tmp_path, "numpy")
    path = os.pathsep.join([str(folder), str(ROOT), str(ROOT / "plugins")])
    done = harness("data", "info", "phantom", cwd=tmp_path, env={"PYTHONPATH": path})
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    file = folder / "numpy" / "__init__.py"
    assert f"harness: {file} is imported instead of numpy" in done.stderr


def names(folder: Path, *requirements: str) -> dict[str, str]:
    return {f.name: f.state for f in imported(folder, requirements)}


def test_doctor_notes_what_would_hide_a_library_in_the_working_directory(tmp_path: Path) -> None:
    (tmp_path / "csv.py").write_text("")
    (tmp_path / "timm").mkdir()
    (tmp_path / "timm" / "__init__.py").write_text("")
    (tmp_path / "torch").mkdir()  # A plain folder yields to the library.
    assert names(tmp_path, "timm", "torch") == {"timm": "note", "csv": "note"}
    done = inside("doctor", cwd=tmp_path)
    assert done.returncode == 0
    assert str(tmp_path / "csv.py") in done.stdout
    assert "would hide the library timm" in done.stdout


def test_doctor_calls_wrong_what_hides_a_library_on_the_path(tmp_path: Path) -> None:
    (tmp_path / "mine" / "timm").mkdir(parents=True)
    (tmp_path / "mine" / "timm" / "__init__.py").write_text("")
    path = os.pathsep.join([str(tmp_path / "mine"), str(ROOT), str(ROOT / "plugins")])
    done = harness("doctor", cwd=tmp_path, env={"PYTHONPATH": path})
    assert done.returncode == 1, done.stderr
    assert str(tmp_path / "mine" / "timm" / "__init__.py") in done.stdout
    assert "is imported instead of timm" in done.stdout


def test_a_script_that_hides_a_standard_module_on_the_path_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "selectors.py").write_text("")
    path = os.pathsep.join([str(tmp_path), str(ROOT), str(ROOT / "plugins")])
    done = harness("doctor", cwd=tmp_path, env={"PYTHONPATH": path})
    assert done.returncode == 2
    assert done.stderr.startswith(f"harness: {tmp_path / 'selectors.py'} is imported instead of")
    assert "Traceback" not in done.stderr


def test_a_program_that_imports_the_harness_keeps_its_own_path(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import harness, sys; print(sys.path[0])")
    done = subprocess.run(
        [sys.executable, "-m", "mine"], cwd=tmp_path, env=environment(), capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.stdout.strip() == str(tmp_path), done.stderr


def test_a_library_that_is_installed_editable_is_named_by_its_source_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, source = tmp_path / "site", tmp_path / "source"
    (source / "lib_of_tests").mkdir(parents=True)
    (source / "lib_of_tests" / "__init__.py").write_text("x = 1\n")
    info = site / "lib_of_tests-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lib-of-tests\nVersion: 1.0\n")
    direct = {"url": source.as_uri(), "dir_info": {"editable": True}}
    (info / "direct_url.json").write_text(json.dumps(direct))
    monkeypatch.syspath_prepend(source)
    monkeypatch.syspath_prepend(site)
    found = library_versions(["lib-of-tests", "timm", "surely-nobody-has-this"])
    assert found["lib-of-tests"] is not None
    assert found["lib-of-tests"].startswith("1.0+")
    assert found["timm"] is not None and "+" not in found["timm"]
    assert found["surely-nobody-has-this"] is None
    assert names(tmp_path, "lib-of-tests") == {}
