"""Initial weights: found where the libraries keep them, checked, fetched, and named by content."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from harness import HarnessError, WeightsCard, WeightsFile
from harness.weights.content import digest
from harness.weights.locate import WeightsMissing, locate
from harness.weights.transfer.fetching import fetch, fetch_all, fetch_missing
from harness.weights.transfer.servers import unreachable

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
    for name in ("HF_HUB_CACHE", "XDG_CACHE_HOME", "CXR_HARNESS_TORCH_MIRROR"):
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


def test_what_is_missing_in_a_cache_comes_with_the_command_that_fetches_it() -> None:
    with pytest.raises(WeightsMissing, match=r"'harness weights fetch net\.v1'"):
        locate(make_card("timm"), "pretrained")
    with pytest.raises(WeightsMissing) as caught:
        locate(make_card("file"), "pretrained")
    assert "harness weights fetch" not in str(caught.value)


@pytest.mark.parametrize(
    "expected", [{"sha256": "0" * 8}, {"sha256": SHA256[:-1] + "z"}, {"size": 1}]
)
def test_a_file_that_is_not_the_one_of_the_card_is_refused(
    tmp_path: Path, expected: dict[str, Any]
) -> None:
    put(tmp_path / "torch" / "hub" / "checkpoints" / NAME)
    card = make_card(files=(WeightsFile(name=NAME, **expected),))
    with pytest.raises(HarnessError, match=r"net\.bin.*net\.v1: has .* the card says") as caught:
        locate(card, "pretrained")
    assert not isinstance(caught.value, WeightsMissing)


def test_a_damaged_file_of_the_hub_is_named_with_the_content_that_it_links_to(
    tmp_path: Path,
) -> None:
    blob = put(tmp_path / "hf" / "hub" / "models--group--net" / "blobs" / "1", b"damaged")
    link = blob.parents[1] / "snapshots" / "abc" / NAME
    link.parent.mkdir(parents=True)
    link.symlink_to(blob)
    with pytest.raises(HarnessError) as caught:
        locate(make_card("timm", revision="abc"), "pretrained")
    assert f"delete {link} and {blob}" in str(caught.value)


def test_a_folder_may_hold_weights_of_ones_own(tmp_path: Path) -> None:
    path = put(tmp_path / "net.v1" / NAME, b"fine-tuned at home")
    assert locate(make_card(), tmp_path) == {NAME: path}


@pytest.mark.parametrize("name", ["beit.safetensors", "beit.pth", "beit.pt", "beit.bin"])
def test_the_only_checkpoint_of_a_folder_stands_for_the_only_file(
    tmp_path: Path, name: str
) -> None:
    path = put(tmp_path / "net.v1" / name)
    put(tmp_path / "net.v1" / "README.md")
    put(tmp_path / "net.v1" / ".beit.pth")
    assert locate(make_card(), tmp_path) == {NAME: path}


def test_two_checkpoints_are_not_guessed_between(tmp_path: Path) -> None:
    put(tmp_path / "net.v1" / "a.pth")
    put(tmp_path / "net.v1" / "b.safetensors")
    with pytest.raises(HarnessError, match=r"a\.pth, b\.safetensors.*name it net\.bin") as caught:
        locate(make_card(), tmp_path)
    assert not isinstance(caught.value, WeightsMissing)


def test_the_name_on_the_card_comes_before_any_other(tmp_path: Path) -> None:
    path = put(tmp_path / "net.v1" / NAME)
    put(tmp_path / "net.v1" / "a.pth")
    assert locate(make_card(), tmp_path) == {NAME: path}


def test_an_empty_folder_is_told_what_it_may_hold(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing, match=r"net\.bin not found .* nor any other checkpoint"):
        locate(make_card(), tmp_path)


def test_another_name_never_stands_for_one_of_several_files(tmp_path: Path) -> None:
    card = make_card(files=(WeightsFile(name=NAME), WeightsFile(name="b.json")))
    put(tmp_path / "net.v1" / "a.pth")
    with pytest.raises(WeightsMissing, match=r"net\.bin, b\.json not found") as caught:
        locate(card, tmp_path)
    assert "any other checkpoint" not in str(caught.value)


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
def server(
    content: bytes,
    announced: int | None = None,
    status: int = 200,
    heard: list[str] | None = None,
) -> Iterator[str]:
    """The address of a local web server that answers every request with ``content``, and notes in
    ``heard`` what was asked."""
    heard = [] if heard is None else heard

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(f"GET {self.path}")
            self.send_response(status)
            self.send_header("Content-Length", str(announced or len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_HEAD(self) -> None:
            heard.append(f"HEAD {self.path}")
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
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        monkeypatch.setattr("huggingface_hub.hf_hub_download", download)

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
        raise LocalEntryNotFoundError("no such file")

    with server(b"", status=404) as address:
        hub(address, download)
        with pytest.raises(WeightsMissing, match=r"no such file.*--weights DIR"):
            fetch(make_card("timm", revision="abc"))


def test_without_the_network_by_wish_the_hub_is_not_asked() -> None:
    with pytest.raises(WeightsMissing, match="HF_HUB_OFFLINE is set"):
        fetch(make_card("timm", revision="abc"))


def test_a_mirror_is_asked_in_place_of_the_address_on_the_card(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[str] = []
    with server(CONTENT, heard=heard) as address:
        monkeypatch.setenv("CXR_HARNESS_TORCH_MIRROR", address.replace(NAME, "torch/"))
        fetch(make_card(location="http://127.0.0.1:1/models/other.bin"))
    assert heard == ["HEAD /", f"GET /torch/{NAME}"]


def test_a_server_is_asked_once_and_only_for_what_is_missing(tmp_path: Path) -> None:
    put(tmp_path / "torch" / "hub" / "checkpoints" / "here.bin")
    names = ("here.bin", "a.bin", "b.bin")
    heard: list[str] = []
    with server(CONTENT, heard=heard) as address:
        cards = [
            make_card(id=name, location=address, files=(WeightsFile(name=name),)) for name in names
        ]
        outcomes = list(fetch_all(cards, limit=10))
    assert outcomes == [(card, None) for card in cards]
    assert heard == ["HEAD /", f"GET /{NAME}", f"GET /{NAME}"]


def test_one_card_that_cannot_be_had_does_not_keep_the_others_away() -> None:
    with server(CONTENT) as address:
        lost = make_card(id="lost", location="http://127.0.0.1:1/lost")
        outcomes = dict(fetch_all([lost, make_card(location=address)], limit=10))
    assert isinstance(outcomes[lost], WeightsMissing)
    assert outcomes[make_card(location=address)] is None


@pytest.fixture
def silence() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_a_server_that_never_answers_is_given_up_at_the_limit(silence: str) -> None:
    assert unreachable([silence], 0.1) == {silence: "no answer within 0.1 s"}


def test_any_answer_counts() -> None:
    with server(b"", status=404) as address:
        assert unreachable([address], 60) == {}


def test_a_question_that_hangs_is_given_up_at_the_limit() -> None:
    """As the look-up of a name may, which no time limit of a connection covers."""
    hanging, limits = threading.Event(), []

    def ask(address: str, limit: float) -> None:
        limits.append(limit)
        if address != "quick":
            hanging.wait()

    found = unreachable(["a", "quick", "b"], 0.5, ask)
    hanging.set()
    assert found == dict.fromkeys(("a", "b"), "no answer within 0.5 s")
    assert limits == [0.5] * 3


def test_servers_are_asked_at_the_same_time() -> None:
    together = threading.Barrier(3)
    assert unreachable("abc", 60, lambda address, limit: together.wait(60) and None) == {}


def test_a_redirection_is_an_answer_and_is_not_followed(silence: str) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(302)
            self.send_header("Location", silence)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        assert unreachable([f"http://127.0.0.1:{running.server_port}"], 60) == {}
        running.shutdown()


def test_an_address_that_is_none_is_told() -> None:
    (why,) = unreachable(["mirror.example"], 60).values()
    assert "unknown url type" in why


class Shown:
    """Keeps what a download tells."""

    def __init__(self) -> None:
        self.cards: list[str] = []
        self.bytes: dict[tuple[str, int | None], int] = {}

    def started(self, card: WeightsCard, names: Sequence[str]) -> None:
        self.cards.append(f"{card.id}: {', '.join(names)}")

    @contextmanager
    def transfer(self, name: str, total: int | None) -> Iterator[Callable[[int], object]]:
        counts: list[int] = []
        yield counts.append
        self.bytes[name, total] = sum(counts)


def test_a_download_tells_how_far_it_is() -> None:
    shown = Shown()
    with server(CONTENT) as address:
        fetch(make_card(location=address), shown)
    assert shown.cards == [f"net.v1: {NAME}"]
    assert shown.bytes == {(NAME, len(CONTENT)): len(CONTENT)}


def test_a_run_waits_a_second_for_a_server_and_says_what_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[list[str], float]] = []

    def nobody(addresses: Iterable[str], limit: float) -> dict[str, str]:
        asked.append((sorted(addresses), limit))
        return dict.fromkeys(asked[-1][0], "nobody there")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "https://hub.example")
    monkeypatch.setattr("harness.weights.transfer.fetching.unreachable", nobody)
    cards = [make_card(location="https://torch.example/a/b.bin"), make_card("timm", id="net.v2")]
    said: list[str] = []
    assert not fetch_missing(cards, Shown(), said.append)
    assert asked == [(["https://hub.example", "https://torch.example/"], 1.0)]
    assert [line.partition(" (")[0] for line in said] == [
        "note: weights net.v1: not downloaded from https://torch.example/",
        "note: weights net.v2: not downloaded from https://hub.example",
    ]


def test_a_run_without_the_network_by_wish_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("harness.weights.transfer.fetching.unreachable", pytest.fail)
    said: list[str] = []
    assert not fetch_missing([make_card()], Shown(), said.append)
    assert len(said) == 1
    assert "HF_HUB_OFFLINE" in said[0]


def test_a_run_fetches_what_it_can_and_refuses_other_content(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with server(CONTENT) as address:
        assert fetch_missing([make_card(location=address)], Shown(), pytest.fail)
    with server(b"<html>") as address, pytest.raises(HarnessError, match="SHA-256"):
        card = make_card(location=address, files=(WeightsFile(name="b", sha256="0" * 8),))
        fetch_missing([card], Shown(), pytest.fail)
