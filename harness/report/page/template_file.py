"""The page's template, styles and scripts, put together."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from harness.report.page.blocks.block import Page

SCRIPTS = ("vega/vega.min.js", "vega/vega-lite.min.js", "template/page.js")


def rendered(page: Page) -> str:
    """The page as HTML. Every value is escaped; nothing is loaded from anywhere."""
    # Half a second of imports that no other report needs.
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    here = files("harness.report.page")

    def read(name: str) -> str:
        return here.joinpath(name).read_text(encoding="utf-8")

    environment = Environment(
        loader=FunctionLoader(lambda name: read(f"template/{name}")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["script_json"] = lambda value: Markup(_script_json(value))
    charts = any(
        block.chart for part in page.parts for chapter in part.chapters for block in chapter.blocks
    )
    scripts = [read(name) for name in (SCRIPTS if charts else SCRIPTS[-1:])]
    template = environment.get_template("page.html.j2")
    # The project's own files, in which no value from outside is.
    return template.render(
        page=page, css=Markup(read("template/page.css")), scripts=[Markup(s) for s in scripts]
    )


def _script_json(value: Any) -> str:
    """JSON that cannot end the script it stands in."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
