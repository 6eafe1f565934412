"""Writes ``docs/reference.md`` from the docstrings of the code: ``python docs/reference.py``."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import harness
from harness import hookspecs, testing

PAGE = Path(__file__).with_name("reference.md")
HEAD = """# Reference

Every hook, and every name that `import harness` offers to plugins and programs, in the words of the
code, which `python docs/reference.py` has collected. How to use them:
[writing-a-plugin.md](writing-a-plugin.md) and [python.md](python.md).
"""
GROUPS = (
    ("What a plugin says of itself", ("harness.specs", "harness.hookspecs")),
    ("Methods", ("harness.training",)),
    ("Datasets", ("harness.data", "harness.storage")),
    ("Executors", ("harness.execution", "harness.machine", "harness.cell")),
    ("Results, and runs from Python", ("harness.results", "harness.study", "harness.api")),
    ("Errors", ("harness.errors",)),
    ("Checks", ("harness.testing",)),
    ("The harness itself", ("harness",)),
)
"""Heading -> the modules, or rooms, whose public names stand under it."""


def page() -> str:
    """The text of the page."""
    parts = [HEAD, "## Hooks\n", _paragraphs(_later(hookspecs.__doc__ or ""))]
    parts += [_function(node, "###") for node in _hooks()]
    left = [(name, _module_of(name)) for name in harness.__all__ if name != "testing"]
    left += [(name, _module_of(name, testing)) for name in testing.__all__]
    for heading, rooms in GROUPS:
        own = [pair for pair in left if _within(pair[1], rooms)]
        left = [pair for pair in left if pair not in own]
        parts.append(f"## {heading}\n")
        parts += [_entry(name, module) for name, module in own]
    assert not left, f"{left} stand under no heading"
    text = "\n".join(part.rstrip() + "\n" for part in parts)
    return re.sub(r"\n{3,}", "\n\n", text)


def _later(text: str) -> str:
    """What stands behind the example of a docstring."""
    return text[text.index("\nRegistration hooks") :].strip()


def _within(module: str, rooms: tuple[str, ...]) -> bool:
    return any(
        module == room or (room != "harness" and module.startswith(f"{room}.")) for room in rooms
    )


def _module_of(name: str, face: object = harness) -> str:
    """The module whose source defines a public name."""
    found = getattr(face, name)
    if face is harness and name in harness._LAZY and not inspect.isroutine(found):
        return harness._LAZY[name]
    module = getattr(found, "__module__", None)
    if isinstance(module, str) and module.startswith("harness") and inspect.getmodule(found):
        return module
    defining = ("harness.specs", "harness.hookspecs", face.__name__)  # type: ignore[attr-defined]
    return next(module for module in defining if _node(name, module) is not None)


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(importlib.import_module(module)))


def _node(name: str, module: str) -> ast.stmt | None:
    for node in _tree(module).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return node
        if name in _assigned(node):
            return node
    return None


def _assigned(node: ast.stmt) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _hooks() -> list[ast.FunctionDef]:
    return [
        node
        for node in _tree("harness.hookspecs").body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("harness_")
    ]


def _entry(name: str, module: str) -> str:
    node = _node(name, module)
    if isinstance(node, ast.ClassDef):
        return "\n".join(_class(node))
    if isinstance(node, ast.FunctionDef):
        return _function(node, "###")
    assert isinstance(node, ast.Assign | ast.AnnAssign), f"{name} is not defined in {module}"
    value = "" if node.value is None else f" = {ast.unparse(node.value)}"
    return f"### `{name}`\n\n`{name}{value}`\n\n{_paragraphs(_behind(_tree(module).body, node))}"


def _class(node: ast.ClassDef) -> Iterator[str]:
    yield f"### `{node.name}`\n"
    yield _paragraphs(ast.get_docstring(node) or "") + "\n"
    fields = [
        item
        for item in node.body
        if isinstance(item, ast.AnnAssign) and not _assigned(item)[0].startswith("_")
    ]
    if fields:
        yield "| field | type | default | |\n|---|---|---|---|"
        for field in fields:
            default = "" if field.value is None else f"`{_default(field.value)}`"
            meaning = " ".join(_behind(node.body, field).split())
            cells = (f"`{_assigned(field)[0]}`", _code(field.annotation), default, _marks(meaning))
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
        yield ""
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and not item.name.startswith("_"):
            yield _function(item, "####", f"{node.name}.")


def _default(value: ast.expr) -> str:
    made = re.fullmatch(r"field\(default_factory=(.*)\)", ast.unparse(value))
    return f"{made[1]}()" if made else ast.unparse(value)


def _code(node: ast.expr) -> str:
    return f"`{ast.unparse(node)}`"


def _behind(body: list[ast.stmt], node: ast.stmt) -> str:
    """The text that stands behind an assignment."""
    following = body[body.index(node) + 1 :][:1]
    for item in following:
        if isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant):
            return inspect.cleandoc(str(item.value.value))
    return ""


def _function(node: ast.FunctionDef, level: str, owner: str = "") -> str:
    decorators = {ast.unparse(decorator) for decorator in node.decorator_list}
    returns = "" if node.returns is None else ast.unparse(node.returns)
    if decorators & {"property", "cached_property"}:
        signature = f"{node.name}: {returns}"
    else:
        arguments = re.sub(r"^(self|cls)(, )?", "", ast.unparse(node.args))
        signature = f"{node.name}({arguments}) -> {returns}"
    text = _paragraphs(ast.get_docstring(node) or "")
    return f"{level} `{owner}{node.name}`\n\n`{signature}`\n\n{text}\n"


def _paragraphs(text: str) -> str:
    """A docstring as Markdown: its sections become lists."""
    lines: list[str] = []
    for block in re.split(r"\n(?=(?:Args|Returns|Raises):\n)", text):
        head, _, rest = block.partition("\n")
        if head in ("Args:", "Returns:", "Raises:"):
            inner = textwrap.dedent(rest).strip()
            items = re.sub(r"\n\s+", " ", inner).splitlines() if head != "Returns:" else [inner]
            lines += ["", f"*{head[:-1]}*", ""]
            lines += [f"- {_named(' '.join(item.split()), head)}" for item in items if item.strip()]
        else:
            lines.append(_literal(block))
    return _marks("\n".join(lines)).strip() + "\n"


def _named(item: str, head: str) -> str:
    name, colon, rest = item.partition(": ")
    return f"``{name}``: {rest}" if colon and head != "Returns:" else item


def _literal(text: str) -> str:
    """A block behind ``::`` as code."""
    return re.sub(r"::\n", ":\n", text)


def _marks(text: str) -> str:
    """Marks of reStructuredText as those of Markdown."""
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)
    return re.sub(r"``([^`]+)``", r"`\1`", text)


if __name__ == "__main__":
    PAGE.write_text(page())
