"""What a run says of a cache that is not what was written."""

from __future__ import annotations

from pathlib import Path

from tests.cli_tools import TINY, harness

ARGUMENTS = ("run", "--plugins", "baselines/pixels", *TINY, "--rerun")


def test_a_run_tells_what_it_rebuilt_and_gets_the_same_figures(tmp_path: Path) -> None:
    env = {"CXR_HARNESS_CACHE": str(tmp_path / "cache")}
    first = harness(*ARGUMENTS, cwd=tmp_path, env=env)
    assert first.returncode == 0, first.stderr
    assert "rebuilt" not in first.stderr
    (predictions,) = tmp_path.rglob("predictions-test.npz")
    expected = predictions.read_bytes()

    (images,) = (tmp_path / "cache" / "prepared").rglob("images.npy")
    content = bytearray(images.read_bytes())
    content[-1] ^= 1
    images.write_bytes(content)
    again = harness(*ARGUMENTS, cwd=tmp_path, env=env)
    assert again.returncode == 0, again.stderr
    assert "note: the prepared images in" in again.stderr
    assert "were damaged (images.npy has changed since it was written): rebuilt" in again.stderr
    assert predictions.read_bytes() == expected


def test_a_cell_that_runs_alone_is_not_marked_as_timed_beside_another(tmp_path: Path) -> None:
    done = harness(*ARGUMENTS, "--jobs", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "another cell was running" not in done.stdout
