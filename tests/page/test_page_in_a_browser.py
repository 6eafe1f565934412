"""The page in a real browser: drawn whole, quiet, and usable with mouse, phone and printer."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.page.conftest import HOSTILE

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FOUND = next((path for name in BROWSERS if (path := shutil.which(name))), None)

pytestmark = pytest.mark.skipif(FOUND is None, reason="Chromium is not installed")


@dataclass
class Seen:
    """What a page did while it was open."""

    page: Any
    messages: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        one = driver.chromium.launch(executable_path=FOUND, args=["--no-sandbox"])
        yield one
        one.close()


def opened(browser: Any, study: Path, *, width: int = 1280, **context: Any) -> Seen:
    page = browser.new_context(viewport={"width": width, "height": 900}, **context).new_page()
    seen = Seen(page)
    page.on("console", lambda message: seen.messages.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: seen.messages.append(f"error: {error}"))
    page.on("request", lambda request: seen.requests.append(request.url))
    page.on("dialog", lambda dialog: (seen.dialogs.append(dialog.message), dialog.dismiss()))
    page.goto((study / "report.html").resolve().as_uri())
    if context.get("java_script_enabled", True):
        page.wait_for_function("document.documentElement.dataset.drawn !== undefined")
    return seen


def local(requests: list[str]) -> bool:
    """Whether nothing but the file was asked for; pictures in it are no requests to a network."""
    return [url for url in requests if not url.startswith("data:")][1:] == []


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_chart_is_drawn_and_nothing_is_said_or_asked_for(
    browser: Any, study: Path, width: int, scheme: str
) -> None:
    seen = opened(browser, study, width=width, color_scheme=scheme)
    charts = seen.page.query_selector_all("article.is-chart")
    assert charts
    assert seen.page.evaluate("document.documentElement.dataset.drawn") == str(len(charts))
    for chart in charts:
        marks = chart.query_selector_all(
            ".plot svg .mark-line path, .plot svg .mark-symbol path, .plot svg .mark-rect path"
        )
        assert marks, chart.get_attribute("id")
    assert seen.messages == []
    assert local(seen.requests)
    # Nothing but what scrolls by itself is wider than the window.
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width


def test_colours_follow_the_scheme(browser: Any, study: Path) -> None:
    papers = {
        scheme: opened(browser, study, color_scheme=scheme).page.evaluate(
            "getComputedStyle(document.documentElement).backgroundColor"
        )
        for scheme in ("light", "dark")
    }
    assert papers == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)"}


def test_a_click_on_a_heading_sorts_and_another_turns_it_round(browser: Any, study: Path) -> None:
    page = opened(browser, study).page
    board = page.query_selector("#leaderboard-classification")
    heads = [head.inner_text().replace("\n", " ") for head in board.query_selector_all("thead th")]
    place = heads.index("accuracy")

    def values() -> list[float]:
        cells = board.query_selector_all(f"tbody tr > :nth-child({place + 1})")
        return [float(cell.get_attribute("data-value")) for cell in cells]

    before = values()
    button = board.query_selector_all("thead th")[place].query_selector("button")
    button.click()
    assert values() == sorted(before, reverse=True)
    button.click()
    assert values() == sorted(before)
    button.click()
    assert values() == before


def test_typing_shows_the_methods_with_these_words(browser: Any, study: Path) -> None:
    page = opened(browser, study).page
    board = page.query_selector("#leaderboard-classification")
    board.query_selector("input.filter").fill("PIXELS 50")
    rows = [row for row in board.query_selector_all("tbody tr") if row.is_visible()]
    assert [row.query_selector("th").inner_text() for row in rows] == ["baselines/pixels"]
    assert board.query_selector(".shown").inner_text() == "1 of 4 shown"


def test_a_pointer_on_a_line_names_its_method(browser: Any, study: Path) -> None:
    page = opened(browser, study).page
    point = page.query_selector("#learning-validation-classification .mark-symbol path")
    point.scroll_into_view_if_needed()
    point.hover()
    page.wait_for_selector("#hover:not([hidden])")
    assert "method" in page.query_selector("#hover").inner_text()


def test_another_class_draws_other_curves(browser: Any, study: Path) -> None:
    page = opened(browser, study).page

    def paths() -> list[str]:
        found = page.query_selector_all("#roc-classification .plot .mark-line path")
        return [path.get_attribute("d") for path in found]

    before = paths()
    choice = page.query_selector("#roc-classification select")
    choice.select_option("Normal")
    page.wait_for_timeout(300)
    assert len(paths()) == len(before)
    assert paths() != before


def test_a_class_that_is_named_like_a_script_stays_text(browser: Any, hostile: Path) -> None:
    seen = opened(browser, hostile)
    assert seen.dialogs == []
    assert seen.messages == []
    assert local(seen.requests)
    assert seen.page.query_selector("text=" + HOSTILE) is not None
    options = seen.page.query_selector_all("#roc-classification select option")
    assert HOSTILE in [option.inner_text() for option in options]


def test_without_scripts_every_chart_and_every_table_is_there(browser: Any, study: Path) -> None:
    page = opened(browser, study, java_script_enabled=False).page
    for chart in page.query_selector_all("article.is-chart"):
        assert not chart.query_selector(".chart").is_visible()
        assert chart.query_selector(".sketch svg").is_visible()
        chart.query_selector("summary").click()
        assert chart.query_selector("table").is_visible()
        assert chart.query_selector("a[download]").get_attribute("href").startswith("data:text/csv")
    assert page.query_selector("#leaderboard-classification svg.dot").is_visible()


def test_it_prints(browser: Any, study: Path, tmp_path: Path) -> None:
    page = opened(browser, study, color_scheme="dark").page
    page.emulate_media(media="print")
    paper = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert paper == "rgb(255, 255, 255)"
    pdf = tmp_path / "page.pdf"
    page.pdf(path=str(pdf), format="A4")
    assert pdf.read_bytes().startswith(b"%PDF")
