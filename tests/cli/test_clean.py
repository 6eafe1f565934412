"""``harness clean``: what may go is listed, goes with ``--yes``, and never while it is used."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from harness.storage.artefact_meta import META
from tests.builders import make_cell
from tests.cli_tools import TINY, harness, inside

DAY = 86_400


@pytest.fixture
def full_cache(tmp_path: Path) -> Path:
    """A cache with artefacts of 1000 bytes and more, unused for 1, 10 and 40 days."""
    folder = tmp_path / "cache"
    for kind, key, days in (("prepared", "a", 1), ("activations", "b", 10), ("prepared", "c", 40)):
        artefact = folder / kind / key
        artefact.mkdir(parents=True)
        (artefact / "rows.npy").write_bytes(bytes(1000))
        touch(artefact / META, days)
        (folder / kind / f"{key}.lock").touch()
    (folder / "digests").mkdir()
    touch(folder / "digests" / "d.json", 40)
    weights = folder / "weights" / "my-card"
    weights.mkdir(parents=True)
    touch(weights / "model.json", 400)
    return folder


def touch(path: Path, days: float) -> None:
    path.write_text("{}")
    moment = time.time() - days * DAY
    os.utime(path, (moment, moment))


def cleaned(*arguments: str | Path, cwd: Path) -> dict[str, str]:
    """Name of what was listed -> what became of it."""
    env = {"CXR_HARNESS_CACHE": str(cwd / "cache")}
    done = inside("clean", *arguments, "--json", cwd=cwd, env=env)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return {Path(item["path"]).name: item["fate"] for item in found}


def test_without_an_option_everything_is_listed_and_kept(full_cache: Path, tmp_path: Path) -> None:
    assert cleaned(cwd=tmp_path) == dict.fromkeys(("c", "d.json", "b", "a"), "kept")
    assert cleaned("--yes", cwd=tmp_path) == dict.fromkeys(("c", "d.json", "b", "a"), "kept")


def test_nothing_goes_without_yes(full_cache: Path, tmp_path: Path) -> None:
    before = sorted(full_cache.rglob("*"))
    assert set(cleaned("--older-than", "0h", cwd=tmp_path).values()) == {"would go"}
    assert sorted(full_cache.rglob("*")) == before


def test_what_is_older_goes(full_cache: Path, tmp_path: Path) -> None:
    assert cleaned("--older-than", "2w", "--yes", cwd=tmp_path) == {
        "c": "removed",
        "d.json": "removed",
    }
    assert not (full_cache / "prepared" / "c").exists()
    assert (full_cache / "activations" / "b" / "rows.npy").exists()


def test_the_least_recently_used_go_until_the_rest_fits(full_cache: Path, tmp_path: Path) -> None:
    assert cleaned("--larger-than", "1500", "--yes", cwd=tmp_path) == {
        "c": "removed",
        "b": "removed",
    }
    assert (full_cache / "prepared" / "a").exists()


def test_a_cache_within_the_budget_stays(full_cache: Path, tmp_path: Path) -> None:
    assert cleaned("--larger-than", "1GB", "--yes", cwd=tmp_path) == {}


def test_weights_of_the_user_are_never_listed(full_cache: Path, tmp_path: Path) -> None:
    cleaned("--older-than", "0h", "--yes", cwd=tmp_path)
    assert (full_cache / "weights" / "my-card" / "model.json").exists()


def test_what_a_killed_process_left_is_a_leftover(full_cache: Path, tmp_path: Path) -> None:
    (full_cache / "prepared" / "e.building").mkdir()
    assert cleaned("--older-than", "0h", "--yes", cwd=tmp_path)["e.building"] == "removed"
    assert not list(full_cache.rglob("e.*"))


@pytest.mark.parametrize("held", ["c/meta.json", "c.lock"])
def test_an_artefact_that_a_process_uses_or_makes_stays(
    held: str, full_cache: Path, tmp_path: Path
) -> None:
    with (full_cache / "prepared" / held).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert cleaned("--older-than", "2w", "--yes", cwd=tmp_path)["c"] == "in use"
    assert (full_cache / "prepared" / "c" / "rows.npy").exists()


def test_a_store_that_is_open_is_in_use(tmp_path: Path) -> None:
    from harness.data.store.prepared import open_store
    from harness.discovery.registry import discover
    from harness.planning.datasets import find_dataset, open_dataset

    dataset = open_dataset(find_dataset(discover(), None), None)
    cache = tmp_path / "cache"
    store = open_store(dataset, size=32, interpolation="bilinear", cache=cache)
    assert cleaned("--older-than", "0h", "--yes", cwd=tmp_path) == {store.key: "in use"}


def test_unfinished_cells_go_and_others_stay(tmp_path: Path) -> None:
    study = tmp_path / "results" / "study"
    gone = make_cell(study, "demo/gone", status=None)
    stays = [make_cell(study, f"demo/{s}", status=s) for s in ("ok", "failed", "skipped")]
    assert cleaned("--unfinished", "results", cwd=tmp_path) == {gone.path.name: "would go"}
    assert cleaned("--unfinished", "results", "--yes", cwd=tmp_path) == {gone.path.name: "removed"}
    assert not gone.path.parents[1].exists()
    assert all((cell.path / "cell.json").exists() for cell in stays)


def test_unfinished_cells_that_a_queue_may_have_stay(tmp_path: Path) -> None:
    from harness.execution.watching.job_file import write_job

    cell = make_cell(tmp_path / "results" / "study", status=None)
    write_job(cell.path, "nowhere", "7")  # An executor that is not installed cannot be asked.
    words = ("clean", "--unfinished", "results", "--yes")
    done = inside(*words, cwd=tmp_path)
    assert done.returncode == 0
    assert "cannot be asked about its jobs" in done.stderr
    assert "deleted 0 of 1, 0 B; 1 with a queue of jobs" in done.stdout
    assert (cell.path / "cell.json").exists()


def test_only_checkpoints_of_cells_that_are_ok_go(tmp_path: Path) -> None:
    study = tmp_path / "results" / "study"
    for status in ("ok", "failed", None):
        folder = make_cell(study, f"demo/{status}", status=status).path / "checkpoint"
        folder.mkdir()
        (folder / "best.safetensors").write_bytes(b"weights")
    assert cleaned("--checkpoints", "results", "--yes", cwd=tmp_path) == {"checkpoint": "removed"}
    left = {path.parents[3].name for path in study.rglob("best.safetensors")}
    assert left == {"demo--failed", "demo--None"}


@pytest.mark.parametrize("what", ["--unfinished", "--checkpoints"])
def test_a_study_that_a_run_works_in_is_left_alone(what: str, tmp_path: Path) -> None:
    study = tmp_path / "results" / "study"
    cell = make_cell(study, status=None if what == "--unfinished" else "ok")
    (cell.path / "checkpoint").mkdir()
    with (study / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert set(cleaned(what, "results", "--yes", cwd=tmp_path).values()) == {"in use"}
    assert (cell.path / "checkpoint").exists()


def test_a_cell_without_its_prepared_images_makes_them_again(tmp_path: Path) -> None:
    env = {"CXR_HARNESS_CACHE": str(tmp_path / "cache")}
    options = ("run", "--plugins", "baselines/majority", *TINY, "-q")
    assert harness(*options, cwd=tmp_path, env=env).returncode == 0
    fates = cleaned("--older-than", "0h", "--yes", cwd=tmp_path)
    assert set(fates.values()) == {"removed"}
    done = harness(*options, "--seeds", "1", cwd=tmp_path, env=env)
    assert done.returncode == 0, done.stderr


def test_the_table_says_what_would_go_and_how_to_do_it(full_cache: Path, tmp_path: Path) -> None:
    env = {"CXR_HARNESS_CACHE": str(full_cache)}
    done = inside("clean", "--older-than", "2w", cwd=tmp_path, env=env)
    assert "2 of 2, 1004 B would be deleted; add --yes" in done.stdout
    done = inside("clean", "--older-than", "300d", cwd=tmp_path, env=env)
    assert done.stdout == "nothing to delete\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--older-than", "30x"), "--older-than '30x': give a number with s, m, h, d or w"),
        (("--older-than", "30"), "--older-than '30'"),
        (("--larger-than", "big"), "--larger-than 'big': give bytes"),
        (("--unfinished", "nowhere"), "nowhere holds no run"),
        (("--checkpoints", "."), ". holds no run"),
    ],
)
def test_bad_input_is_one_message(arguments: tuple[str, ...], says: str, tmp_path: Path) -> None:
    done = inside("clean", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"harness: {says}")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("keep", "left"),
    [("none", set()), ("best", {"best.safetensors"}), ("all", {"best.safetensors", "last.pt"})],
)
def test_a_run_keeps_the_checkpoints_that_it_is_asked_to(
    keep: str, left: set[str], tmp_path: Path
) -> None:
    options = ("run", "--plugins", "supervised/convnext_base", *TINY, "-q")
    done = harness(*options, "--keep-checkpoints", keep, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.rglob("checkpoint/*")} == left
    (cell,) = tmp_path.rglob("cell.json")
    assert json.loads(cell.read_text())["limits"]["keep_checkpoints"] == keep


def test_what_is_kept_is_no_part_of_a_cell(tmp_path: Path) -> None:
    options = ("plan", "--plugins", "baselines", "--json")
    names = [
        [cell["cell"] for cell in json.loads(inside(*options, *more, cwd=tmp_path).stdout)["cells"]]
        for more in ((), ("--keep-checkpoints", "none"))
    ]
    assert names[0] == names[1]
