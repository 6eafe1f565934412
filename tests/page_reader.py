"""Reads a page as a browser without scripts does: articles with their tables, links and texts."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import unquote

VOID = {"meta", "br", "input", "image", "use", "path", "rect", "circle", "line", "link", "img"}


@dataclass
class Article:
    """A block of the page."""

    kind: str
    title: str = ""
    text: str = ""
    tables: list[list[list[str]]] = field(default_factory=list)
    """Rows of cells, the headings first."""
    files: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    """CSV by the name it is saved under: a record per line."""


class Page(HTMLParser):
    """What a page holds."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.articles: dict[str, Article] = {}
        self.chapters: list[str] = []
        self.addresses: list[str] = []
        """Everything that an attribute could load or follow."""
        self.scripts: list[str] = []
        self.text = ""
        self._article: Article | None = None
        self._cell: list[str] | None = None
        self._open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.addresses += [given[n] for n in ("href", "src", "action", "srcset") if n in given]
        if tag == "article":
            self._article = Article(kind=given["class"].removeprefix("block is-"))
            self.articles[given.get("id", f"unnamed-{len(self.articles)}")] = self._article
        if tag == "script":
            self.scripts.append("")
        if self._article is not None:
            self._inside(self._article, tag, given)
        if tag not in VOID:
            self._open.append(tag)

    def _inside(self, article: Article, tag: str, given: dict[str, str]) -> None:
        if tag == "table":
            article.tables.append([])
        elif tag == "tr":
            article.tables[-1].append([])
        elif tag in ("td", "th"):
            self._cell = []
        elif tag == "br" and self._cell is not None:
            self._cell.append("\n")
        elif tag == "a" and given.get("href", "").startswith("data:text/csv"):
            text = unquote(given["href"].partition(",")[2])
            article.files[given["download"]] = list(csv.DictReader(io.StringIO(text, newline="")))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass
        if tag == "article":
            self._article = None
        if tag in ("td", "th") and self._cell is not None and self._article is not None:
            self._article.tables[-1][-1].append("".join(self._cell).strip())
            self._cell = None

    def handle_data(self, data: str) -> None:
        if "script" in self._open:
            self.scripts[-1] += data
            return
        if "style" in self._open:
            return
        self.text += data
        if "h2" in self._open:
            self.chapters.append(data)
        if self._article is None:
            return
        if "h3" in self._open:
            self._article.title += data
        self._article.text += data
        if self._cell is not None and "svg" not in self._open:
            self._cell.append(data)
