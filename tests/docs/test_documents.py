"""What README and docs show: examples that run, tables that agree with the code, links that lead
somewhere."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path

import click
import numpy as np
import pytest
from PIL import Image

import harness as public
from harness.cli.main import VERBS, cli
from harness.planning.study_files.study_file import read_study_file
from harness.planning.study_files.study_keys import KEYS
from harness.protocol import METHOD_MAY_CHANGE, PRESETS, Protocol
from harness.training.clock import BUCKETS
from tests.cli_tools import ROOT, TINY, harness, write_plugin
from tests.markdown import blocks, links, named_files, tables

README = ROOT / "README.md"
TUTORIAL = ROOT / "docs" / "writing-a-plugin.md"
PROTOCOL = ROOT / "docs" / "protocol.md"
COMMAND_LINE = ROOT / "docs" / "command-line.md"
STUDY_FILES = ROOT / "docs" / "study-files.md"
DOCUMENTS = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")))
FIRST_PACKAGE = ("pyproject.toml", "my_plugin/__init__.py", "my_plugin/models.py")


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def install(site: Path, entry_points: Mapping[str, str]) -> Path:
    """The metadata of a distribution with these plugins, beside their modules."""
    lines = "".join(f"{name} = {module}\n" for name, module in entry_points.items())
    metadata = "Metadata-Version: 2.1\nName: shown\nVersion: 1.0\n"
    return write(
        site,
        {
            "shown-1.0.dist-info/METADATA": metadata,
            "shown-1.0.dist-info/entry_points.txt": f"[cxr_harness]\n{lines}",
        },
    )


def statuses(folder: Path) -> dict[str, str]:
    """Method id -> how its cell ended."""

    def read(path: Path) -> dict[str, str]:
        record: dict[str, str] = json.loads(path.read_text())
        return record

    found = folder.rglob("cells/*/*/*/status.json")
    return {read(p.with_name("cell.json"))["id"]: read(p)["status"] for p in found}


# The examples


def test_the_first_package_of_the_tutorial_installs_and_runs(tmp_path: Path) -> None:
    files = named_files(TUTORIAL)
    source = write(tmp_path / "source", {name: files[name] for name in FIRST_PACKAGE})
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-build-isolation", "--no-deps", "--no-index", "--target", str(site)]
    built = subprocess.run([*pip, *offline, str(source)], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    done = harness("run", "--plugins", "my_plugin", *TINY, cwd=tmp_path, plugins=site)
    assert done.returncode == 0, done.stdout + done.stderr
    assert statuses(tmp_path / "results") == {"my_plugin/my_net": "ok"}
    assert " ●  my_plugin/my_net " in done.stdout
    table = harness("report", "results", cwd=tmp_path, plugins=site).stdout
    assert re.search(r"^my_plugin/my_net .* ok ", table, re.MULTILINE)


@pytest.mark.parametrize("page", [README, TUTORIAL])
def test_the_whole_plugin_of_a_page_has_less_than_15_lines_and_runs(
    tmp_path: Path, page: Path
) -> None:
    code = named_files(page)["my_net.py"]
    lines = [line for line in code.splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) < 15
    write(tmp_path, {"my_net.py": code})
    command = "harness run --plugin my_net.py --plugins my_net,baselines"
    assert command in page.read_text()
    done = harness(*command.split()[1:], *TINY, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert statuses(tmp_path / "results")["my_net/net"] == "ok"


def make_folders(root: Path) -> None:
    """60 noise images of 30 patients, the opaque ones brighter."""
    random = np.random.default_rng(0)
    for number in range(60):
        name, level = (("clear", 0), ("opaque", 90))[number // 2 % 2]
        (root / name).mkdir(parents=True, exist_ok=True)
        pixels = (random.integers(0, 120, (40, 40)) + level).astype(np.uint8)
        Image.fromarray(pixels).save(root / name / f"p{number // 2:02}_{number % 2}.png")


def make_encoder(folder: Path) -> None:
    """A checkpoint of the small encoder, with a classifier as the published one has."""
    import torch
    from torchvision.models.resnet import BasicBlock, ResNet

    folder.mkdir(parents=True)
    torch.save(ResNet(BasicBlock, [1, 1, 1, 1]).state_dict(), folder / "resnet18-f37072fd.pth")


def test_the_other_packages_of_the_tutorial_run_together(tmp_path: Path) -> None:
    files = {n: text for n, text in named_files(TUTORIAL).items() if n not in FIRST_PACKAGE}
    light = [name for name, text in files.items() if "\nHARNESS_API = " in text]
    modules = [name.removesuffix(".py").removesuffix("/__init__") for name in light]
    site = install(write(tmp_path / "site", files), dict(zip(modules, modules, strict=True)))
    write_plugin(
        site,
        "screening",
        """
        import harness

        HARNESS_API = 1

        @harness.hookimpl
        def harness_methods():
            yield harness.MethodSpec(
                name="net", factory="harness_screening_models:Net", task="screening",
                family="supervised", summary="A linear layer",
            )
        """,
        """
        import harness
        from torch import nn

        class Net(harness.TorchMethod):
            def build(self):
                features = 3 * self.problem.image_size**2
                return nn.Sequential(nn.Flatten(), nn.Linear(features, len(self.problem.classes)))

            def forward(self, module, images):
                return {"label": module(images)}
        """,
    )
    make_folders(tmp_path / "data")
    make_encoder(tmp_path / "weights" / "resnet18.imagenet1k_v1")
    done = harness(
        "run", "--plugins", "my_encoder,my_rule,screening,my_family/64-32", "--dataset", "folders",
        "--data-root", "data", "--weights", "weights", "--executor", "spawn", "--log", "notes",
        *TINY,
        cwd=tmp_path, plugins=site,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    methods = (
        "my_encoder/resnet18@lpft",
        "my_encoder/resnet18@probe",
        "my_family/64-32@full",
        "my_rule/histogram",
        "screening/net",
    )
    assert statuses(tmp_path / "results") == dict.fromkeys(methods, "ok")
    notes = [file.read_text().split() for file in tmp_path.rglob("loggers/notes/*.txt")]
    assert sorted(note[:2] for note in notes) == [[method, "ok"] for method in methods]
    table = harness("report", "results", cwd=tmp_path, plugins=site).stdout
    assert "Ranked by worst recall" in table
    (probe,) = tmp_path.rglob("my_encoder--resnet18@probe/*/*/cell.json")
    assert json.loads(probe.read_text())["weights"]["kind"] == "directory"


@pytest.mark.parametrize("name", ["my_plugin", "my_encoder", "my_rule", "my_task", "my_log"])
def test_the_plugins_of_the_tutorial_keep_the_contract(name: str, tmp_path: Path) -> None:
    files = named_files(TUTORIAL)
    site = install(write(tmp_path / "site", files), {name: name})
    done = harness("check", name, cwd=tmp_path, plugins=site)
    assert done.returncode == 0, done.stdout + done.stderr


PYTHON = [
    pytest.param(block.text, id=f"{document.stem}-{block.file or number}")
    for document in DOCUMENTS
    for number, block in enumerate(blocks(document))
    if block.language == "python"
]


@pytest.mark.parametrize("code", PYTHON)
def test_python_examples_compile_and_use_public_names(code: str) -> None:
    tree = ast.parse(code)
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "harness"
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "harness":
            used |= {alias.name for alias in node.names}
    assert used <= set(public.__all__)


# The protocol


def value(text: str) -> object:
    """As ``--set`` reads it."""
    try:
        return json.loads({"none": "null"}.get(text, text))
    except json.JSONDecodeError:
        return text


def test_the_protocol_table_holds_every_field_and_every_preset() -> None:
    (table,) = [rows for rows in tables(PROTOCOL.read_text()) if "field" in rows[0]]
    assert [row["field"] for row in table] == [field.name for field in fields(Protocol)]
    for column, preset in PRESETS.items():
        shown = {row["field"]: value(row[f"`{column}`"]) for row in table}
        assert shown == {field.name: getattr(preset, field.name) for field in fields(Protocol)}


def test_the_protocol_table_says_what_a_method_may_change() -> None:
    (table,) = [rows for rows in tables(PROTOCOL.read_text()) if "field" in rows[0]]
    said = {row["field"] for row in table if row["a method may change it"] == "yes"}
    assert said == METHOD_MAY_CHANGE


def test_every_bucket_of_the_clock_is_explained() -> None:
    (table,) = [rows for rows in tables(PROTOCOL.read_text()) if "bucket" in rows[0]]
    assert tuple(row["bucket"] for row in table) == BUCKETS


# Links and commands


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_relative_link_leads_to_a_file(document: Path) -> None:
    missing = [target for target in links(document) if not (document.parent / target).exists()]
    assert missing == []


def commands(text: str) -> Iterator[list[str]]:
    """Words behind ``harness`` of every command line in a block."""
    for line in text.replace("\\\n", " ").splitlines():
        if re.match(r"(\$ )?harness ", line):
            yield shlex.split(line.removeprefix("$ "), comments=True)[1:]


def shown_commands() -> list[tuple[str, list[str]]]:
    return [
        (document.name, words)
        for document in DOCUMENTS
        for block in blocks(document)
        if block.language in ("", "bash", "sh", "console")
        for words in commands(block.text)
    ]


def unknown(words: Iterable[str], command: click.Command) -> list[str]:
    options = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    asked = [word.partition("=")[0] for word in words if word.startswith("-")]
    return [word for word in asked if word not in options]


def test_commands_are_shown_at_all() -> None:
    assert {name for name, _ in shown_commands()} >= {README.name, TUTORIAL.name, PROTOCOL.name}


@pytest.mark.parametrize(
    ("document", "words"), [pytest.param(*c, id=shlex.join(c[1])) for c in shown_commands()]
)
def test_every_shown_command_has_its_verb_and_its_options(document: str, words: list[str]) -> None:
    # Behind a double dash stand options that the verb hands on to ``harness run``.
    cut = words.index("--") if "--" in words else len(words)
    for verb, *rest in (words[:cut], ["run", *words[cut + 1 :]]):
        command = cli.get_command(click.Context(cli), verb)
        assert command is not None, f"{document}: no verb {verb!r}"
        while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
            inner, *rest = rest
            command = command.commands.get(inner)
            assert command is not None, f"{document}: {verb} has no verb {inner!r}"
        assert unknown(rest, command) == [], document


# The command line and study files


def test_every_verb_has_its_line_on_the_page_of_the_command_line() -> None:
    (table,) = [rows for rows in tables(COMMAND_LINE.read_text()) if "verb" in rows[0]]
    assert {row["verb"] for row in table} == set(VERBS)


def test_the_study_files_shown_have_known_keys(tmp_path: Path) -> None:
    shown = [text for name, text in named_files(STUDY_FILES).items() if name.endswith(".toml")]
    assert shown
    for text in shown:
        (tmp_path / "study.toml").write_text(text)
        assert read_study_file(tmp_path / "study.toml", KEYS).values


def test_the_page_of_study_files_names_every_key() -> None:
    text = STUDY_FILES.read_text()
    assert [name for name in KEYS if f"`{name}`" not in text and f"[{name}]" not in text] == []
