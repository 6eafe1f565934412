"""A method without its plugin, a path without its dataset."""

from __future__ import annotations

from pathlib import Path

import pytest

import harness as package
from tests.builders import make_cell
from tests.cli_tools import inside, refused


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Twelve images in two class folders, and a table of them."""
    import numpy as np
    from PIL import Image

    rows = ["path,label"]
    for label in ("ill", "well"):
        (tmp_path / "films" / label).mkdir(parents=True)
        for number in range(6):
            name = f"films/{label}/{number}.png"
            grey = np.random.default_rng([number, len(label)]).integers(0, 255, (40, 40))
            Image.fromarray(grey.astype(np.uint8)).save(tmp_path / name)
            rows.append(f"{name},{label}")
    (tmp_path / "films.csv").write_text("\n".join(rows))
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "--dataset", "films"), "give both: --dataset folder --data-root films"),
        (("plan", "--data-root", "films"), "give both: --dataset folder --data-root films"),
        (("run", "--dataset", "films.csv"), "--dataset csv --data-root films.csv"),
        (("data", "info", "./films"), "give both: folder --data-root films"),
        (("run", "--data-root", "away"), "--dataset NAME --data-root away (no such file or folder"),
        (("run", "--dataset", "a/b"), "names: folder, csv, radiography)"),
        (("run", "films"), "--dataset NAME --data-root films"),
    ],
)
def test_a_path_without_the_name_of_its_dataset_is_answered_with_both(
    arguments: tuple[str, ...], says: str, films: Path
) -> None:
    refused(*arguments, cwd=films, says=says)


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("swin_b", "supervised/swin_b"),
        ("Swin-B", "supervised/swin_b"),
        ("unet", "segmentation/unet"),
        ("dinov2_base@linear", "ssl/dinov2_base@linear"),
    ],
)
def test_a_method_is_taken_by_its_name_alone_and_a_note_says_which(
    name: str, full: str, tmp_path: Path
) -> None:
    done = inside("plan", "--plugins", name, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 cell in" in done.stdout
    assert f"{full} (small" in done.stdout
    assert f"note: {name} is taken as {full}\n" in done.stderr


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("dinov2", "ssl/dinov2_base@full, ssl/dinov2_base@linear"),
        ("dinov2", "'ssl/dinov2_base@*' takes them all"),
        ("dinov2_base", "'ssl/dinov2_base@*' takes them all"),
        ("vit", "'*/vit_*' takes them all"),
        ("unet*", "may mean multitask/unet_multitask, multitask/unet_resnet50_aux, seg"),
        ("swin", "did you mean 'supervised/swin_b'"),
    ],
)
def test_a_name_of_several_methods_names_them_and_the_pattern_for_all(
    pattern: str, says: str, tmp_path: Path
) -> None:
    refused("plan", "--plugins", pattern, cwd=tmp_path, says=says)
    (tmp_path / "study.toml").write_text(f'plugins = "{pattern}"\n')
    refused("plan", "study.toml", cwd=tmp_path, says="study.toml, line 1 (plugins): pattern")
    with pytest.raises(package.HarnessError, match=r"takes them all|did you mean"):
        package.run(pattern)


def test_a_cell_is_found_by_the_name_of_its_method_alone(tmp_path: Path) -> None:
    make_cell(tmp_path / "results" / "study", "demo/net_b@full")
    make_cell(tmp_path / "results" / "study", "demo/net_c@full")
    make_cell(tmp_path / "results" / "study", "demo/net_c@half")
    for name in ("net_b@full", "net_b", "Net-B"):
        done = inside("show", name, cwd=tmp_path)
        assert "demo/net_b@full" in done.stdout, done.stderr
    done = inside("show", "net_c", cwd=tmp_path)
    assert done.returncode == 2
    assert "'net_c' may mean any of these cells" in done.stderr
