"""Bad input: one message on stderr with the thing and the remedy, exit code 2, no traceback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli_tools import TINY, harness, inside, small_disk
from tests.trees import make_tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small dataset in the radiography layout."""
    root = tmp_path / "data"
    make_tree(root)
    return root


def refused(*arguments: str | Path, cwd: Path, says: tuple[str, ...]) -> None:
    done = harness(*arguments, cwd=cwd)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    for words in says:
        assert words in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--plugins", "sll/*"), ("sll/*", "did you mean")),
        (("--plugins", "baselines/majorty"), ("did you mean", "baselines/majority")),
        (("--preset", "quik"), ("unknown preset 'quik'", "did you mean 'quick'")),
        (("--dataset", "radiograhpy"), ("did you mean 'radiography'",)),
        (("--dataset", "radiography"), ("--data-root",)),
        (("--dataset", "radiography", "--data-root", "nowhere"), ("nowhere", "no such folder")),
        (("--data-root", "."), ("takes no --data-root",)),
        (("--device", "gpu"), ("--device 'gpu'", "auto, cpu, cuda")),
        (("--precision", "fp8"), ("--precision", "fp32")),
        (("--seeds", "a"), ("--seeds 'a'", "whole numbers")),
        (("--fractions", "0,1"), ("--fractions", "above 0")),
        (("--split", "random"), ("--split 'random'", "standard")),
        (("--split-file", "none.csv"), ("none.csv",)),
        (("--weights", "imagenet"), ("--weights 'imagenet'", "pretrained")),
        (("--set", "epoch=3"), ("did you mean 'epochs'",)),
        (("--executor", "proces"), ("did you mean 'process'",)),
        (("--timeout", "0"), ("--timeout",)),
        (("--name", "a/b"), ("--name",)),
        (("--nonsense",), ("--nonsense",)),
    ],
)
def test_a_bad_value_is_refused(
    arguments: tuple[str, ...], says: tuple[str, ...], tmp_path: Path
) -> None:
    given = arguments if "--plugins" in arguments else ("--plugins", "baselines/*", *arguments)
    refused("run", *given, *TINY, cwd=tmp_path, says=says)


def test_an_unknown_verb_is_answered_with_a_suggestion(tmp_path: Path) -> None:
    refused("rnu", cwd=tmp_path, says=("did you mean 'run'",))


def test_an_empty_data_root_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused(
        "run", "--plugins", "baselines", "--dataset", "radiography", "--data-root", "empty",
        cwd=tmp_path, says=("empty", "COVID"),
    )  # fmt: skip


def test_a_folder_that_is_no_class_is_refused(tree: Path, tmp_path: Path) -> None:
    (tree / "Tuberculosis" / "images").mkdir(parents=True)
    refused(
        "run", "--plugins", "baselines", "--dataset", "radiography", "--data-root", tree,
        cwd=tmp_path, says=("Tuberculosis", "Viral Pneumonia"),
    )  # fmt: skip


def test_an_unreadable_image_is_named(tree: Path, tmp_path: Path) -> None:
    image = next((tree / "COVID" / "images").glob("*.png"))
    image.write_bytes(image.read_bytes()[:100])
    refused(
        "run", "--plugins", "baselines", "--dataset", "radiography", "--data-root", tree, *TINY,
        cwd=tmp_path, says=(image.name,),
    )  # fmt: skip


def test_a_split_file_with_unknown_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "split.csv").write_text("id,part\nphantom-x,train\nphantom-y,val\nphantom-z,test\n")
    refused(
        "run", "--plugins", "baselines", "--split-file", "split.csv",
        cwd=tmp_path, says=("split.csv", "phantom-x"),
    )  # fmt: skip


def test_a_weights_folder_without_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    refused(
        "run", "--plugins", "supervised/convnext_base", "--weights", "weights",
        cwd=tmp_path, says=("convnext_base.small: model.safetensors", "weights"),
    )  # fmt: skip
    assert not (tmp_path / "results").exists()


def test_a_foreign_output_folder_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "results" / "phantom-quick"
    folder.mkdir(parents=True)
    (folder / "thesis.tex").write_text("years of work")
    refused("run", "--plugins", "baselines", *TINY, cwd=tmp_path, says=("thesis.tex", "--out"))
    assert [p.name for p in folder.iterdir()] == ["thesis.tex"]


def test_an_output_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file")
    refused("run", "--plugins", "baselines", *TINY, cwd=tmp_path, says=("results", "--out"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_output_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir(mode=0o500)
    refused("run", "--plugins", "baselines", *TINY, cwd=tmp_path, says=("cannot be written",))


def test_a_read_only_file_system_is_refused(tmp_path: Path) -> None:
    refused(
        "run", "--plugins", "baselines", *TINY, "--out", "/proc/results",
        cwd=tmp_path, says=("/proc/results",),
    )  # fmt: skip


@pytest.mark.parametrize("verb", ["report", "status", "score"])
def test_a_folder_without_a_run_is_refused(verb: str, tmp_path: Path) -> None:
    refused(verb, ".", cwd=tmp_path, says=("holds no run",))


def test_clip_with_random_weights_is_skipped_with_the_reason(tmp_path: Path) -> None:
    done = harness("run", "--plugins", "clip", "--weights", "random", *TINY, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert "5 skipped (clip/vit_l14@…): use --weights pretrained or" in done.stdout
    assert "random weights make no sense" in done.stderr


def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path) -> None:
    """/dev/full cannot hold a folder, so the cache is pointed at a file system of 1 MB."""
    with small_disk(tmp_path / "small", "1m") as mount:
        done = harness(
            "run", "--plugins", "baselines", *TINY,
            cwd=tmp_path, env={"CXR_HARNESS_CACHE": str(mount / "cache")},
        )  # fmt: skip
        assert done.returncode == 2, done.stdout + done.stderr
        assert "full" in done.stderr
        assert "Traceback" not in done.stderr
        assert not list(mount.rglob("*.npy"))


@pytest.mark.parametrize("verb", ["run", "plan"])
@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--executor", "nope", "unknown executor 'nope'; executors: inline, process, ray"),
        ("--device-memory", "much", "--device-memory 'much'"),
        ("--activation-space", "much", "--activation-space 'much'"),
    ],
)
def test_how_cells_are_run_is_checked_before_anything_is_written(
    verb: str, option: str, value: str, said: str, tmp_path: Path
) -> None:
    done = inside(verb, "--plugins", "baselines", option, value, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"harness: {said}")
    assert list(tmp_path.iterdir()) == []
