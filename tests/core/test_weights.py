"""Initial weights: found where the libraries keep them, checked, fetched, and named by content."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest

from harness import HarnessError, WeightsCard, WeightsFile
from harness.weights import WeightsMissing, digest, fetch, locate

CONTENT = b"weights " * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = "net.bin"


def make_card(source: str = "torchvision", **changes: Any) -> WeightsCard:
    values: dict[str, Any] = {
        "id": "net.v1",
        "source": source,
        "location": "group/net",
        "files": (WeightsFile(name=NAME, sha256=SHA256[:8]),),
        "pretraining_method": "supervised",
        "pretraining_data": "ImageNet-1k",
        "labels_used": True,
        "licence": "MIT",
        "mean": (0.5,),
        "std": (0.5,),
        "native_size": 224,
        "interpolation": "bilinear",
    }
    return WeightsCard(**{**values, **changes})


def put(path: Path, content: bytes = CONTENT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture(autouse=True)
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("CXR_HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")


def test_torchvision_weights_are_found_in_the_cache_of_torch(tmp_path: Path) -> None:
    path = put(tmp_path / "torch" / "hub" / "checkpoints" / NAME)
    assert locate(make_card(), "pretrained") == {NAME: path}


@pytest.mark.parametrize("source", ["timm", "smp", "transformers"])
def test_hub_weights_are_found_by_their_revision(tmp_path: Path, source: str) -> None:
    path = put(tmp_path / "hf" / "hub" / "models--group--net" / "snapshots" / "abc" / NAME)
    assert locate(make_card(source, revision="abc"), "pretrained") == {NAME: path}


def test_hub_weights_without_a_revision_are_those_of_main(tmp_path: Path) -> None:
    repository = tmp_path / "hf" / "hub" / "models--group--net"
    put(repository / "refs" / "main", b"def\n")
    put(repository / "snapshots" / "abc" / NAME, b"old")
    path = put(repository / "snapshots" / "def" / NAME)
    assert locate(make_card("timm"), "pretrained") == {NAME: path}


def test_the_cache_that_the_environment_names_now_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "elsewhere"))
    path = put(tmp_path / "elsewhere" / "models--group--net" / "snapshots" / "abc" / NAME)
    assert locate(make_card("smp", revision="abc"), "pretrained") == {NAME: path}


def test_a_link_into_the_store_of_the_hub_keeps_its_own_folder(tmp_path: Path) -> None:
    blob = put(tmp_path / "hf" / "hub" / "models--group--net" / "blobs" / "1")
    link = blob.parents[1] / "snapshots" / "abc" / NAME
    link.parent.mkdir(parents=True)
    link.symlink_to(blob)
    assert locate(make_card("transformers", revision="abc"), "pretrained") == {NAME: link}


def test_a_folder_holds_weights_under_the_id_of_the_card(tmp_path: Path) -> None:
    path = put(tmp_path / "mine" / "net.v1" / NAME)
    assert locate(make_card("timm"), tmp_path / "mine") == {NAME: path}


def test_missing_files_are_named_with_the_folder_and_the_remedy(tmp_path: Path) -> None:
    files = (WeightsFile(name=NAME), WeightsFile(name="b.json"), WeightsFile(name="c.json"))
    put(tmp_path / "mine" / "net.v1" / "b.json")
    card = make_card("timm", files=files)
    with pytest.raises(WeightsMissing) as caught:
        locate(card, tmp_path / "mine")
    message = str(caught.value)
    assert "net.bin, c.json" in message
    assert "b.json" not in message
    assert str(tmp_path / "mine" / "net.v1") in message
    assert "group/net" in message
    with pytest.raises(WeightsMissing, match=r"DIR/net\.v1.*--weights DIR"):
        locate(card, "pretrained")


@pytest.mark.parametrize(
    "expected", [{"sha256": "0" * 8}, {"sha256": SHA256[:-1] + "z"}, {"size": 1}]
)
def test_a_file_that_is_not_the_one_of_the_card_is_refused(
    tmp_path: Path, expected: dict[str, Any]
) -> None:
    put(tmp_path / "torch" / "hub" / "checkpoints" / NAME)
    card = make_card(files=(WeightsFile(name=NAME, **expected),))
    with pytest.raises(HarnessError, match=r"net\.bin.*net\.v1 expects") as caught:
        locate(card, "pretrained")
    assert not isinstance(caught.value, WeightsMissing)


def test_a_folder_may_hold_weights_of_ones_own(tmp_path: Path) -> None:
    path = put(tmp_path / "net.v1" / NAME, b"fine-tuned at home")
    assert locate(make_card(), tmp_path) == {NAME: path}


def test_a_digest_names_content_and_neither_place_nor_order(tmp_path: Path) -> None:
    a, b = put(tmp_path / "x" / "a", b"1"), put(tmp_path / "x" / "b", b"2")
    elsewhere = [put(tmp_path / "y" / "b", b"2"), put(tmp_path / "y" / "a", b"1")]
    swapped = [put(tmp_path / "z" / "a", b"2"), put(tmp_path / "z" / "b", b"1")]
    assert digest([a, b]) == digest(elsewhere)
    assert digest([a, b]) != digest(swapped)
    assert len(digest([a, b])) == 64


def test_an_unchanged_file_is_read_once(tmp_path: Path) -> None:
    path = put(tmp_path / "a", b"1")
    first, stat = digest([path]), path.stat()
    path.write_bytes(b"2")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert digest([path]) == first
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert digest([path]) != first


def test_a_damaged_memory_of_digests_is_made_again(tmp_path: Path) -> None:
    path = put(tmp_path / "a")
    first = digest([path])
    (memory,) = (tmp_path / "cache" / "weights").iterdir()
    memory.write_text("{")
    assert digest([path]) == first


@contextmanager
def server(content: bytes, announced: int | None = None, status: int = 200) -> Iterator[str]:
    """The address of a local web server that answers every request with ``content``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(announced or len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_HEAD(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/{NAME}"
        running.shutdown()


def checkpoints(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    return list(folder.iterdir()) if folder.is_dir() else []


def test_fetched_torchvision_weights_lie_where_torch_looks_for_them(tmp_path: Path) -> None:
    with server(CONTENT) as address:
        files = fetch(make_card(location=address))
    assert files == {NAME: tmp_path / "torch" / "hub" / "checkpoints" / NAME}
    assert files[NAME].read_bytes() == CONTENT
    assert fetch(make_card(location=address)) == files  # nobody listens there any more


def test_a_download_of_other_content_leaves_nothing_behind(tmp_path: Path) -> None:
    with server(b"<html>") as address, pytest.raises(HarnessError, match="SHA-256"):
        fetch(make_card(location=address))
    assert checkpoints(tmp_path) == []


def test_a_download_that_breaks_off_leaves_nothing_behind(tmp_path: Path) -> None:
    with server(b"half", announced=8) as address:
        card = make_card(location=address, files=(WeightsFile(name=NAME),))
        with pytest.raises(WeightsMissing, match="4 of 8 bytes"):
            fetch(card)
    assert checkpoints(tmp_path) == []


def test_a_server_without_the_file_or_no_server_at_all_is_told_with_the_remedy() -> None:
    with server(b"", status=404) as address, pytest.raises(WeightsMissing, match="404"):
        fetch(make_card(location=address))
    with pytest.raises(WeightsMissing, match=r"refused.*--weights DIR"):
        fetch(make_card(location=address))


def test_weights_of_no_library_are_not_fetched() -> None:
    with pytest.raises(WeightsMissing, match="--weights DIR"):
        fetch(make_card("file"))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[..., Any]], None]:
    """Replaces the hub's address and its download function."""

    def replace(address: str, download: Callable[..., Any]) -> None:
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
        monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)

    return replace


def test_fetched_hub_weights_lie_where_the_hub_looks_for_them(
    hub: Callable[[str, Callable[..., Any]], None],
) -> None:
    def download(repo: str, name: str, *, revision: str, cache_dir: Path) -> None:
        put(cache_dir / f"models--{repo.replace('/', '--')}" / "snapshots" / revision / name)

    with server(b"") as address:
        hub(address, download)
        files = fetch(make_card("timm", revision="abc"))
    assert files[NAME].read_bytes() == CONTENT


def test_a_hub_that_does_not_answer_is_given_up_at_once(
    hub: Callable[[str, Callable[..., Any]], None],
) -> None:
    with server(b"") as address:
        pass
    hub(address, lambda *_, **__: pytest.fail("the library would retry for half a minute"))
    with pytest.raises(WeightsMissing, match="refused"):
        fetch(make_card("timm", revision="abc"))


def test_a_hub_that_does_not_have_the_file_is_told_with_the_remedy(
    hub: Callable[[str, Callable[..., Any]], None],
) -> None:
    def download(*_: Any, **__: Any) -> None:
        raise huggingface_hub.errors.LocalEntryNotFoundError("no such file")

    with server(b"", status=404) as address:
        hub(address, download)
        with pytest.raises(WeightsMissing, match=r"no such file.*--weights DIR"):
            fetch(make_card("timm", revision="abc"))
