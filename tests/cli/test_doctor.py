"""``harness doctor``: what is here, what is wrong, and what to do about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import harness as package
from harness.machine import CudaDevice, Driver
from harness.upkeep.check_installation import versions
from harness.upkeep.check_machine import devices, places
from tests.cli_tools import harness, inside, write_plugin

CARD = CudaDevice("A card", 80 * 2**30)


def findings(*arguments: str, cwd: Path, **more: Any) -> tuple[int, dict[str, dict[str, Any]]]:
    """Exit code, and finding by name."""
    run = harness if "plugins" in more else inside
    done = run("doctor", *arguments, "--json", cwd=cwd, **more)
    assert done.stderr == ""
    return done.returncode, {finding["name"]: finding for finding in json.loads(done.stdout)}


def test_all_is_well_here_and_nothing_is_written(tmp_path: Path) -> None:
    done = inside("doctor", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith("all is well\n")
    for words in ("Versions", "Devices", "Places", "Plugins", "Extras", "torch", "processor"):
        assert words in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_versions_and_places_are_told_as_json(tmp_path: Path) -> None:
    code, found = findings(cwd=tmp_path)
    assert code == 0
    assert found["harness"]["value"] == package.__version__
    assert str(tmp_path) in found["results"]["value"] or "results" in found["results"]["value"]
    assert {f["state"] for f in found.values()} <= {"ok", "note"}


def test_a_broken_plugin_is_wrong_and_has_a_remedy(tmp_path: Path) -> None:
    site = write_plugin(tmp_path / "site", "bad", "import nothing_of_this_name\n")
    code, found = findings(cwd=tmp_path, plugins=site)
    assert code == 1
    assert found["bad"]["state"] == "wrong"
    assert "nothing_of_this_name" in found["bad"]["remedy"]
    assert "CXR_HARNESS_DISABLE=bad" in found["bad"]["remedy"]


def test_a_cache_that_cannot_be_written_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, found = findings(
        cwd=tmp_path, env={"CXR_HARNESS_CACHE": str(tmp_path / "file" / "cache")}
    )
    assert code == 1
    assert "cannot be written; set CXR_HARNESS_CACHE" in found["cache"]["remedy"]


def test_a_full_disk_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.upkeep.check_machine.LEAST_FREE", 10**18)
    (results,) = (place for place in places(tmp_path) if place.name == "results")
    assert (results.state, "nearly full" in results.remedy) == ("wrong", True)


def test_a_plugin_that_is_disabled_and_unknown_is_wrong(tmp_path: Path) -> None:
    code, found = findings(cwd=tmp_path, env={"CXR_HARNESS_DISABLE": "clipp"})
    assert code == 1
    assert "did you mean 'clip'" in found["CXR_HARNESS_DISABLE"]["remedy"]


def test_variables_that_matter_are_shown_and_no_secret_is(tmp_path: Path) -> None:
    done = inside("doctor", cwd=tmp_path, env={"HF_TOKEN": "s3cret", "HF_HUB_OFFLINE": "1"})
    assert "HF_HUB_OFFLINE" in done.stdout
    assert "s3cret" not in done.stdout


def test_the_text_counts_what_is_wrong(tmp_path: Path) -> None:
    done = inside("doctor", cwd=tmp_path, env={"CXR_HARNESS_CACHE": "/dev/null/cache"})
    assert done.returncode == 1
    assert done.stdout.endswith("1 problem\n")
    assert "-> cannot be written; set CXR_HARNESS_CACHE" in done.stdout


def test_a_missing_or_old_package_is_wrong_with_the_command_that_installs_it() -> None:
    found = {f.name: f for f in versions(["surely-nobody-has-this>=3", "numpy>=9999", "click"])}
    assert found["surely-nobody-has-this"].remedy == "pip install 'surely-nobody-has-this>=3'"
    assert found["numpy"].remedy == "pip install 'numpy>=9999'"
    assert found["click"].state == "ok"


@pytest.mark.parametrize(
    ("driver", "torch", "name", "says"),
    [
        (Driver((12, 8), (CARD,)), "12.6", "torch built for", None),
        (Driver((13, 0), (CARD,)), "12.8", "torch built for", None),
        (Driver((12, 4), (CARD,)), "13.0", "torch built for", "install a torch for CUDA 12"),
        (Driver((12, 4), (CARD,)), "", "torch built for", "runs on a CPU only"),
        (Driver((12, 4), (CARD,)), None, "CUDA driver", None),
        (Driver(None, ()), "13.0", "CUDA driver", None),
        (Driver((12, 4), ()), "12.4", "CUDA driver", "the driver shows no GPU"),
    ],
)
def test_a_gpu_and_a_torch_that_do_not_fit_are_wrong(
    driver: Driver,
    torch: str | None,
    name: str,
    says: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    (finding,) = (f for f in devices(driver, torch) if f.name == name)
    assert finding.state == ("wrong" if says else "ok")
    assert (says or "") in finding.remedy


def test_hidden_gpus_are_worth_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    (finding,) = (f for f in devices(Driver((12, 4), ()), "12.4") if f.name == "CUDA driver")
    assert finding.state == "note"
