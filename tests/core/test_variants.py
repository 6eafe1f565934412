"""``--prompts FILE``: a method from a user's own sentences, and every file that will not do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from harness import parse_prompts
from harness.discovery.registry import MethodEntry, Plugins, discover
from harness.planning.plan import plan
from harness.planning.prompt_variants import with_prompts
from harness.protocol import PAPER
from harness.specs import MethodSpec
from harness.study import Request
from tests.builders import CLASSES
from tests.checkpoints import make_clip
from tests.cli_tools import harness

GOOD = "# sentences\n\n" + "".join(f"{label}: an X-ray, {label}\n" for label in CLASSES)


@pytest.fixture(scope="module")
def installed() -> Plugins:
    return discover()


def entry(name: str, **changes: Any) -> MethodEntry:
    spec = MethodSpec(
        **{
            "name": name,
            "factory": "demo.models:build",
            "task": "classification",
            "summary": "A demonstration",
            "family": "zero-shot",
            "params": {"prompts": [name], "size": 3},
            "prompts_param": "prompts",
            **changes,
        }
    )
    return MethodEntry(
        id=f"demo/{name}", plugin="demo", dist="demo", version="1", spec=spec, editable_root=None
    )


def offering(installed: Plugins, *entries: MethodEntry) -> Plugins:
    return replace(installed, methods=MappingProxyType({e.id: e for e in entries}))


def write(folder: Path, content: str | bytes = GOOD, name: str = "mine.txt") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def added(before: Plugins, after: Plugins) -> Mapping[str, MethodSpec]:
    return {i: e.spec for i, e in after.methods.items() if i not in before.methods}


def test_every_base_that_takes_prompts_gets_one_method_with_the_text(
    installed: Plugins, tmp_path: Path
) -> None:
    plugins = offering(
        installed,
        entry("large@a", params={"prompts": ["a"], "size": 9}),
        entry("large@b", params={"prompts": ["b"], "size": 9}),
        entry("small"),
        entry("trained@a", prompts_param=""),
    )
    after = with_prompts(plugins, write(tmp_path))
    new = added(plugins, after)
    assert set(new) == {"demo/large@mine", "demo/small@mine"}
    assert dict(new["demo/large@mine"].params) == {"prompts": GOOD, "size": 9}
    assert dict(new["demo/small@mine"].params) == {"prompts": GOOD, "size": 3}
    assert all("mine.txt" in spec.summary for spec in new.values())
    assert list(after.methods) == sorted(after.methods)
    assert {i: after.methods[i] for i in plugins.methods} == dict(plugins.methods)


def test_the_new_method_is_like_the_others_but_for_the_files_of_their_prompts(
    installed: Plugins, tmp_path: Path
) -> None:
    plugins = offering(
        installed,
        entry("net@a", files=("demo:a.txt", "demo:words.json")),
        entry("net@b", files=("demo:words.json", "demo:b.txt")),
    )
    new = added(plugins, with_prompts(plugins, write(tmp_path)))["demo/net@mine"]
    old = plugins.methods["demo/net@a"].spec
    assert new.files == ("demo:words.json",)
    same = {"name", "params", "summary", "files"}
    for field in MethodSpec.__dataclass_fields__.keys() - same:
        assert getattr(new, field) == getattr(old, field)


def test_a_mark_of_the_editor_is_no_part_of_the_text(installed: Plugins, tmp_path: Path) -> None:
    file = write(tmp_path, GOOD.encode("utf-8-sig"))
    (spec,) = added(installed, with_prompts(installed, file)).values()
    assert spec.params["prompts"] == GOOD


def hashes(installed: Plugins, file: Path) -> set[str]:
    plugins = with_prompts(installed, file)
    request = Request(methods=(f"*@{file.stem}",), protocol=PAPER, weights="random")
    return {cell.record["hash"] for cell in plan(request, plugins).cells}


def test_the_content_names_the_cell_and_the_place_of_the_file_does_not(
    installed: Plugins, tmp_path: Path
) -> None:
    first = hashes(installed, write(tmp_path / "here"))
    assert len(first) == 1
    assert hashes(installed, write(tmp_path / "there")) == first
    assert hashes(installed, write(tmp_path / "here", GOOD + "COVID: another\n")) != first


def test_all_means_the_new_method_too(tmp_path: Path) -> None:
    make_clip(tmp_path / "weights" / "clip-vit-large-patch14")
    write(tmp_path)
    done = harness(
        "plan", "--plugins", "clip", "--weights", "weights", "--prompts", "mine.txt", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    methods = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("clip/")}
    known = {i for i in discover().methods if i.startswith("clip/")}
    assert methods == {*known, "clip/vit_l14@mine"}
    assert not (tmp_path / "results").exists()


def refused(cwd: Path, file: str, says: Iterable[str], plugins: str = "clip") -> None:
    """Both verbs refuse the file with one message and leave nothing behind."""
    for verb in ("run", "plan"):
        done = harness(verb, "--plugins", plugins, "--prompts", file, cwd=cwd)
        assert done.returncode == 2, done.stdout + done.stderr
        assert done.stdout == ""
        (message,) = done.stderr.splitlines()
        assert message.startswith("harness: ")
        for words in (file, *says):
            assert words in message
        assert not (cwd / "results").exists()


def without(label: str) -> str:
    return "".join(line for line in GOOD.splitlines(True) if not line.startswith(label))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param("", ["is empty"], id="empty"),
        pytest.param("# nothing\n\n", ["has no prompts"], id="comments only"),
        pytest.param(b"\xff\xfeC\x00O\x00", ["UTF-8"], id="UTF-16"),
        pytest.param("COVID: x\n" * 120_000, ["1,080,000 bytes", "1,000,000"], id="large"),
        pytest.param(GOOD + "clear lungs\n", ["line 7", "'clear lungs'"], id="no colon"),
        pytest.param(GOOD + "Normal:\n", ["line 7", "class: sentence"], id="no sentence"),
        pytest.param(GOOD + ": white\n", ["line 7", "class: sentence"], id="no class"),
        pytest.param(
            GOOD + "Lung Opacity: x\n",
            ["line 7", "did you mean 'Lung_Opacity'?", ", ".join(CLASSES)],
            id="unknown class",
        ),
        pytest.param(GOOD + "covid: x\n", ["did you mean 'COVID'?"], id="lower case"),
        pytest.param(without("Normal"), ["no sentence for 'Normal'"], id="missing class"),
    ],
)
def test_a_file_with_bad_content_is_refused(
    content: str | bytes, says: list[str], tmp_path: Path
) -> None:
    write(tmp_path, content)
    refused(tmp_path, "mine.txt", says)


@pytest.mark.parametrize(
    "name", ["Mine.txt", "my prompts.txt", "a@b.txt", ".txt", f"{'long' * 10}.txt"]
)
def test_a_file_whose_name_cannot_name_a_method_is_refused(name: str, tmp_path: Path) -> None:
    write(tmp_path, name=name)
    refused(tmp_path, name, ["rename the file"])


def test_a_file_named_like_a_set_of_the_plugin_is_refused(tmp_path: Path) -> None:
    write(tmp_path, name="findings.txt")
    refused(tmp_path, "findings.txt", ["clip/vit_l14@findings exists already", "rename"])


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, "none.txt", ["no such file"])


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    refused(tmp_path, "folder", ["no such file"])


def test_a_file_that_no_selected_method_uses_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    for plugins in ("baselines", "clip/vit_l14@findings"):
        refused(tmp_path, "mine.txt", ["no selected method", "*@mine"], plugins)


def test_a_file_is_refused_where_no_method_takes_prompts(tmp_path: Path) -> None:
    write(tmp_path)
    done = harness(
        "plan", "--plugins", "baselines", "--prompts", "mine.txt",
        cwd=tmp_path, env={"CXR_HARNESS_DISABLE": "clip"},
    )  # fmt: skip
    assert done.returncode == 2
    assert "no installed method takes prompts" in done.stderr


def test_sentences_come_in_the_order_of_the_classes_and_of_the_file() -> None:
    text = "# first\r\n\r\nb: two: parts\r\na:  one \r\n  # more\r\nb: three\r\n"
    assert parse_prompts(text, "x") == {"b": ("two: parts", "three"), "a": ("one",)}
    assert list(parse_prompts(text, "x", ("a", "b"))) == ["a", "b"]
