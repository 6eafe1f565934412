"""``harness weights``: a plugin with two cards, a server with their files, caches of one's own."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.cli_tools import TINY, harness, write_plugin

REVISION = "0123456789abcdef0123456789abcdef01234567"
FILES = {
    "/models/nut-1.pth": b"nut " * 1000,
    f"/group/bolt/resolve/{REVISION}/config.json": b"{}",
    f"/group/bolt/resolve/{REVISION}/model.safetensors": b"bolt " * 1000,
}
"""Path on the server -> content."""

NUT = FILES["/models/nut-1.pth"]
BOLT = FILES[f"/group/bolt/resolve/{REVISION}/model.safetensors"]

PLUGIN = """
import harness
HARNESS_API = 1

def card(id, source, location, files, **more):
    return harness.WeightsCard(
        id=id, source=source, location=location, files=files, pretraining_method="supervised",
        pretraining_data="screws", mean=(0.5,), std=(0.5,), native_size=64,
        interpolation="bilinear", **more)

NUT = card("nut.v1", "torchvision", {location!r}, licence="BSD-3-Clause", labels_used=True, files=(
    harness.WeightsFile(name="nut-1.pth", sha256={nut!r}, size=4000),))
BOLT = card("bolt.v1", "timm", "group/bolt", revision={revision!r}, licence="MIT",
    labels_used=False, files=(
    harness.WeightsFile(name="config.json"),
    harness.WeightsFile(name="model.safetensors", sha256={bolt!r}, size=5000)))

@harness.hookimpl
def harness_methods():
    for name, weights in [("nut@full", NUT), ("nut@linear", NUT), ("bolt", BOLT), ("washer", None)]:
        yield harness.MethodSpec(
            name=name, factory="harness_screws_models:build", task="classification",
            family="screws", summary="A network", weights=weights)
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


class _Answers(BaseHTTPRequestHandler):
    """A mirror of torchvision's files and of the hub's."""

    def do_HEAD(self) -> None:
        self._send()

    def do_GET(self) -> None:
        self.wfile.write(self._send())

    def _send(self) -> bytes:
        content = FILES.get(self.path, b"")
        self.send_response(200 if content else 404)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Repo-Commit", REVISION)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.end_headers()
        return content

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture
def run(server: str, tmp_path: Path) -> Run:
    """``harness ARGUMENTS``, with empty caches and the server instead of the internet."""
    code = PLUGIN.format(
        location=f"{server}/models/nut-1.pth",
        revision=REVISION,
        nut=hashlib.sha256(NUT).hexdigest()[:8],
        bolt=hashlib.sha256(BOLT).hexdigest(),
    )
    plugins = write_plugin(tmp_path / "site", "screws", code)
    caches = {
        "TORCH_HOME": str(tmp_path / "torch"),
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_CACHE": "",
        "CXR_HARNESS_CACHE": str(tmp_path / "cache"),
        "CXR_HARNESS_TORCH_MIRROR": "",
        "HF_ENDPOINT": server,
        "HF_HUB_OFFLINE": "0",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }

    def call(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        return harness(*arguments, cwd=tmp_path, plugins=plugins, env={**caches, **env})

    return call


def nut(tmp_path: Path) -> Path:
    return tmp_path / "torch" / "hub" / "checkpoints" / "nut-1.pth"


def bolt(tmp_path: Path) -> Path:
    snapshot = tmp_path / "hf" / "hub" / "models--group--bolt" / "snapshots" / REVISION
    return snapshot / "model.safetensors"


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def line(text: str, *begins: str) -> list[str]:
    """The cells of the one line of a table whose first cells are ``begins``."""
    rows = [
        [cell.strip() for cell in row.strip("| ").split("  ") if cell] for row in text.split("\n")
    ]
    (found,) = [row for row in rows if tuple(row[: len(begins)]) == begins]
    return found


def test_the_list_says_what_where_and_under_which_licence(run: Run, tmp_path: Path) -> None:
    put(nut(tmp_path), NUT)
    done = run("weights", "list", COLUMNS="400")
    assert done.returncode == 0, done.stderr
    assert line(done.stdout, "nut.v1", "torchvision") == [
        "nut.v1", "torchvision", "3.91 KiB", "BSD-3-Clause", "yes", "here",
        "screws/nut@full, screws/nut@linear",
    ]  # fmt: skip
    assert line(done.stdout, "bolt.v1", "timm") == [
        "bolt.v1", "timm", "over 4.88 KiB", "MIT", "no", "missing", "screws/bolt",
    ]  # fmt: skip
    sha256 = hashlib.sha256(BOLT).hexdigest()
    assert line(done.stdout, "bolt.v1", f"{sha256[:16]}…")[2:] == [str(bolt(tmp_path))]
    assert line(done.stdout, "bolt.v1", "unknown")[2:] == [
        str(bolt(tmp_path).parent / "config.json")
    ]
    assert "washer" not in done.stdout


def test_the_list_as_json_holds_everything(run: Run, tmp_path: Path) -> None:
    put(bolt(tmp_path), BOLT[1:])
    cards = {
        card["id"]: card for card in json.loads(run("weights", "list", "--format", "json").stdout)
    }
    card = cards["bolt.v1"]
    assert card["methods"] == ["screws/bolt"]
    assert (card["licence"], card["labels_used"], card["state"]) == ("MIT", False, "damaged")
    config, model = card["files"]
    assert config == {
        "name": "config.json",
        "sha256": None,
        "size": None,
        "path": str(bolt(tmp_path).parent / "config.json"),
        "state": "missing",
        "difference": "",
    }
    assert model["difference"] == "has 4999 bytes, the card says 5000"
    assert "vit_base_patch14_dinov2.lvd142m" in cards


def test_the_list_as_markdown_has_whole_digests(run: Run) -> None:
    done = run("weights", "list", "--format", "markdown")
    assert f"| {hashlib.sha256(BOLT).hexdigest()} |" in done.stdout
    assert not [row for row in done.stdout.splitlines() if row and not row.startswith("|")]


def test_listing_loads_no_torch_and_opens_no_connection(run: Run, tmp_path: Path) -> None:
    (tmp_path / "site" / "sitecustomize.py").write_text(
        "import atexit, sys\n"
        "def forbid(event, arguments):\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo'):\n"
        "        raise SystemExit(event)\n"
        "sys.addaudithook(forbid)\n"
        "atexit.register(lambda: print('torch:', 'torch' in sys.modules))\n"
    )
    done = run("weights", "list")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("torch: False\n")


def test_fetched_files_lie_in_the_caches_of_the_libraries(run: Run, tmp_path: Path) -> None:
    done = run("weights", "fetch", "screws")
    assert done.returncode == 0, done.stdout + done.stderr
    assert nut(tmp_path).read_bytes() == NUT
    assert bolt(tmp_path).read_bytes() == BOLT
    assert "ok      nut.v1 (BSD-3-Clause)" in done.stdout
    assert "ok      bolt.v1 (MIT)" in done.stdout
    assert "fetching weights nut.v1: nut-1.pth (3.91 KiB) from http" in done.stderr
    assert "nut-1.pth: 100 %, 3.91 KiB of 3.91 KiB" in done.stderr
    again = run("weights", "fetch", "screws", HF_ENDPOINT="http://127.0.0.1:1")
    assert again.returncode == 0
    assert again.stderr == ""


def test_a_card_is_fetched_by_its_id_or_a_glob_of_it(run: Run, tmp_path: Path) -> None:
    assert run("weights", "fetch", "nu?.v*").returncode == 0
    assert nut(tmp_path).exists()
    assert not bolt(tmp_path).exists()


def test_a_mirror_brings_torchvisions_files(run: Run, server: str, tmp_path: Path) -> None:
    mirror = f"{server}/models/"
    done = run("weights", "fetch", "nut.v1", CXR_HARNESS_TORCH_MIRROR=mirror)
    assert done.returncode == 0, done.stdout
    lost = run("weights", "fetch", "nut.v1", CXR_HARNESS_TORCH_MIRROR=f"{server}/elsewhere")
    assert lost.returncode == 0, "what is here is not fetched again"
    nut(tmp_path).unlink()
    lost = run("weights", "fetch", "nut.v1", CXR_HARNESS_TORCH_MIRROR=f"{server}/elsewhere")
    assert lost.returncode == 1
    assert f"not downloaded from {server}/elsewhere/nut-1.pth (HTTP Error 404" in lost.stdout


def test_what_cannot_be_fetched_is_told_and_the_rest_is_fetched(run: Run, tmp_path: Path) -> None:
    done = run("weights", "fetch", "screws", HF_ENDPOINT="http://127.0.0.1:1")
    assert done.returncode == 1
    assert nut(tmp_path).exists()
    (failed,) = [row for row in done.stdout.splitlines() if row.startswith("failed")]
    assert "bolt.v1" in failed
    assert "refused" in failed
    assert "HF_ENDPOINT" in failed
    assert "--weights DIR" in failed


def test_the_hub_is_not_asked_where_the_user_forbids_it(run: Run, tmp_path: Path) -> None:
    done = run("weights", "fetch", "bolt.v1", HF_HUB_OFFLINE="1")
    assert done.returncode == 1
    assert "HF_HUB_OFFLINE is set" in done.stdout
    assert not (tmp_path / "hf").exists()


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("nutt.v1", "did you mean 'nut.v1'"),
        ("screws/bolts", "did you mean 'screws/bolt'"),
        ("screws/washer", "start from no published weights"),
    ],
)
def test_an_unknown_pattern_is_answered_with_a_suggestion(
    run: Run, pattern: str, says: str
) -> None:
    done = run("weights", "fetch", pattern)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_verify_reads_what_is_here_and_accepts_what_is_missing(run: Run, tmp_path: Path) -> None:
    put(bolt(tmp_path), BOLT)
    put(bolt(tmp_path).parent / "config.json", b"{}")
    done = run("weights", "verify", "screws")
    assert done.returncode == 0, done.stdout
    sha256 = hashlib.sha256(BOLT).hexdigest()
    assert line(done.stdout, "bolt.v1", "model.safetensors")[2:] == ["ok", f"SHA-256 {sha256}"]
    assert line(done.stdout, "bolt.v1", "config.json")[2] == "unchecked"
    assert line(done.stdout, "nut.v1", "nut-1.pth")[2:] == [
        "missing",
        f"not in {nut(tmp_path).parent}",
    ]


def test_verify_finds_damage_that_neither_size_nor_time_shows(run: Run, tmp_path: Path) -> None:
    put(nut(tmp_path), NUT)
    assert run("weights", "verify", "nut.v1").returncode == 0
    before = nut(tmp_path).stat()
    nut(tmp_path).write_bytes(b"rot " * 1000)
    os.utime(nut(tmp_path), ns=(before.st_atime_ns, before.st_mtime_ns))
    done = run("weights", "verify")
    assert done.returncode == 1
    _, _, state, found = line(done.stdout, "nut.v1", "nut-1.pth")
    assert state == "damaged"
    assert hashlib.sha256(b"rot " * 1000).hexdigest()[:16] in found
    assert str(nut(tmp_path)) in found
    assert line(run("weights", "list").stdout, "nut.v1", "torchvision")[5] == "damaged"


def test_a_damaged_file_of_the_hub_is_replaced_once_it_is_deleted(run: Run, tmp_path: Path) -> None:
    assert run("weights", "fetch", "bolt.v1").returncode == 0
    link, blob = bolt(tmp_path), bolt(tmp_path).resolve()
    blob.write_bytes(BOLT[:-1])
    done = run("weights", "fetch", "bolt.v1")
    assert done.returncode == 1
    assert f"delete {link} and {blob}, then fetch it again" in done.stdout
    link.unlink()
    blob.unlink()
    assert run("weights", "fetch", "bolt.v1").returncode == 0
    assert bolt(tmp_path).read_bytes() == BOLT


def test_a_run_without_the_network_names_the_command_that_fetches(run: Run, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silence:
        nobody = f"http://127.0.0.1:{silence.getsockname()[1]}"
        done = run(
            "run", "--plugins", "screws/bolt", "--weights", "pretrained", *TINY,
            HF_ENDPOINT=nobody,
        )  # fmt: skip
    assert done.returncode == 3, done.stdout + done.stderr
    (status,) = (tmp_path / "results").rglob("screws--bolt/**/status.json")
    value = json.loads(status.read_text())
    assert value["status"] == "skipped"
    assert "'harness weights fetch bolt.v1' downloads them" in value["reason"]
    assert f"not downloaded from {nobody}" in done.stderr


def test_plan_names_the_command_and_asks_nobody(run: Run) -> None:
    done = run("plan", "--plugins", "screws/bolt", "--weights", "pretrained", *TINY)
    assert done.returncode == 0, done.stderr
    assert "'harness weights fetch bolt.v1'" in " ".join(done.stdout.split())
    assert "fetching" not in done.stderr
