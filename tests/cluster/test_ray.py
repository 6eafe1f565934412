"""Cells as tasks of a Ray cluster of two nodes on this host."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from harness_clusters.ray_slots import has_token
from tests.cli_tools import environment, harness
from tests.cluster.tracked import (
    FEW,
    FOUR_KINDS,
    LONG,
    begin,
    epochs_of,
    predictions,
    resumed,
    statuses,
    until,
)

ray = pytest.importorskip("ray")

ON = ("--executor", "ray")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    before = dict(os.environ)
    os.environ |= {**environment(), "RAY_USAGE_STATS_ENABLED": "0"}
    started = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    yield started
    started.shutdown()
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def env(cluster: Any) -> dict[str, str]:
    return {"RAY_ADDRESS": cluster.address}


def test_predictions_equal_those_of_this_machine_byte_for_byte(
    tmp_path: Path, env: dict[str, str]
) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    here = harness("run", *FOUR_KINDS, cwd=tmp_path / "here")
    assert here.returncode == 0, here.stderr
    there = harness("run", *FOUR_KINDS, *ON, "--jobs", "16", cwd=tmp_path / "there", env=env)
    assert there.returncode == 0, there.stderr
    expected = predictions(tmp_path / "here")
    assert len(expected) == 10
    assert predictions(tmp_path / "there") == expected
    assert not list(tmp_path.glob("there/results/*/.seen-*"))


def test_cells_of_a_lost_node_are_submitted_again_and_go_on_from_their_checkpoints(
    tmp_path: Path, env: dict[str, str], cluster: Any
) -> None:
    second = cluster.add_node(num_cpus=1)
    run = begin(*LONG, *ON, cwd=tmp_path, env=env)
    until(
        lambda: len(e := epochs_of(tmp_path)) == 2 and all(len(one) > 1 for one in e.values()),
        "two epochs of both",
    )
    cluster.remove_node(second, allow_graceful=False)
    _, err = run.communicate(timeout=400)
    assert run.returncode == 0, err
    assert set(statuses(tmp_path).values()) == {("ok", "")}
    assert len(resumed(tmp_path)) == 1
    assert "submitted again, attempt 2: its Ray worker or node was lost" in err
    table = harness("report", "results", cwd=tmp_path)
    assert "submitted 2 times, as its machine was lost" in table.stdout


def test_with_no_retries_a_lost_node_costs_the_cell(
    tmp_path: Path, env: dict[str, str], cluster: Any
) -> None:
    second = cluster.add_node(num_cpus=1)
    run = begin(*LONG, *ON, "--retries", "0", cwd=tmp_path, env=env)
    until(
        lambda: len(e := epochs_of(tmp_path)) == 2 and all(one for one in e.values()),
        "an epoch of both",
    )
    cluster.remove_node(second, allow_graceful=False)
    _, err = run.communicate(timeout=400)
    assert run.returncode == 1, err
    found = sorted(statuses(tmp_path).values())
    assert found[1] == ("ok", "")
    assert found[0][0] == "failed"
    assert "its Ray worker or node was lost" in found[0][1]


def test_a_killed_command_takes_its_tasks_along_and_the_same_command_goes_on(
    tmp_path: Path, env: dict[str, str]
) -> None:
    run = begin(*LONG, *ON, cwd=tmp_path, env=env)
    until(lambda: any(len(one) > 1 for one in epochs_of(tmp_path).values()), "two epochs")
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    again = harness("run", *LONG, *ON, cwd=tmp_path, env=env)
    assert again.returncode == 0, again.stderr
    assert set(statuses(tmp_path).values()) == {("ok", "")}
    assert resumed(tmp_path)
    # No epoch was trained twice, but for the one whose checkpoint was still being written.
    for epochs in epochs_of(tmp_path).values():
        assert sorted(set(epochs)) == [1, 2, 3, 4, 5, 6]
        assert len(epochs) <= 7


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--executor-param", "address=127.0.0.1:1"), "no cluster answers at 127.0.0.1:1"),
        (("--executor-param", "num_gpus=1"), "no node has num_cpus=1 and num_gpus=1"),
        (("--executor-param", "num_cpus=0"), "give a number from 1"),
        (("--device", "cuda"), "add --executor-param num_gpus=1"),
        (("--detach",), "cells of executor 'ray' end with this command"),
    ],
)
def test_what_cannot_be_had_is_one_message(
    words: tuple[str, ...], says: str, tmp_path: Path, env: dict[str, str]
) -> None:
    done = harness("run", "--plugins", "baselines", *FEW, *ON, *words, cwd=tmp_path, env=env)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert done.stderr.count("harness: ") == 1
    assert "Traceback" not in done.stderr
    assert statuses(tmp_path) == {}


def test_an_address_of_something_else_is_said_at_once(tmp_path: Path, env: dict[str, str]) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        address = f"address=127.0.0.1:{other.server_port}"
        words = ("run", "--plugins", "baselines", *FEW, *ON, "--executor-param", address)
        done = harness(*words, cwd=tmp_path, env=env, timeout=60)
        other.shutdown()
    assert done.returncode == 2, done.stderr
    assert "speaks another protocol, as the dashboard's port does" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_run_that_is_terminated_ends_and_fails_no_cell(
    tmp_path: Path, env: dict[str, str]
) -> None:
    run = begin(*LONG, *ON, cwd=tmp_path, env=env)
    until(lambda: any(epochs_of(tmp_path).values()), "an epoch")
    run.terminate()
    run.communicate(timeout=60)
    assert run.returncode == -signal.SIGTERM
    assert statuses(tmp_path) == {}


def test_a_head_node_that_is_lost_ends_the_run_with_one_message(tmp_path: Path) -> None:
    from ray.cluster_utils import Cluster

    own = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        own.add_node(num_cpus=1)
        env = {"RAY_ADDRESS": own.address}
        run = begin(*LONG, "--epochs", "60", *ON, cwd=tmp_path, env=env)
        until(lambda: any(epochs_of(tmp_path).values()), "an epoch")
        own.remove_node(own.head_node, allow_graceful=False)
        _, err = run.communicate(timeout=120)
    finally:
        own.shutdown()
    assert run.returncode == 2, err
    assert f"the Ray cluster at {env['RAY_ADDRESS']} has not answered for 20 s" in err
    assert statuses(tmp_path) == {}


def test_without_ray_the_remedy_is_named(tmp_path: Path) -> None:
    (tmp_path / "ray-0.1.dist-info").mkdir()
    (tmp_path / "ray-0.1.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: ray\nVersion: 0.1\n"
    )
    words = ("run", "--plugins", "baselines", *FEW, *ON)
    done = harness(*words, cwd=tmp_path, plugins=tmp_path)
    assert done.returncode == 2
    assert "pip install 'cxr-harness[ray]'" in done.stderr


def test_a_node_that_does_not_see_the_study_says_so(tmp_path: Path) -> None:
    from harness_clusters.ray_worker import leave_token

    assert leave_token(str(tmp_path), "token")[1] == "there is no such study there"
    (tmp_path / "study.json").write_text("{}")
    assert leave_token(str(tmp_path), "token")[1] == ""
    assert (tmp_path / "token").exists()
    assert "cannot be written" in leave_token(str(tmp_path), "none/token")[1]


def test_a_token_is_looked_for_where_ray_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    assert not has_token()
    (tmp_path / "token").write_text("secret")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))
    assert has_token()
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH")
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("secret")
    assert has_token()
    (tmp_path / ".ray" / "auth_token").unlink()
    monkeypatch.setenv("RAY_AUTH_TOKEN", "secret")
    assert has_token()
