"""The grammar of --plugins and --exclude."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from plugin_sites import HEAD, Site, hook

from harness import HarnessError
from harness.discovery.registry import Plugins
from harness.discovery.select import in_full, meant, select, taken


def method(name: str, task: str, family: str, *tags: str) -> dict[str, Any]:
    return {
        "name": name,
        "factory": "somewhere:build",
        "task": task,
        "family": family,
        "summary": "A network",
        "tags": frozenset(tags),
    }


OFFERS = {
    "supervised": [
        method("swin_b", "classification", "supervised", "transformer"),
        method("densenet161", "classification", "supervised", "cnn"),
    ],
    "ssl": [
        method("dinov2_base@freeze8", "classification", "ssl", "transformer"),
        method("dinov2_base@linear", "classification", "ssl", "transformer"),
        method("beitv2_base@freeze8", "classification", "ssl", "transformer"),
    ],
    "lungs": [method("unet", "segmentation", "segmentation", "cnn")],
    "tables": [],
}
ALL = (
    "lungs/unet",
    "ssl/beitv2_base@freeze8",
    "ssl/dinov2_base@freeze8",
    "ssl/dinov2_base@linear",
    "supervised/densenet161",
    "supervised/swin_b",
)


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plugins]:
    """Four plugins that load, one that fails, one for another harness and one disabled."""
    site = Site(tmp_path_factory.mktemp("select"))
    for name, methods in OFFERS.items():
        specs = ", ".join(f"harness.MethodSpec(**{fields!r})" for fields in methods)
        site.install(name, HEAD + hook("harness_methods", f"return [{specs}]"))
    site.install("crashed", "import nowhere_to_be_found")
    site.install("outdated", "HARNESS_API = 0")
    site.install("off", "import nowhere_to_be_found")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(site.path), *sys.path])
        yield site.discover(disabled=("off",))


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["all"], ALL),
        (["none"], ()),
        ([], ()),
        (["supervised/swin_b"], ("supervised/swin_b",)),
        (["ssl/dinov2_base@linear"], ("ssl/dinov2_base@linear",)),
        (["lungs"], ("lungs/unet",)),
        (["supervised"], ("supervised/densenet161", "supervised/swin_b")),
        (["ssl/*"], ALL[1:4]),
        (["*@freeze8"], ("ssl/beitv2_base@freeze8", "ssl/dinov2_base@freeze8")),
        (["ssl/dino*"], ("ssl/dinov2_base@freeze8", "ssl/dinov2_base@linear")),
        (["task:segmentation"], ("lungs/unet",)),
        (["family:ssl"], ALL[1:4]),
        (["tag:cnn"], ("lungs/unet", "supervised/densenet161")),
        (["supervised/swin_b,lungs"], ("lungs/unet", "supervised/swin_b")),
        (["supervised/swin_b", "lungs"], ("lungs/unet", "supervised/swin_b")),
        ([" lungs , lungs/* ", "lungs/unet"], ("lungs/unet",)),
        (["none", "lungs"], ("lungs/unet",)),
    ],
)
def test_a_pattern_selects_what_it_says(
    plugins: Plugins, patterns: list[str], expected: tuple[str, ...]
) -> None:
    assert select(patterns, [], plugins) == expected


@pytest.mark.parametrize(
    ("exclude", "expected"),
    [
        (["ssl"], ("lungs/unet", "supervised/densenet161", "supervised/swin_b")),
        (["tag:transformer", "lungs"], ("supervised/densenet161",)),
        (["tag:transformer,task:segmentation"], ("supervised/densenet161",)),
        (["none"], ALL),
        (["all"], ()),
    ],
)
def test_exclusion_comes_last(
    plugins: Plugins, exclude: list[str], expected: tuple[str, ...]
) -> None:
    assert select(["all", "ssl/*"], exclude, plugins) == expected


def test_excluding_what_was_not_selected_is_no_mistake(plugins: Plugins) -> None:
    assert select(["lungs"], ["ssl"], plugins) == ("lungs/unet",)


@pytest.mark.parametrize(
    "pattern", ["swin", "super", "freeze8", "ssl/dinov2_base", "./lungs", "SSL/*"]
)
def test_no_pattern_is_a_substring_or_a_path(plugins: Plugins, pattern: str) -> None:
    with pytest.raises(HarnessError, match="matches no method"):
        select([pattern], [], plugins)


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("supervized", "supervised"),
        ("supervised/swin_t", "supervised/swin_b"),
        ("swin", "supervised/swin_b"),
        ("transformer", "tag:transformer"),
        ("clasification", "task:classification"),
        ("task:clasification", "task:classification"),
        ("family:sll", "family:ssl"),
        ("LUNGS", "lungs"),
    ],
)
@pytest.mark.parametrize("option", ["select", "exclude"])
def test_a_pattern_that_matches_nothing_suggests_one_that_does(
    plugins: Plugins, pattern: str, meant: str, option: str
) -> None:
    patterns, exclude = ([pattern], []) if option == "select" else (["all"], [pattern])
    with pytest.raises(HarnessError) as raised:
        select(patterns, exclude, plugins)
    assert f"pattern {pattern!r} matches no method (did you mean {meant!r}?)" in str(raised.value)
    assert select([meant], [], plugins)


@pytest.mark.parametrize(
    ("pattern", "full"),
    [
        ("swin_b", "supervised/swin_b"),
        ("Swin-B", "supervised/swin_b"),
        ("dinov2_base@freeze8", "ssl/dinov2_base@freeze8"),
        ("beitv2_base", "ssl/beitv2_base@freeze8"),
    ],
)
def test_the_name_of_one_method_is_taken_for_its_id(
    plugins: Plugins, pattern: str, full: str
) -> None:
    assert select([pattern], [], plugins) == (full,)
    assert select(["all"], [pattern], plugins) == tuple(i for i in ALL if i != full)
    assert taken([f"lungs,{pattern}", "none"], plugins) == {pattern: full}
    assert in_full([f"lungs,{pattern}", "none"], plugins) == (f"lungs,{full}", "none")


@pytest.mark.parametrize(
    ("pattern", "glob", "count"),
    [
        ("dinov2_base", "ssl/dinov2_base@*", 2),
        ("dinov2", "ssl/dinov2_base@*", 2),
        ("d", "*/d*", 3),
        ("dino*", "ssl/dinov2_base@*", 2),
    ],
)
def test_the_name_of_several_methods_names_a_pattern_that_takes_them_all(
    plugins: Plugins, pattern: str, glob: str, count: int
) -> None:
    for patterns, exclude in (([pattern], []), (["all"], [pattern])):
        with pytest.raises(HarnessError, match=rf"it may mean .*; {re.escape(repr(glob))} takes"):
            select(patterns, exclude, plugins)
    assert len(select([glob], [], plugins)) == count


def test_without_anything_alike_there_is_no_suggestion(plugins: Plugins) -> None:
    with pytest.raises(HarnessError, match="'zzzzzz' matches no method; 'harness plugins' lists"):
        select(["zzzzzz"], [], plugins)


def test_an_unknown_key_is_named(plugins: Plugins) -> None:
    with pytest.raises(
        HarnessError, match=r"'tags' is not a key \(did you mean 'tag'\?\); keys: task"
    ):
        select(["tags:cnn"], [], plugins)


@pytest.mark.parametrize("patterns", [[""], ["lungs,"], ["lungs", " "]])
def test_an_empty_pattern_is_a_mistake(plugins: Plugins, patterns: list[str]) -> None:
    with pytest.raises(HarnessError, match="an empty pattern"):
        select(patterns, [], plugins)


def test_a_plugin_without_methods_is_told_from_a_typo(plugins: Plugins) -> None:
    with pytest.raises(HarnessError, match="'tables': this plugin offers no method"):
        select(["tables"], [], plugins)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("crashed", "plugin 'crashed' did not load: ModuleNotFoundError: No module named 'nowhere"),
        ("crashed/*", "plugin 'crashed' did not load"),
        ("lungs,crashed/net", "plugin 'crashed' did not load"),
        ("outdated", "plugin 'outdated' is incompatible: .*HARNESS_API 0"),
        ("off", "plugin 'off' is disabled"),
    ],
)
def test_naming_a_plugin_that_did_not_load_gives_its_reason(
    plugins: Plugins, pattern: str, reason: str
) -> None:
    with pytest.raises(HarnessError, match=reason):
        select([pattern], [], plugins)


def test_a_broken_plugin_may_be_excluded(plugins: Plugins) -> None:
    assert select(["all"], ["crashed", "off", "outdated/*"], plugins) == ALL


@pytest.mark.parametrize(
    ("patterns", "exclude", "expected"),
    [
        (("all",), (), ("crashed", "outdated")),
        (("lungs/unet",), (), ()),
        (("lungs", "ssl"), (), ()),
        (("ssl/*",), (), ()),
        (("*/unet",), (), ("crashed", "outdated")),
        (("[a-d]*",), (), ("crashed",)),
        (("?utd*",), (), ("outdated",)),
        (("[!c]*",), (), ("outdated",)),
        (("c*x/*,lungs/unet",), (), ()),
        (("family:ssl",), (), ("crashed", "outdated")),
        (("all",), ("crashed",), ("outdated",)),
        (("all",), ("outdated/*,crashed",), ()),
    ],
)
def test_broken_plugins_count_where_a_pattern_could_have_meant_them(
    plugins: Plugins, patterns: tuple[str, ...], exclude: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert tuple(record.name for record in meant(patterns, exclude, plugins)) == expected
