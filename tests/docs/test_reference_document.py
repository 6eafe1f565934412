"""The reference page is what the docstrings say now."""

from __future__ import annotations

import re

import harness
from docs.reference import PAGE, page
from harness import hookspecs, testing


def headings(level: str) -> list[str]:
    return re.findall(rf"^{level} `([\w.]+)`$", PAGE.read_text(), re.MULTILINE)


def test_the_page_is_what_the_docstrings_say() -> None:
    assert PAGE.read_text() == page(), "python docs/reference.py writes it anew"


def test_every_public_name_and_every_hook_is_on_the_page_once() -> None:
    hooks = [name for name in vars(hookspecs) if name.startswith("harness_")]
    public = {*harness.__all__, *testing.__all__, *hooks} - {"testing"}
    assert sorted(headings("###")) == sorted(public)


def test_nothing_on_the_page_is_without_words() -> None:
    silent = []
    for entry in re.split(r"^#{2,4} (?=`)", PAGE.read_text(), flags=re.MULTILINE)[1:]:
        heading, *parts = filter(None, re.split(r"\n\n|^## .*", entry.strip(), flags=re.MULTILINE))
        name = heading.strip("`").rpartition(".")[2]
        words = [part for part in parts if not part.startswith(f"`{name}")]
        if not words:
            silent.append(heading)
    assert silent == []


def test_a_method_without_torch_is_told_its_seed() -> None:
    text = PAGE.read_text()
    problem = text[text.index("### `Problem`") : text.index("### `Stage`")]
    assert "NumPy's global generator is seeded from it" in problem
