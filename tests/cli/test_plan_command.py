"""``harness plan``: what would run, what it lacks, shares and takes; nothing runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.storage.json_files import append_json_line
from tests.builders import epoch_line
from tests.cli_tools import TINY, harness, inside, write_plugin
from tests.trees import make_tree

PIXELS = ("--plugins", "baselines/pixels", "--jobs", "1")


def planned(*arguments: str | Path, cwd: Path, **more: Any) -> dict[str, Any]:
    plan = harness if "plugins" in more else inside
    done = plan("plan", *arguments, "--json", cwd=cwd, **more)
    assert done.returncode == 0, done.stderr
    value: dict[str, Any] = json.loads(done.stdout)
    return value


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one finished cell of a method that trains itself."""
    folder = tmp_path_factory.mktemp("ran")
    done = harness("run", *PIXELS, *TINY, "-q", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_nothing_is_written(tmp_path: Path) -> None:
    planned(*PIXELS, *TINY, cwd=tmp_path, env={"CXR_HARNESS_CACHE": str(tmp_path / "cache")})
    assert list(tmp_path.iterdir()) == []


def test_a_finished_cell_is_finished_and_takes_nothing(ran: Path) -> None:
    found = planned(*PIXELS, *TINY, cwd=ran)
    (cell,) = found["cells"]
    assert (cell["state"], cell["seconds"]) == ("finished", None)
    assert found["seconds"] is None
    assert found["disk"]["prediction_bytes_at_most"] == 0


def test_asked_to_rerun_a_finished_cell_runs_again(ran: Path) -> None:
    (cell,) = planned(*PIXELS, *TINY, "--rerun", cwd=ran)["cells"]
    assert (cell["state"], cell["detail"]) == ("to run again", "was ok")


def test_a_cell_like_which_one_has_finished_says_in_what_it_differs(ran: Path) -> None:
    changed = ("--set", "flip=true", "--threads", "2")
    (cell,) = planned(*PIXELS, *TINY, *changed, cwd=ran)["cells"]
    assert cell["state"] == "to run"
    assert cell["differs_in"] == [
        {"field": "protocol.flip", "was": False, "now": True},
        {"field": "threads", "was": 1, "now": 2},
    ]
    shown = inside("plan", *PIXELS, *TINY, *changed, cwd=ran).stdout
    assert (
        "Finished before, to run again because this differs\n"
        "  1 cell: protocol.flip false → true, threads 1 → 2\n"
    ) in shown


@pytest.mark.parametrize("other", [("--seeds", "7"), ("--fractions", "0.5")])
def test_a_cell_of_another_seed_or_fraction_does_not_run_again(
    ran: Path, other: tuple[str, str]
) -> None:
    (cell,) = planned(*PIXELS, *TINY, *other, cwd=ran)["cells"]
    assert cell["differs_in"] == []


def test_what_differs_in_a_digest_is_said_in_words(ran: Path) -> None:
    shown = inside("plan", *PIXELS, *TINY, "--split", "study", cwd=ran).stdout
    assert "  1 cell: the split\n" in shown


def test_a_new_cell_of_a_known_method_has_an_estimate(ran: Path) -> None:
    found = planned(*PIXELS, *TINY, "--seeds", "7", cwd=ran)
    (cell,) = found["cells"]
    assert cell["state"] == "to run"
    assert 0 < cell["seconds"] < 60
    assert found["seconds"] == cell["seconds"]
    assert cell["memory_bytes"] > 1e8
    assert cell["checkpoint_bytes"] > 0


def test_with_other_threads_nothing_is_known_of_time(ran: Path) -> None:
    found = planned(*PIXELS, *TINY, "--seeds", "7", "--threads", "2", cwd=ran)
    assert (found["cells"][0]["seconds"], found["cells_without_estimate"]) == (None, 1)


def test_an_interrupted_cell_resumes_after_its_last_epoch(ran: Path, tmp_path: Path) -> None:
    options = ("--plugins", "supervised/convnext_base", "--set", "epochs=4")
    (cell,) = planned(*options, cwd=tmp_path)["cells"]
    folder = tmp_path / cell["directory"]
    (folder / "checkpoint").mkdir(parents=True)
    (folder / "checkpoint" / "last.pt").write_bytes(b"")
    (folder / "cell.json").write_text("{}")
    append_json_line(folder / "history.jsonl", epoch_line(1))
    (cell,) = planned(*options, cwd=tmp_path)["cells"]
    assert (cell["state"], cell["epochs_done"]) == ("resumes", 1)


def test_a_cell_that_failed_is_to_run_again(tmp_path: Path) -> None:
    plugins = write_plugin(
        tmp_path / "site",
        "bad",
        """
        import harness
        HARNESS_API = 1

        @harness.hookimpl
        def harness_methods():
            yield harness.MethodSpec(name="net", factory="harness_bad_models:Net",
                task="classification", family="baseline", summary="Fails")
        """,
        "def Net(problem):\n    raise ValueError('no')\n",
    )
    harness("run", "--plugins", "bad", *TINY, cwd=tmp_path, plugins=plugins)
    (cell,) = planned("--plugins", "bad", *TINY, cwd=tmp_path, plugins=plugins)["cells"]
    assert (cell["state"], cell["detail"]) == ("to run again", "was load_failed")


def test_missing_weights_stand_once_with_their_remedy(tmp_path: Path) -> None:
    done = inside(
        "plan", "--plugins", "clip", "--preset", "paper", cwd=tmp_path,
        env={"HF_HOME": str(tmp_path / "hub")},
    )  # fmt: skip
    told = " ".join(done.stdout.split())
    assert told.count("'harness weights fetch clip-vit-large-patch14' downloads them") == 1
    assert "5 cells skipped: weights clip-vit-large-patch14" in told


def test_missing_masks_are_told(tmp_path: Path) -> None:
    make_tree(tmp_path / "films", masks=())
    found = planned(
        "--plugins", "segmentation/unet", "--dataset", "radiography", "--data-root", "films",
        cwd=tmp_path,
    )  # fmt: skip
    (obstacle,) = found["missing"]
    assert obstacle["reason"] == "dataset 'radiography' has no masks"


def test_a_missing_package_is_told_with_the_command_that_installs_it(tmp_path: Path) -> None:
    plugins = write_plugin(
        tmp_path / "site",
        "needy",
        """
        import harness
        HARNESS_API = 1

        @harness.hookimpl
        def harness_methods():
            yield harness.MethodSpec(name="net", factory="harness_needy_models:Net",
                task="classification", family="baseline", summary="Needs something",
                requires=("surely-nobody-has-this>=3",))
        """,
    )
    done = harness("plan", "--plugins", "needy", cwd=tmp_path, plugins=plugins)
    assert "packages are missing: pip install 'surely-nobody-has-this>=3'" in done.stdout


def test_prepared_images_are_to_be_made_and_then_here(tmp_path: Path) -> None:
    cache = {"CXR_HARNESS_CACHE": str(tmp_path / "cache")}
    (store,) = planned(*PIXELS, *TINY, cwd=tmp_path, env=cache)["prepared"]
    assert (store["here"], store["size"], store["interpolation"]) == (False, 64, "bilinear")
    done = harness("run", *PIXELS, *TINY, "-q", cwd=tmp_path, env=cache)
    assert done.returncode == 0, done.stderr
    found = planned(*PIXELS, *TINY, "--seeds", "1", cwd=tmp_path, env=cache)
    assert found["prepared"] == [{**store, "here": True}]
    assert found["disk"]["prepared_bytes"] == 0
    files = list(Path(store["directory"]).glob("*.npy"))
    assert sum(file.stat().st_size - 128 for file in files) == store["bytes"]


def test_predictions_never_take_more_than_was_told(ran: Path) -> None:
    bound = planned(*PIXELS, *TINY, "--rerun", cwd=ran)["disk"]["prediction_bytes_at_most"]
    files = list(ran.rglob("predictions-*.npz"))
    headers = 2500 * len(files)
    assert sum(file.stat().st_size for file in files) <= bound + headers


def test_checkpoints_that_are_not_kept_take_nothing(ran: Path) -> None:
    options = (*PIXELS, *TINY, "--seeds", "7", "--keep-checkpoints", "none")
    assert planned(*options, cwd=ran)["disk"]["checkpoint_bytes"] == 0


def test_the_table_fits_a_terminal_of_100_columns(ran: Path) -> None:
    done = inside(
        "plan", "--plugins", "all", "--seeds", "0,1", "--fractions", "0.5,1", *TINY,
        cwd=ran, env={"COLUMNS": "100"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 100
    for words in ("Shared work", "Disk", "unknown for", "activations of frozen layers"):
        assert words in done.stdout


def test_the_time_of_a_whole_run_is_told(ran: Path) -> None:
    done = inside("plan", *PIXELS, *TINY, "--seeds", "7,8", cwd=ran)
    assert ", estimated from earlier cells on this machine" in done.stdout
    nothing = inside("plan", "--plugins", "baselines/majority", *TINY, cwd=ran)
    assert "time: unknown" in nothing.stdout


def test_quiet_leaves_the_notes_out(tmp_path: Path) -> None:
    make_tree(tmp_path / "films")
    options = ("--plugins", "baselines", "--dataset", "radiography", "--data-root", "films")
    assert "note: " in inside("plan", *options, cwd=tmp_path).stderr
    assert inside("plan", *options, "--quiet", cwd=tmp_path).stderr == ""
